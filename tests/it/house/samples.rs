//! Bad samples, one line of a table each: the rule that must fire, and nothing
//! else may. Good samples beside them must stay silent.

use super::*;

const WRITERS: &[&str] = &["builds::claim", "builds::finish"];

/// The rules that fire on one file, with `//!` put before it.
fn rules(path: &str, text: &str) -> Vec<&'static str> {
    let text = format!("//! Sample.\n{text}");
    let source = Source { path: path.to_owned(), text };
    check(&[source], WRITERS)
        .into_iter()
        // Samples hold one writer at most; the stale entries have their own test.
        .filter(|violation| !violation.detail.contains("does not exist"))
        .map(|violation| violation.rule)
        .collect()
}

fn assert_rules(cases: &[(&str, &str, &[&str])]) {
    for (path, text, expected) in cases {
        assert_eq!(rules(path, text), *expected, "{path}: {text}");
    }
}

#[test]
fn imports_go_to_the_right_only() {
    assert_rules(&[
        ("src/db/builds.rs", "use crate::builds::queue;", &["direction"]),
        ("src/db/builds.rs", "use crate::model::build::Build;", &[]),
        ("src/db/builds.rs", "fn f() { crate::app::clock(); }", &["direction"]),
        ("src/model/build.rs", "use crate::db::Tx;", &["direction"]),
        ("src/http/page.rs", "use crate::api::v1::wire;", &["direction"]),
        ("src/router.rs", "use crate::cli::serve;", &["direction"]),
        ("src/router.rs", "use crate::{api::v1, http, db};", &[]),
        ("src/cli/serve.rs", "use crate::{agent, app::App, router};", &[]),
        (
            "src/app.rs",
            "use crate::{config::Config, http::{error, page}};",
            &["direction", "direction"],
        ),
        ("src/app.rs", "struct A(crate::apps::App);", &["direction"]),
        (
            "src/blobs/key.rs",
            "use crate::model::{self, ids::BuildId}; use crate::app as a;",
            &["direction"],
        ),
    ]);
}

#[test]
fn rooms_of_one_row_do_not_import_each_other() {
    assert_rules(&[
        ("src/api/v1/builds.rs", "use crate::agent_api::claim;", &["direction"]),
        ("src/git/refs.rs", "use crate::secrets::seal;", &["direction"]),
        ("src/builds/trigger.rs", "use crate::accounts::authorize;", &[]),
        ("src/builds/trigger.rs", "use crate::accounts::authorize::{Actor, Need};", &[]),
        ("src/builds/trigger.rs", "use crate::accounts::tokens;", &["direction"]),
        ("src/builds/trigger.rs", "use crate::{accounts::{authorize, tokens}};", &["direction"]),
        ("src/accounts/mod.rs", "use crate::builds::trigger;", &["direction"]),
        ("src/protocol.rs", "use crate::model::ids::AppId;", &[]),
        ("src/model/ids.rs", "use crate::protocol::Heartbeat;", &["direction"]),
    ]);
}

#[test]
fn a_relative_path_is_followed_to_its_room() {
    assert_rules(&[
        ("src/db/builds.rs", "use super::super::http::page;", &["direction"]),
        ("src/db/mod.rs", "use super::http::page;", &["direction"]),
        ("src/api/v1/builds.rs", "use super::wire; use super::super::v1::apps;", &[]),
        ("src/api/v1/builds.rs", "use super::super::super::hooks;", &["direction"]),
        (
            "src/db/sql.rs",
            "mod inner { fn f() { super::super::super::http::page(); } }",
            &["direction"],
        ),
        ("src/db/sql.rs", "use crate::model as http; fn f() { http::page(); }", &[]),
        ("src/db/sql.rs", "use http::StatusCode; fn f() { http::page(); }", &[]),
        ("src/db/sql.rs", "fn f() { shipmate::http::page(); }", &["direction"]),
        ("src/db/sql.rs", "macro_rules! m { () => { $crate::http::page() } }", &["direction"]),
        ("src/db/sql.rs", "fn f() { println!(\"{}\", crate::http::X) }", &["direction"]),
    ]);
}

#[test]
fn the_agent_knows_nothing_of_the_server() {
    assert_rules(&[
        ("src/agent/run.rs", "use crate::{git, model, error, config, protocol};", &[]),
        ("src/agent/run.rs", "use crate::db::Tx;", &["direction"]),
        ("src/agent/run.rs", "use crate::secrets;", &["direction"]),
        ("src/agent/run.rs", "use crate::app::App;", &["direction"]),
        ("src/agent_api/claim.rs", "use crate::agent::run;", &["direction"]),
        ("src/git/refs.rs", "use crate::agent::run;", &["direction"]),
    ]);
}

#[test]
fn a_room_without_a_place_is_reported() {
    assert_rules(&[
        ("src/misc.rs", "", &["room"]),
        ("src/api/mod.rs", "use crate::misc::thing;", &["room"]),
        ("src/lib.rs", "pub mod misc;", &[]),
    ]);
}

#[test]
fn comments_and_strings_are_no_imports() {
    assert_rules(&[
        ("src/db/sql.rs", "// use crate::http::page;\n/* crate::http */", &[]),
        (
            "src/db/sql.rs",
            "/// See `crate::http::page`.\nfn f() { g(\"crate::http::page\"); }",
            &[],
        ),
        ("src/db/sql.rs", "fn f(x: &'static str) -> char { '\"' } // crate::http::page", &[]),
    ]);
}

#[test]
fn sql_stands_in_db_only() {
    assert_rules(&[
        ("src/builds/queue.rs", "fn f() { sql(\"SELECT id FROM builds\"); }", &["sql"]),
        (
            "src/builds/queue.rs",
            "const Q: &str = r#\"\n  INSERT\n INTO builds VALUES (1)\"#;",
            &["sql"],
        ),
        ("src/api/v1/apps.rs", "fn f() { q(\"update apps set name = $1\"); }", &["sql"]),
        (
            "src/api/v1/apps.rs",
            "fn f() { q(\"delete from apps\"); q(\"SELECT 1\"); }",
            &["sql", "sql"],
        ),
        (
            "src/cli/serve.rs",
            "fn f() { q(\"WITH x AS (SELECT a FROM b) DELETE FROM c\"); }",
            &["sql"],
        ),
        ("src/cli/serve.rs", "fn f() { m!(\"CREATE TABLE x (id TEXT)\"); }", &["sql"]),
        ("src/db/apps.rs", "fn f() { sql(\"SELECT id FROM apps\"); }", &[]),
        ("src/db/apps.rs", "fn f() { sql(\"SELECT id FROM apps LIMIT $1\"); }", &["limit"]),
        ("src/api/v1/apps.rs", "/// SELECT id FROM apps\nfn f() { q(\"Select a branch\"); }", &[]),
        ("src/cli/serve.rs", "fn f() { q(\"DELETE /v1/apps\"); q(\"Update the settings\"); }", &[]),
        (
            "src/jobs/runner.rs",
            "#[cfg(test)] mod tests { fn f() { q(\"SELECT 1 FROM x\"); } }",
            &[],
        ),
        (
            "src/jobs/runner.rs",
            "#[cfg(not(test))] mod live { fn f() { q(\"SELECT 1 FROM x\"); } }",
            &["sql"],
        ),
    ]);
}

#[test]
fn only_listed_functions_write_a_build_status() {
    let update = "sql(\"UPDATE builds\n SET phase = $1, status=$2 WHERE id = $3\")";
    let rogue = format!("pub fn nudge() {{ {update}; }}");
    let claim = format!("pub async fn claim(tx: &mut Tx) -> u8 {{ if a {{ {update}; }} 1 }}");
    let constant = format!("const Q: Sql = {update};");
    assert_rules(&[
        ("src/db/builds.rs", &rogue, &["status"]),
        ("src/db/builds.rs", &constant, &["status"]),
        ("src/db/builds.rs", &claim, &[]),
        ("src/db/builds.rs", &claim.replace("builds\n", "builds AS b\n"), &[]),
        ("src/db/builds.rs", &rogue.replace("builds\n", "builds AS b\n"), &["status"]),
        ("src/db/leases.rs", &claim, &["status"]),
        (
            "src/db/builds.rs",
            "fn add() { sql(\"INSERT INTO builds (id) VALUES ($1)\"); }",
            &["status"],
        ),
        (
            "src/db/builds.rs",
            "fn a() { sql(\"UPDATE builds SET phase = $1 WHERE status = $2\"); }",
            &[],
        ),
        ("src/db/builds.rs", "fn a() { sql(\"UPDATE apps SET status = $1\"); }", &[]),
    ]);
}

#[test]
fn only_builds_calls_what_writes_a_build_status() {
    assert_rules(&[
        ("src/builds/queue.rs", "use crate::db; fn f() { db::builds::claim(); }", &[]),
        ("src/jobs/sweep.rs", "use crate::db; fn f() { db::builds::claim(); }", &["status"]),
        (
            "src/jobs/sweep.rs",
            "use crate::db::builds as rows; fn f() { rows::claim(); }",
            &["status"],
        ),
        ("src/jobs/sweep.rs", "use crate::db::builds::claim;", &["status"]),
        ("src/jobs/sweep.rs", "use crate::db::{self, claim as c};", &["status"]),
        ("src/jobs/sweep.rs", "use crate::builds; fn f() { builds::claim(); }", &[]),
        ("src/jobs/sweep.rs", "use crate::db::builds::*;", &["glob"]),
        ("src/db/builds.rs", "fn nudge() { claim(); }", &["status"]),
        ("src/db/leases.rs", "use super::builds; fn nudge() { builds::finish(); }", &["status"]),
        ("src/db/builds.rs", "fn finish() { claim(); }", &[]),
        ("src/db/mod.rs", "pub use builds::claim;", &[]),
    ]);
}

#[test]
fn a_listed_writer_must_exist() {
    let source =
        Source { path: "src/db/builds.rs".into(), text: "//! S.\nfn claim() {}\n".to_owned() };
    let found = check(&[source], WRITERS);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].detail, "STATUS_WRITERS names `builds::finish`, which does not exist");
}

#[test]
fn a_file_opens_with_its_purpose() {
    let bare = |path: &str| {
        let source = Source { path: path.to_owned(), text: "use super::*;\n".to_owned() };
        check(&[source], &[]).into_iter().map(|found| found.rule).collect::<Vec<_>>()
    };
    assert_eq!(bare("src/db/apps.rs"), ["header"]);
    assert_eq!(bare("crates/formats/src/junit.rs"), ["header"]);
    assert_eq!(bare("tests/it/stories.rs"), ["header"]);
    assert_eq!(bare("src/db/apps/tests.rs"), [""; 0]);
    assert_eq!(bare("src/db/apps/tests/paging.rs"), [""; 0]);
}

#[test]
fn a_long_file_needs_a_reason() {
    let long = "fn f() {}\n".repeat(MAX_LINES);
    let just = "fn f() {}\n".repeat(MAX_LINES - 1);
    let reason = format!("//! Larger than 500 lines: one table, read as one.\n{long}");
    let no_reason = format!("//! Larger than 500\n{long}");
    let tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    let both = format!("{long}{tests}");
    assert_rules(&[
        ("src/db/apps.rs", &long, &["size"]),
        ("src/db/apps.rs", &just, &[]),
        ("src/db/apps.rs", &reason, &[]),
        ("src/db/apps.rs", &no_reason, &["size"]),
        ("src/db/apps.rs", &tests, &[]),
        ("src/db/apps.rs", &both, &["size"]),
        ("src/db/apps/tests.rs", &long, &[]),
        ("crates/formats/src/junit.rs", &long, &["size"]),
    ]);
}

#[test]
fn a_module_is_named_for_what_it_holds() {
    assert_rules(&[
        ("src/api/utils.rs", "", &["name"]),
        ("src/api/helpers/mod.rs", "", &["name"]),
        ("src/builds/build_service.rs", "", &["name"]),
        ("src/builds/queue.rs", "mod lease_manager { }", &["name"]),
        ("src/builds/queue.rs", "mod managers;", &["name"]),
        ("src/builds/queue.rs", "mod lease;", &[]),
    ]);
}

#[test]
fn unfinished_work_is_reported() {
    for word in UNFINISHED {
        let call = if word.ends_with('!') { "()" } else { "" };
        assert_eq!(rules("src/db/apps.rs", &format!("// later\n// {word}{call}")), ["unfinished"]);
    }
}

#[test]
fn what_is_not_rust_is_reported() {
    assert_eq!(rules("src/db/apps.rs", "fn f() { ("), ["syntax"]);
}

#[test]
fn a_violation_names_its_line() {
    let text = "//! S.\n\nuse crate::{\n    model,\n    http,\n};\n".to_owned();
    let found = check(&[Source { path: "src/db/apps.rs".into(), text }], &[]);
    assert_eq!(found[0].to_string(), "src/db/apps.rs:5: direction: `db` may not import `http`");
}

#[test]
fn the_formats_crate_stays_without_a_runtime() {
    let manifest = "[dependencies]\nserde = \"1\"\ntokio = { version = \"1\" }\n";
    let found = check_formats_manifest(manifest);
    assert_eq!(found.len(), 1);
    assert!(found[0].detail.contains("tokio"));
    assert!(check_formats_manifest("[dependencies]\nserde = \"1\"\n").is_empty());
}
