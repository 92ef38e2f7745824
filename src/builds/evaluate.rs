//! Queueing what an event asks for once `model::evaluation` has said yes: each
//! commit of a lane once (TRG-5), and instead of the lane's older builds
//! (EVL-5).

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::{Build, Trigger};
use crate::model::ids::{AppId, DeliveryId};
use crate::model::origin::{Origin, PullRequest};
use crate::model::settings::Resolved;

use super::{cancel, trigger};

/// Reads of a build that changes under a cancel before giving up.
const CANCEL_TRIES: usize = 3;

/// A build that an event asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As `Origin::shown_branch` says.
    pub branch: String,
    /// 40 lowercase hex: this commit instead of the tip.
    pub commit: Option<String>,
    /// By which the commit is known as built: itself, and of an annotated tag
    /// also the tag's object.
    pub shas: Vec<String>,
    pub origin: Origin,
    pub trigger: Trigger,
}

impl Wanted {
    pub fn lane(&self) -> String {
        self.origin.lane(&self.branch)
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Under this number.
    Built(i64),
    /// The commit is built already, under this number.
    Duplicate(i64),
}

/// The settings of the moment for builds of `branch`.
pub async fn settings(tx: &mut Tx, app: &AppId, branch: &str) -> Result<Resolved> {
    Ok(db::settings::find_levels(tx, app).await?.resolve(branch))
}

/// The earlier build of the wanted commit in its lane. `Built` if it came of
/// the same delivery, which then was cut off before it could say so.
pub async fn find_earlier(
    tx: &mut Tx,
    app: &AppId,
    delivery: &DeliveryId,
    wanted: &Wanted,
) -> Result<Option<Accepted>> {
    let lane = wanted.lane();
    for sha in &wanted.shas {
        if let Some((number, of)) = db::deliveries::find_built(tx, app, &lane, sha).await? {
            let same = of.as_ref() == Some(delivery);
            return Ok(Some(if same {
                Accepted::Built(number)
            } else {
                Accepted::Duplicate(number)
            }));
        }
    }
    Ok(None)
}

/// The lanes in which a push of `new` to `branch` may build: its own, and those
/// of the pull requests that it is the head of, unless these were told before.
pub fn lanes_of_branch(branch: &str, new: &str, pulls: &[PullRequest]) -> Vec<String> {
    let own = Origin::default().lane(branch);
    let untold = pulls.iter().filter(|pull| pull.head_sha != new);
    std::iter::once(own).chain(untold.map(lane_of_pull)).collect()
}

/// Where builds of a pull request replace each other.
pub fn lane_of_pull(pull: &PullRequest) -> String {
    let origin = Origin { pull_request: Some(pull.clone()), ..Origin::default() };
    origin.lane(&origin.shown_branch(""))
}

/// Forgets that commits of a lane were built: its branch or tag has left them
/// and came back.
pub async fn forget(tx: &mut Tx, app: &AppId, lane: &str, shas: &[&str]) -> Result<()> {
    for sha in shas {
        db::deliveries::delete_built_commit(tx, app, lane, sha).await?;
    }
    Ok(())
}

/// Queues the build, or finds that it was before; safe with several servers
/// doing the same at once.
pub async fn accept(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    delivery: &DeliveryId,
    wanted: &Wanted,
) -> Result<Accepted> {
    if let Some(earlier) = find_earlier(tx, &row.id, delivery, wanted).await? {
        return Ok(earlier);
    }
    let lane = wanted.lane();
    for sha in &wanted.shas {
        if !db::deliveries::insert_built(tx, &row.id, &lane, sha, delivery).await? {
            // Another server was faster; its transaction is committed by now.
            let (number, _) = db::deliveries::find_built(tx, &row.id, &lane, sha)
                .await?
                .ok_or_else(|| Error::Conflict("the commit was forgotten meanwhile".into()))?;
            db::deliveries::set_built_number(tx, &row.id, &lane, number).await?;
            return Ok(Accepted::Duplicate(number));
        }
    }
    let request = trigger::Request {
        app: row,
        branch: &wanted.branch,
        commit: wanted.commit.as_deref(),
        origin: wanted.origin.clone(),
        trigger: wanted.trigger,
        user: None,
    };
    let id = trigger::trigger(app, tx, &request).await?;
    let build = db::builds::find(tx, &id)
        .await?
        .ok_or_else(|| Error::bug("queueing a build", "it is not there"))?;
    db::deliveries::set_built_number(tx, &row.id, &lane, build.number).await?;
    let settings = self::settings(tx, &row.id, &wanted.branch).await?;
    if settings.auto_cancel {
        cancel_older(app, tx, &build, &lane).await?;
    }
    Ok(Accepted::Built(build.number))
}

/// Cancels the unfinished builds of the lane that webhooks started before
/// `newest`; other schemes of its own number stay (EVL-5).
async fn cancel_older(app: &App, tx: &mut Tx, newest: &Build, lane: &str) -> Result<()> {
    let older = db::builds::list_unfinished_of_lane(tx, &newest.app_id, lane).await?;
    for build in older.iter().filter(|b| b.number < newest.number && is_of_webhook(b.triggered_by))
    {
        let line = format!(
            "=== Build cancelled: build #{} of the same branch replaces it ===",
            newest.number
        );
        let mut build = build.clone();
        for _ in 0..CANCEL_TRIES {
            match cancel::cancel_because(app, tx, &build, &line).await {
                Err(Error::Conflict(_)) => {}
                other => {
                    other?;
                    break;
                }
            }
            let again = db::builds::find(tx, &build.id).await?;
            build = again.ok_or_else(|| Error::bug("cancelling a build", "it is gone"))?;
        }
    }
    Ok(())
}

fn is_of_webhook(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::Webhook | Trigger::PullRequestOpen | Trigger::PullRequestUpdate)
}
