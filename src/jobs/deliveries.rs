//! Evaluates deliveries, one app's in the order in which they came: a later
//! push must not be cancelled by an earlier one. Facts that a provider did not
//! tell are asked of git while no transaction is open.

mod event;
mod facts;

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::delivery::Delivery;
use crate::model::git_event::GitEvent;
use crate::model::ids::DeliveryId;

use event::Verdict;

/// Longest verdict that is kept, in characters.
const MAX_VERDICT: usize = 2_000;

/// Evaluates the delivery and all of its app's that wait before it. Two
/// servers may do so at once; each commit is built once all the same.
pub async fn evaluate(app: &App, id: &DeliveryId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(last) = db::deliveries::find(&mut tx, id).await? else { return Ok(()) };
    drop(tx);
    loop {
        let mut tx = app.db.read().await?;
        let next = db::deliveries::find_oldest_pending(&mut tx, &last).await?;
        let Some(delivery) = next else { return Ok(()) };
        let row = db::apps::find(&mut tx, &delivery.app_id).await?;
        drop(tx);
        let verdict = match row {
            Some(row) => judge_or_give_up(app, &row, &delivery).await?,
            None => Verdict::skipped("the app is deleted"),
        };
        let mut tx = app.db.write().await?;
        let text: String = verdict.text.chars().take(MAX_VERDICT).collect();
        let now = app.clock.now();
        db::deliveries::set_verdict(&mut tx, &delivery.id, &text, verdict.built, now).await?;
        tx.commit().await?;
    }
}

/// A fault of ours must not keep the app's later deliveries waiting for ever.
async fn judge_or_give_up(app: &App, row: &AppRow, delivery: &Delivery) -> Result<Verdict> {
    match judge(app, row, delivery).await {
        Err(error @ (Error::Internal { .. } | Error::Invalid(_))) => {
            tracing::error!(delivery = %delivery.id, %error, "a delivery cannot be evaluated");
            Ok(Verdict::skipped("failed: internal error, see the server's log"))
        }
        other => other,
    }
}

async fn judge(app: &App, row: &AppRow, delivery: &Delivery) -> Result<Verdict> {
    let events: Vec<GitEvent> = serde_json::from_str(&delivery.events)
        .map_err(|cause| Error::internal("reading a delivery's events", cause))?;
    let mut verdicts = Vec::new();
    for event in &events {
        let verdict = event::judge(app, row, delivery, event.clone()).await?;
        verdicts.push((event.summary(), verdict));
    }
    Ok(match verdicts.as_mut_slice() {
        [(_, only)] => std::mem::take(only),
        several => Verdict {
            built: several.iter().any(|(_, verdict)| verdict.built),
            text: several
                .iter()
                .map(|(what, verdict)| format!("{what}: {}", verdict.text))
                .collect::<Vec<_>>()
                .join("; "),
        },
    })
}
