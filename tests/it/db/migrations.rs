//! Every migration on top of data: each is applied in turn, then the rows of
//! `tests/migrations/NNNN_name.sql`, and no later migration may lose or change
//! them. A lint refuses what only works on one database or on empty tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::harness::database::TestDb;

/// What means the same on both databases (`migrations/README.md`).
const TYPES: &[&str] = &["TEXT", "BIGINT", "BOOLEAN", "DOUBLE PRECISION", "BYTEA"];
/// Words that open a constraint where a column could stand.
const CONSTRAINTS: &[&str] = &["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"];

on_both! {
    async fn every_migration_keeps_the_rows_of_those_before(db: Arc<TestDb>) {
        let mut kept: BTreeMap<String, Table> = BTreeMap::new();
        for (name, migration) in read_all("migrations") {
            db.run(&migration).await;
            for table in dropped(&migration) {
                kept.remove(&table).unwrap_or_else(|| panic!("{name} drops {table}, which is new"));
            }
            for (table, before) in &kept {
                // It may add rows of its own.
                let now = db.texts(table, &before.columns).await;
                let lost: Vec<_> = before.rows.iter().filter(|row| !now.contains(row)).collect();
                assert!(lost.is_empty(), "{name} changed rows of {table}: {lost:?}");
            }
            db.run(&sample(&name)).await;
            for (table, columns) in db.tables().await {
                let rows = db.texts(&table, &columns).await;
                assert!(!rows.is_empty(), "the sample of {name} leaves {table} empty");
                kept.insert(table, Table { columns, rows });
            }
        }
        assert!(kept.len() > 10, "only {} tables", kept.len());
    }
}

#[test]
fn every_sample_belongs_to_a_migration() {
    let names = |folder| read_all(folder).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("migrations"), names("tests/migrations"));
}

#[test]
fn migrations_mean_the_same_on_both_databases_and_fit_a_full_table() {
    for (name, text) in read_all("migrations") {
        assert_eq!(lint(&text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_lint_can_fail() {
    let cases = [
        ("ALTER TABLE a ADD COLUMN b TEXT NOT NULL;", "b: NOT NULL without a default"),
        ("alter table a\n add column b text not null;", "b: NOT NULL without a default"),
        ("ALTER TABLE a ADD b TEXT;", "ALTER TABLE other than ADD COLUMN"),
        ("ALTER TABLE a DROP COLUMN b;", "ALTER TABLE other than ADD COLUMN"),
        ("ALTER TABLE a ADD COLUMN b JSONB;", "b: the type JSONB"),
        (
            "CREATE TABLE a (b TEXT, -- INT is fine in a comment\n c INT NOT NULL);",
            "c: the type INT",
        ),
        ("CREATE TABLE IF NOT EXISTS a (b VARCHAR(10), UNIQUE (b));", "b: the type VARCHAR(10)"),
        ("CREATE TABLE a (b DOUBLE);", "b: the type DOUBLE"),
    ];
    for (text, complaint) in cases {
        assert_eq!(lint(text), [complaint], "{text}");
    }
    let fine = "CREATE TABLE a (b TEXT DEFAULT 'x, y; INT' NOT NULL, c DOUBLE PRECISION,
                  PRIMARY KEY (b, c), FOREIGN KEY (c) REFERENCES d (e));
                ALTER TABLE a ADD COLUMN f BIGINT NOT NULL DEFAULT 0;
                CREATE INDEX a_by_f ON a (f) WHERE c IS NOT NULL;";
    assert_eq!(lint(fine), Vec::<String>::new());
}

/// The rows of a table, by the columns that it had when they were written.
struct Table {
    columns: Vec<String>,
    rows: Vec<String>,
}

/// Name without `.sql`, and text, of each file in order.
pub(super) fn read_all(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

pub(super) fn sample(name: &str) -> String {
    let file = format!("{}/tests/migrations/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: sample rows in {file}"))
}

/// Tables that a migration gives up.
fn dropped(migration: &str) -> Vec<String> {
    split(&without_comments(migration), ';')
        .iter()
        .filter_map(|statement| statement.trim().strip_prefix("DROP TABLE "))
        .map(|table| table.trim().to_owned())
        .collect()
}

/// What is wrong with a migration.
fn lint(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for statement in split(&without_comments(text), ';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
        let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
        match upper.as_slice() {
            ["CREATE", "TABLE", ..] => {
                let inside = statement.split_once('(').map_or("", |(_, inside)| inside);
                for column in split(inside.trim_end().trim_end_matches(')'), ',') {
                    check_type(&column, &mut wrong);
                }
            }
            ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => {
                let column = words[5..].join(" ");
                check_type(&column, &mut wrong);
                let upper = column.to_uppercase();
                if upper.contains("NOT NULL") && !upper.contains("DEFAULT") {
                    wrong.push(format!("{}: NOT NULL without a default", words[5]));
                }
            }
            ["ALTER", "TABLE", ..] => wrong.push("ALTER TABLE other than ADD COLUMN".into()),
            _ => {}
        }
    }
    wrong
}

fn check_type(column: &str, wrong: &mut Vec<String>) {
    let words: Vec<&str> = column.split_whitespace().collect();
    let [name, first, rest @ ..] = words.as_slice() else { return };
    if CONSTRAINTS.contains(&name.to_uppercase().as_str()) {
        return;
    }
    let one = first.to_uppercase();
    let two = rest.first().map(|second| format!("{one} {}", second.to_uppercase()));
    let known =
        TYPES.contains(&one.as_str()) || two.is_some_and(|two| TYPES.contains(&two.as_str()));
    if !known {
        wrong.push(format!("{name}: the type {one}"));
    }
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Parts between `mark`s that stand outside of quotes and brackets.
fn split(text: &str, mark: char) -> Vec<String> {
    let (mut parts, mut depth, mut quoted) = (vec![String::new()], 0_i32, false);
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if c == mark && !quoted && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is always one part").push(c);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}
