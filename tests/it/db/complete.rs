//! No query without a contract: every `pub async fn` of `src/db` must be
//! called, under its module's name, by a test beside this one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sources(dir: &Path) -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (module, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Names after `marker`, up to the opening of generics or arguments.
fn names<'a>(text: &'a str, marker: &str) -> impl Iterator<Item = &'a str> {
    text.split(marker).skip(1).map(|rest| {
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()
    })
}

#[test]
fn every_query_function_has_a_test() {
    let tests: String = sources(&folder("tests/it/db")).into_iter().map(|(_, text)| text).collect();
    let mut seen = 0;
    let mut missing = BTreeSet::new();
    for (module, text) in sources(&folder("src/db")) {
        for name in names(&text, "pub async fn ") {
            seen += 1;
            // Queries are free functions of a module; the seam has methods.
            let called = match module.as_str() {
                "sql" | "wake" => [format!(".{name}("), format!("Db::{name}(")],
                _ => [format!("{module}::{name}("), format!("db::{module}::{name}(")],
            };
            if !called.iter().any(|call| tests.contains(call.as_str())) {
                missing.insert(format!("{module}::{name}"));
            }
        }
    }
    assert!(seen > 60, "only {seen} functions found: is src/db still where it was?");
    assert!(missing.is_empty(), "no test in tests/it/db calls: {missing:?}");
}
