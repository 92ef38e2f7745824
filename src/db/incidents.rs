//! Incidents of the status page and what was said of them.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::IncidentId;
use crate::model::incident::{Incident, IncidentState, IncidentUpdate};
use crate::model::time::Millis;

pub async fn insert(tx: &mut Tx, incident: &Incident) -> Result<()> {
    let Incident { id, title, impact, state, started_at, resolved_at } = incident;
    sql("INSERT INTO incidents (id, title, impact, state, started_at, resolved_at)
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(id)
    .bind(title)
    .bind(impact.as_str())
    .bind(state.as_str())
    .bind(*started_at)
    .bind(*resolved_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn insert_update(tx: &mut Tx, update: &IncidentUpdate) -> Result<()> {
    let IncidentUpdate { id, incident_id, at, state, text } = update;
    sql("INSERT INTO incident_updates (id, incident_id, at, state, text)
         VALUES ($1, $2, $3, $4, $5)")
    .bind(id)
    .bind(incident_id)
    .bind(*at)
    .bind(state.as_str())
    .bind(text)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: &IncidentId) -> Result<Option<Incident>> {
    sql("SELECT id, title, impact, state, started_at, resolved_at FROM incidents WHERE id = $1")
        .bind(id)
        .opt(tx)
        .await
}

/// Sets how far an incident is; with `resolved_at` it is over.
pub async fn set_state(
    tx: &mut Tx,
    id: &IncidentId,
    state: IncidentState,
    resolved_at: Option<Millis>,
) -> Result<()> {
    sql("UPDATE incidents SET state = $2, resolved_at = $3 WHERE id = $1")
        .bind(id)
        .bind(state.as_str())
        .bind(resolved_at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Those that are not over, or were over after `since`; newest first.
pub async fn list(tx: &mut Tx, since: Millis, limit: i64) -> Result<Vec<Incident>> {
    sql("SELECT id, title, impact, state, started_at, resolved_at FROM incidents
         WHERE resolved_at IS NULL OR resolved_at >= $1
         ORDER BY started_at DESC, id DESC LIMIT CAST($2 AS BIGINT)")
    .bind(since)
    .bind(limit)
    .all(tx)
    .await
}

/// What was said of an incident, newest first.
pub async fn list_updates(tx: &mut Tx, id: &IncidentId) -> Result<Vec<IncidentUpdate>> {
    sql("SELECT id, incident_id, at, state, text FROM incident_updates
         WHERE incident_id = $1 ORDER BY at DESC, id DESC")
    .bind(id)
    .all(tx)
    .await
}
