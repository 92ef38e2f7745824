//! Keeping what providers deliver until a job evaluates it, and for people who
//! wonder why something was not built.

use crate::app::App;
use crate::db::deliveries::NewDelivery;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::delivery::{Delivery, Provider};
use crate::model::git_event::GitEvent;
use crate::model::ids::{AppId, DeliveryId, JobId};

/// Job that evaluates a delivery and those before it; its subject is the
/// delivery's id.
pub const EVALUATE: &str = "evaluate_delivery";
/// Deliveries that are kept per app.
const KEPT: i64 = 200;
/// Largest packed body that is kept, in bytes.
const MAX_PACKED: usize = 1 << 20;

/// A delivery as it comes in.
#[derive(Debug)]
pub struct Received {
    pub provider: Provider,
    /// As the provider names it.
    pub event: String,
    /// By which the provider names this delivery.
    pub repeat_id: Option<String>,
    /// JSON of [name, value] pairs.
    pub headers: String,
    /// From `pack`.
    pub body: Option<Vec<u8>>,
    pub body_bytes: usize,
    pub events: Vec<GitEvent>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: DeliveryId,
    /// The provider has delivered it before.
    pub repeated: bool,
}

/// The raw bytes as they are kept; `None` if even packed they are too many.
pub fn pack(body: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::compress(body, 1).ok().filter(|packed| packed.len() <= MAX_PACKED)
}

/// Keeps the delivery and has it evaluated. A repeated one is the same as
/// before; if nothing was built of it, it is evaluated again.
pub async fn store(app: &App, tx: &mut Tx, to: &AppId, received: &Received) -> Result<Stored> {
    let now = app.clock.now();
    let done = verdict_at_once(received);
    let row = Delivery {
        id: DeliveryId::generate(now),
        app_id: to.clone(),
        provider: received.provider.as_str().to_owned(),
        event: received.event.clone(),
        received_at: now,
        headers: received.headers.clone(),
        body_bytes: i64::try_from(received.body_bytes).unwrap_or(i64::MAX),
        events: serde_json::to_string(&received.events)
            .map_err(|cause| Error::internal("writing a delivery's events", cause))?,
        state: if done.is_some() { "done" } else { "pending" }.into(),
        verdict: done.unwrap_or_default(),
        built: false,
        evaluated_at: None,
    };
    let repeat_id = received.repeat_id.as_deref();
    let new = NewDelivery { delivery: &row, repeat_id };
    if !db::deliveries::insert(tx, &new).await? {
        let repeat_id = repeat_id.unwrap_or_default();
        let earlier = db::deliveries::find_repeated(tx, to, repeat_id)
            .await?
            .ok_or_else(|| Error::Conflict("the delivery was deleted meanwhile".into()))?;
        if !earlier.built && row.state == "pending" {
            again(app, tx, &earlier.id).await?;
        }
        return Ok(Stored { id: earlier.id, repeated: true });
    }
    if let Some(body) = &received.body {
        db::deliveries::insert_body(tx, &row.id, body.clone()).await?;
    }
    db::deliveries::delete_old(tx, to, KEPT).await?;
    if row.state == "pending" {
        enqueue(app, tx, &row.id).await?;
    }
    Ok(Stored { id: row.id, repeated: false })
}

/// What can be said without evaluating anything.
fn verdict_at_once(received: &Received) -> Option<String> {
    match received.events.as_slice() {
        [] => Some("ignored: nothing that could be built".into()),
        [GitEvent::Ping] => Some("ping".into()),
        _ => None,
    }
}

/// Has a delivery evaluated once more. What was built of it is not built again.
pub async fn again(app: &App, tx: &mut Tx, id: &DeliveryId) -> Result<()> {
    db::deliveries::set_pending(tx, id).await?;
    enqueue(app, tx, id).await
}

/// Gives the delivery a job, unless it has one.
pub async fn enqueue(app: &App, tx: &mut Tx, id: &DeliveryId) -> Result<()> {
    let now = app.clock.now();
    db::jobs::insert(tx, &JobId::generate(now), EVALUATE, id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    Ok(())
}

/// The raw body of a delivery, if it was kept.
pub async fn body(tx: &mut Tx, id: &DeliveryId, bytes: i64) -> Result<Option<Vec<u8>>> {
    let Some(packed) = db::deliveries::find_body(tx, id).await? else { return Ok(None) };
    let size = usize::try_from(bytes).unwrap_or(0);
    let body = zstd::bulk::decompress(&packed, size)
        .map_err(|cause| Error::internal("unpacking a delivery", cause))?;
    Ok(Some(body))
}
