//! A door opened by the clock: claims job rows and calls product rooms. Each
//! job may run twice; an error is logged, put off and tried again.

mod deliveries;
pub mod reconcile;
pub mod schedules;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::accounts::audit;
use crate::accounts::letters::{self, SEND_LETTER};
use crate::app::App;
use crate::apps::purge::{self, PURGE_APP};
use crate::builds::artifacts::SYMBOLS_ARRIVED;
use crate::builds::deliveries::EVALUATE;
use crate::builds::finish::{DEPLOY, FOLD_LOG};
use crate::builds::statuses::{self, SEND_STATUS};
use crate::builds::{fold, reap};
use crate::db;
use crate::db::jobs::Job;
use crate::db::wake::Topic;
use crate::distribution::deploy::{self, SEND_MAIL};
use crate::distribution::failures::{self, TELL_FAILURE};
use crate::distribution::groups;
use crate::distribution::mail;
use crate::error::{Error, Result};
use crate::feedback::symbols::{self, SYMBOLICATE};
use crate::model::time::Millis;

/// A job whose runner died is due again after this long.
const HIDDEN_MS: i64 = 10 * 60_000;
/// How often the runner looks without being woken.
const POLL: Duration = Duration::from_secs(5);
/// Jobs of this server that run at the same time.
const AT_ONCE: usize = 3;
/// How often leases are judged.
const REAP_EVERY: Duration = Duration::from_secs(5);
/// How often the clock is compared with groups' schedules, which are whole minutes.
const SCHEDULES_EVERY: Duration = Duration::from_secs(15);
/// How often the activity log is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// First delay of a job that failed; doubles up to `MAX_DELAY_MS`.
const FIRST_DELAY_MS: i64 = 1_000;
const MAX_DELAY_MS: i64 = 10 * 60_000;

/// Runs due jobs until `shutdown`; several at once, so that one that waits for
/// a remote does not keep the others waiting.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let runners = (0..AT_ONCE).map(|_| run_in_turn(app.clone(), shutdown.clone()));
    futures_util::future::join_all(runners).await;
}

async fn run_in_turn(app: Arc<App>, shutdown: CancellationToken) {
    let mut bell = app.db.wake().on(&Topic::Jobs);
    while !shutdown.is_cancelled() {
        match run_one(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "looking for jobs failed"),
        }
        tokio::select! {
            () = bell.wait(POLL) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Runs the job that is due longest; false if none is due.
pub async fn run_one(app: &App) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    if !db::jobs::has_due(&mut tx, now).await? {
        return Ok(false);
    }
    drop(tx);
    let mut tx = app.db.write().await?;
    let claimed = db::jobs::claim(&mut tx, now, now.plus(HIDDEN_MS)).await?;
    tx.commit().await?;
    let Some(job) = claimed else { return Ok(false) };
    // Boxed: the largest kind of job would otherwise lie on every stack.
    let outcome = Box::pin(dispatch(app, &job)).await;
    let mut tx = app.db.write().await?;
    match outcome {
        Ok(None) => db::jobs::delete(&mut tx, &job.id).await?,
        Ok(Some(next)) => db::jobs::postpone(&mut tx, &job.id, next, "put off").await?,
        Err(error) => {
            tracing::error!(kind = job.kind, subject = job.subject, tries = job.tries, %error, "job failed");
            let next = app.clock.now().plus(delay_ms(job.tries));
            db::jobs::postpone(&mut tx, &job.id, next, &error.to_string()).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

fn delay_ms(tries: i64) -> i64 {
    let doublings = u32::try_from(tries.clamp(1, 20) - 1).unwrap_or(0);
    FIRST_DELAY_MS.saturating_mul(1 << doublings).min(MAX_DELAY_MS)
}

/// Runs a job. The answer is when to run it again, if it is not done.
async fn dispatch(app: &App, job: &Job) -> Result<Option<Millis>> {
    match job.kind.as_str() {
        SEND_STATUS => return statuses::send(app, &subject(job)?).await,
        PURGE_APP => return purge::purge(app, &subject(job)?).await,
        FOLD_LOG => fold::fold(app, &subject(job)?).await,
        DEPLOY => deploy::deploy_each(app, &subject(job)?).await,
        SEND_MAIL => mail::send(app, &subject(job)?).await,
        SEND_LETTER => letters::send(app, &subject(job)?).await,
        TELL_FAILURE => failures::tell(app, &subject(job)?).await,
        EVALUATE => Box::pin(deliveries::evaluate(app, &subject(job)?)).await,
        SYMBOLICATE => Box::pin(symbols::symbolicate(app, &subject(job)?)).await,
        SYMBOLS_ARRIVED => symbols::arrived(app, &subject(job)?).await,
        other => Err(Error::bug("running a job", format!("unknown kind {other}"))),
    }?;
    Ok(None)
}

/// The id of what a job is about.
fn subject<T: FromStr>(job: &Job) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    job.subject.parse().map_err(|cause| Error::internal("reading a job", cause))
}

/// Judges leases until `shutdown`. The first pass waits for one lease: after
/// an outage of ours, agents must have had the chance to renew.
pub async fn reap_leases(app: Arc<App>, shutdown: CancellationToken) {
    let mut wait = Duration::from_millis(app.settings.lease_ms);
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
        wait = REAP_EVERY.min(wait);
        if let Err(error) = reap::reap(&app).await {
            tracing::error!(%error, "judging leases failed");
        }
    }
}

/// Forgets what the activity log keeps no longer (ORG-7), and groups that were
/// deleted long ago, until `shutdown`.
pub async fn sweep(app: Arc<App>, shutdown: CancellationToken) {
    loop {
        if let Err(error) = audit::sweep(&app).await {
            tracing::error!(%error, "sweeping the activity log failed");
        }
        if let Err(error) = groups::sweep(&app).await {
            tracing::error!(%error, "forgetting deleted groups failed");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Sends to the groups whose schedule is due, until `shutdown` (DEP-2).
pub async fn deploy_on_schedule(app: Arc<App>, shutdown: CancellationToken) {
    loop {
        if let Err(error) = deploy::deploy_due(&app).await {
            tracing::error!(%error, "deploying on schedule failed");
        }
        tokio::select! {
            () = tokio::time::sleep(SCHEDULES_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_ten_minutes() {
        let delays: Vec<_> = [1, 2, 3, 10, 11, 1_000_000].map(delay_ms).to_vec();
        assert_eq!(delays, [1_000, 2_000, 4_000, 512_000, 600_000, 600_000]);
    }
}
