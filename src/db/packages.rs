//! What was read in app packages, one row per artifact. Rows go with their
//! artifact; whoever deletes artifacts also deletes the icons' blobs.

use crate::db::sql::{Tx, sql};
use crate::error::{Error, Result};
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::package::{Package, PackageFacts};
use crate::model::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    artifact_id: ArtifactId,
    facts: Option<String>,
    error: Option<String>,
    icon_key: Option<String>,
    created_at: Millis,
}

impl Row {
    fn read(self) -> Result<Package> {
        let Self { artifact_id, facts, error, icon_key, created_at } = self;
        let facts: Option<PackageFacts> = facts
            .map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|cause| Error::internal("reading the facts of a package", cause))?;
        Ok(Package { artifact_id, facts, error, icon_key, created_at })
    }
}

/// Records what was read; false if the artifact has its row already.
pub async fn insert(tx: &mut Tx, package: &Package) -> Result<bool> {
    let Package { artifact_id, facts, error, icon_key, created_at } = package;
    let facts = facts
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(|cause| Error::internal("writing the facts of a package", cause))?;
    let changed = sql("INSERT INTO packages (artifact_id, facts, error, icon_key, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (artifact_id) DO NOTHING")
    .bind(artifact_id)
    .bind(facts)
    .bind(error.clone())
    .bind(icon_key.clone())
    .bind(*created_at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find(tx: &mut Tx, artifact: &ArtifactId) -> Result<Option<Package>> {
    let row: Option<Row> = sql("SELECT artifact_id, facts, error, icon_key, created_at
         FROM packages WHERE artifact_id = $1")
    .bind(artifact)
    .opt(tx)
    .await?;
    row.map(Row::read).transpose()
}

/// The packages among the artifacts of a build, in the order of their ids.
pub async fn list(tx: &mut Tx, build: &BuildId) -> Result<Vec<Package>> {
    let rows: Vec<Row> = sql("SELECT p.artifact_id, p.facts, p.error, p.icon_key, p.created_at
         FROM packages p JOIN artifacts a ON a.id = p.artifact_id
         WHERE a.build_id = $1 ORDER BY p.artifact_id")
    .bind(build)
    .all(tx)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// What was read in a package, beside its app and build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub app_id: AppId,
    pub app_name: String,
    pub build_id: BuildId,
    pub number: i64,
    pub facts: PackageFacts,
}

#[derive(sqlx::FromRow)]
struct SignedRow {
    app_id: AppId,
    app_name: String,
    build_id: BuildId,
    number: i64,
    facts: String,
}

/// The packages of the newest `per` successful builds of each scheme of each
/// app, newest build first.
pub async fn list_newest(tx: &mut Tx, per: i64) -> Result<Vec<Signed>> {
    let rows: Vec<SignedRow> =
        sql("SELECT b.app_id, a.name AS app_name, b.id AS build_id, b.number, p.facts
         FROM (SELECT id, app_id, number, created_at, ROW_NUMBER() OVER
             (PARTITION BY app_id, scheme ORDER BY created_at DESC, id DESC) AS place
           FROM builds WHERE status = 'success') b
         JOIN apps a ON a.id = b.app_id AND a.deleted_at IS NULL
         JOIN artifacts x ON x.build_id = b.id
         JOIN packages p ON p.artifact_id = x.id
         WHERE b.place <= $1 AND p.facts IS NOT NULL
         ORDER BY b.created_at DESC, b.id DESC, p.artifact_id")
        .bind(per)
        .all(tx)
        .await?;
    rows.into_iter()
        .map(|row| {
            let SignedRow { app_id, app_name, build_id, number, facts } = row;
            let facts = serde_json::from_str(&facts)
                .map_err(|cause| Error::internal("reading the facts of a package", cause))?;
            Ok(Signed { app_id, app_name, build_id, number, facts })
        })
        .collect()
}
