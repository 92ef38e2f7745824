//! Queueing builds: one per scheme, with the settings of the moment (CFG-3,
//! CFG-4). No git call here: the caller resolved the branch, the
//! agent reports the commit.

use crate::app::App;
use crate::db::builds::{End, NewBuild};
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::{Build, BuildEvent, FailureKind, Trigger};
use crate::model::ids::{BuildId, UserId};
use crate::model::origin::Origin;
use crate::model::settings::Resolved;

use super::{finish, logs, statuses};

/// What an agent says of itself that has Xcode.
const MAC: (&str, &str) = ("platform", "ios");

/// What to build, and why.
#[derive(Debug)]
pub struct Request<'a> {
    pub app: &'a AppRow,
    /// Empty = the remote's default branch, not known yet. Of a pull request or
    /// a tag: what `Origin::shown_branch` says.
    pub branch: &'a str,
    /// 40 lowercase hex: this commit instead of the tip.
    pub commit: Option<&'a str>,
    pub origin: Origin,
    pub trigger: Trigger,
    pub user: Option<&'a UserId>,
}

impl<'a> Request<'a> {
    /// The tip of `branch`.
    pub fn tip(
        app: &'a AppRow,
        branch: &'a str,
        trigger: Trigger,
        user: Option<&'a UserId>,
    ) -> Self {
        Self { app, branch, commit: None, origin: Origin::default(), trigger, user }
    }
}

/// Queues one build for each scheme that the branch's settings name, all under
/// the app's next number; the id of the first.
pub async fn trigger(app: &App, tx: &mut Tx, request: &Request<'_>) -> Result<BuildId> {
    let settings = db::settings::find_levels(tx, &request.app.id).await?.resolve(request.branch);
    let schemes = settings.targets(request.app.platform);
    queue(app, tx, request, &settings, &schemes).await
}

/// Queues a build of one of the schemes that the branch's settings name.
///
/// # Errors
/// `Invalid` for a scheme that they do not name.
pub async fn trigger_scheme(
    app: &App,
    tx: &mut Tx,
    request: &Request<'_>,
    scheme: &str,
) -> Result<BuildId> {
    let settings = db::settings::find_levels(tx, &request.app.id).await?.resolve(request.branch);
    let known = settings.targets(request.app.platform);
    let Some(at) = known.iter().position(|name| name == scheme) else {
        return Err(Error::invalid_parameter("scheme"));
    };
    queue(app, tx, request, &settings, &known[at..=at]).await
}

/// Queues builds of these schemes, whatever the settings name today.
pub(super) async fn trigger_schemes(
    app: &App,
    tx: &mut Tx,
    request: &Request<'_>,
    schemes: &[String],
) -> Result<BuildId> {
    let settings = db::settings::find_levels(tx, &request.app.id).await?.resolve(request.branch);
    queue(app, tx, request, &settings, schemes).await
}

async fn queue(
    app: &App,
    tx: &mut Tx,
    request: &Request<'_>,
    settings: &Resolved,
    schemes: &[String],
) -> Result<BuildId> {
    let now = app.clock.now();
    let origin = (request.origin != Origin::default())
        .then(|| serde_json::to_string(&request.origin))
        .transpose()
        .map_err(|e| Error::internal("writing a build's origin", e))?;
    let number = db::apps::take_build_number(tx, &request.app.id).await?;
    let frozen = settings.to_json();
    let labels = settings.agent_labels(request.app.platform);
    let mac = (MAC.0.to_owned(), MAC.1.to_owned());
    let lacks_mac = labels.contains(&mac) && !db::agents::has_registered(tx, MAC.0, MAC.1).await?;
    let mut first = None;
    for scheme in schemes {
        let id = BuildId::generate(now);
        let new = NewBuild {
            id: &id,
            app_id: &request.app.id,
            number,
            scheme,
            repo_url: &request.app.repo_url,
            branch: request.branch,
            commit: request.commit,
            origin: origin.as_deref(),
            lane: &request.origin.lane(request.branch),
            settings: Some(&frozen),
            triggered_by: request.trigger.as_str(),
            user: request.user,
            created_at: now,
        };
        db::builds::insert(tx, &new).await?;
        db::logs::insert_head(tx, &id).await?;
        for (label, value) in &labels {
            db::settings::insert_label(tx, &id, label, value).await?;
        }
        let build = db::builds::find(tx, &id)
            .await?
            .ok_or_else(|| Error::bug("queueing a build", "it is not there"))?;
        statuses::tell(app, tx, &build, build.status).await?;
        if lacks_mac {
            refuse(app, tx, &build).await?;
        }
        first.get_or_insert(id);
    }
    if !request.branch.is_empty() && request.origin == Origin::default() {
        db::apps::upsert_branch(tx, &request.app.id, request.branch).await?;
    }
    tx.wake_on_commit(Topic::Queue);
    first.ok_or_else(|| Error::bug("queueing builds", "no scheme to build"))
}

/// Fails a build that needs Xcode where no Mac has ever registered: it would
/// wait for ever (EXE-20).
async fn refuse(app: &App, tx: &mut Tx, build: &Build) -> Result<()> {
    let Some(status) = build.status.after(BuildEvent::Refused) else { return Ok(()) };
    let message = "the settings of this build need Xcode (an Xcode version, simulators or an \
                   archive), and no agent with platform=ios has ever registered; start one on a \
                   Mac, see docs/agents.md";
    logs::write_line(app, tx, &build.id, &format!("=== Build failed: {message} ===")).await?;
    let end = End {
        status,
        failure_kind: Some(FailureKind::NoAgent.as_str()),
        failure_message: Some(message),
        at: app.clock.now(),
        downloads: "[]",
        tests: None,
        coverage: None,
    };
    db::builds::end(tx, &build.id, build.status, build.attempt, &end).await?;
    statuses::tell(app, tx, build, status).await?;
    finish::let_go(app, tx, build, None).await?;
    tx.wake_on_commit(Topic::Build(build.id.clone()));
    Ok(())
}
