//! What every parser stands on: object names, references and lists as
//! providers write them, held to our own rules before anything else sees them.

use serde::Deserialize;

use crate::git::remote::check_branch;
use crate::model::git_event::{Change, GitEvent, MAX_FILES, MAX_MESSAGE, PullAction, PullEvent};
use crate::model::origin::{Fork, PullRequest};
use crate::model::text::cut;

/// Events of one delivery; a push of more references than this is refused.
const MAX_EVENTS: usize = 100;
const MAX_TITLE: usize = 1_000;
const MAX_NAME: usize = 500;
/// git's own limit for a path on most systems.
const MAX_PATH: usize = 4_096;

/// Why a delivery is not understood; for whoever set the webhook up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("The payload is not valid JSON of this event: {0}")]
    Json(String),
    #[error("The payload's \"{0}\" cannot be used")]
    Member(&'static str),
    #[error("The payload is of no provider that is known here")]
    Unrecognised,
    #[error("The body must be JSON, or a form with the JSON in its field \"payload\"")]
    Encoding,
}

pub type Parsed<T = Told> = Result<T, Malformed>;

/// What one delivery tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Empty for an event that is none of ours.
    pub events: Vec<GitEvent>,
    /// URLs by which the repository may be known here.
    pub repositories: Vec<String>,
}

impl Told {
    pub fn new(events: Vec<GitEvent>, urls: &[&Option<String>]) -> Parsed {
        if events.len() > MAX_EVENTS {
            return Err(Malformed::Member("changes"));
        }
        let repositories = urls.iter().filter_map(|url| (*url).clone());
        Ok(Self { events, repositories: repositories.filter(|url| !url.is_empty()).collect() })
    }
}

/// Reads the members that a parser names, ignoring all others.
pub fn json<'a, T: Deserialize<'a>>(payload: &'a str) -> Parsed<T> {
    serde_json::from_str(payload).map_err(|error| Malformed::Json(error.to_string()))
}

/// An object name: `None` if it is missing or all zeros (TRG-7).
pub fn sha(text: Option<&str>, member: &'static str) -> Parsed<Option<String>> {
    match text {
        None | Some("") => Ok(None),
        Some(text) if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok((!text.bytes().all(|b| b == b'0')).then(|| text.to_ascii_lowercase()))
        }
        Some(_) => Err(Malformed::Member(member)),
    }
}

/// An object name that must be there.
pub fn whole_sha(text: Option<&str>, member: &'static str) -> Parsed<String> {
    sha(text, member)?.ok_or(Malformed::Member(member))
}

/// A branch or tag name, by git's own rules.
pub fn name(text: Option<&str>, member: &'static str) -> Parsed<String> {
    let text = text.ok_or(Malformed::Member(member))?;
    check_branch(text).map_err(|_| Malformed::Member(member))?;
    Ok(text.to_owned())
}

pub fn message(text: Option<&str>) -> Option<String> {
    text.map(|text| cut(text, MAX_MESSAGE))
}

/// A reference as a push tells it.
#[derive(Debug, Default)]
pub struct Moved<'a> {
    /// `refs/heads/..` or `refs/tags/..`; others do not count (TRG-7).
    pub reference: &'a str,
    pub old: Option<String>,
    /// `None` if it was deleted.
    pub new: Option<String>,
    /// What the reference points at itself, if that is no commit.
    pub object: Option<String>,
    /// False where the provider tells no old commit at all.
    pub tells_old: bool,
    pub message: Option<&'a str>,
    pub files: Option<Vec<String>>,
}

impl Moved<'_> {
    /// The event; `None` for a reference that is neither branch nor tag.
    pub fn event(self) -> Parsed<Option<GitEvent>> {
        let Self { reference, old, new, object, tells_old, message: text, files } = self;
        let (is_tag, short) =
            match (reference.strip_prefix("refs/heads/"), reference.strip_prefix("refs/tags/")) {
                (Some(short), _) => (false, short),
                (_, Some(short)) => (true, short),
                _ if reference.starts_with("refs/") => return Ok(None),
                _ => return Err(Malformed::Member("ref")),
            };
        let name = name(Some(short), "ref")?;
        let Some(new) = new else {
            return Ok(Some(match is_tag {
                true => GitEvent::TagDeleted { name },
                false => GitEvent::BranchDeleted { name },
            }));
        };
        let created = tells_old && old.is_none();
        let files = files.filter(|_| old.is_some());
        let object = object.filter(|object| is_tag && *object != new);
        let change = Change { name, old, new, object, created, message: message(text), files };
        Ok(Some(if is_tag { GitEvent::Tag(change) } else { GitEvent::Push(change) }))
    }
}

/// The union of lists of changed files; `None` if it is longer than anybody
/// should have to read, or holds what is no path.
pub fn files<'a>(lists: impl Iterator<Item = &'a Vec<String>>) -> Option<Vec<String>> {
    let mut all = std::collections::BTreeSet::new();
    for file in lists.flatten() {
        if file.is_empty() || file.len() > MAX_PATH || file.contains('\0') {
            return None;
        }
        all.insert(file.as_str());
        if all.len() > MAX_FILES {
            return None;
        }
    }
    Some(all.into_iter().map(str::to_owned).collect())
}

/// A pull request as a provider tells it.
#[derive(Debug)]
pub struct Asked<'a> {
    pub action: PullAction,
    pub number: i64,
    pub title: &'a str,
    pub head_branch: Option<&'a str>,
    /// 40 hex, or 12 or more of them where the provider cuts them.
    pub head_sha: Option<&'a str>,
    pub base_branch: Option<&'a str>,
    /// Full names; a head of `None` is a fork that was deleted.
    pub head_repository: Option<&'a str>,
    pub base_repository: Option<&'a str>,
    pub head_url: Option<&'a str>,
    pub message: Option<&'a str>,
}

impl Asked<'_> {
    pub fn event(self) -> Parsed<GitEvent> {
        if !(1..=i64::from(i32::MAX)).contains(&self.number) {
            return Err(Malformed::Member("number"));
        }
        let base = cut(self.base_repository.unwrap_or_default(), MAX_NAME);
        let fork = match self.head_repository {
            Some(head) if head.eq_ignore_ascii_case(&base) => None,
            // Deleted meanwhile; nothing can be fetched from it.
            None => Some(Fork { name: String::new(), url: String::new(), with_secrets: false }),
            Some(head) => Some(Fork {
                name: cut(head, MAX_NAME),
                url: cut(self.head_url.unwrap_or_default(), MAX_PATH),
                with_secrets: false,
            }),
        };
        let pull = PullRequest {
            number: self.number,
            title: cut(self.title, MAX_TITLE),
            head_branch: name(self.head_branch, "source branch")?,
            head_sha: head_sha(self.head_sha)?,
            base_branch: name(self.base_branch, "target branch")?,
            fork,
        };
        Ok(GitEvent::PullRequest(PullEvent {
            action: self.action,
            pull,
            base_repository: base,
            message: message(self.message),
        }))
    }
}

fn head_sha(text: Option<&str>) -> Parsed<String> {
    let text = text.unwrap_or_default();
    let is_sha = (12..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_sha { Ok(text.to_ascii_lowercase()) } else { Err(Malformed::Member("source commit")) }
}
