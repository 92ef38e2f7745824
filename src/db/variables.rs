//! Variables of organisations, apps and branches, with sealed values.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::time::Millis;

/// A variable as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredVariable {
    /// Of an app or an organisation.
    pub owner_id: String,
    /// Empty = every branch.
    pub branch: String,
    pub kind: String,
    pub name: String,
    pub value_sealed: String,
    pub hidden: bool,
    pub changed_at: Millis,
}

pub async fn upsert(tx: &mut Tx, variable: &StoredVariable) -> Result<()> {
    let StoredVariable { owner_id, branch, kind, name, value_sealed, hidden, changed_at } =
        variable;
    sql("INSERT INTO variables (owner_id, branch, kind, name, value_sealed, hidden, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (owner_id, branch, kind, name) DO UPDATE
         SET value_sealed = excluded.value_sealed, hidden = excluded.hidden,
           changed_at = excluded.changed_at")
    .bind(owner_id)
    .bind(branch)
    .bind(kind)
    .bind(name)
    .bind(value_sealed)
    .bind(*hidden)
    .bind(*changed_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// Everything of one kind that `owner` has, by name and branch, bytewise.
pub async fn list(tx: &mut Tx, owner: &str, kind: &str) -> Result<Vec<StoredVariable>> {
    let mut found: Vec<StoredVariable> =
        sql("SELECT owner_id, branch, kind, name, value_sealed, hidden, changed_at
         FROM variables WHERE owner_id = $1 AND kind = $2")
        .bind(owner)
        .bind(kind)
        .all(tx)
        .await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    found.sort_by(|a, b| (&a.name, &a.branch).cmp(&(&b.name, &b.branch)));
    Ok(found)
}

/// False if there was none.
pub async fn delete(
    tx: &mut Tx,
    owner: &str,
    branch: &str,
    kind: &str,
    name: &str,
) -> Result<bool> {
    let rows = sql("DELETE FROM variables
         WHERE owner_id = $1 AND branch = $2 AND kind = $3 AND name = $4")
    .bind(owner)
    .bind(branch)
    .bind(kind)
    .bind(name)
    .exec(tx)
    .await?;
    Ok(rows > 0)
}
