//! iOS devices of testers (DEP-10).

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::distribution::Device;
use crate::model::ids::AppId;

/// Records a device, or that it belongs to somebody else now. The moment of its
/// first registration stays.
pub async fn upsert(tx: &mut Tx, device: &Device) -> Result<()> {
    let Device { udid, email, address, product, os_build, os_version, registered_at, seen_at } =
        device;
    sql("INSERT INTO devices
           (udid, email, address, product, os_build, os_version, registered_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (udid) DO UPDATE
         SET email = excluded.email, address = excluded.address, product = excluded.product,
           os_build = excluded.os_build, os_version = excluded.os_version,
           seen_at = excluded.seen_at")
    .bind(udid)
    .bind(email)
    .bind(address)
    .bind(product)
    .bind(os_build)
    .bind(os_version)
    .bind(*registered_at)
    .bind(*seen_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, udid: &str) -> Result<Option<Device>> {
    sql("SELECT udid, email, address, product, os_build, os_version, registered_at, seen_at
         FROM devices WHERE udid = $1")
    .bind(udid)
    .opt(tx)
    .await
}

/// Devices of one address, the newest first.
pub async fn list_of(tx: &mut Tx, email: &str) -> Result<Vec<Device>> {
    sql("SELECT udid, email, address, product, os_build, os_version, registered_at, seen_at
         FROM devices WHERE email = $1 ORDER BY seen_at DESC, udid")
    .bind(email)
    .all(tx)
    .await
}

/// Devices of everybody in a group of the app, by address.
pub async fn list_of_app(tx: &mut Tx, app: &AppId) -> Result<Vec<Device>> {
    sql("SELECT d.udid, d.email, d.address, d.product, d.os_build, d.os_version,
           d.registered_at, d.seen_at
         FROM devices d
         WHERE EXISTS (SELECT 1 FROM group_testers t
           JOIN deployment_groups g ON g.id = t.group_id AND g.deleted_at IS NULL
           WHERE g.app_id = $1 AND t.email = d.email AND t.unsubscribed_at IS NULL)
         ORDER BY d.email, d.seen_at DESC, d.udid")
    .bind(app)
    .all(tx)
    .await
}

/// Forgets a device of this address; false if it is somebody else's.
pub async fn delete(tx: &mut Tx, udid: &str, email: &str) -> Result<bool> {
    let changed = sql("DELETE FROM devices WHERE udid = $1 AND email = $2")
        .bind(udid)
        .bind(email)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}
