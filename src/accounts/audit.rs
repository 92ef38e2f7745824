//! The activity log: doors add an entry in the transaction of the change that
//! it tells of, so that neither exists without the other.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Actor, AuditEntry, User};
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, AuditId, OrgId, UserId};
use crate::model::time::Millis;

/// Entries are kept for a year (ORG-7).
const KEEP_MS: i64 = 365 * 24 * 3_600_000;

/// What was changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    pub org: Option<&'a OrgId>,
    pub app: Option<&'a AppId>,
    /// Dotted, such as `app.rename` or `group.testers.add`.
    pub action: &'a str,
    /// By the name it had.
    pub subject: &'a str,
    /// More for a person; never a secret value.
    pub detail: &'a str,
}

impl<'a> Change<'a> {
    /// A change of something that belongs to `app`.
    pub fn of_app(app: &'a AppRow, action: &'a str, subject: &'a str) -> Self {
        Self { org: Some(&app.org_id), app: Some(&app.id), action, subject, detail: "" }
    }

    /// A change of an organisation or of its members.
    pub fn of_org(org: &'a OrgId, action: &'a str, subject: &'a str) -> Self {
        Self { org: Some(org), app: None, action, subject, detail: "" }
    }

    /// A change of the actor's own account.
    pub fn of_account(action: &'a str, subject: &'a str) -> Self {
        Self { org: None, app: None, action, subject, detail: "" }
    }

    #[must_use]
    pub fn detail(self, detail: &'a str) -> Self {
        Self { detail, ..self }
    }
}

/// Records that `actor` did `change`.
pub async fn record(tx: &mut Tx, actor: &Actor, change: Change<'_>, now: Millis) -> Result<()> {
    let user = db::accounts::find_user(tx, &actor.user_id)
        .await?
        .ok_or_else(|| Error::bug("recording a change", "its actor does not exist"))?;
    insert(tx, Some(user.id), user.email, change, now).await
}

/// Records what somebody did who has just proved who they are.
pub async fn record_as(tx: &mut Tx, user: &User, change: Change<'_>, now: Millis) -> Result<()> {
    insert(tx, Some(user.id.clone()), user.email.clone(), change, now).await
}

/// Records what the server or its command line did.
pub async fn record_system(tx: &mut Tx, change: Change<'_>, now: Millis) -> Result<()> {
    insert(tx, None, "system".into(), change, now).await
}

async fn insert(
    tx: &mut Tx,
    user_id: Option<UserId>,
    user_email: String,
    change: Change<'_>,
    now: Millis,
) -> Result<()> {
    let Change { org, app, action, subject, detail } = change;
    let entry = AuditEntry {
        id: AuditId::generate(now),
        at: now,
        user_id,
        user_email,
        org_id: org.cloned(),
        app_id: app.cloned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    };
    db::audit::insert(tx, &entry).await
}

/// Forgets entries that are older than a year.
pub async fn sweep(app: &App) -> Result<u64> {
    let mut tx = app.db.write().await?;
    let gone = db::audit::delete_before(&mut tx, app.clock.now().plus(-KEEP_MS)).await?;
    tx.commit().await?;
    Ok(gone)
}
