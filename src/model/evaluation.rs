//! What decides that a build runs (EVL-1..EVL-9): one pure function, from the
//! settings and what is known of an event to a decision with its reason.

mod patterns;

use crate::model::settings::{Resolved, Selective, SelectiveMode};

pub use patterns::{Patterns, WrongPattern};

/// What asks for a build. Manual, scheduled, rebuild and API builds ask for a
/// build outright and are never evaluated (EVL-4, EVL-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Push,
    Tag,
    /// A pull request from the app's own repository.
    PullRequest,
    /// A pull request from a fork; `allowed` is the policy's answer (TRG-12).
    ForkPullRequest {
        allowed: bool,
    },
}

/// A fact that may have to be fetched from git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    NotAsked,
    Is(T),
    /// Asked, without an answer: never a reason not to build (EVL-7).
    Unknown,
}

/// What is known of the event.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub cause: Cause,
    /// Of a pull request.
    pub title: &'a str,
    /// Message of the head commit.
    pub message: Known<&'a str>,
    /// Every changed file. An empty list counts as unknown (EVL-7).
    pub files: Known<&'a [String]>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Build,
    /// With the reason, for a person.
    Skip(String),
    /// Ask git for the head commit's message, and decide again.
    NeedsMessage,
    /// Ask git for the changed files, and decide again.
    NeedsFiles,
}

/// Decides in the order of EVL-1: switches, skip marker, selective builds.
/// Asks for a fact only when everything before it says "build".
pub fn decide(rules: &Resolved, facts: &Facts<'_>) -> Decision {
    if let Some(reason) = switched_off(rules, facts.cause) {
        return Decision::Skip(reason.to_owned());
    }
    let is_pull =
        matches!(facts.cause, Cause::PullRequest | Cause::ForkPullRequest { allowed: true });
    if is_pull && let Some(marker) = skip_marker(facts.title) {
        return Decision::Skip(format!("{marker} in the title"));
    }
    match facts.message {
        Known::NotAsked => return Decision::NeedsMessage,
        Known::Is(message) => {
            if let Some(marker) = skip_marker(message) {
                return Decision::Skip(format!("{marker} in the commit message"));
            }
        }
        Known::Unknown => {}
    }
    select(&rules.selective, facts.files)
}

fn switched_off(rules: &Resolved, cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Push if !rules.build_pushes => Some("pushes are not built"),
        Cause::Tag if !rules.build_tags => Some("tags are not built"),
        Cause::PullRequest | Cause::ForkPullRequest { .. } if !rules.build_pull_requests => {
            Some("pull requests are not built")
        }
        Cause::ForkPullRequest { allowed: false } => {
            Some("pull requests from this fork are not built")
        }
        _ => None,
    }
}

fn select(selective: &Selective, files: Known<&[String]>) -> Decision {
    if selective.mode == SelectiveMode::Off {
        return Decision::Build;
    }
    let files = match files {
        Known::NotAsked => return Decision::NeedsFiles,
        Known::Unknown | Known::Is([]) => return Decision::Build,
        Known::Is(files) => files,
    };
    let patterns = Patterns::read(&selective.patterns);
    match selective.mode {
        SelectiveMode::Only if !files.iter().any(|file| patterns.matches(file)) => {
            Decision::Skip("no changed file matches the selective builds".into())
        }
        SelectiveMode::Except if files.iter().all(|file| patterns.matches(file)) => {
            Decision::Skip("every changed file matches the selective builds".into())
        }
        _ => Decision::Build,
    }
}

/// The marker that keeps a commit from being built, as it is written:
/// `/\[\s*(ci\s+skip|skip\s+ci)\s*\]/i` (EVL-2).
pub fn skip_marker(text: &str) -> Option<&str> {
    text.match_indices('[').find_map(|(start, _)| {
        let (inner, _) = text[start + 1..].split_once(']')?;
        let mut words = inner.split_whitespace();
        let pair = (words.next()?, words.next()?);
        let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
        let marks =
            (is(pair.0, "ci") && is(pair.1, "skip")) || (is(pair.0, "skip") && is(pair.1, "ci"));
        (marks && words.next().is_none()).then(|| &text[start..start + inner.len() + 2])
    })
}

#[cfg(test)]
mod tests;
