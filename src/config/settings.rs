//! The list of settings: their names in the file and in the environment, the
//! shape of their values, and the nearest known name for a misspelt one.

/// What a value looks like before it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Text,
    Number,
    /// An array of strings in the file, comma-separated elsewhere.
    List,
}

#[derive(Debug)]
pub struct Setting {
    /// Dotted path in the file.
    pub key: &'static str,
    pub shape: Shape,
    /// Completes "expected ...".
    pub expected: &'static str,
    /// The value may carry a password: faults do not repeat it.
    pub secret: bool,
}

const fn setting(key: &'static str, shape: Shape, expected: &'static str) -> Setting {
    Setting { key, shape, expected, secret: false }
}

pub const SETTINGS: &[Setting] = &[
    setting("listen", Shape::Text, "an address and port such as 127.0.0.1:8080 or [::]:8080"),
    setting("data_dir", Shape::Text, "a folder"),
    setting(
        "public_url",
        Shape::Text,
        "an http:// or https:// URL without path, such as https://api.example.com",
    ),
    setting(
        "dashboard_url",
        Shape::Text,
        "an http:// or https:// URL without path, such as https://dashboard.example.com",
    ),
    Setting {
        key: "database_url",
        shape: Shape::Text,
        expected: "postgres://user:password@host/database or sqlite:FILE",
        secret: true,
    },
    setting("ip_ranges", Shape::List, "CIDR blocks such as 203.0.113.0/24 or 2001:db8::/32"),
    setting("agent.slots", Shape::Number, "a whole number from 0 (no agent) to 64"),
    setting("agent.labels", Shape::List, "labels such as os=linux"),
    setting("agent.work_dir", Shape::Text, "a folder"),
    setting("limits.max_build_minutes", Shape::Number, "a whole number from 1 to 10080 (a week)"),
    setting("limits.kill_grace_seconds", Shape::Number, "a whole number from 0 to 600"),
    setting("limits.lease_seconds", Shape::Number, "a whole number from 2 to 3600"),
    setting(
        "limits.requests_per_minute",
        Shape::Number,
        "a whole number from 0 (no limit) to 100000000",
    ),
    setting("limits.reports_per_minute", Shape::Number, "a whole number from 1 to 10000"),
    setting("limits.max_running", Shape::Number, "a whole number from 1 to 10000"),
    setting("limits.max_running_per_organisation", Shape::Number, "a whole number from 1 to 10000"),
    setting("limits.max_running_ios", Shape::Number, "a whole number from 1 to 10000"),
    setting("limits.max_running_android", Shape::Number, "a whole number from 1 to 10000"),
    setting(
        "webhooks.poll_minutes",
        Shape::Number,
        "a whole number from 0 (never) to 1440 (a day)",
    ),
    setting("ssh.unknown_hosts", Shape::Text, "record or refuse"),
    setting("links.ttl_minutes", Shape::Number, "a whole number from 1 to 525600 (a year)"),
    Setting {
        key: "mail.smtp_url",
        shape: Shape::Text,
        expected: "smtp://user:password@host:port?tls=required or smtps://user:password@host",
        secret: true,
    },
    setting("mail.from", Shape::Text, "an address such as Shipmate <ci@example.com>"),
    setting("log.format", Shape::Text, "text or json"),
    setting(
        "log.level",
        Shape::Text,
        "a level (error, warn, info, debug, trace, off), or targets such as info,shipmate=debug",
    ),
];

/// `SHIPMATE_*` names that are not settings of the server.
pub const OTHER_VARIABLES: &[&str] = &["SHIPMATE_CONFIG", "SHIPMATE_SERVER", "SHIPMATE_TOKEN"];

impl Setting {
    /// The environment variable of this setting.
    pub fn variable(&self) -> String {
        format!("SHIPMATE_{}", self.key.to_uppercase().replace('.', "_"))
    }
}

pub fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The candidate that `given` is most likely a misspelling of.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(given, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, one row at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
