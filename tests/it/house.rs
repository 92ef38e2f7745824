//! The house rules that a compiler cannot check, read off the sources: which
//! room may import which, where SQL lives, who writes a build's status, and how
//! a file looks. `house/samples.rs` proves that each rule can fail.
//!
//! A new room goes into `LAYERS`; a new function that writes `builds.status`
//! goes into `STATUS_WRITERS`. A new entry in `EXCEPTIONS` is a decision, so it
//! carries its reason.

mod samples;
mod source;

use std::fmt;
use std::path::Path;

use source::{Facts, Named, RawPath};

/// A room may import what stands in a later row, and nothing of its own row.
const LAYERS: &[&[&str]] = &[
    &["main", "lib"],
    &["cli"],
    &["router"],
    &["api", "dashboard", "hooks", "sdk", "agent_api", "jobs"],
    &["http"],
    &["accounts", "apps", "builds", "distribution", "feedback", "operations"],
    &["app"],
    &["db", "blobs", "git", "notify", "secrets"],
    &["model", "error", "config", "protocol"],
    &["formats"],
];

/// The build machine's side stands outside the rows: only these import it ...
const IMPORTS_AGENT: &[&str] = &["main", "lib", "cli"];
/// ... and it imports only these, because it runs far from the server's data.
const AGENT_IMPORTS: &[&str] = &["git", "model", "error", "config", "protocol", "formats"];

/// Imports within one row: from a room, to a path, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("apps", "accounts::authorize", "one place answers whether an actor may"),
    ("builds", "accounts::authorize", "one place answers whether an actor may"),
    ("distribution", "accounts::authorize", "one place answers whether an actor may"),
    ("protocol", "model", "the wire carries the product's own words"),
    ("config", "error", "faults of the configuration are errors like others"),
    ("config", "model", "settings are given in the product's own words"),
];

/// The functions of `db` that write `builds.status`, as `module::function`.
/// Only `builds` calls them.
const STATUS_WRITERS: &[&str] = &[
    "builds::insert",
    "builds::insert_finished",
    "queue::claim_next",
    "builds::end",
    "builds::requeue",
];

const MAX_LINES: usize = 500;

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: &[&str] = &["util", "helper", "manager", "service"];

/// Unfinished work; `concat!` keeps this table from finding itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("un", "implemented!"),
];

/// What the crate that reads hostile files must be able to do without.
const NOT_IN_FORMATS: &[&str] =
    &["tokio", "axum", "hyper", "reqwest", "sqlx", "object_store", "rustls", "shipmate"];

/// A file by its path from the project's root.
struct Source {
    path: String,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.detail)
    }
}

#[test]
fn every_file_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = read_sources(root);
    let rooms = sources.iter().filter(|source| source.path.starts_with("src/model/")).count();
    assert!(rooms > 0, "the checker found no sources under {}", root.display());

    let manifest = std::fs::read_to_string(root.join("crates/formats/Cargo.toml")).unwrap();
    let mut violations = check(&sources, STATUS_WRITERS);
    violations.extend(check_formats_manifest(&manifest));

    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} violations of the house rules:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

fn read_sources(root: &Path) -> Vec<Source> {
    let tops = ["src", "crates", "tests", "benches"].map(|top| root.join(top));
    let mut sources = Vec::new();
    for top in tops.iter().filter(|top| top.exists()) {
        let walk = walkdir::WalkDir::new(top).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.file_name() != "target") {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { path, text: std::fs::read_to_string(entry.path()).unwrap() });
            }
        }
    }
    sources
}

fn check(sources: &[Source], status_writers: &[&str]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources {
        let mut file = Report { path: &source.path, found: &mut found };
        check_text(source, &mut file);
        match Facts::read(&source.path, &source.text) {
            Err(error) => file.add(error.span().start().line, "syntax", "cannot be read"),
            Ok(facts) => {
                check_size(source, &facts, &mut file);
                check_names(source, &facts, &mut file);
                if source.path.starts_with("src/") {
                    check_direction(&facts, &mut file);
                    check_sql(&facts, &mut file);
                    check_status(&facts, status_writers, &mut file);
                }
            }
        }
    }
    found
}

/// Collects what is wrong with one file.
struct Report<'a> {
    path: &'a str,
    found: &'a mut Vec<Violation>,
}

impl Report<'_> {
    fn add(&mut self, line: usize, rule: &'static str, detail: impl Into<String>) {
        let (path, detail) = (self.path.to_owned(), detail.into());
        self.found.push(Violation { path, line, rule, detail });
    }

    /// The first directory or file below `src`.
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(self.path);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }
}

fn check_text(source: &Source, file: &mut Report) {
    // Unit tests are opened by the file that they test.
    if !source::is_unit_test(&source.path) && !source.text.starts_with("//!") {
        file.add(1, "header", "the file does not open with `//!` and what it is for");
    }
    for (number, line) in source.text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            file.add(number + 1, "unfinished", format!("`{word}`"));
        }
    }
}

fn check_size(source: &Source, facts: &Facts, file: &mut Report) {
    let is_test = !source.path.contains("src/") || source::is_unit_test(&source.path);
    let has_reason = source.text.lines().take_while(|line| line.starts_with("//!")).any(|line| {
        line.starts_with("//! Larger than") && line.len() > "//! Larger than 500 ".len()
    });
    let product = (1..=source.text.lines().count())
        .filter(|line| !facts.test_lines.iter().any(|range| range.contains(line)))
        .count();
    if !is_test && !has_reason && product > MAX_LINES {
        let detail = format!(
            "{product} lines without tests, more than {MAX_LINES}, and its header gives no reason"
        );
        file.add(1, "size", detail);
    }
}

fn check_names(source: &Source, facts: &Facts, file: &mut Report) {
    let empty = |name: &str| {
        name.split('_').any(|part| {
            EMPTY_NAMES.iter().any(|empty| part == *empty || part.strip_suffix('s') == Some(empty))
        })
    };
    for part in source.path.trim_end_matches(".rs").split('/').filter(|part| empty(part)) {
        file.add(1, "name", format!("`{part}` does not say what it holds"));
    }
    for module in facts.modules.iter().filter(|module| empty(&module.what)) {
        file.add(
            module.place.line,
            "name",
            format!("`{}` does not say what it holds", module.what),
        );
    }
}

fn check_direction(facts: &Facts, file: &mut Report) {
    let from = file.room().to_owned();
    if from == "main" || from == "lib" {
        return;
    }
    if from != "agent" && row(&from).is_none() {
        file.add(1, "room", format!("`{from}` has no place in the order of rooms"));
        return;
    }
    for path in &facts.paths {
        let full = facts.resolve(path);
        let Some(to) = full.first().filter(|to| **to != from) else { continue };
        if to != "agent" && row(to).is_none() {
            file.add(path.place.line, "room", format!("`{to}` has no place in the order of rooms"));
        } else if !may_import(&from, &full) {
            file.add(
                path.place.line,
                "direction",
                format!("`{from}` may not import `{}`", full.join("::")),
            );
        }
    }
}

fn row(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn may_import(from: &str, path: &[String]) -> bool {
    let to = path[0].as_str();
    if from == "agent" {
        return AGENT_IMPORTS.contains(&to);
    }
    if to == "agent" {
        return IMPORTS_AGENT.contains(&from);
    }
    row(from) < row(to)
        || EXCEPTIONS.iter().any(|(room, target, _)| {
            *room == from && target.split("::").eq(path.iter().take(target.split("::").count()))
        })
}

fn check_sql(facts: &Facts, file: &mut Report) {
    if file.room() == "db" {
        for literal in facts.literals.iter().filter(|literal| literal.what.contains("LIMIT $")) {
            // SQLite parses the statement anew at every call, to plan for the number.
            file.add(literal.place.line, "limit", "write LIMIT CAST($n AS BIGINT)");
        }
        return;
    }
    for literal in
        facts.literals.iter().filter(|literal| !literal.place.test && is_sql(&literal.what))
    {
        file.add(literal.place.line, "sql", format!("SQL outside db: {}", shorten(&literal.what)));
    }
}

/// Upper-case statements anywhere in a literal; in any case at its start.
fn is_sql(literal: &str) -> bool {
    let words: Vec<&str> = literal
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .collect();
    let starts = words.iter().position(|word| !matches!(*word, "r" | "b")).unwrap_or(0);
    let lower: Vec<String> = words[starts..].iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let at_start = match lower.as_slice() {
        ["insert", "into", ..] | ["delete", "from", ..] | ["update", _, "set", ..] => true,
        ["select", rest @ ..] => words[starts] == "SELECT" || rest.contains(&"from"),
        _ => false,
    };
    at_start
        || words.iter().enumerate().any(|(at, word)| {
            let (next, rest) = (words.get(at + 1).copied(), &words[at + 1..]);
            match *word {
                "SELECT" => rest.contains(&"FROM"),
                "UPDATE" => rest.contains(&"SET"),
                "INSERT" => next == Some("INTO"),
                "DELETE" => next == Some("FROM"),
                "CREATE" | "ALTER" | "DROP" => matches!(next, Some("TABLE" | "INDEX" | "UNIQUE")),
                _ => false,
            }
        })
}

/// In `db`, only the listed functions write the status or call one that does;
/// elsewhere, only `builds` names them.
fn check_status(facts: &Facts, writers: &[&str], file: &mut Report) {
    let room = file.room().to_owned();
    let writes = |module: &[String], function: Option<&String>| {
        function
            .is_some_and(|name| is_writer(&[module, std::slice::from_ref(name)].concat(), writers))
    };
    if room == "db" {
        for literal in facts.literals.iter().filter(|literal| !literal.place.test) {
            if writes_status(&literal.what)
                && !writes(&literal.place.module, literal.place.function.as_ref())
            {
                let detail = format!("not in STATUS_WRITERS: {}", shorten(&literal.what));
                file.add(literal.place.line, "status", detail);
            }
        }
        check_stale_writers(facts, writers, file);
    }
    for path in facts.paths.iter().filter(|path| !path.place.test) {
        let full = facts.resolve(path);
        let allowed = match room.as_str() {
            "builds" => true,
            "db" => path.what.import || writes(&path.place.module, path.place.function.as_ref()),
            _ => false,
        };
        if !allowed && is_writer(&full, writers) {
            file.add(
                path.place.line,
                "status",
                format!("only `builds` calls `{}`", full.join("::")),
            );
        }
        check_glob(&room, path, &full, file);
    }
}

/// A glob would hide from this checker what a file takes from `db`.
fn check_glob(room: &str, path: &Named<RawPath>, full: &[String], file: &mut Report) {
    if path.what.glob && room != "db" && full.first().is_some_and(|to| to == "db") {
        file.add(path.place.line, "glob", "`db` is imported by name, not with `*`");
    }
}

/// An entry whose function is gone would let its name come back unnoticed.
fn check_stale_writers(facts: &Facts, writers: &[&str], file: &mut Report) {
    let module = source::module_of(file.path)[1..].join("::");
    for writer in writers {
        let Some((home, name)) = writer.rsplit_once("::") else { continue };
        if home == module && !facts.functions.iter().any(|function| function.what == name) {
            file.add(1, "status", format!("STATUS_WRITERS names `{writer}`, which does not exist"));
        }
    }
}

/// `db::builds::claim`, or `db::claim` where `db` re-exports it.
fn is_writer(path: &[String], writers: &[&str]) -> bool {
    let [db, inside @ ..] = path else { return false };
    db == "db"
        && writers.iter().any(|writer| match inside {
            [function] => writer.ends_with(&format!("::{function}")),
            _ => writer.split("::").eq(inside),
        })
}

/// `UPDATE builds .. SET .. status = ..` or `INSERT INTO builds`.
fn writes_status(literal: &str) -> bool {
    let mut spaced = literal.to_ascii_uppercase().replace("\\N", " ");
    for mark in ["=", "(", ")", ",", "\"", "\\"] {
        let apart = if mark == "=" { " = " } else { " " };
        spaced = spaced.replace(mark, apart);
    }
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let inserts = words.windows(3).any(|three| three == ["INSERT", "INTO", "BUILDS"]);
    let updates =
        words.iter().zip(words.iter().skip(1)).position(|pair| pair == (&"UPDATE", &"BUILDS"));
    inserts
        || updates.is_some_and(|start| {
            words[start..]
                .iter()
                .skip_while(|word| **word != "SET")
                .take_while(|word| !matches!(**word, "WHERE" | "RETURNING" | "FROM"))
                .collect::<Vec<_>>()
                .windows(2)
                .any(|pair| *pair[0] == "STATUS" && *pair[1] == "=")
        })
}

fn check_formats_manifest(manifest: &str) -> Vec<Violation> {
    let path = "crates/formats/Cargo.toml";
    let mut found = Vec::new();
    let mut file = Report { path, found: &mut found };
    let table: toml::Table = manifest.parse().unwrap();
    for name in
        table.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(|t| t.keys())
    {
        if NOT_IN_FORMATS.contains(&name.as_str()) {
            file.add(1, "formats", format!("it reads hostile bytes and does without `{name}`"));
        }
    }
    found
}

fn shorten(literal: &str) -> String {
    literal.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect()
}
