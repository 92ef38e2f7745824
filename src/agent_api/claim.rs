//! How an agent introduces itself, and the long polls: waiting for work, and waiting for a cancel while the lease
//! is renewed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use tokio::time::Instant;

use crate::app::App;
use crate::builds::{Holder, queue};
use crate::db;
use crate::db::wake::Topic;
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::reply;
use crate::model::ids::BuildId;
use crate::operations::agents;
use crate::protocol::{
    CLAIM_WAIT_MS, ClaimRequest, Examination, HEARTBEAT_MS, Heartbeat, HeartbeatReply, Hello,
    Release,
};

use super::{Agent, Message, assignment};

/// How often a waiting call looks for itself; wake-ups make it faster.
const POLL: Duration = Duration::from_secs(1);

pub async fn hello(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    Message(hello): Message<Hello>,
) -> Result<Response, Fault> {
    queue::hello(&app, &token, &hello).await?;
    Ok(reply::no_content())
}

pub async fn examination(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    Message(seen): Message<Examination>,
) -> Result<Response, Fault> {
    agents::examined(&app, &token, &seen).await?;
    Ok(reply::no_content())
}

pub async fn claim(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    Message(request): Message<ClaimRequest>,
) -> Result<Response, Fault> {
    let end = Instant::now() + Duration::from_millis(request.wait_ms.min(CLAIM_WAIT_MS));
    let mut bell = app.db.wake().on(&Topic::Queue);
    // The first look also answers a repeated claim and records the agent.
    loop {
        if let Some(build) = queue::claim(&app, &token, &request).await? {
            return Ok(reply::ok(&assignment::of(&app, &build).await?)?);
        }
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(reply::no_content());
            }
            tokio::select! {
                () = bell.wait(POLL.min(left)) => {}
                () = app.closing.cancelled() => return Ok(reply::no_content()),
            }
            let mut tx = app.db.read().await?;
            if db::builds::has_queued(&mut tx).await? {
                break;
            }
        }
    }
}

pub async fn heartbeat(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(beat): Message<Heartbeat>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: beat.attempt };
    let end = Instant::now() + Duration::from_millis(beat.wait_ms.min(HEARTBEAT_MS));
    let mut bell = app.db.wake().on(&Topic::Build(build.clone()));
    let mut answer = queue::renew(&app, holder, &beat).await?;
    while !answer.cancel {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        tokio::select! {
            () = bell.wait(POLL.min(left)) => {}
            () = app.closing.cancelled() => break,
        }
        answer = HeartbeatReply { cancel: queue::is_cancelled(&app, holder).await? };
    }
    Ok(reply::ok(&answer)?)
}

pub async fn release(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(Release { attempt }): Message<Release>,
) -> Result<Response, Fault> {
    queue::release(&app, Holder { token: &token, build: &build, attempt }).await?;
    Ok(reply::no_content())
}
