//! Agents and their tokens.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AgentId, TokenId};
use crate::model::time::Millis;

pub async fn insert_token(
    tx: &mut Tx,
    id: &TokenId,
    name: &str,
    hash: &str,
    now: Millis,
) -> Result<()> {
    sql("INSERT INTO agent_tokens (id, name, hash, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(name)
        .bind(hash)
        .bind(now)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn find_token(tx: &mut Tx, hash: &str) -> Result<Option<TokenId>> {
    let row: Option<(TokenId,)> =
        sql("SELECT id FROM agent_tokens WHERE hash = $1 AND revoked_at IS NULL")
            .bind(hash)
            .opt(tx)
            .await?;
    Ok(row.map(|r| r.0))
}

/// Revokes the live tokens called `name`; the number revoked.
pub async fn revoke_tokens(tx: &mut Tx, name: &str, now: Millis) -> Result<u64> {
    sql("UPDATE agent_tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL")
        .bind(name)
        .bind(now)
        .exec(tx)
        .await
}

/// An agent as it introduces itself.
#[derive(Debug)]
pub struct Introduction<'a> {
    pub token: &'a TokenId,
    pub name: &'a str,
    pub version: &'a str,
    pub slots: i64,
    pub labels: &'a [(String, String)],
}

/// Inserts or refreshes the agent that `who` names; its id.
pub async fn upsert(
    tx: &mut Tx,
    fresh: &AgentId,
    who: &Introduction<'_>,
    now: Millis,
) -> Result<AgentId> {
    let (id,): (AgentId,) =
        sql("INSERT INTO agents (id, token_id, name, version, slots, first_seen_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (token_id, name) DO UPDATE
         SET version = excluded.version, slots = excluded.slots, seen_at = excluded.seen_at
         RETURNING id")
        .bind(fresh)
        .bind(who.token)
        .bind(who.name)
        .bind(who.version)
        .bind(who.slots)
        .bind(now)
        .one(tx)
        .await?;
    sql("DELETE FROM agent_labels WHERE agent_id = $1").bind(&id).exec(tx).await?;
    for (label, value) in who.labels {
        sql("INSERT INTO agent_labels (agent_id, label, value) VALUES ($1, $2, $3)
             ON CONFLICT (agent_id, label, value) DO NOTHING")
        .bind(&id)
        .bind(label)
        .bind(value)
        .exec(tx)
        .await?;
    }
    Ok(id)
}

/// True if an agent with this label has ever asked for work, with a token that
/// is still good.
pub async fn has_registered(tx: &mut Tx, label: &str, value: &str) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM agent_labels l
           JOIN agents g ON g.id = l.agent_id JOIN agent_tokens t ON t.id = g.token_id
           WHERE l.label = $1 AND l.value = $2 AND t.revoked_at IS NULL) AS found")
    .bind(label)
    .bind(value)
    .one(tx)
    .await?;
    Ok(found)
}

/// True if `agent` was introduced with `token`.
pub async fn belongs_to(tx: &mut Tx, agent: &AgentId, token: &TokenId) -> Result<bool> {
    let (found,): (bool,) =
        sql("SELECT EXISTS (SELECT 1 FROM agents WHERE id = $1 AND token_id = $2) AS found")
            .bind(agent)
            .bind(token)
            .one(tx)
            .await?;
    Ok(found)
}

/// Keeps what an agent found on its machine, as JSON.
pub async fn set_findings(
    tx: &mut Tx,
    token: &TokenId,
    agent_name: &str,
    findings: &str,
    now: Millis,
) -> Result<()> {
    sql("INSERT INTO agent_findings (token_id, agent_name, findings, examined_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (token_id, agent_name) DO UPDATE
         SET findings = excluded.findings, examined_at = excluded.examined_at")
    .bind(token)
    .bind(agent_name)
    .bind(findings)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(())
}

/// An agent that has asked for work at some time.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Known {
    pub id: AgentId,
    pub name: String,
    pub version: String,
    pub slots: i64,
    pub first_seen_at: Millis,
    pub seen_at: Millis,
    pub token_name: String,
    /// Its token opens nothing any more.
    pub revoked: bool,
    /// Builds that it holds.
    pub holds: i64,
    /// What it found on its machine, as JSON.
    pub findings: Option<String>,
    pub examined_at: Option<Millis>,
}

/// The latest seen first.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Known>> {
    sql("SELECT g.id, g.name, g.version, g.slots, g.first_seen_at, g.seen_at,
           t.name AS token_name, (t.revoked_at IS NOT NULL) AS revoked,
           (SELECT COUNT(*) FROM builds h
             WHERE h.agent_id = g.id AND h.lease_until IS NOT NULL) AS holds,
           f.findings, f.examined_at
         FROM agents g JOIN agent_tokens t ON t.id = g.token_id
         LEFT JOIN agent_findings f ON f.token_id = g.token_id AND f.agent_name = g.name
         ORDER BY g.seen_at DESC, g.id LIMIT CAST($1 AS BIGINT)")
    .bind(limit)
    .all(tx)
    .await
}

/// Agent, label and value of all agents.
pub async fn list_labels(tx: &mut Tx) -> Result<Vec<(AgentId, String, String)>> {
    let mut labels: Vec<(AgentId, String, String)> =
        sql("SELECT agent_id, label, value FROM agent_labels").all(tx).await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    labels.sort();
    Ok(labels)
}
