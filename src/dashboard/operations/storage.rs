//! How much is stored, by app and kind, and how much room is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::storage::Usage;
use crate::error::Result;

#[derive(Template)]
#[template(path = "operations/storage.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    database: String,
    files: String,
    disk: Option<Disk>,
    kinds: Vec<Amount>,
    apps: Vec<OfApp>,
}

struct Disk {
    free: String,
    total: String,
    /// For the meter, in MiB.
    used_mib: u64,
    total_mib: u64,
}

struct Amount {
    kind: &'static str,
    files: i64,
    size: String,
}

struct OfApp {
    path: String,
    name: String,
    deleted: bool,
    total: String,
    parts: Vec<Amount>,
}

/// As people call the kinds of `db::storage`.
fn kind_words(kind: &str) -> &'static str {
    match kind {
        "product" | "apk" => "products",
        "file" => "other artifacts",
        "log" => "logs",
        "source" => "covered source files",
        "media" => "screenshots and device logs",
        "secure file" => "secure files",
        _ => "other",
    }
}

pub async fn show(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Storage)?;
    let mut tx = app.db.read().await?;
    let usage = db::storage::list_usage(&mut tx).await?;
    let database = db::storage::database_bytes(&mut tx).await?;
    drop(tx);
    let disk = app.blobs.disk().ok().map(|disk| Disk {
        free: words::size(i64::try_from(disk.free_bytes).unwrap_or(i64::MAX)),
        total: words::size(i64::try_from(disk.total_bytes).unwrap_or(i64::MAX)),
        used_mib: disk.total_bytes.saturating_sub(disk.free_bytes) >> 20,
        total_mib: (disk.total_bytes >> 20).max(1),
    });
    let all: i64 = usage.iter().map(|one| one.bytes).sum();
    page::ok(&Page {
        shell: visit.shell(),
        frame,
        database: words::size(database),
        files: words::size(all),
        disk,
        kinds: amounts(usage.iter()),
        apps: by_app(&usage),
    })
}

fn by_app(usage: &[Usage]) -> Vec<OfApp> {
    let mut apps: BTreeMap<_, Vec<&Usage>> = BTreeMap::new();
    for one in usage {
        apps.entry(&one.app_id).or_default().push(one);
    }
    let mut apps: Vec<(i64, OfApp)> = apps
        .into_iter()
        .map(|(id, parts)| {
            let bytes = parts.iter().map(|one| one.bytes).sum();
            let shown = OfApp {
                path: format!("/apps/{id}"),
                name: parts[0].app_name.clone(),
                deleted: parts[0].deleted,
                total: words::size(bytes),
                parts: amounts(parts.iter().copied()),
            };
            (bytes, shown)
        })
        .collect();
    apps.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    apps.into_iter().map(|(_, shown)| shown).collect()
}

/// The largest first.
fn amounts<'a>(usage: impl Iterator<Item = &'a Usage>) -> Vec<Amount> {
    let mut kinds: BTreeMap<&'static str, (i64, i64)> = BTreeMap::new();
    for one in usage {
        let sum = kinds.entry(kind_words(&one.kind)).or_default();
        *sum = (sum.0 + one.files, sum.1 + one.bytes);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    let amount = |(kind, (files, bytes))| Amount { kind, files, size: words::size(bytes) };
    kinds.into_iter().map(amount).collect()
}
