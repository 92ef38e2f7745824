//! Commit statuses (STA-1): what a build's provider is to be told becomes a
//! row and a job in the transaction that changes the build; the job sends the
//! rows of a commit one after the other. Whatever the provider does, the
//! build does not notice.

use std::time::Duration;

use crate::app::App;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::git::providers::{self, Account, SendError, Status};
use crate::model::app::App as AppRow;
use crate::model::build::{Build, BuildStatus};
use crate::model::connection::{self, Connection};
use crate::model::ids::{AppId, JobId, StatusId};
use crate::model::origin::Origin;
use crate::model::secret::Secret;
use crate::model::status::{CommitStatus, Provider, ProviderAccount, SendOutcome, StatusState};
use crate::model::time::Millis;

use super::origin_of;

/// Job that sends a status and those before it; its subject is the status id.
pub const SEND_STATUS: &str = "send_status";
/// Beyond the longest call; then another server may send the same status.
const SENDING_MS: i64 = 60_000;
/// A status that was not taken for so long is given up.
const GIVE_UP_MS: i64 = 24 * 3_600_000;
/// How often a state looks whether another server has sent the one before it.
const BLOCKED_MS: i64 = 30_000;
/// First delay after a failure; doubles up to `MAX_DELAY_MS`.
const FIRST_DELAY_MS: i64 = 2_000;
const MAX_DELAY_MS: i64 = 10 * 60_000;
/// A provider may not ask us to wait longer than this.
const MAX_RETRY_AFTER_MS: i64 = 3_600_000;

/// Tells the provider of `build`, whose row may be older than its new
/// `status`, if there is an account to tell with. Nothing is told of a commit that
/// is not known yet.
pub async fn tell(app: &App, tx: &mut Tx, build: &Build, status: BuildStatus) -> Result<()> {
    let origin = origin_of(build)?;
    let tip;
    let sha = match &origin.pull_request {
        // What is built is a merge that the provider has never seen.
        Some(pull) => &pull.head_sha,
        None if !build.commit_sha.is_empty() => &build.commit_sha,
        None => match &build.wanted_commit {
            Some(sha) => sha,
            None if status == BuildStatus::Failed => match last_tip(tx, build, &origin).await? {
                Some(sha) => {
                    tip = sha;
                    &tip
                }
                None => return Ok(()),
            },
            None => return Ok(()),
        },
    };
    if account_of(tx, &build.app_id, &build.repo_url).await?.is_none() {
        return Ok(());
    }
    let now = app.clock.now();
    let state = StatusState::of(status);
    let does = match state {
        StatusState::Pending => "is waiting or running",
        StatusState::Success => "succeeded",
        StatusState::Failure => "failed",
        StatusState::Error => "was cancelled",
    };
    let row = CommitStatus {
        id: StatusId::generate(now),
        app_id: build.app_id.clone(),
        build_id: build.id.clone(),
        sha: sha.clone(),
        state,
        description: format!("Build #{} {does}", build.number),
        created_at: now,
        outcome: None,
        tries: 0,
        next_try_at: now,
        sent_at: None,
        last_error: None,
    };
    if db::statuses::insert(tx, &row).await? {
        db::jobs::insert(tx, &JobId::generate(now), SEND_STATUS, row.id.as_str(), now).await?;
        tx.wake_on_commit(Topic::Jobs);
    }
    Ok(())
}

/// Where the branch was when the server heard of it last: a build that failed
/// before it knew its commit was a build of that.
async fn last_tip(tx: &mut Tx, build: &Build, origin: &Origin) -> Result<Option<String>> {
    if build.branch.is_empty() || origin.tag.is_some() {
        return Ok(None);
    }
    let name = format!("refs/heads/{}", build.branch);
    let known = db::remotes::find_ref(tx, &build.app_id, &name).await?;
    Ok(known.filter(|sha| sha.len() == 40))
}

/// Names the series of states: each scheme of a build with several has its
/// own, lest one that succeeds hides one that failed.
async fn context_of(tx: &mut Tx, row: &AppRow, build: &Build) -> Result<String> {
    let several = db::builds::list_siblings(tx, &build.app_id, build.number).await?.len() > 1;
    Ok(match build.scheme.as_str() {
        scheme if several && !scheme.is_empty() => format!("shipmate/{} ({scheme})", row.name),
        _ => format!("shipmate/{}", row.name),
    })
}

/// Sends the waiting states of the commit that `id` is about, the oldest
/// first, so that no later one is overtaken. Answers when to call again.
pub async fn send(app: &App, id: &StatusId) -> Result<Option<Millis>> {
    loop {
        let mut tx = app.db.write().await?;
        let Some(wanted) = db::statuses::find(&mut tx, id).await? else { return Ok(None) };
        let now = app.clock.now();
        let until = now.plus(SENDING_MS);
        let first =
            db::statuses::claim_first(&mut tx, &wanted.app_id, &wanted.sha, now, until).await?;
        let Some(first) = first else {
            // An earlier one is not due yet, or another server is sending.
            let due = db::statuses::first_due(&mut tx, &wanted.app_id, &wanted.sha).await?;
            let due = due.filter(|due| *due > now).unwrap_or_else(|| now.plus(BLOCKED_MS));
            return Ok(wanted.outcome.is_none().then_some(due));
        };
        let build = db::builds::find(&mut tx, &first.build_id).await?;
        let account = match &build {
            Some(build) => account_of(&mut tx, &build.app_id, &build.repo_url).await?,
            None => None,
        };
        let context = match (db::apps::find(&mut tx, &first.app_id).await?, &build) {
            (Some(row), Some(build)) => context_of(&mut tx, &row, build).await?,
            _ => String::new(),
        };
        tx.commit().await?;
        let result = match (account, build) {
            (Some(account), Some(build)) if !context.is_empty() => {
                deliver(app, &account, &build, &first, &context).await?
            }
            _ => Err(SendError::Refused("the app or its provider account is gone".into())),
        };
        let again = record(app, &first, result).await?;
        if again.is_some() {
            return Ok(again);
        }
    }
}

/// Whose account tells of an app's builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teller {
    /// Its own.
    Own(ProviderAccount),
    /// One of its organisation.
    Shared(Connection),
}

/// The account that is told with of a repository: the app's own, else the
/// oldest connection of its organisation on the repository's host.
pub async fn account_of(tx: &mut Tx, app: &AppId, repo_url: &str) -> Result<Option<Teller>> {
    if let Some(own) = db::statuses::find_provider(tx, app).await? {
        return Ok(Some(Teller::Own(own)));
    }
    let shared = db::connections::list_of_app(tx, app).await?;
    let fits = |c: &Connection| providers::serves(c.provider, &c.base_url, repo_url);
    Ok(shared.into_iter().find(fits).map(Teller::Shared))
}

async fn deliver(
    app: &App,
    teller: &Teller,
    build: &Build,
    status: &CommitStatus,
    context: &str,
) -> Result<Result<(), SendError>> {
    let (provider, base_url, place, sealed) = match teller {
        Teller::Own(own) => {
            (own.provider, &own.base_url, token_place(&own.app_id), &own.token_sealed)
        }
        Teller::Shared(shared) => {
            let place = connection::token_place(&shared.id);
            (shared.provider, &shared.base_url, place, &shared.token_sealed)
        }
    };
    let token = app.keys.open_sealed(&place, sealed)?;
    let account = Account { provider, base_url, token: &token };
    let url = format!("{}/apps/{}/build/{}", app.settings.dashboard_url, build.app_id, build.id);
    let told = Status {
        sha: &status.sha,
        state: status.state,
        context,
        description: &status.description,
        url: &url,
    };
    let Some(call) = providers::call(&account, &build.repo_url, &told) else {
        let reason = "the repository's URL names no owner and repository";
        return Ok(Err(SendError::Refused(reason.into())));
    };
    Ok(providers::send(&account, &call).await)
}

/// What the token of an account is sealed for.
pub fn token_place(app: &AppId) -> String {
    format!("apps/{app}/provider_token")
}

/// `None` if the status is settled, else when to try again.
async fn record(
    app: &App,
    status: &CommitStatus,
    result: Result<(), SendError>,
) -> Result<Option<Millis>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let mut again = None;
    match result {
        Ok(()) => db::statuses::settle(&mut tx, &status.id, SendOutcome::Sent, now, None).await?,
        Err(error) => {
            let reason = error.to_string();
            let after = match error {
                SendError::Refused(_) => None,
                SendError::Later { after, .. } => Some(delay_ms(status.tries, after)),
            };
            let after = after.filter(|_| now.since(status.created_at) < GIVE_UP_MS);
            tracing::info!(build = %status.build_id, state = %status.state, reason, "a commit status was not taken");
            match after {
                Some(ms) => {
                    again = Some(now.plus(ms));
                    db::statuses::postpone(&mut tx, &status.id, now.plus(ms), &reason).await?;
                }
                None => {
                    let failed = SendOutcome::Failed;
                    db::statuses::settle(&mut tx, &status.id, failed, now, Some(&reason)).await?;
                }
            }
        }
    }
    tx.commit().await?;
    Ok(again)
}

/// Has a status sent now that waits or was given up.
///
/// # Errors
/// `Conflict` for one that was sent, or whose commit has got a newer one since:
/// the old would replace it.
pub async fn retry(app: &App, tx: &mut Tx, id: &StatusId) -> Result<CommitStatus> {
    let status = db::statuses::find(tx, id).await?.ok_or_else(Error::not_found)?;
    if db::outgoing::is_overtaken(tx, id).await? {
        let text = "The provider was told something newer of this commit";
        return Err(Error::Conflict(text.into()));
    }
    let now = app.clock.now();
    if !db::outgoing::reopen_status(tx, id, now).await? {
        return Err(Error::Conflict("The status was sent already".into()));
    }
    db::jobs::insert(tx, &JobId::generate(now), SEND_STATUS, id.as_str(), now).await?;
    db::jobs::hasten_for(tx, SEND_STATUS, id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    Ok(status)
}

fn delay_ms(tries: i64, asked: Option<Duration>) -> i64 {
    let doublings = u32::try_from(tries.clamp(1, 20) - 1).unwrap_or(0);
    let own = FIRST_DELAY_MS.saturating_mul(1 << doublings).min(MAX_DELAY_MS);
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_millis()).unwrap_or(i64::MAX));
    own.max(asked.min(MAX_RETRY_AFTER_MS))
}

/// An account to set; the token is given once and never shown.
#[derive(Debug)]
pub struct NewAccount<'a> {
    pub provider: Provider,
    /// Only for a provider that the repository's host does not tell.
    pub base_url: Option<&'a str>,
    pub token: &'a Secret,
}

/// Sets where statuses of `row` go, from its next build on.
///
/// # Errors
/// `Invalid`, naming `base_url` or `token`.
pub async fn set_account(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    new: &NewAccount<'_>,
) -> Result<ProviderAccount> {
    let hosted = providers::hosted(&row.repo_url).filter(|(known, _)| *known == new.provider);
    let base_url = new.base_url.or(hosted.map(|(_, url)| url));
    let base_url = base_url
        .and_then(providers::checked_base)
        .ok_or_else(|| Error::invalid_parameter("base_url"))?;
    if !providers::is_token(new.token) {
        return Err(Error::invalid_parameter("token"));
    }
    let account = ProviderAccount {
        app_id: row.id.clone(),
        provider: new.provider,
        base_url,
        token_sealed: app.keys.seal(&token_place(&row.id), new.token),
        created_at: app.clock.now(),
    };
    db::statuses::upsert_provider(tx, &account).await?;
    Ok(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_honour_what_is_asked() {
        assert_eq!(
            [1, 2, 3, 30].map(|tries| delay_ms(tries, None)),
            [2_000, 4_000, 8_000, 600_000]
        );
        assert_eq!(delay_ms(1, Some(Duration::from_secs(90))), 90_000);
        assert_eq!(delay_ms(5, Some(Duration::from_secs(1))), 32_000);
        assert_eq!(delay_ms(1, Some(Duration::from_secs(1 << 40))), MAX_RETRY_AFTER_MS);
    }
}
