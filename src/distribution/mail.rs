//! The mail that tells a recipient of a build (DEP-7), and the job that sends
//! it.

use askama::Template;

use crate::app::App;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::distribution::{Deployment, Recipient};
use crate::model::ids::{JobId, RecipientId};
use crate::notify::email::{Mail, SendError};

use super::deploy::SEND_MAIL;
use super::{install, links, notes};

/// SMTP's own advice is to give up after four to five days (RFC 5321 4.5.4.1).
pub(super) const GIVE_UP_MS: i64 = 4 * 24 * 3_600_000;

/// Sends the mail of one recipient, unless it was sent or its reason is gone.
///
/// # Errors
/// `Unavailable` when it should be tried again; the fault is kept beside the
/// recipient, where people see it (INT-10).
pub async fn send(app: &App, id: &RecipientId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(recipient) = db::deployments::find_recipient(&mut tx, id).await? else {
        return Ok(());
    };
    if recipient.sent_at.is_some() || recipient.refused_at.is_some() {
        return Ok(());
    }
    let deployment = db::deployments::find(&mut tx, &recipient.deployment_id)
        .await?
        .ok_or_else(|| Error::bug("mailing a deployment", "it does not exist"))?;
    let letter = write(app, &mut tx, &deployment, &recipient).await?;
    // The server can be slow; that must not hold a connection.
    drop(tx);
    let now = app.clock.now();
    let sent = match letter {
        Ok(mail) => app.mailer.send(&mail, now).await,
        Err(reason) => Err(SendError::Never(reason.into())),
    };
    let mut tx = app.db.write().await?;
    let again = match sent {
        Ok(()) => {
            db::deployments::set_sent(&mut tx, id, app.clock.now()).await?;
            None
        }
        Err(SendError::Later(error)) if now.since(deployment.created_at) < GIVE_UP_MS => {
            db::deployments::set_error(&mut tx, id, &error, None).await?;
            Some(error)
        }
        Err(SendError::Later(error) | SendError::Never(error)) => {
            db::deployments::set_error(&mut tx, id, &error, Some(now)).await?;
            None
        }
    };
    tx.commit().await?;
    again.map_or(Ok(()), |error| Err(Error::Unavailable(format!("mail was not sent: {error}"))))
}

/// Has a mail sent now that waits or was given up.
///
/// # Errors
/// `Conflict` for one that was sent.
pub async fn retry(app: &App, tx: &mut Tx, id: &RecipientId) -> Result<Recipient> {
    let recipient = db::deployments::find_recipient(tx, id).await?.ok_or_else(Error::not_found)?;
    if !db::outgoing::reopen_mail(tx, id).await? {
        return Err(Error::Conflict("The mail was sent already".into()));
    }
    let now = app.clock.now();
    db::jobs::insert(tx, &JobId::generate(now), SEND_MAIL, id.as_str(), now).await?;
    db::jobs::hasten_for(tx, SEND_MAIL, id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    Ok(recipient)
}

#[derive(Debug, Clone, Template)]
#[template(path = "mail/deployment.html")]
struct Html<'a> {
    letter: &'a Letter,
}

#[derive(Debug, Clone, Template)]
#[template(path = "mail/deployment.txt")]
struct Text<'a> {
    letter: &'a Letter,
}

/// What both parts say.
#[derive(Debug, Clone)]
struct Letter {
    app_name: String,
    platform: &'static str,
    number: i64,
    /// `main branch`, `tag v1`.
    source: String,
    /// Of the package; may be empty.
    version: String,
    notes: String,
    /// The first ten digits.
    commit: String,
    author: String,
    /// The commit's first line.
    message: String,
    icon_url: Option<String>,
    install_url: String,
    /// Why this address gets it.
    group_name: Option<String>,
    unsubscribe_url: Option<String>,
}

/// The mail; or why nothing is to be sent any more.
async fn write(
    app: &App,
    tx: &mut Tx,
    deployment: &Deployment,
    recipient: &Recipient,
) -> Result<std::result::Result<Mail, &'static str>> {
    let Some(build) = db::builds::find(tx, &deployment.build_id).await? else {
        return Ok(Err("the build is gone"));
    };
    if build.disabled {
        return Ok(Err("the build was disabled"));
    }
    if let Some(group) = &deployment.group_id
        && !db::groups::is_subscribed(tx, group, &recipient.email).await?
    {
        return Ok(Err("the address is no longer in the group"));
    }
    let Some(letter) = letter(app, tx, (deployment, &build), recipient).await? else {
        return Ok(Err("the app is gone"));
    };
    let render = |cause| Error::internal("writing a mail", cause);
    let mail = Mail {
        to: recipient
            .address
            .parse()
            .map_err(|e| Error::internal("reading a recipient's address", e))?,
        subject: format!(
            "Build #{} of {} from {} is available",
            letter.number, letter.app_name, letter.source
        ),
        text: Text { letter: &letter }.render().map_err(render)?,
        html: Html { letter: &letter }.render().map_err(render)?,
        id: format!("deployment-{}", recipient.id),
        unsubscribe: letter.unsubscribe_url.clone(),
    };
    Ok(Ok(mail))
}

async fn letter(
    app: &App,
    tx: &mut Tx,
    (deployment, build): (&Deployment, &Build),
    recipient: &Recipient,
) -> Result<Option<Letter>> {
    let Some(row) = db::apps::find(tx, &build.app_id).await? else { return Ok(None) };
    let notes = notes::of(tx, build, Some(&deployment.notes)).await?;
    let offered = install::packages(tx, build).await?;
    let first = offered.first();
    let pass = links::Pass { build: build.id.clone(), recipient: Some(recipient.id.clone()) };
    let icon = first.filter(|package| package.icon_key.is_some());
    let in_group = deployment.group_id.is_some();
    Ok(Some(Letter {
        app_name: row.name,
        platform: super::shown_platform(row.platform),
        number: build.number,
        source: source(&build.branch),
        version: first.and_then(|p| p.facts.as_ref()).map(|f| f.version()).unwrap_or_default(),
        notes,
        commit: build.commit_sha.chars().take(10).collect(),
        author: build.commit_author.clone(),
        message: build.commit_message.lines().next().unwrap_or_default().to_owned(),
        icon_url: icon.map(|package| links::icon_url(app, &pass, &package.artifact.id)),
        install_url: links::install_url(app, row.platform, &build.id, Some(&recipient.id)),
        group_name: in_group.then(|| deployment.group_name.clone()),
        unsubscribe_url: in_group.then(|| links::unsubscribe_url(app, &recipient.id)),
    }))
}

/// How DEP-7 names what a build was made from.
fn source(branch: &str) -> String {
    match branch.strip_prefix("tag:") {
        Some(tag) => format!("tag {tag}"),
        None => format!("{branch} branch"),
    }
}
