//! Mails about an account: invitations, password resets and new addresses. The
//! key of a link is kept sealed until its mail is out, and forgotten then.

use askama::Template;

use crate::accounts::addresses;
use crate::app::App;
use crate::db::invitations as rows;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::ids::{InvitationId, JobId};
use crate::model::secret::Secret;
use crate::model::session::Invitation;
use crate::notify::email::{Mail, SendError};

/// Kind of the job that sends one; its subject is the invitation.
pub const SEND_LETTER: &str = "send_letter";

/// What seals the key of a link to its row.
pub fn sealing_place(id: &InvitationId) -> String {
    format!("invitations/{id}")
}

/// Queues the mail of a link in the transaction that made it.
pub(super) async fn post(app: &App, tx: &mut Tx, id: &InvitationId, key: &Secret) -> Result<()> {
    let now = app.clock.now();
    rows::set_key(tx, id, Some(&app.keys.seal(&sealing_place(id), key))).await?;
    db::jobs::insert(tx, &JobId::generate(now), SEND_LETTER, id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    Ok(())
}

/// The page that a link leads to.
pub fn url(app: &App, invitation: &Invitation, key: &Secret) -> String {
    let page = match invitation.kind.as_str() {
        "reset" => "reset-password",
        addresses::CONFIRM => "account/email",
        addresses::NOTICE => return format!("{}/account", app.settings.dashboard_url),
        _ => "invitation",
    };
    format!("{}/{page}?key={}", app.settings.dashboard_url, key.expose())
}

/// Sends the mail of one link, unless it was sent or the link is dead.
///
/// # Errors
/// `Unavailable` when it should be tried again; the fault is kept beside the
/// invitation, where people see it.
pub async fn send(app: &App, id: &InvitationId) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let Some(invitation) = rows::find_by_id(&mut tx, id).await? else { return Ok(()) };
    let Some(sealed) = rows::find_key(&mut tx, id).await? else { return Ok(()) };
    if invitation.used_at.is_some() || now >= invitation.expires_at {
        drop(tx);
        return settle(app, id, None).await;
    }
    let key = app.keys.open_sealed(&sealing_place(id), &sealed)?;
    let mail = write(app, &mut tx, &invitation, &key).await?;
    // The server can be slow; that must not hold a connection.
    drop(tx);
    match app.mailer.send(&mail, now).await {
        Ok(()) => settle(app, id, None).await,
        Err(SendError::Never(error)) => settle(app, id, Some(&error)).await,
        Err(SendError::Later(error)) => {
            let mut tx = app.db.write().await?;
            rows::set_sent(&mut tx, id, None, Some(&error)).await?;
            tx.commit().await?;
            Err(Error::Unavailable(format!("mail was not sent: {error}")))
        }
    }
}

/// Nothing more will be sent: the key is forgotten.
async fn settle(app: &App, id: &InvitationId, error: Option<&str>) -> Result<()> {
    let sent_at = error.is_none().then(|| app.clock.now());
    let mut tx = app.db.write().await?;
    rows::set_key(&mut tx, id, None).await?;
    rows::set_sent(&mut tx, id, sent_at, error).await?;
    tx.commit().await
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a> {
    letter: &'a Letter,
}

/// What both parts say.
struct Letter {
    title: String,
    text: String,
    action: &'static str,
    url: String,
    /// How long it works, and what to do with a mail that nobody asked for.
    note: &'static str,
}

async fn write(app: &App, tx: &mut Tx, invitation: &Invitation, key: &Secret) -> Result<Mail> {
    let url = url(app, invitation, key);
    let email = &invitation.email;
    let letter = match invitation.kind.as_str() {
        "reset" => Letter {
            title: "Set a new password".into(),
            text: format!("Somebody asked to set a new password for {email}."),
            action: "Set the password",
            url,
            note: "The link works once, within one hour. If it was not you, do nothing: the \
                password stays as it is.",
        },
        addresses::CONFIRM => Letter {
            title: "Confirm your new address".into(),
            text: format!("Somebody asked to use {email} for an account on Shipmate."),
            action: "Confirm the address",
            url,
            note: "The link works once, within one hour, for who asked for it. If it was not \
                you, do nothing: nothing changes.",
        },
        addresses::NOTICE => Letter {
            title: "Your address was changed".into(),
            text: format!("Your account on Shipmate has another address than {email} now."),
            action: "Look at your profile",
            url,
            note: "If it was not you, tell an administrator of the server at once.",
        },
        _ => invite(app, tx, invitation, url).await?,
    };
    let render = |cause| Error::internal("writing a mail", cause);
    Ok(Mail {
        to: email.parse().map_err(|e| Error::internal("reading an invitation's address", e))?,
        subject: letter.title.clone(),
        text: Text { letter: &letter }.render().map_err(render)?,
        html: Html { letter: &letter }.render().map_err(render)?,
        id: format!("letter-{}", invitation.id),
        unsubscribe: None,
    })
}

async fn invite(app: &App, tx: &mut Tx, invitation: &Invitation, url: String) -> Result<Letter> {
    let what = destination(tx, invitation).await?;
    let by = match &invitation.invited_by {
        None => None,
        Some(id) => db::accounts::find_user(tx, id).await?,
    };
    let by =
        by.map_or_else(|| "Somebody".to_owned(), |user| format!("{} ({})", user.name, user.email));
    Ok(Letter {
        title: format!("You are invited to {what}"),
        text: format!("{by} invites you to {what} on Shipmate at {}.", app.settings.dashboard_url),
        action: "Accept the invitation",
        url,
        note: "The link works once, within 14 days. If you do not know who invites you, do \
            nothing.",
    })
}

/// The name of what an invitation leads into.
pub async fn destination(tx: &mut Tx, invitation: &Invitation) -> Result<String> {
    if let Some(id) = &invitation.app_id {
        let app = db::apps::find(tx, id).await?;
        return Ok(app.map_or_else(|| "an app".into(), |app| format!("the app {}", app.name)));
    }
    let Some(id) = &invitation.org_id else { return Ok("Shipmate".into()) };
    let org = db::organisations::find(tx, id).await?;
    Ok(org.map_or_else(|| "an organisation".into(), |org| format!("the organisation {}", org.name)))
}
