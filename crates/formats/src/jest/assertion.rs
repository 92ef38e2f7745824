//! One entry of Jest's `assertionResults`, as the file spells it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::report::Outcome;

#[derive(Deserialize)]
pub(super) struct Assertion {
    /// Joined with ` > `.
    #[serde(rename = "ancestorTitles", default, deserialize_with = "ancestors")]
    pub(super) ancestors: String,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(rename = "fullName", default)]
    pub(super) full_name: Option<String>,
    pub(super) status: Status,
    /// Joined with an empty line.
    #[serde(rename = "failureMessages", default, deserialize_with = "failures")]
    pub(super) failures: String,
    #[serde(default)]
    pub(super) location: Option<Location>,
    /// Milliseconds; Vitest gives fractions.
    #[serde(default)]
    pub(super) duration: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Location {
    #[serde(default)]
    pub(super) line: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Passed,
    Failed,
    Pending,
    Skipped,
    Todo,
    Disabled,
}

impl Status {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Passed => Outcome::Passed,
            Self::Failed => Outcome::Failed,
            Self::Pending | Self::Skipped | Self::Todo | Self::Disabled => Outcome::Skipped,
        }
    }
}

fn ancestors<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    json.deserialize_any(Joined { separator: " > " })
}

fn failures<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    json.deserialize_any(Joined { separator: "\n\n" })
}

/// A list of texts, joined while it is read: a list of millions of empty ones
/// takes no room.
struct Joined {
    separator: &'static str,
}

impl<'de> Visitor<'de> for Joined {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or null")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<String, A::Error> {
        let mut joined = String::new();
        while let Some(part) = parts.next_element::<String>()? {
            if part.is_empty() {
                continue;
            }
            if !joined.is_empty() {
                joined.push_str(self.separator);
            }
            joined.push_str(&part);
        }
        Ok(joined)
    }
}
