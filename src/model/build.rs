//! A build, its five states and the moves between them.
//!
//! `queued -> running -> success | failed | cancelled`, `queued -> cancelled`,
//! and `running -> queued` when a lease dies with attempts left. Phase and
//! failure reason stand beside the status; they are not more states.

use crate::model::ids::{AgentId, AppId, BuildId};
use crate::model::origin::{Base, Origin};
use crate::model::time::Millis;

/// A build whose agent is lost is queued again once, then failed (QUE-3).
pub const MAX_ATTEMPTS: i64 = 2;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!(concat!("unknown ", stringify!($name), " \"{}\""), other)),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    };
}
pub(crate) use text_enum;

text_enum! {
    /// The public status (api.md 2.1); typed clients know no other value.
    BuildStatus {
        Queued = "queued",
        Running = "running",
        Success = "success",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How a run ended, as the agent reports it.
    Outcome {
        Success = "success",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Where a running build is (EXE-1).
    Phase {
        Waiting = "waiting",
        Preparing = "preparing",
        Cloning = "cloning",
        PostClone = "post_clone",
        Analysing = "analysing",
        PreBuild = "pre_build",
        Building = "building",
        PostBuild = "post_build",
        Collecting = "collecting",
        Finally = "finally",
        Done = "done",
    }
}

text_enum! {
    /// Why a build failed, for a person and for a filter.
    FailureKind {
        CloneFailed = "clone_failed",
        MergeConflict = "merge_conflict",
        InvalidPlan = "invalid_plan",
        ScriptFailed = "script_failed",
        StepFailed = "step_failed",
        TimedOut = "timed_out",
        AgentLost = "agent_lost",
        AgentError = "agent_error",
        /// It needs a kind of agent that there is none of (EXE-20).
        NoAgent = "no_agent",
    }
}

text_enum! {
    /// What started a build, exported as `BUDDYBUILD_TRIGGERED_BY` (TRG-2).
    Trigger {
        Webhook = "webhook",
        PullRequestOpen = "webhook_pull_request_open",
        PullRequestUpdate = "webhook_pull_request_update",
        Ui = "ui_triggered",
        Scheduler = "scheduler",
        Rebuild = "rebuild_of_commit",
        Api = "api_triggered",
    }
}

/// Something that happened to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildEvent {
    Claimed,
    /// The agent stopped renewing its lease during attempt `attempt`.
    LeaseLost {
        attempt: i64,
    },
    Ended(Outcome),
    /// No agent will ever claim it.
    Refused,
    /// A person asked to cancel; `as_success` is `cancel_successfully` (api.md 4.9).
    CancelAsked {
        as_success: bool,
    },
}

impl BuildStatus {
    /// True once nothing will change any more (api.md 2.1 `finished`).
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }

    /// The status after `event`, or `None` when the event does not apply.
    pub fn after(self, event: BuildEvent) -> Option<Self> {
        match (self, event) {
            (Self::Queued, BuildEvent::Claimed) => Some(Self::Running),
            (Self::Queued | Self::Running, BuildEvent::CancelAsked { as_success }) => {
                Some(if as_success { Self::Success } else { Self::Cancelled })
            }
            (Self::Queued, BuildEvent::Refused) => Some(Self::Failed),
            (Self::Running, BuildEvent::LeaseLost { attempt }) => {
                Some(if attempt < MAX_ATTEMPTS { Self::Queued } else { Self::Failed })
            }
            (Self::Running, BuildEvent::Ended(outcome)) => Some(match outcome {
                Outcome::Success => Self::Success,
                Outcome::Failed => Self::Failed,
                Outcome::Cancelled => Self::Cancelled,
            }),
            _ => None,
        }
    }
}

/// One build row.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    pub id: BuildId,
    pub app_id: AppId,
    /// Per app, from 1, never reused.
    pub number: i64,
    pub status: BuildStatus,
    pub phase: Phase,
    /// A `FailureKind` as text, when `status` is `failed`.
    pub failure_kind: Option<String>,
    /// One sentence for a person.
    pub failure_message: Option<String>,
    pub scheme: String,
    pub repo_url: String,
    /// Empty while the default branch is not known yet.
    pub branch: String,
    /// Build this commit instead of the branch tip.
    pub wanted_commit: Option<String>,
    /// 40 lowercase hex, empty until the agent has resolved it.
    pub commit_sha: String,
    pub commit_author: String,
    pub commit_message: String,
    pub triggered_by: Trigger,
    pub created_at: Millis,
    pub started_at: Option<Millis>,
    pub finished_at: Option<Millis>,
    /// Counts claims; fences off an agent that lost its lease.
    pub attempt: i64,
    pub agent_id: Option<AgentId>,
    pub lease_until: Option<Millis>,
    /// `None` when no tests ran.
    pub tests_count: Option<i64>,
    pub tests_passed: Option<i64>,
    /// Mean of the targets' figures, 0..1 (COV-1).
    pub coverage: Option<f64>,
    pub disabled: bool,
    /// JSON list of `model::artifact::Download`, written when the build ends.
    pub downloads: String,
    /// JSON of `model::origin::Origin`; see `origin()`.
    pub origin: Option<String>,
    /// JSON of `model::origin::Base`, of a pull request that was merged.
    pub base: Option<String>,
}

impl Build {
    /// What was asked to be built beyond the tip of a branch. Fails for a row
    /// that was damaged.
    pub fn origin(&self) -> Result<Origin, serde_json::Error> {
        self.origin.as_deref().map_or_else(|| Ok(Origin::default()), serde_json::from_str)
    }

    /// What the pull request was merged into. Fails for a row that was damaged.
    pub fn base(&self) -> Result<Option<Base>, serde_json::Error> {
        self.base.as_deref().map(serde_json::from_str).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_is_listed() {
        use BuildEvent::*;
        use BuildStatus::*;
        let events = [
            Claimed,
            LeaseLost { attempt: 1 },
            LeaseLost { attempt: MAX_ATTEMPTS },
            Ended(Outcome::Success),
            Ended(Outcome::Failed),
            Ended(Outcome::Cancelled),
            Refused,
            CancelAsked { as_success: false },
            CancelAsked { as_success: true },
        ];
        let n = None;
        let expected = [
            (Queued, [Some(Running), n, n, n, n, n, Some(Failed), Some(Cancelled), Some(Success)]),
            (
                Running,
                [
                    n,
                    Some(Queued),
                    Some(Failed),
                    Some(Success),
                    Some(Failed),
                    Some(Cancelled),
                    n,
                    Some(Cancelled),
                    Some(Success),
                ],
            ),
            (Success, [n; 9]),
            (Failed, [n; 9]),
            (Cancelled, [n; 9]),
        ];
        for (from, outcomes) in expected {
            for (event, to) in events.iter().zip(outcomes) {
                assert_eq!(from.after(*event), to, "{from} after {event:?}");
            }
        }
    }

    #[test]
    fn texts_round_trip() {
        for status in BuildStatus::ALL {
            assert_eq!(status.as_str().parse::<BuildStatus>().as_ref(), Ok(status));
        }
        assert!("done".parse::<BuildStatus>().is_err());
    }
}
