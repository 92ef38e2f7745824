//! Feedback rows.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::feedback::{Feedback, ItemState};
use crate::model::ids::{AppId, BuildId, FeedbackId};
use crate::model::time::Millis;

/// Feedback beside the public paths (`<token>/<name>`) of its files.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ShownFeedback {
    #[sqlx(flatten)]
    pub feedback: Feedback,
    pub image: Option<String>,
    pub replay: Option<String>,
    pub has_logs: bool,
}

/// The columns of `ShownFeedback`, up to the condition.
macro_rules! shown_feedback {
    () => {
        "SELECT f.id, f.app_id, f.build_id, f.build_number, f.state, f.created_at, f.description,
           f.email, f.bundle_id, f.short_version, f.version, f.metadata, f.system,
           i.token || '/' || i.name AS image, r.token || '/' || r.name AS replay,
           l.id IS NOT NULL AS has_logs
         FROM feedbacks f
         LEFT JOIN media i ON i.item_id = f.id AND i.kind = 'image'
         LEFT JOIN media r ON r.item_id = f.id AND r.kind = 'replay'
         LEFT JOIN media l ON l.item_id = f.id AND l.kind = 'log' "
    };
}

/// Adds feedback; false if this id is there already.
pub async fn insert(tx: &mut Tx, feedback: &Feedback) -> Result<bool> {
    let Feedback { id, origin, state, created_at, description, email, metadata, system } = feedback;
    let changed =
        sql("INSERT INTO feedbacks (id, app_id, build_id, build_number, state, created_at,
           description, email, bundle_id, short_version, version, metadata, system)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO NOTHING")
        .bind(id)
        .bind(&origin.app_id)
        .bind(&origin.build_id)
        .bind(origin.build_number)
        .bind(state.as_str())
        .bind(*created_at)
        .bind(description)
        .bind(email.clone())
        .bind(&origin.bundle_id)
        .bind(&origin.short_version)
        .bind(&origin.version)
        .bind(metadata.as_str())
        .bind(system.as_str())
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

/// The feedback of this app.
pub async fn find(tx: &mut Tx, app: &AppId, id: &FeedbackId) -> Result<Option<ShownFeedback>> {
    sql(concat!(shown_feedback!(), "WHERE f.id = $2 AND f.app_id = $1"))
        .bind(app)
        .bind(id)
        .opt(tx)
        .await
}

/// Which feedback of an app to list; `None` = any.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    pub state: Option<ItemState>,
    pub build: Option<&'a BuildId>,
    /// Only items older than this one, in list order.
    pub before: Option<(Millis, &'a str)>,
}

/// Newest first by (`created_at`, `id`).
pub async fn list(
    tx: &mut Tx,
    app: &AppId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<ShownFeedback>> {
    // Above every id: `g` sorts after all hex digits.
    let (before_at, before_id) = filter.before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql(concat!(
        shown_feedback!(),
        "WHERE f.app_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR f.state = $2)
           AND (CAST($3 AS TEXT) IS NULL OR f.build_id = $3)
           AND (f.created_at, f.id) < ($4, $5)
         ORDER BY f.created_at DESC, f.id DESC LIMIT CAST($6 AS BIGINT)"
    ))
    .bind(app)
    .bind(filter.state.map(ItemState::as_str))
    .bind(filter.build)
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .all(tx)
    .await
}

/// Opens or closes; rows changed, 0 if it was like that already.
pub async fn set_state(tx: &mut Tx, app: &AppId, id: &FeedbackId, state: ItemState) -> Result<u64> {
    sql("UPDATE feedbacks SET state = $3 WHERE app_id = $1 AND id = $2 AND state <> $3")
        .bind(app)
        .bind(id)
        .bind(state.as_str())
        .exec(tx)
        .await
}
