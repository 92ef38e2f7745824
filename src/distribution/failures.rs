//! The mail that tells the team of a tester who cannot install a build
//! (DEP-15), and the job that sends it.

use askama::Template;

use crate::app::App;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::distribution::{Deployment, Recipient};
use crate::model::email::Email;
use crate::model::ids::{JobId, RecipientId};
use crate::model::time::Millis;
use crate::notify::email::{Mail, SendError};

use super::mail::GIVE_UP_MS;

/// Kind of the job that tells of the failed install of a recipient.
pub const TELL_FAILURE: &str = "tell_failed_install";

/// Plans the mail. Only the first report of a recipient is told of, so that
/// nobody can fill mailboxes with a link that they were sent.
pub(super) async fn plan(tx: &mut Tx, recipient: &Recipient, now: Millis) -> Result<()> {
    if recipient.failed_at.is_none() {
        let id = JobId::generate(now);
        db::jobs::insert(tx, &id, TELL_FAILURE, recipient.id.as_str(), now).await?;
        tx.wake_on_commit(Topic::Jobs);
    }
    Ok(())
}

/// Tells who has sent the build; if it went by itself, the owners of the app's
/// organisation. Nobody, where mail is switched off.
///
/// # Errors
/// `Unavailable` when it should be tried again.
pub async fn tell(app: &App, id: &RecipientId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(recipient) = db::deployments::find_recipient(&mut tx, id).await? else {
        return Ok(());
    };
    let Some(failed_at) = recipient.failed_at else { return Ok(()) };
    let deployment = db::deployments::find(&mut tx, &recipient.deployment_id)
        .await?
        .ok_or_else(|| Error::bug("telling of a failed install", "it has no deployment"))?;
    let build = db::builds::find(&mut tx, &deployment.build_id).await?;
    let Some(build) = build else { return Ok(()) };
    let Some(row) = db::apps::find(&mut tx, &build.app_id).await? else { return Ok(()) };
    let levels = db::settings::find_levels(&mut tx, &row.id).await?;
    if !levels.resolve(&build.branch).email_notifications {
        return Ok(());
    }
    let to = addressees(&mut tx, &row, &deployment).await?;
    // The server can be slow; that must not hold a connection.
    drop(tx);
    let now = app.clock.now();
    for to in to {
        let mail = write(app, (&row, &build), &recipient, to)?;
        match app.mailer.send(&mail, now).await {
            Ok(()) => {}
            Err(SendError::Later(error)) if now.since(failed_at) < GIVE_UP_MS => {
                return Err(Error::Unavailable(format!("mail was not sent: {error}")));
            }
            Err(SendError::Later(error) | SendError::Never(error)) => {
                tracing::warn!(recipient = %id, error, "nobody was told of a failed install");
            }
        }
    }
    Ok(())
}

async fn addressees(tx: &mut Tx, row: &AppRow, deployment: &Deployment) -> Result<Vec<Email>> {
    let sender = match &deployment.user_id {
        Some(user) => db::accounts::find_user(tx, user).await?,
        None => None,
    };
    let found = match sender {
        Some(sender) => vec![sender.email],
        None => {
            let members = db::organisations::list_members(tx, &row.org_id).await?;
            let owners = members.into_iter().filter(|member| member.role == "owner");
            owners.map(|member| member.email).collect()
        }
    };
    Ok(found.iter().filter_map(|address| address.parse().ok()).collect())
}

#[derive(Debug, Template)]
#[template(path = "mail/install_failed.html")]
struct Html<'a> {
    letter: &'a Letter<'a>,
}

#[derive(Debug, Template)]
#[template(path = "mail/install_failed.txt")]
struct Text<'a> {
    letter: &'a Letter<'a>,
}

/// What both parts say.
#[derive(Debug)]
struct Letter<'a> {
    app_name: &'a str,
    number: i64,
    branch: &'a str,
    tester: &'a str,
    /// May be empty.
    said: &'a str,
    build_url: String,
}

fn write(app: &App, (row, build): (&AppRow, &Build), from: &Recipient, to: Email) -> Result<Mail> {
    let origin = &app.settings.dashboard_url;
    let letter = Letter {
        app_name: &row.name,
        number: build.number,
        branch: &build.branch,
        tester: &from.address,
        said: from.failure.as_deref().unwrap_or_default(),
        build_url: format!("{origin}/apps/{}/build/{}", row.id, build.id),
    };
    let render = |cause| Error::internal("writing a mail", cause);
    Ok(Mail {
        to,
        subject: format!("Build #{} of {} does not install", build.number, row.name),
        text: Text { letter: &letter }.render().map_err(render)?,
        html: Html { letter: &letter }.render().map_err(render)?,
        id: format!("install-failed-{}", from.id),
        unsubscribe: None,
    })
}
