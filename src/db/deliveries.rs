//! Deliveries of webhooks, the secrets that they are signed with, and what
//! they have built.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::delivery::Delivery;
use crate::model::ids::{AppId, DeliveryId};
use crate::model::time::Millis;

/// The columns of `model::delivery::Delivery`.
macro_rules! delivery_columns {
    () => {
        "id, app_id, provider, event, received_at, headers, body_bytes, events, state, verdict,
         built, evaluated_at"
    };
}

/// A delivery as it is received.
#[derive(Debug)]
pub struct NewDelivery<'a> {
    pub delivery: &'a Delivery,
    pub repeat_id: Option<&'a str>,
}

/// Adds it; false if the app has one with this `repeat_id`.
pub async fn insert(tx: &mut Tx, new: &NewDelivery<'_>) -> Result<bool> {
    let row = new.delivery;
    let added = sql("INSERT INTO deliveries (id, app_id, provider, event, repeat_id, received_at,
           headers, body_bytes, events, state, verdict, evaluated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (app_id, repeat_id) WHERE repeat_id IS NOT NULL DO NOTHING")
    .bind(&row.id)
    .bind(&row.app_id)
    .bind(row.provider.as_str())
    .bind(row.event.as_str())
    .bind(new.repeat_id)
    .bind(row.received_at)
    .bind(row.headers.as_str())
    .bind(row.body_bytes)
    .bind(row.events.as_str())
    .bind(row.state.as_str())
    .bind(row.verdict.as_str())
    .bind(row.evaluated_at)
    .exec(tx)
    .await?;
    Ok(added == 1)
}

pub async fn find(tx: &mut Tx, id: &DeliveryId) -> Result<Option<Delivery>> {
    sql(concat!("SELECT ", delivery_columns!(), " FROM deliveries WHERE id = $1"))
        .bind(id)
        .opt(tx)
        .await
}

/// The delivery that an earlier one of the same name became.
pub async fn find_repeated(tx: &mut Tx, app: &AppId, repeat_id: &str) -> Result<Option<Delivery>> {
    sql(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries WHERE app_id = $1 AND repeat_id = $2"
    ))
    .bind(app)
    .bind(repeat_id)
    .opt(tx)
    .await
}

/// Keeps the raw bytes of a delivery as one zstd frame.
pub async fn insert_body(tx: &mut Tx, id: &DeliveryId, packed: Vec<u8>) -> Result<()> {
    sql("INSERT INTO delivery_bodies (delivery_id, data) VALUES ($1, $2)")
        .bind(id)
        .bind(packed)
        .exec(tx)
        .await?;
    Ok(())
}

/// The packed body, if it was kept.
pub async fn find_body(tx: &mut Tx, id: &DeliveryId) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> =
        sql("SELECT data FROM delivery_bodies WHERE delivery_id = $1").bind(id).opt(tx).await?;
    Ok(row.map(|row| row.0))
}

/// Newest first, older than `before` if it is given.
pub async fn list(
    tx: &mut Tx,
    app: &AppId,
    before: Option<(Millis, &str)>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    // Above every id: `g` sorts after all hex digits.
    let (at, id) = before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries
         WHERE app_id = $1 AND (received_at < $2 OR (received_at = $2 AND id < $3))
         ORDER BY received_at DESC, id DESC LIMIT CAST($4 AS BIGINT)"
    ))
    .bind(app)
    .bind(at)
    .bind(id)
    .bind(limit)
    .all(tx)
    .await
}

/// A delivery beside its app.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OfSomeApp {
    #[sqlx(flatten)]
    pub delivery: Delivery,
    pub app_name: String,
}

/// Of all apps, newest first, older than `before` if it is given.
pub async fn list_all(
    tx: &mut Tx,
    before: Option<(Millis, &str)>,
    limit: i64,
) -> Result<Vec<OfSomeApp>> {
    // Above every id: `g` sorts after all hex digits.
    let (at, id) = before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql(concat!(
        "SELECT ",
        delivery_columns!(),
        ", (SELECT a.name FROM apps a WHERE a.id = deliveries.app_id) AS app_name
         FROM deliveries WHERE received_at < $1 OR (received_at = $1 AND id < $2)
         ORDER BY received_at DESC, id DESC LIMIT CAST($3 AS BIGINT)"
    ))
    .bind(at)
    .bind(id)
    .bind(limit)
    .all(tx)
    .await
}

/// Provider and time of the first delivery that came from outside.
pub async fn find_first_heard(tx: &mut Tx, app: &AppId) -> Result<Option<(String, Millis)>> {
    sql("SELECT provider, received_at FROM deliveries
         WHERE app_id = $1 AND provider <> 'reconciliation' ORDER BY received_at, id LIMIT 1")
    .bind(app)
    .opt(tx)
    .await
}

/// The app's oldest delivery that waits to be evaluated, up to `last`.
pub async fn find_oldest_pending(tx: &mut Tx, last: &Delivery) -> Result<Option<Delivery>> {
    sql(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries
         WHERE app_id = $1 AND state = 'pending'
           AND (received_at < $2 OR (received_at = $2 AND id <= $3))
         ORDER BY received_at, id LIMIT 1"
    ))
    .bind(&last.app_id)
    .bind(last.received_at)
    .bind(&last.id)
    .opt(tx)
    .await
}

/// Deliveries that wait since before `before`, oldest first.
pub async fn list_waiting(tx: &mut Tx, before: Millis, limit: i64) -> Result<Vec<Delivery>> {
    sql(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries WHERE state = 'pending' AND received_at < $1
         ORDER BY received_at LIMIT CAST($2 AS BIGINT)"
    ))
    .bind(before)
    .bind(limit)
    .all(tx)
    .await
}

/// Writes what came of it; zero rows if somebody else was faster.
pub async fn set_verdict(
    tx: &mut Tx,
    id: &DeliveryId,
    verdict: &str,
    built: bool,
    at: Millis,
) -> Result<u64> {
    sql("UPDATE deliveries SET state = 'done', verdict = $2, built = (built OR $3), evaluated_at = $4
         WHERE id = $1 AND state = 'pending'")
    .bind(id)
    .bind(verdict)
    .bind(built)
    .bind(at)
    .exec(tx)
    .await
}

/// Makes an evaluated delivery wait for another evaluation.
pub async fn set_pending(tx: &mut Tx, id: &DeliveryId) -> Result<u64> {
    sql("UPDATE deliveries SET state = 'pending' WHERE id = $1 AND state = 'done'")
        .bind(id)
        .exec(tx)
        .await
}

/// Deletes evaluated deliveries of the app beyond the newest `keep`.
pub async fn delete_old(tx: &mut Tx, app: &AppId, keep: i64) -> Result<u64> {
    sql("DELETE FROM deliveries WHERE app_id = $1 AND state = 'done' AND id IN (
           SELECT id FROM deliveries WHERE app_id = $1
           ORDER BY received_at DESC, id DESC LIMIT 100 OFFSET $2)")
    .bind(app)
    .bind(keep)
    .exec(tx)
    .await
}

pub async fn upsert_secret(tx: &mut Tx, app: &AppId, sealed: &str, now: Millis) -> Result<()> {
    sql("INSERT INTO webhook_secrets (app_id, secret_sealed, set_at) VALUES ($1, $2, $3)
         ON CONFLICT (app_id) DO UPDATE
         SET secret_sealed = excluded.secret_sealed, set_at = excluded.set_at")
    .bind(app)
    .bind(sealed)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(())
}

/// The sealed secret and when it was set.
pub async fn find_secret(tx: &mut Tx, app: &AppId) -> Result<Option<(String, Millis)>> {
    sql("SELECT secret_sealed, set_at FROM webhook_secrets WHERE app_id = $1")
        .bind(app)
        .opt(tx)
        .await
}

/// Rows deleted.
pub async fn delete_secret(tx: &mut Tx, app: &AppId) -> Result<u64> {
    sql("DELETE FROM webhook_secrets WHERE app_id = $1").bind(app).exec(tx).await
}

/// Notes that a commit of a lane is being built; false if it was before.
pub async fn insert_built(
    tx: &mut Tx,
    app: &AppId,
    lane: &str,
    sha: &str,
    delivery: &DeliveryId,
) -> Result<bool> {
    let added = sql("INSERT INTO built_commits (app_id, lane, sha, delivery_id)
         VALUES ($1, $2, $3, $4) ON CONFLICT (app_id, lane, sha) DO NOTHING")
    .bind(app)
    .bind(lane)
    .bind(sha)
    .bind(delivery)
    .exec(tx)
    .await?;
    Ok(added == 1)
}

/// The number of the build that a commit of a lane became, and the delivery
/// that it came of.
pub async fn find_built(
    tx: &mut Tx,
    app: &AppId,
    lane: &str,
    sha: &str,
) -> Result<Option<(i64, Option<DeliveryId>)>> {
    sql("SELECT number, delivery_id FROM built_commits
         WHERE app_id = $1 AND lane = $2 AND sha = $3")
    .bind(app)
    .bind(lane)
    .bind(sha)
    .opt(tx)
    .await
}

/// Numbers the commits of a lane that have no build yet.
pub async fn set_built_number(tx: &mut Tx, app: &AppId, lane: &str, number: i64) -> Result<()> {
    sql("UPDATE built_commits SET number = $3 WHERE app_id = $1 AND lane = $2 AND number = 0")
        .bind(app)
        .bind(lane)
        .bind(number)
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets that one commit of a lane was built: of a pull request that was
/// closed, and may be opened again.
pub async fn delete_built_commit(tx: &mut Tx, app: &AppId, lane: &str, sha: &str) -> Result<()> {
    sql("DELETE FROM built_commits WHERE app_id = $1 AND lane = $2 AND sha = $3")
        .bind(app)
        .bind(lane)
        .bind(sha)
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets what was built of a lane whose branch or tag is gone, so that a new
/// one of the same name builds again.
pub async fn delete_built(tx: &mut Tx, app: &AppId, lane: &str) -> Result<()> {
    sql("DELETE FROM built_commits WHERE app_id = $1 AND lane = $2")
        .bind(app)
        .bind(lane)
        .exec(tx)
        .await?;
    Ok(())
}
