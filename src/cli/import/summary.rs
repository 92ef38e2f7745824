//! What a run has done, for people and for scripts.

use std::fmt::Write;

use serde_json::json;

use crate::cli::render::plain;

/// Reasons that are printed for people; JSON has them all.
const MAX_SHOWN: usize = 50;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    App,
    Build,
    Feedback,
    CrashReport,
}

impl Kind {
    const ALL: [Self; 4] = [Self::App, Self::Build, Self::Feedback, Self::CrashReport];

    /// The member of the JSON.
    fn name(self) -> &'static str {
        match self {
            Self::App => "apps",
            Self::Build => "builds",
            Self::Feedback => "feedback",
            Self::CrashReport => "crash_reports",
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::CrashReport => "crash reports",
            other => other.name(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Summary {
    imported: [u64; 4],
    already_there: [u64; 4],
    /// Path in the export and why.
    skipped: Vec<(String, String)>,
    /// Path in the export, and what of an imported item was left out.
    incomplete: Vec<(String, String)>,
}

impl Summary {
    pub(super) fn count(&mut self, kind: Kind, is_new: bool) {
        let counts = if is_new { &mut self.imported } else { &mut self.already_there };
        counts[kind as usize] += 1;
    }

    pub(super) fn skip(&mut self, path: &str, reason: &str) {
        self.skipped.push((plain(path), plain(reason)));
    }

    pub(super) fn leave_out(&mut self, path: &str, what: &str) {
        self.incomplete.push((plain(path), plain(what)));
    }

    /// Items seen so far.
    pub(super) fn seen(&self) -> u64 {
        let counted: u64 = self.imported.iter().chain(&self.already_there).sum();
        counted + self.skipped.len() as u64
    }

    /// Nothing was skipped.
    pub(super) fn is_whole(&self) -> bool {
        self.skipped.is_empty()
    }

    pub(super) fn to_json(&self) -> String {
        let counts = |of: &[u64; 4]| {
            Kind::ALL
                .iter()
                .map(|kind| (kind.name().to_owned(), json!(of[*kind as usize])))
                .collect()
        };
        let list = |of: &[(String, String)]| -> Vec<serde_json::Value> {
            of.iter().map(|(path, reason)| json!({ "path": path, "reason": reason })).collect()
        };
        let imported: serde_json::Map<_, _> = counts(&self.imported);
        let already_there: serde_json::Map<_, _> = counts(&self.already_there);
        json!({
            "imported": imported,
            "already_there": already_there,
            "skipped": list(&self.skipped),
            "incomplete": list(&self.incomplete),
        })
        .to_string()
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        for kind in Kind::ALL {
            let (new, old) = (self.imported[kind as usize], self.already_there[kind as usize]);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{:<14} {new} imported, {old} already there", kind.shown());
        }
        for (title, list) in
            [("Skipped", &self.skipped), ("Imported without something", &self.incomplete)]
        {
            if list.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{title} ({}):", list.len());
            for (path, reason) in list.iter().take(MAX_SHOWN) {
                let _ = writeln!(out, "  {path}: {reason}");
            }
            if list.len() > MAX_SHOWN {
                let _ = writeln!(out, "  and {} more; --json lists all", list.len() - MAX_SHOWN);
            }
        }
        out
    }
}
