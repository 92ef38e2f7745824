//! Order, limits, claim and lease. The build row is the queue; agents pull.

use crate::app::App;
use crate::db::agents::Introduction;
use crate::db::queue::Claim;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::{Build, Phase};
use crate::model::ids::{AgentId, TokenId};
use crate::protocol::{ClaimRequest, Heartbeat, HeartbeatReply, Hello};

use super::{Holder, hold, lost, reap};

const MAX_NAME: usize = 200;
const MAX_LABELS: usize = 64;

fn lease_ms(app: &App) -> i64 {
    i64::try_from(app.settings.lease_ms).unwrap_or(i64::MAX)
}

/// A fresh agent process introduces itself: whatever an earlier process of the
/// same name held was lost with it, and need not wait for its lease.
pub async fn hello(app: &App, token: &TokenId, hello: &Hello) -> Result<()> {
    let mut tx = app.db.write().await?;
    for build in db::builds::list_held(&mut tx, token, &hello.agent_name).await? {
        reap::lose(app, &mut tx, &build, "the agent was restarted").await?;
    }
    tx.commit().await
}

/// One attempt to hand a build to an agent. `None` is no proof of an empty
/// queue: look again after the next wake-up or poll interval.
///
/// # Errors
/// `Invalid`, naming the member, for an introduction that is too large.
pub async fn claim(app: &App, token: &TokenId, request: &ClaimRequest) -> Result<Option<Build>> {
    check(request)?;
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let agent = introduce(&mut tx, token, request, app).await?;
    let held = db::builds::find_claimed(&mut tx, &request.claim_id, &agent).await?;
    let build = match held {
        Some(build) => Some(build),
        None if db::builds::has_queued(&mut tx).await? => {
            let claim = Claim {
                claim_id: &request.claim_id,
                agent: &agent,
                now,
                lease_until: now.plus(lease_ms(app)),
                limits: app.settings.limits,
            };
            take_next(&mut tx, &claim).await?
        }
        None => None,
    };
    tx.commit().await?;
    Ok(build)
}

async fn take_next(tx: &mut Tx, claim: &Claim<'_>) -> Result<Option<Build>> {
    db::queue::pass_gate(tx).await?;
    let build = db::queue::claim_next(tx, claim).await?;
    if let Some(build) = &build {
        db::logs::start_attempt(tx, &build.id, build.attempt).await?;
        tx.wake_on_commit(Topic::Build(build.id.clone()));
    }
    Ok(build)
}

fn check(request: &ClaimRequest) -> Result<()> {
    let name = &request.agent_name;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::invalid_parameter("agent_name"));
    }
    if request.claim_id.is_empty() || request.claim_id.len() > MAX_NAME {
        return Err(Error::invalid_parameter("claim_id"));
    }
    if request.version.len() > MAX_NAME {
        return Err(Error::invalid_parameter("version"));
    }
    let labels = &request.labels;
    if labels.len() > MAX_LABELS
        || labels.iter().any(|l| l.key.len() > MAX_NAME || l.value.len() > MAX_NAME)
    {
        return Err(Error::invalid_parameter("labels"));
    }
    Ok(())
}

async fn introduce(
    tx: &mut Tx,
    token: &TokenId,
    request: &ClaimRequest,
    app: &App,
) -> Result<AgentId> {
    let labels: Vec<_> = request.labels.iter().map(|l| (l.key.clone(), l.value.clone())).collect();
    let who = Introduction {
        token,
        name: &request.agent_name,
        version: &request.version,
        slots: i64::from(request.slots),
        labels: &labels,
    };
    let now = app.clock.now();
    db::agents::upsert(tx, &AgentId::generate(now), &who, now).await
}

/// Renews the lease and records the phase; says whether to stop.
///
/// # Errors
/// `Conflict` when the agent no longer holds the build.
pub async fn renew(app: &App, holder: Holder<'_>, beat: &Heartbeat) -> Result<HeartbeatReply> {
    let mut tx = app.db.write().await?;
    let build = hold(&mut tx, holder).await?;
    let until = app.clock.now().plus(lease_ms(app));
    if db::builds::renew_lease(&mut tx, &build.id, build.attempt, until).await? == 0 {
        return Err(lost());
    }
    let known = !matches!(beat.phase, Phase::Waiting | Phase::Done);
    if known && db::builds::set_phase(&mut tx, &build.id, build.attempt, beat.phase).await? == 1 {
        tx.wake_on_commit(Topic::Build(build.id.clone()));
    }
    tx.commit().await?;
    Ok(HeartbeatReply { cancel: build.status.is_finished() })
}

/// Looks whether the build was cancelled, without renewing anything.
///
/// # Errors
/// `Conflict` when the agent no longer holds the build.
pub async fn is_cancelled(app: &App, holder: Holder<'_>) -> Result<bool> {
    let mut tx = app.db.read().await?;
    Ok(hold(&mut tx, holder).await?.status.is_finished())
}

/// An agent that shuts down gives the build back: it is queued again, or
/// failed if this was its last attempt, as if the lease had run out.
///
/// # Errors
/// `Conflict` when the agent no longer holds the build.
pub async fn release(app: &App, holder: Holder<'_>) -> Result<()> {
    let mut tx = app.db.write().await?;
    let build = hold(&mut tx, holder).await?;
    reap::lose(app, &mut tx, &build, "the agent was shut down").await?;
    tx.commit().await
}
