//! One event: what it says of branches and pull requests is written down, then
//! the builds that it asks for are decided.

use crate::app::App;
use crate::apps;
use crate::builds::evaluate::{self, Accepted, Wanted};
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::app::App as AppRow;
use crate::model::build::Trigger;
use crate::model::delivery::Delivery;
use crate::model::evaluation::{Cause, Decision, Facts, Known, decide};
use crate::model::git_event::{Change, GitEvent, PullAction, PullEvent};
use crate::model::origin::{Fork, Origin, PullRequest};
use crate::model::settings::Resolved;

use super::facts;

/// What came of an event, for a person.
#[derive(Debug, Default, Clone)]
pub struct Verdict {
    pub text: String,
    pub built: bool,
}

impl Verdict {
    pub fn skipped(text: impl Into<String>) -> Self {
        Self { text: text.into(), built: false }
    }
}

/// A build that could come of an event, with what is known of its commit.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub cause: Cause,
    pub wanted: Wanted,
    /// The commit to ask git about.
    pub sha: String,
    pub message: Known<String>,
    pub files: Known<Vec<String>>,
    /// What its changed files are counted from.
    pub since: Since,
}

#[derive(Debug, Clone)]
pub(super) enum Since {
    /// Nothing that git could tell.
    Unknown,
    Commit(String),
    /// Where it parted from this branch; `None`: from the default branch.
    Branch(Option<String>),
}

enum Attempt {
    Done(Verdict),
    /// With whether the changed files are needed, too.
    NeedsFacts {
        files: bool,
    },
}

/// Writes down what `event` says, and builds what it asks for.
pub async fn judge(
    app: &App,
    row: &AppRow,
    delivery: &Delivery,
    mut event: GitEvent,
) -> Result<Verdict> {
    if let GitEvent::PullRequest(pull) = &mut event {
        place_fork(row, pull);
        facts::complete_head(app, row, &mut pull.pull).await?;
    }
    let mut tx = app.db.write().await?;
    let noted = note(app, &mut tx, row, delivery, event).await?;
    let candidates = match noted {
        Noted::Nothing(text) => {
            tx.commit().await?;
            return Ok(Verdict::skipped(text));
        }
        Noted::Candidates(candidates) => candidates,
    };
    let mut verdicts = Vec::new();
    let mut open = Vec::new();
    for candidate in candidates {
        match attempt(app, &mut tx, row, delivery, &candidate).await? {
            Attempt::Done(verdict) => verdicts.push(verdict),
            Attempt::NeedsFacts { files } => open.push((candidate, files)),
        }
    }
    tx.commit().await?;
    for (mut candidate, files) in open {
        facts::ask_git(app, row, &mut candidate, files).await?;
        let mut tx = app.db.write().await?;
        if let Attempt::Done(verdict) = attempt(app, &mut tx, row, delivery, &candidate).await? {
            verdicts.push(verdict);
        }
        tx.commit().await?;
    }
    let texts: Vec<_> = verdicts.iter().map(|verdict| verdict.text.clone()).collect();
    Ok(Verdict { text: texts.join(", "), built: verdicts.iter().any(|verdict| verdict.built) })
}

/// Decides about one candidate and queues it if nothing speaks against it.
async fn attempt(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    candidate: &Candidate,
) -> Result<Attempt> {
    let wanted = &candidate.wanted;
    // Most repeats end here, before git is asked for anything.
    if let Some(earlier) = evaluate::find_earlier(tx, &row.id, &delivery.id, wanted).await? {
        return Ok(Attempt::Done(told(earlier)));
    }
    let settings = evaluate::settings(tx, &row.id, &wanted.branch).await?;
    let (cause, wanted) = with_policy(&settings, candidate);
    let facts = Facts {
        cause,
        title: wanted.origin.pull_request.as_ref().map_or("", |pull| &pull.title),
        message: borrowed(&candidate.message),
        files: borrowed(&candidate.files),
    };
    match decide(&settings, &facts) {
        Decision::Skip(reason) => Ok(Attempt::Done(Verdict::skipped(format!("skipped: {reason}")))),
        Decision::NeedsMessage => Ok(Attempt::NeedsFacts { files: settings.selective.is_on() }),
        Decision::NeedsFiles => Ok(Attempt::NeedsFacts { files: true }),
        Decision::Build => {
            let accepted = evaluate::accept(app, tx, row, &delivery.id, &wanted).await?;
            Ok(Attempt::Done(told(accepted)))
        }
    }
}

fn told(accepted: Accepted) -> Verdict {
    match accepted {
        Accepted::Built(number) => Verdict { text: format!("built #{number}"), built: true },
        Accepted::Duplicate(number) => Verdict::skipped(format!("duplicate of #{number}")),
    }
}

fn borrowed<T: std::ops::Deref>(known: &Known<T>) -> Known<&T::Target> {
    match known {
        Known::NotAsked => Known::NotAsked,
        Known::Unknown => Known::Unknown,
        Known::Is(value) => Known::Is(value),
    }
}

/// What the settings of the moment say of a fork (TRG-12, SEC-7).
fn with_policy(settings: &Resolved, candidate: &Candidate) -> (Cause, Wanted) {
    let mut wanted = candidate.wanted.clone();
    let mut cause = candidate.cause;
    if let Some(Fork { name, with_secrets, .. }) =
        wanted.origin.pull_request.as_mut().and_then(|pull| pull.fork.as_mut())
    {
        *with_secrets = settings.forks.trusts(name);
        cause = Cause::ForkPullRequest { allowed: settings.forks.builds(name) };
    }
    (cause, wanted)
}

/// From here on a fork's URL is one that the app's own URL vouches for, or empty.
fn place_fork(row: &AppRow, event: &mut PullEvent) {
    let Some(fork) = &mut event.pull.fork else { return };
    let base = &event.base_repository;
    match apps::fork_place(&row.repo_url, base, &fork.name, &fork.url) {
        Some((name, url)) => *fork = Fork { name, url, with_secrets: false },
        None => fork.url.clear(),
    }
}

enum Noted {
    Candidates(Vec<Candidate>),
    /// Nothing to build, and why.
    Nothing(String),
}

async fn note(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    event: GitEvent,
) -> Result<Noted> {
    let now = app.clock.now();
    Ok(match event {
        GitEvent::Ping => Noted::Nothing("ping".into()),
        GitEvent::BranchCreated { name } => {
            db::apps::upsert_branch(tx, &row.id, &name).await?;
            Noted::Nothing("branch created".into())
        }
        GitEvent::BranchDeleted { name } => {
            db::apps::mark_branch_deleted(tx, &row.id, &name, now).await?;
            db::remotes::delete_ref(tx, &row.id, &format!("refs/heads/{name}")).await?;
            let lane = Origin::default().lane(&name);
            db::deliveries::delete_built(tx, &row.id, &lane).await?;
            Noted::Nothing("branch deleted".into())
        }
        GitEvent::TagDeleted { name } => {
            db::remotes::delete_ref(tx, &row.id, &format!("refs/tags/{name}")).await?;
            let origin = Origin { tag: Some(name), ..Origin::default() };
            db::deliveries::delete_built(tx, &row.id, &origin.lane("")).await?;
            Noted::Nothing("tag deleted".into())
        }
        GitEvent::Tag(change) => {
            Noted::Candidates(vec![note_tag(tx, row, delivery, change).await?])
        }
        GitEvent::Push(change) => {
            Noted::Candidates(note_push(app, tx, row, delivery, change).await?)
        }
        GitEvent::PullRequest(pull) => {
            note_head(tx, row, delivery, &pull).await?;
            note_pull(app, tx, row, pull).await?
        }
    })
}

/// Notes where a branch or tag is. One that has left a commit of these lanes
/// and came back to it builds it once more.
async fn note_ref(
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    moved: &Moved<'_>,
    lanes: &[String],
) -> Result<()> {
    if delivery.evaluated_at.is_some() {
        // Told again by hand: where the reference is by now, others know better.
        return Ok(());
    }
    let Moved { reference, old, new, listed } = *moved;
    let known = db::remotes::find_ref(tx, &row.id, reference).await?;
    // What is told late or twice starts elsewhere than where the reference is.
    let leaves = old.is_some() && known.as_deref() == old && old != Some(listed);
    let mut built = false;
    for lane in lanes {
        let earlier = db::deliveries::find_built(tx, &row.id, lane, new).await?;
        built |= earlier.is_some();
        if leaves && earlier.is_some_and(|(_, of)| of.as_ref() != Some(&delivery.id)) {
            evaluate::forget(tx, &row.id, lane, &[new, listed]).await?;
        }
    }
    if leaves || !built || known.is_none() {
        db::remotes::upsert_ref(tx, &row.id, reference, listed).await?;
    }
    Ok(())
}

/// A reference that points elsewhere now.
#[derive(Debug, Clone, Copy)]
struct Moved<'a> {
    /// Its full name.
    reference: &'a str,
    old: Option<&'a str>,
    /// The commit.
    new: &'a str,
    /// What the remote lists: of an annotated tag its object.
    listed: &'a str,
}

async fn note_tag(
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    change: Change,
) -> Result<Candidate> {
    let Change { name, old, new, message, object, .. } = change;
    let listed = object.as_deref().unwrap_or(&new);
    let reference = format!("refs/tags/{name}");
    let moved = Moved { reference: &reference, old: old.as_deref(), new: &new, listed };
    let origin = Origin { tag: Some(name), ..Origin::default() };
    note_ref(tx, row, delivery, &moved, &[origin.lane("")]).await?;
    Ok(Candidate {
        cause: Cause::Tag,
        sha: new.clone(),
        wanted: Wanted {
            branch: origin.shown_branch(""),
            // The tag says which commit; `new` may be the tag's own object.
            commit: None,
            shas: std::iter::once(new).chain(object).collect(),
            origin,
            trigger: Trigger::Webhook,
        },
        message: message.map_or(Known::NotAsked, Known::Is),
        // A tag changes no files (EVL-7).
        files: Known::Unknown,
        since: Since::Unknown,
    })
}

async fn note_push(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    change: Change,
) -> Result<Vec<Candidate>> {
    let Change { name, old, new, created, message, files, object: _ } = change;
    db::apps::upsert_branch(tx, &row.id, &name).await?;
    let message = message.map_or(Known::NotAsked, Known::Is);
    let mut pulls = db::pulls::list_open_of_branch(tx, &row.id, &name).await?;
    let lanes = evaluate::lanes_of_branch(&name, &new, &pulls);
    let reference = format!("refs/heads/{name}");
    let moved = Moved { reference: &reference, old: old.as_deref(), new: &new, listed: &new };
    note_ref(tx, row, delivery, &moved, &lanes).await?;
    for pull in &mut pulls {
        pull.head_sha.clone_from(&new);
        db::pulls::upsert(tx, &row.id, pull, true, app.clock.now()).await?;
    }
    let settings = evaluate::settings(tx, &row.id, &name).await?;
    if settings.build_pull_requests && !pulls.is_empty() {
        // Instead of the push (TRG-10).
        let candidates = pulls.into_iter().map(|pull| {
            of_pull(pull, Trigger::PullRequestUpdate, message.clone(), Cause::PullRequest)
        });
        return Ok(candidates.collect());
    }
    let since = match (old, created) {
        (Some(old), _) => Since::Commit(old),
        (None, true) => Since::Branch(None),
        (None, false) => Since::Unknown,
    };
    Ok(vec![Candidate {
        cause: Cause::Push,
        sha: new.clone(),
        wanted: Wanted {
            branch: name,
            commit: Some(new.clone()),
            shas: vec![new],
            origin: Origin::default(),
            trigger: Trigger::Webhook,
        },
        message,
        files: files.map_or(Known::NotAsked, Known::Is),
        since,
    }])
}

/// A pull request whose head has left a commit and came back to it builds it
/// once more.
async fn note_head(
    tx: &mut Tx,
    row: &AppRow,
    delivery: &Delivery,
    event: &PullEvent,
) -> Result<()> {
    let PullEvent { action, pull, .. } = event;
    if *action != PullAction::Updated || delivery.evaluated_at.is_some() {
        return Ok(());
    }
    let known = db::pulls::find_open(tx, &row.id, pull.number).await?;
    if known.is_none_or(|known| known.head_sha == pull.head_sha) {
        return Ok(());
    }
    let lane = evaluate::lane_of_pull(pull);
    let earlier = db::deliveries::find_built(tx, &row.id, &lane, &pull.head_sha).await?;
    if earlier.is_some_and(|(_, of)| of.as_ref() != Some(&delivery.id)) {
        evaluate::forget(tx, &row.id, &lane, &[&pull.head_sha]).await?;
    }
    Ok(())
}

async fn note_pull(app: &App, tx: &mut Tx, row: &AppRow, event: PullEvent) -> Result<Noted> {
    let PullEvent { action, pull, base_repository: _, message } = event;
    let now = app.clock.now();
    let unreachable = pull.fork.as_ref().is_some_and(|fork| fork.url.is_empty());
    db::pulls::upsert(tx, &row.id, &pull, action != PullAction::Closed, now).await?;
    let cause = match &pull.fork {
        None => Cause::PullRequest,
        Some(_) => Cause::ForkPullRequest { allowed: false },
    };
    let message = message.map_or(Known::NotAsked, Known::Is);
    Ok(match action {
        PullAction::Closed => {
            let candidate = of_pull(pull, Trigger::PullRequestOpen, message, cause);
            let lane = candidate.wanted.lane();
            // Opened again, it builds again (TRG-9).
            db::deliveries::delete_built_commit(tx, &row.id, &lane, &candidate.sha).await?;
            Noted::Nothing("pull request closed".into())
        }
        PullAction::Edited => Noted::Nothing("skipped: no new commits".into()),
        _ if unreachable => Noted::Nothing("skipped: the fork's repository cannot be told".into()),
        PullAction::Opened => {
            Noted::Candidates(vec![of_pull(pull, Trigger::PullRequestOpen, message, cause)])
        }
        PullAction::Updated => {
            Noted::Candidates(vec![of_pull(pull, Trigger::PullRequestUpdate, message, cause)])
        }
    })
}

fn of_pull(
    mut pull: PullRequest,
    trigger: Trigger,
    message: Known<String>,
    cause: Cause,
) -> Candidate {
    let sha = pull.head_sha.clone();
    let is_whole = sha.len() == 40;
    if !is_whole {
        // Neither the provider nor the remote tells more; the agent takes the
        // tip of the head's branch.
        pull.head_sha.clear();
    }
    let base = pull.base_branch.clone();
    let origin = Origin { pull_request: Some(pull), ..Origin::default() };
    Candidate {
        cause,
        wanted: Wanted {
            branch: origin.shown_branch(""),
            commit: is_whole.then(|| sha.clone()),
            shas: vec![sha.clone()],
            origin,
            trigger,
        },
        sha,
        message,
        files: Known::NotAsked,
        since: Since::Branch(Some(base)),
    }
}
