//! `shipmate admin rotate-key`: a new master key, and every sealed value under
//! it. Works beside running servers, which look for a new key each time they
//! seal; may be stopped at any point and run again.

use serde_json::json;

use super::admin::Answer;
use super::{Console, Failure, Result};
use crate::accounts::audit::{self, Change};
use crate::accounts::sign_in::totp_place;
use crate::accounts::sso::providers;
use crate::accounts::{letters, tokens};
use crate::app::App;
use crate::apps::{self, secure_files, ssh_keys, variables, webhook};
use crate::builds::statuses;
use crate::db::sealed::{self as rows, Column, Sealed};
use crate::error::Error;
use crate::http::idempotency;
use crate::model::connection;
use crate::model::time::Millis;

/// Values of one transaction: servers wait for no longer than these take.
const BATCH: i64 = 200;
/// Looks at a column whose values change meanwhile.
const ROUNDS: usize = 3;
/// How long a running server may still write what it sealed before it saw the
/// new key: far beyond the longest transaction.
const SETTLE_MS: i64 = 3_600_000;

/// What was done.
#[derive(Debug, Default)]
struct Done {
    resealed: u64,
    /// Places whose values no key opens.
    unreadable: Vec<String>,
}

pub(super) async fn run(app: &App, forget_old: bool, console: &mut Console) -> Result<Answer> {
    // An earlier run may have been stopped; then it goes on with its key.
    if !forget_old && app.keys.count() == 1 {
        let key = app.keys.add()?;
        console.note(&format!("Made the master key {key}"));
        record(app, "master_key.add", &key).await?;
    }
    let done = reseal(app, console).await?;
    let forgotten = match forget_old {
        true => forget(app, &done).await?,
        false => Vec::new(),
    };
    let key = newest(app);
    let Done { resealed, unreadable } = &done;
    let mut text = format!("Sealed {resealed} values anew; all others are under {key} already\n");
    for place in unreadable {
        text.push_str(&format!("No key opens {place}: set it again, or delete it\n"));
    }
    match (forget_old, app.keys.count()) {
        (true, _) => text.push_str(&format!("Deleted the keys before {key}\n")),
        (false, 1) => {}
        (false, _) => text.push_str(&format!(
            "Older keys are still there. Delete them from {} on: shipmate admin rotate-key --forget-old\n",
            settled_at(app)?.to_iso()
        )),
    }
    let json = json!({
        "key": key,
        "resealed": resealed,
        "unreadable": unreadable,
        "forgotten": forgotten,
    });
    Ok(Answer { text, json })
}

fn newest(app: &App) -> String {
    app.keys.newest_prefix().trim_end_matches('.').to_owned()
}

fn settled_at(app: &App) -> Result<Millis> {
    Ok(app.keys.newest_since()?.plus(SETTLE_MS))
}

async fn record(app: &App, action: &'static str, key: &str) -> Result {
    let mut tx = app.db.write().await?;
    audit::record_system(&mut tx, Change::of_account(action, key), app.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// Deletes the older keys once nothing is left that needs them.
async fn forget(app: &App, done: &Done) -> Result<Vec<String>> {
    if app.keys.count() == 1 {
        return Err(Failure::failed("there is only one master key; make a new one first"));
    }
    let settled = settled_at(app)?;
    if app.clock.now() < settled {
        return Err(Failure::failed(format!(
            "the newest key is too young: a running server may still write what it sealed with \
             the older one; try again from {} on",
            settled.to_iso()
        )));
    }
    if let Some(place) = done.unreadable.first() {
        return Err(Failure::failed(format!(
            "{} values cannot be opened, the first is {place}; older keys stay until these are \
             set again or deleted",
            done.unreadable.len()
        )));
    }
    let forgotten = app.keys.forget_old()?;
    record(app, "master_key.delete", &forgotten.join(", ")).await?;
    Ok(forgotten)
}

async fn reseal(app: &App, console: &mut Console) -> Result<Done> {
    let mut done = Done::default();
    for column in Column::ALL {
        for _ in 0..ROUNDS {
            let unreadable = reseal_column(app, *column, &mut done, console).await?;
            let left = count(app, *column).await?;
            if left == i64::try_from(unreadable.len()).unwrap_or(i64::MAX) {
                done.unreadable.extend(unreadable);
                break;
            }
        }
    }
    // A server that saw the new key late may have added some since.
    let mut left = 0;
    for column in Column::ALL {
        left += count(app, *column).await?;
    }
    if left > i64::try_from(done.unreadable.len()).unwrap_or(i64::MAX) {
        return Err(Failure::failed(format!(
            "{left} values are still under an older key; run the command again"
        )));
    }
    Ok(done)
}

async fn count(app: &App, column: Column) -> Result<i64> {
    let mut tx = app.db.read().await?;
    Ok(rows::count(&mut tx, column, &app.keys.newest_prefix()).await?)
}

/// Goes through one column; the places of what no key opens.
async fn reseal_column(
    app: &App,
    column: Column,
    done: &mut Done,
    console: &mut Console,
) -> Result<Vec<String>> {
    let (table, name) = column.names();
    let total = count(app, column).await?;
    let mut unreadable = Vec::new();
    if total == 0 {
        return Ok(unreadable);
    }
    let mut seen = 0;
    loop {
        let skip = i64::try_from(unreadable.len()).unwrap_or(i64::MAX);
        let mut tx = app.db.write().await?;
        let batch = rows::list(&mut tx, column, &app.keys.newest_prefix(), skip, BATCH).await?;
        if batch.is_empty() {
            break;
        }
        for value in &batch {
            match place(column, value).and_then(|at| app.keys.reseal(&at, &value.sealed)) {
                Ok(new) => done.resealed += rows::replace(&mut tx, column, value, &new).await?,
                Err(_) => unreadable.push(describe(column, value)),
            }
        }
        tx.commit().await?;
        seen += batch.len();
        console.note(&format!("{table}.{name}: {seen} of {}", total.max(seen as i64)));
    }
    Ok(unreadable)
}

fn describe(column: Column, value: &Sealed) -> String {
    let (table, name) = column.names();
    let Sealed { a, b, c, d, sealed: _ } = value;
    let key = [a, b, c, d].map(String::as_str).into_iter().filter(|part| !part.is_empty());
    format!("{table}.{name} of {}", key.collect::<Vec<_>>().join(" "))
}

/// What the value was sealed for.
fn place(column: Column, value: &Sealed) -> crate::error::Result<String> {
    let Sealed { a, b, c, d, sealed: _ } = value;
    let refuse = |_| Error::bug("sealing anew", "the id of a row is none");
    Ok(match column {
        Column::RepoCredential => apps::credential_place(&a.parse().map_err(refuse)?),
        Column::Variable => variables::sealing_place(a, b, c, d),
        Column::SecureFile => secure_files::sealing_place(&a.parse().map_err(refuse)?),
        Column::SshKey => ssh_keys::sealing_place(&a.parse().map_err(refuse)?),
        Column::ProviderToken => statuses::token_place(&a.parse().map_err(refuse)?),
        Column::ConnectionToken => connection::token_place(&a.parse().map_err(refuse)?),
        Column::WebhookSecret => webhook::sealing_place(&a.parse().map_err(refuse)?),
        Column::TokenCopy => tokens::copy_place(&a.parse().map_err(refuse)?),
        Column::LetterKey => letters::sealing_place(&a.parse().map_err(refuse)?),
        Column::SecondFactor => totp_place(&a.parse().map_err(refuse)?),
        Column::ClientSecret => providers::sealing_place(&a.parse().map_err(refuse)?),
        Column::KeptAnswer => idempotency::sealing_place(&a.parse().map_err(refuse)?, b),
    })
}
