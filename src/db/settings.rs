//! Settings of apps and organisations, and what is frozen with a build.

use crate::db::sql::{Tx, sql};
use crate::error::{Error, Result};
use crate::model::ids::{AppId, BuildId, OrgId};
use crate::model::settings::{Levels, Override, Resolved, Scope, Settings};

#[derive(Default, sqlx::FromRow)]
struct OfApp {
    #[sqlx(try_from = "String")]
    inherited: Settings,
    #[sqlx(try_from = "String")]
    own: Settings,
}

#[derive(sqlx::FromRow)]
struct OfBranch {
    kind: String,
    name: String,
    #[sqlx(try_from = "String")]
    settings: Settings,
}

/// Everything that is set for one app; overrides by name, bytewise.
pub async fn find_levels(tx: &mut Tx, app: &AppId) -> Result<Levels> {
    let row: Option<OfApp> =
        sql("SELECT inherited, own FROM app_settings WHERE app_id = $1").bind(app).opt(tx).await?;
    let OfApp { inherited, own } = row.unwrap_or_default();
    let rows: Vec<OfBranch> =
        sql("SELECT kind, name, settings FROM app_setting_overrides WHERE app_id = $1")
            .bind(app)
            .all(tx)
            .await?;
    let mut overrides = rows
        .into_iter()
        .map(|OfBranch { kind, name, settings }| {
            let scope = match kind.as_str() {
                "branch" => Scope::Branch(name),
                "prefix" => Scope::Prefix(name),
                _ => return Err(Error::bug("reading an override", kind)),
            };
            Ok(Override { scope, settings })
        })
        .collect::<Result<Vec<_>>>()?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    overrides.sort_by(|a, b| a.scope.cmp(&b.scope));
    Ok(Levels { inherited, own, overrides })
}

pub async fn upsert_app(
    tx: &mut Tx,
    app: &AppId,
    inherited: &Settings,
    own: &Settings,
) -> Result<()> {
    sql("INSERT INTO app_settings (app_id, inherited, own) VALUES ($1, $2, $3)
         ON CONFLICT (app_id) DO UPDATE SET inherited = excluded.inherited, own = excluded.own")
    .bind(app)
    .bind(inherited.to_json())
    .bind(own.to_json())
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn upsert_override(tx: &mut Tx, app: &AppId, new: &Override) -> Result<()> {
    sql("INSERT INTO app_setting_overrides (app_id, kind, name, settings)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (app_id, kind, name) DO UPDATE SET settings = excluded.settings")
    .bind(app)
    .bind(new.scope.kind())
    .bind(new.scope.name())
    .bind(new.settings.to_json())
    .exec(tx)
    .await?;
    Ok(())
}

/// Rows deleted.
pub async fn delete_override(tx: &mut Tx, app: &AppId, scope: &Scope) -> Result<u64> {
    sql("DELETE FROM app_setting_overrides WHERE app_id = $1 AND kind = $2 AND name = $3")
        .bind(app)
        .bind(scope.kind())
        .bind(scope.name())
        .exec(tx)
        .await
}

/// What an organisation gives to its apps.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct OfOrganisation {
    #[sqlx(try_from = "String")]
    pub defaults: Settings,
    /// Builds running at once, instead of the server's limit.
    pub max_running: Option<i64>,
}

pub async fn find_organisation(tx: &mut Tx, org: &OrgId) -> Result<OfOrganisation> {
    let row = sql("SELECT defaults, max_running FROM org_settings WHERE org_id = $1")
        .bind(org)
        .opt(tx)
        .await?;
    Ok(row.unwrap_or_default())
}

pub async fn upsert_organisation(tx: &mut Tx, org: &OrgId, new: &OfOrganisation) -> Result<()> {
    sql("INSERT INTO org_settings (org_id, defaults, max_running) VALUES ($1, $2, $3)
         ON CONFLICT (org_id) DO UPDATE
         SET defaults = excluded.defaults, max_running = excluded.max_running")
    .bind(org)
    .bind(new.defaults.to_json())
    .bind(new.max_running)
    .exec(tx)
    .await?;
    Ok(())
}

/// The settings that a build was queued with; `None` for a build from before
/// there were any.
pub async fn find_frozen(tx: &mut Tx, build: &BuildId) -> Result<Option<Resolved>> {
    let row: Option<(Option<String>,)> =
        sql("SELECT settings FROM builds WHERE id = $1").bind(build).opt(tx).await?;
    row.and_then(|(stored,)| stored)
        .map(|stored| {
            Resolved::try_from(stored).map_err(|e| Error::internal("reading frozen settings", e))
        })
        .transpose()
}

/// Labels that an agent must have to be given `build`.
pub async fn insert_label(tx: &mut Tx, build: &BuildId, label: &str, value: &str) -> Result<()> {
    sql("INSERT INTO build_labels (build_id, label, value) VALUES ($1, $2, $3)")
        .bind(build)
        .bind(label)
        .bind(value)
        .exec(tx)
        .await?;
    Ok(())
}
