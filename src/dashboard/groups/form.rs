//! The form of a group's name, frequency, rules and schedule: what it shows,
//! and what it makes of what was typed. Checks only what no draft can say; the
//! rest is judged by `distribution`.

use crate::distribution::groups::{Draft, weekly_of};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::app::App as AppRow;
use crate::model::distribution::{Frequency, Group, Prefix};
use crate::model::schedule::{Weekday, Weekly, parse_time};

/// Longest text of one field, in bytes.
const MAX_FIELD: usize = 64 << 10;
/// A schedule that nobody has set yet.
const FIRST_TIME: &str = "18:00";
const FIRST_ZONE: &str = "UTC";

/// One box of the schedule.
#[derive(Debug, Clone)]
pub struct Day {
    /// Of the field, such as `monday`.
    pub name: &'static str,
    pub label: &'static str,
    pub checked: bool,
}

/// As it stands in the fields; lists have one entry per line.
#[derive(Debug, Clone)]
pub struct Form {
    pub name: String,
    pub frequency: String,
    pub follows_default: bool,
    pub branches: String,
    pub tags: String,
    /// `branches:` or `tags:` before a prefix limits it.
    pub prefixes: String,
    pub schemes: String,
    pub days: Vec<Day>,
    pub time: String,
    pub zone: String,
}

/// What was typed cannot be used.
#[derive(Debug)]
pub struct Problem {
    /// Id of the field, if it is about one.
    pub field: &'static str,
    pub text: String,
}

const DAYS: [(Weekday, &str, &str); 7] = [
    (Weekday::Monday, "monday", "Monday"),
    (Weekday::Tuesday, "tuesday", "Tuesday"),
    (Weekday::Wednesday, "wednesday", "Wednesday"),
    (Weekday::Thursday, "thursday", "Thursday"),
    (Weekday::Friday, "friday", "Friday"),
    (Weekday::Saturday, "saturday", "Saturday"),
    (Weekday::Sunday, "sunday", "Sunday"),
];

impl Form {
    /// What the group has.
    pub fn of(group: &Group) -> Result<Self> {
        let weekly = weekly_of(group)?;
        let chosen: Vec<Weekday> = weekly.iter().flat_map(Weekly::weekdays).collect();
        let rules = &group.rules;
        Ok(Self {
            name: group.name.clone(),
            frequency: group.frequency.as_str().into(),
            follows_default: rules.default_branch,
            branches: rules.branches.join("\n"),
            tags: rules.tags.join("\n"),
            prefixes: rules.prefixes.iter().map(written).collect::<Vec<_>>().join("\n"),
            schemes: rules.schemes.join("\n"),
            days: days(|day| chosen.contains(&day)),
            time: weekly.as_ref().map_or_else(|| FIRST_TIME.into(), Weekly::time),
            zone: weekly.as_ref().map_or(FIRST_ZONE, Weekly::zone).to_owned(),
        })
    }

    /// What was typed.
    pub fn read(params: &Params) -> Result<Self> {
        let text = |name: &str| -> Result<String> {
            Ok(params.opt_text(name, MAX_FIELD)?.unwrap_or_default().replace('\r', ""))
        };
        let mut boxes = Vec::new();
        for (day, name, _) in DAYS {
            if params.opt_bool(name)?.unwrap_or(false) {
                boxes.push(day);
            }
        }
        Ok(Self {
            name: text("name")?,
            frequency: text("frequency")?,
            follows_default: params.opt_bool("default_branch")?.unwrap_or(false),
            branches: text("branches")?,
            tags: text("tags")?,
            prefixes: text("prefixes")?,
            schemes: text("schemes")?,
            days: days(|day| boxes.contains(&day)),
            time: text("time")?,
            zone: text("zone")?,
        })
    }

    /// What to make of the group.
    pub fn draft(&self) -> Result<Draft> {
        let frequency: Frequency =
            self.frequency.parse().map_err(|_| Error::invalid_parameter("frequency"))?;
        Ok(Draft {
            name: Some(self.name.clone()),
            frequency: Some(frequency),
            branches: Some(lines(&self.branches)),
            default_branch: Some(self.follows_default),
            tags: Some(lines(&self.tags)),
            prefixes: Some(lines(&self.prefixes).iter().map(|line| prefix(line)).collect()),
            schemes: Some(lines(&self.schemes)),
            schedule: self.weekly(frequency)?,
        })
    }

    /// A schedule that rests is kept as it was, unless a day is chosen.
    fn weekly(&self, frequency: Frequency) -> Result<Option<Weekly>> {
        let chosen = DAYS.iter().zip(&self.days).filter(|(_, day)| day.checked);
        let chosen: Vec<Weekday> = chosen.map(|((day, ..), _)| *day).collect();
        if frequency != Frequency::Scheduled && chosen.is_empty() {
            return Ok(None);
        }
        parse_time(self.time.trim())
            .and_then(|minute| Weekly::new(chosen, minute, self.zone.trim()))
            .map(Some)
            .map_err(|refused| {
                let (member, reason) = (refused.member, refused.reason);
                Error::Invalid(format!("Invalid value for parameter \"{member}\": {reason}"))
            })
    }
}

/// The refusal as a sentence beside its field.
pub fn problem(error: Error) -> Result<Problem> {
    let Error::Invalid(text) = error else { return Err(error) };
    const FIELDS: [(&str, &str); 10] = [
        ("name", "Give it a name of at most 100 characters."),
        ("frequency", "Choose when the group gets builds."),
        ("branches", "At most 100 branches, each up to 500 characters."),
        ("tags", "At most 100 tags, each up to 500 characters."),
        ("prefixes", "At most 100 prefixes, each up to 500 characters."),
        ("schemes", "At most 100 schemes, each up to 500 characters."),
        ("weekdays", "Choose at least one day."),
        ("time", "Write the time as HH:MM, from 00:00 to 23:59."),
        ("zone", "Name a time zone such as Europe/Berlin or UTC."),
        ("testers", "Write at least one address."),
    ];
    let named = FIELDS.iter().find(|(field, _)| text.contains(&format!("\"{field}\"")));
    let Some((field, plain)) = named else { return Ok(Problem { field: "", text }) };
    // What is said behind the parameter's name is said to people too.
    let said = text.split_once("\": ").map(|(_, said)| said.to_owned());
    let text = match said {
        Some(said) if *field == "testers" => format!("Nobody was added: {said}."),
        _ => (*plain).to_owned(),
    };
    Ok(Problem { field, text })
}

fn days(is_checked: impl Fn(Weekday) -> bool) -> Vec<Day> {
    let day = |(day, name, label)| Day { name, label, checked: is_checked(day) };
    DAYS.into_iter().map(day).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// No reference has a colon in its name.
fn prefix(line: &str) -> Prefix {
    let (name, branch_only, tag_only) = match line.split_once(':') {
        Some(("branches", name)) => (name.trim(), true, false),
        Some(("tags", name)) => (name.trim(), false, true),
        _ => (line, false, false),
    };
    Prefix { name: name.to_owned(), branch_only, tag_only }
}

fn written(prefix: &Prefix) -> String {
    match (prefix.branch_only, prefix.tag_only) {
        (true, _) => format!("branches:{}", prefix.name),
        (false, true) => format!("tags:{}", prefix.name),
        (false, false) => prefix.name.clone(),
    }
}

/// When a group gets builds, in words.
pub fn when(group: &Group) -> Result<String> {
    Ok(match (group.frequency, weekly_of(group)?) {
        (Frequency::EachBuild, _) => "after each build that matches".into(),
        (Frequency::Manual, _) => "when somebody sends one".into(),
        (Frequency::Scheduled, None) => "on a schedule that is not set".into(),
        (Frequency::Scheduled, Some(weekly)) => {
            let chosen: Vec<_> = weekly.weekdays().collect();
            let names = DAYS.iter().filter(|(day, ..)| chosen.contains(day)).map(|(.., n)| &n[..3]);
            let names: Vec<_> = names.collect();
            let names = if names.len() == 7 { "daily".into() } else { names.join(", ") };
            format!("{names} at {} ({})", weekly.time(), weekly.zone())
        }
    })
}

/// Which builds a group gets, in words.
pub fn what(row: &AppRow, group: &Group) -> String {
    let rules = &group.rules;
    let mut parts = Vec::new();
    if rules.default_branch {
        parts.push(match &row.default_branch {
            Some(name) => format!("the default branch, {name}"),
            None => "the default branch".into(),
        });
    }
    for (word, names) in [("branch", &rules.branches), ("tag", &rules.tags)] {
        parts.extend(names.iter().map(|name| format!("{word} {name}")));
    }
    parts.extend(rules.prefixes.iter().map(|prefix| {
        let kind = match (prefix.branch_only, prefix.tag_only) {
            (true, _) => "branches",
            (false, true) => "tags",
            (false, false) => "branches and tags",
        };
        format!("{kind} that start with {}", prefix.name)
    }));
    let from = if parts.is_empty() { "any branch".into() } else { parts.join("; ") };
    if rules.schemes.is_empty() {
        return from;
    }
    format!("{from}; only {}", rules.schemes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_as_they_are_written() {
        for line in ["release/", "branches:release/", "tags:v"] {
            assert_eq!(written(&prefix(line)), line);
        }
        assert!(prefix("branches:x").branch_only && prefix("tags:x").tag_only);
    }

    #[test]
    fn refusals_name_their_field() {
        let of = |text: &str| problem(Error::Invalid(text.into())).unwrap();
        assert_eq!(of("Invalid value for parameter \"zone\": an IANA zone").field, "zone");
        let named = of("Invalid value for parameter \"testers\": “x” is not an email address");
        assert_eq!(named.text, "Nobody was added: “x” is not an email address.");
        assert_eq!(of("an app has at most 200 groups").field, "");
        assert!(problem(Error::not_found()).is_err());
    }
}
