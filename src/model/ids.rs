//! Identifiers. Every id is 24 lowercase hex characters (api.md 1.4): 4 bytes
//! of Unix seconds, 5 random bytes of this process, a 3-byte counter, so ids
//! sort roughly by creation. One newtype per table, so that they cannot be
//! swapped by accident.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

use crate::model::time::Millis;

/// The id in a path or body is not 24 lowercase hex characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 24 hex characters")]
pub struct MalformedId;

static PROCESS: LazyLock<[u8; 5]> = LazyLock::new(|| {
    let mut bytes = [0; 5];
    SystemRandom::new().fill(&mut bytes).expect("the operating system provides random bytes");
    bytes
});

static COUNTER: LazyLock<AtomicU32> = LazyLock::new(|| {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).expect("the operating system provides random bytes");
    AtomicU32::new(u32::from_be_bytes(bytes))
});

/// A fresh id, made at `now`.
fn generate(now: Millis) -> String {
    let seconds = u32::try_from(now.0 / 1000).unwrap_or(u32::MAX);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut out = format!("{seconds:08x}");
    for byte in *PROCESS {
        out.push_str(&format!("{byte:02x}"));
    }
    out.push_str(&format!("{:06x}", count & 0x00ff_ffff));
    out
}

fn is_well_formed(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash,
                 serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(try_from = "String", into = "String")]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl $name {
            /// A fresh id whose leading bytes are the second of `now`.
            pub fn generate(now: Millis) -> Self {
                Self(generate(now))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                is_well_formed(text).then(|| Self(text.to_owned())).ok_or(MalformedId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;
            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )+};
}

ids! {
    UserId,
    OrgId,
    TokenId,
    AppId,
    BuildId,
    ArtifactId,
    AgentId,
    JobId,
    AuditId,
    GroupId,
    DeploymentId,
    RecipientId,
    FeedbackId,
    CrashReportId,
    /// Made of what the reports share, not of a time.
    CrashGroupId,
    MediaId,
    DeliveryId,
    ScheduleId,
    SecureFileId,
    SessionId,
    InvitationId,
    StatusId,
    /// Of accounts of an organisation at providers.
    ConnectionId,
    /// Of incidents and of their updates.
    IncidentId,
    IdentityProviderId,
    IdentityId,
}

#[cfg(test)]
mod tests;
