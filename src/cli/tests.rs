//! Every command as a person types it, against a scripted server. One file,
//! because the cases of all commands share the same few lines of set-up.

pub mod scripted;

use std::os::unix::fs::PermissionsExt;

use axum::response::{IntoResponse, Response};
use clap::CommandFactory;
use scripted::{APP, BUILD, Server, Shipmate, build, cut, error, json};

use super::*;

const NOW: &str = "Mon, 02 Mar 2026 23:13:26 GMT";

fn at_now(response: Response) -> Response {
    ([("date", NOW)], response).into_response()
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_stable_command_lines_parse() {
    for line in [
        "serve --listen 127.0.0.1:0 --data-dir d --public-url http://x --database-url sqlite:f \
         --config c --demo --agent-slots 0",
        "agent --server http://x --token t --name n --slots 2 --labels os=linux --labels a=b,c=d \
         --work-dir w",
        "agent --server http://x --token-file f",
        "agent --doctor --work-dir d",
        "build . --scheme S --platform android --env A=b --env C= --artifacts out",
        "admin user add --email e@x --name N --admin --json",
        "admin user list --data-dir d",
        "admin --data-dir d user list",
        "admin app add --name N --platform ios --repo https://x/r.git --owner e@x --json",
        "admin app list --database-url postgres://x/y --config c",
        "admin app grant --app 58a1b2c3d4e5f60718293a4b --email e@x --access read",
        "admin app set-env --app 58a1b2c3d4e5f60718293a4b --name N --secret",
        "admin token issue --email e@x --json",
        "admin rotate-key --data-dir d",
        "admin rotate-key --forget-old --json",
        "admin token revoke --email e@x",
        "admin token agent --name N --json",
        "check-config --config c --json",
        "login --server http://x --token t",
        "apps --json --server http://x --token t",
        "branches A",
        "builds A --branch b --scheme s --status failed --limit 100 --all",
        "show B",
        "trigger A --branch b --watch",
        "logs B -f",
        "cancel B",
        "tests B --failed",
        "tests B --all",
        "coverage B --files --functions",
        "artifacts list B",
        "artifacts download B NAME -o DIR",
    ] {
        let words = std::iter::once("shipmate").chain(line.split_whitespace());
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
    for line in [
        "admin app grant --app short --email e@x --access read",
        "admin app add --name N --platform web --repo r --owner o",
        "agent --slots 0",
        "agent --labels os",
        "builds A --limit 0",
        "builds A --limit 101",
        "builds A --status done",
        "tests B --all --failed",
        "build . --env =x",
        "nonsense",
    ] {
        let words = std::iter::once("shipmate").chain(line.split_whitespace());
        let error = Cli::try_parse_from(words).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn tokens_are_not_in_the_debug_output() {
    let cli = Cli::try_parse_from(["shipmate", "apps", "--token", "s3cret"]).unwrap();
    assert!(!format!("{cli:?}").contains("s3cret"));
}

#[tokio::test]
async fn check_config_shows_values_with_their_source() {
    let mut shipmate = Shipmate::bare();
    shipmate.env.push(("SHIPMATE_DATABASE_URL".into(), "postgres://u:s3cret@db/x".into()));
    shipmate.env.push(("SHIPMATE_AGENT_SLOTS".into(), "2".into()));
    let ran = shipmate.run(&["check-config", "--listen", "0.0.0.0:80", "--data-dir", "/d"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    SETTING                              VALUE                          FROM
    listen                               0.0.0.0:80                     --listen
    data_dir                             /d                             --data-dir
    public_url                           http://127.0.0.1:80            default
    dashboard_url                        http://127.0.0.1:80            default
    database_url                         postgres://u:[secret]@db/x     SHIPMATE_DATABASE_URL
    ip_ranges                            (none)                         default
    agent.slots                          2                              SHIPMATE_AGENT_SLOTS
    agent.labels                         (none)                         default
    agent.work_dir                       /d/agent                       default
    limits.max_build_minutes             120                            default
    limits.kill_grace_seconds            10                             default
    limits.lease_seconds                 60                             default
    limits.requests_per_minute           600000                         default
    limits.reports_per_minute            60                             default
    limits.max_running                   (none)                         default
    limits.max_running_per_organisation  (none)                         default
    limits.max_running_ios               (none)                         default
    limits.max_running_android           (none)                         default
    webhooks.poll_minutes                5                              default
    ssh.unknown_hosts                    record                         default
    links.ttl_minutes                    1440                           default
    mail.smtp_url                        (none)                         default
    mail.from                            Shipmate <shipmate@localhost>  default
    log.format                           text                           default
    log.level                            info                           default
    ");

    let ran = shipmate.run(&["check-config", "--json"]).await;
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["agent.slots"]["source"], "SHIPMATE_AGENT_SLOTS");
    assert!(!ran.out.contains("s3cret"));
}

#[tokio::test]
async fn check_config_reports_all_faults_and_ends_with_2() {
    let mut shipmate = Shipmate::bare();
    shipmate.env.push(("SHIPMATE_LISTNE".into(), "x".into()));
    let ran = shipmate.run(&["check-config", "--listen", "x", "--agent-slots", "-1"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(ran.err.lines().count(), 3, "{}", ran.err);
}

#[tokio::test]
async fn login_stores_what_later_commands_use() {
    let server = Server::start(|_, _| json("[]")).await;
    let mut shipmate = Shipmate::bare();
    shipmate.input = "s3cret\n";
    let ran = shipmate.run(&["login", "--server", &format!("{}/", server.url)]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let path = shipmate.home.path().join(".config/shipmate/credentials.toml");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.as_path()), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);

    let ran = shipmate.run(&["apps"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("No apps yet."), "{}", ran.out);
    let seen = server.seen();
    assert_eq!(server.lines(), ["GET /v1/apps", "GET /v1/apps"]);
    assert!(seen.iter().all(|one| one.header("authorization") == Some("Bearer s3cret")));

    // A file that others can read is replaced, not written through.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let args = ["login", "--server", &server.url, "--token", "other", "--json"];
    assert_eq!(shipmate.run(&args).await.code, 0);
    assert_eq!(mode(path.as_path()), 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().contains("other"));
}

#[tokio::test]
async fn login_with_a_wrong_token_stores_nothing() {
    let server = Server::start(|_, _| error(401, "Invalid authorization token")).await;
    let shipmate = Shipmate::bare();
    let ran = shipmate.run(&["login", "--server", &server.url, "--token", "bad"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("refused the token (Invalid authorization token)"), "{}", ran.err);
    assert!(!shipmate.home.path().join(".config").exists());
    for token in ["", "two words", "smörgås"] {
        let ran = shipmate.run(&["login", "--server", &server.url, "--token", token]).await;
        assert_eq!(ran.code, 2, "{token}");
    }
}

#[tokio::test]
async fn a_stored_token_goes_to_no_other_server() {
    let home = Server::start(|_, _| json("[]")).await;
    let other = Server::start(|_, _| json("[]")).await;
    let shipmate = Shipmate::bare();
    let ran = shipmate.run(&["login", "--server", &home.url, "--token", "s3cret"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = shipmate.run(&["apps", "--server", &other.url]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no token for"), "{}", ran.err);
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn without_login_the_remedy_is_named() {
    let ran = Shipmate::bare().run(&["apps"]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err, "shipmate: no server is known; run `shipmate login --server URL` first\n");
    let mut nowhere = Shipmate::bare();
    nowhere.env.clear();
    assert!(nowhere.run(&["apps"]).await.err.contains("set HOME or XDG_CONFIG_HOME"));
}

#[tokio::test]
async fn refusals_name_the_remedy() {
    let table = [
        (401, "shipmate login --server"),
        (403, "ask an administrator for full access"),
        (404, "`shipmate builds APP` lists"),
        (400, "refused the request: said"),
        (500, "the server's log says why"),
        (503, "try again in a moment"),
    ];
    for (status, expected) in table {
        let server = Server::start(move |_, _| error(status, "said")).await;
        let ran = Shipmate::at(&server).run(&["show", BUILD]).await;
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("said") && ran.err.contains(expected), "{status}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(!ran.err.contains("s3cret"));
    }
}

#[tokio::test]
async fn answers_that_are_not_ours_are_clear_errors() {
    let server = Server::start(|_, _| "<html>".into_response()).await;
    let ran = Shipmate::at(&server).run(&["show", BUILD]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("not what API v1 describes"), "{}", ran.err);

    let elsewhere = |_: &_, _| {
        (axum::http::StatusCode::FOUND, [("location", "https://x/")], "").into_response()
    };
    let server = Server::start(elsewhere).await;
    let ran = Shipmate::at(&server).run(&["apps"]).await;
    assert!(ran.err.contains("redirects to https://x/"), "{}", ran.err);

    // A port that was just free: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let ran = Shipmate::bare().run(&["apps", "--server", &url, "--token", "t"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("cannot reach") && ran.err.contains(&url), "{}", ran.err);
}

#[tokio::test]
async fn apps_and_branches_are_listed() {
    let server = Server::start(|seen, _| match seen.line.as_str() {
        "GET /v1/apps" => json(format!(
            r#"[{{"_id":"{APP}","app_name":"Alterra","platform":"ios"}},
                {{"_id":"{BUILD}","app_name":"Bad \u001b]0;x\u0007 name","platform":"android"}}]"#
        )),
        _ => json(r#"[{"name":"feature/door"},{"name":"main"}]"#),
    })
    .await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["apps"]).await;
    insta::assert_snapshot!(ran.out, @r"
    APP              PLATFORM  ID
    Alterra          ios       58a1b2c3d4e5f60718293a4b
    Bad  ]0;x  name  android   59a1b2c3d4e5f60718293a4b
    ");
    let ran = shipmate.run(&["branches", "alterra", "--include-deleted"]).await;
    assert_eq!(ran.out, "feature/door\nmain\n");
    let last = server.lines().pop().unwrap();
    assert_eq!(last, format!("GET /v1/apps/{APP}/branches?includeDeleted=true"));
}

#[tokio::test]
async fn json_is_printed_as_the_server_wrote_it() {
    let server = Server::start(|_, _| json(r#"[ {"z":1, "a":2} ]"#)).await;
    let ran = Shipmate::at(&server).run(&["apps", "--json"]).await;
    assert_eq!(ran.out, "[ {\"z\":1, \"a\":2} ]\n");
}

#[tokio::test]
async fn an_ambiguous_or_unknown_app_lists_candidates() {
    let server = Server::start(|seen, _| match seen.line.as_str() {
        "GET /v1/apps" => json(format!(
            r#"[{{"_id":"{APP}","app_name":"Twin","platform":"ios"}},
                {{"_id":"{BUILD}","app_name":"Twin","platform":"android"}},
                {{"_id":"aaaaaaaaaaaaaaaaaaaaaaaa","app_name":"TWIN","platform":"ios"}}]"#
        )),
        _ => json("[]"),
    })
    .await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["builds", "Twin"]).await;
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.err, @r#"
    shipmate: several apps are called "Twin"; give the id of one:
      58a1b2c3d4e5f60718293a4b  Twin (ios)
      59a1b2c3d4e5f60718293a4b  Twin (android)
    "#);
    let ran = shipmate.run(&["builds", "Tween"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("there is no app \"Tween\"; these exist:"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 4);
    // An exact name wins over one that differs in case.
    assert_eq!(shipmate.run(&["builds", "TWIN"]).await.code, 0);
    assert!(server.lines().pop().unwrap().contains("aaaaaaaaaaaaaaaaaaaaaaaa"));
    // An id needs no look-up.
    let before = server.seen().len();
    assert_eq!(shipmate.run(&["builds", APP]).await.code, 0);
    assert_eq!(server.seen().len(), before + 1);
}

#[tokio::test]
async fn builds_are_a_table_and_filters_travel_encoded() {
    let server = Server::start(|_, _| {
        let list = serde_json::json!([build(12, "failed"), build(9, "running")]);
        at_now(
            (([("link", "</v1/x?from=c>; rel=\"next\"")]), json(list.to_string())).into_response(),
        )
    })
    .await;
    let args = ["builds", APP, "--branch", "feature/find&replace", "--status", "failed"];
    let ran = Shipmate::at(&server).run(&args).await;
    insta::assert_snapshot!(ran.out, @r"
    BUILD  STATUS   BRANCH  COMMIT   MESSAGE       CREATED     TOOK         ID
      #12  failed   main    0123456  Fix the door  59 min ago  3 min 07 s   59a1b2c3d4e5f60718293a4b
       #9  running  main    0123456  Fix the door  59 min ago  59 min 56 s  59a1b2c3d4e5f60718293a4b
    ");
    assert!(ran.err.contains("--all"), "{}", ran.err);
    let expected =
        format!("GET /v1/apps/{APP}/builds?branch=feature%2Ffind%26replace&status=failed");
    assert_eq!(server.lines(), [expected]);
}

#[tokio::test]
async fn all_follows_the_link_header_and_joins_the_pages() {
    let server = Server::start(|seen, _| {
        let links = |next: &str| [("link", format!("</a,b>; rel=\"prev\", <{next}>;rel=next"))];
        let page = match seen.line.split_once("from=").map(|(_, cursor)| cursor) {
            None => {
                return (links("/v1/apps/x/builds?limit=2&from=1"), json(r#"[{"n":1},{"n":2}]"#))
                    .into_response();
            }
            Some("1") => return (links("/v1/apps/x/builds?from=2"), json("[]")).into_response(),
            Some(_) => r#"[ {"n":3} ]"#,
        };
        json(page)
    })
    .await;
    let ran = Shipmate::at(&server).run(&["builds", APP, "--all", "--json"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let items: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(items, serde_json::json!([{"n":1},{"n":2},{"n":3}]));
    let expected = [
        format!("GET /v1/apps/{APP}/builds?limit=100"),
        "GET /v1/apps/x/builds?limit=2&from=1".into(),
        "GET /v1/apps/x/builds?from=2".into(),
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn a_next_page_on_another_host_is_refused() {
    for target in ["http://evil.example.com/v1", "//evil.example.com/v1"] {
        let link = format!("<{target}>; rel=\"next\"");
        let server =
            Server::start(move |_, _| ([("link", link.clone())], json("[]")).into_response()).await;
        let ran = Shipmate::at(&server).run(&["builds", APP, "--all"]).await;
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("next page elsewhere"), "{}", ran.err);
    }
}

#[tokio::test]
async fn empty_lists_name_the_next_command() {
    let server = Server::start(|_, _| json("[]")).await;
    let shipmate = Shipmate::at(&server);
    for (args, expected) in [
        (vec!["builds", APP], format!("shipmate trigger {APP} --watch")),
        (vec!["builds", APP, "--branch", "x"], format!("shipmate builds {APP}")),
        (vec!["branches", APP], format!("shipmate trigger {APP}")),
        (vec!["artifacts", "list", BUILD], format!("shipmate logs {BUILD}")),
        (vec!["artifacts", "download", BUILD], format!("shipmate logs {BUILD}")),
    ] {
        let ran = shipmate.run(&args).await;
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains(&expected), "{args:?}: {}", ran.out);
    }
}

#[tokio::test]
async fn show_describes_one_build() {
    let server = Server::start(|_, _| {
        let mut one = build(12, "failed");
        one["scheme_name"] = "Unit Tests".into();
        one["test_summary"] = serde_json::json!({
            "tests_count": 120, "tests_passed": 118, "code_coverage_percentage": 0.75
        });
        at_now(json(one.to_string()))
    })
    .await;
    let mut shipmate = Shipmate::at(&server);
    insta::assert_snapshot!(shipmate.run(&["show", BUILD]).await.out, @r"
    Build       #12
    Status      failed
    Scheme      Unit Tests
    Branch      main
    Commit      0123456 Fix the door
    Author      Ada
    Repository  https://git.example.com/o/r.git
    Created     59 min ago
    Took        3 min 07 s
    Tests       118 of 120 passed, 75.0 % covered
    App         58a1b2c3d4e5f60718293a4b
    Id          59a1b2c3d4e5f60718293a4b
    ");
    shipmate.terminal = true;
    let ran = shipmate.run(&["show", BUILD]).await;
    assert!(ran.out.contains("\u{1b}[31mfailed\u{1b}[0m"), "{}", ran.out);
    let ran = shipmate.run(&["show", "12"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("24 characters"), "{}", ran.err);
}

#[tokio::test]
async fn trigger_queues_a_build() {
    let server = Server::start(|_, _| {
        (axum::http::StatusCode::CREATED, json(format!("{{\"build_id\":\"{BUILD}\"}}")))
            .into_response()
    })
    .await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["trigger", APP]).await;
    assert_eq!(
        ran.out,
        format!("Build {BUILD} is queued. Follow it with:\n  shipmate logs {BUILD} -f\n")
    );
    let ran = shipmate.run(&["trigger", APP, "--branch", "a/b", "--json"]).await;
    assert_eq!(ran.out, format!("{{\"build_id\":\"{BUILD}\"}}\n"));
    let seen = server.seen();
    assert_eq!(seen[0].line, format!("POST /v1/apps/{APP}/builds"));
    assert_eq!(seen[0].body, "");
    assert_eq!(seen[1].body, r#"{"branch":"a/b"}"#);
}

/// Answers a trigger, the followed log, and the build that it becomes.
async fn watched(status: &'static str) -> Server {
    Server::start(move |seen, _| {
        if seen.line.starts_with("POST") {
            json(format!("{{\"build_id\":\"{BUILD}\"}}"))
        } else if seen.line.contains("/logs?follow=1") {
            let log = serde_json::json!({ "text": "hello\n", "offset": 0 });
            let end = serde_json::json!({ "status": status, "complete": true });
            format!("id: 6\nevent: log\ndata: {log}\n\n: alive\n\nevent: end\ndata: {end}\n\n")
                .into_response()
        } else {
            json(build(7, status).to_string())
        }
    })
    .await
}

#[tokio::test]
async fn watch_prints_the_log_and_ends_with_the_builds_exit_code() {
    for (status, code) in [("success", 0), ("failed", 1), ("cancelled", 3)] {
        let server = watched(status).await;
        let shipmate = Shipmate::at(&server);
        let ran = shipmate.run(&["trigger", APP, "--watch"]).await;
        assert_eq!(ran.code, code, "{}", ran.err);
        assert_eq!(ran.out, format!("hello\nBuild #7: {status} after 3 min 07 s.\n"));

        let ran = shipmate.run(&["trigger", APP, "--watch", "--json"]).await;
        assert_eq!(ran.code, code);
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(value["build_status"], status);
        assert!(ran.err.contains("hello\n"), "{}", ran.err);
    }
}

#[tokio::test]
async fn logs_are_printed_byte_by_byte_and_resumed() {
    // The cut falls into the middle of the two-byte ü, and there is a byte
    // that is no UTF-8 at all.
    let log = b"gr\xc3\xbcn\n\xff\nend\n";
    let server = Server::start(move |seen, number| match (number, seen.header("range")) {
        (0, None) => Response::new(cut(vec![log[..3].to_vec()])),
        (_, Some("bytes=3-")) => {
            (axum::http::StatusCode::PARTIAL_CONTENT, log[3..].to_vec()).into_response()
        }
        (_, other) => panic!("unexpected range {other:?}"),
    })
    .await;
    let mut shipmate = Shipmate::at(&server);
    shipmate.terminal = true;
    let ran = shipmate.run(&["logs", BUILD]).await;
    assert_eq!(ran.out, "grün\n\u{fffd}\nend\n", "{}", ran.err);
}

#[tokio::test]
async fn a_server_without_ranges_repeats_nothing() {
    let server = Server::start(|_, number| match number {
        0 => Response::new(cut(vec![b"one\ntw".to_vec()])),
        _ => "one\ntwo\n".into_response(),
    })
    .await;
    let ran = Shipmate::at(&server).run(&["logs", BUILD]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "one\ntwo\n"));
    let server = Server::start(|_, _| "one\ntwo\n".into_response()).await;
    let ran = Shipmate::at(&server).run(&["logs", BUILD, "--json"]).await;
    assert_eq!(ran.out, "{\"offset\":0,\"text\":\"one\\ntwo\\n\"}\n");
}

#[tokio::test]
async fn logs_follow_prints_events() {
    let server = watched("failed").await;
    let ran = Shipmate::at(&server).run(&["logs", BUILD, "-f"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "hello\n"));
    assert_eq!(ran.err, "Build ended: failed.\n");
}

#[tokio::test]
async fn cancel_tells_what_became_of_the_build() {
    for (status, expected) in [
        ("cancelled", "Build #7 is cancelled.\n"),
        ("success", "Build #7 had already ended: success.\n"),
        ("running", "Build #7 is being cancelled (now running).\n"),
    ] {
        let server = Server::start(move |seen, _| {
            if seen.line.starts_with("POST") {
                axum::http::StatusCode::NO_CONTENT.into_response()
            } else {
                json(build(7, status).to_string())
            }
        })
        .await;
        let ran = Shipmate::at(&server).run(&["cancel", BUILD]).await;
        assert_eq!((ran.code, ran.out.as_str()), (0, expected));
        assert_eq!(server.lines()[0], format!("POST /v1/builds/{BUILD}/cancel"));
    }
}

#[tokio::test]
async fn tests_show_failures_and_a_summary() {
    let server = Server::start(|seen, _| {
        if !seen.line.contains("/tests") {
            let mut one = build(7, "failed");
            one["test_summary"] = serde_json::json!({ "tests_count": 3, "tests_passed": 2 });
            return json(one.to_string());
        }
        json(
            r#"{"build_id":"x","tests":[{"run":"unit","target":"App","suite":"Login",
               "name":"testDoor()","test":"testDoor()","status":"failed"}]}"#,
        )
    })
    .await;
    let shipmate = Shipmate::at(&server);
    insta::assert_snapshot!(shipmate.run(&["tests", BUILD]).await.out, @r"
    STATUS  RUN   TARGET  SUITE  TEST
    failed  unit  App     Login  testDoor()
    1 of 3 tests failed.
    ");
    shipmate.run(&["tests", BUILD, "--all"]).await;
    assert_eq!(server.lines()[0], format!("GET /v1/builds/{BUILD}/tests"));
    assert_eq!(server.lines()[2], format!("GET /v1/builds/{BUILD}/tests?showPassing=true"));
}

#[tokio::test]
async fn no_tests_and_only_passed_tests_are_told_apart() {
    for (summary, status, expected) in [
        (serde_json::json!({}), "success", "No tests ran."),
        (serde_json::json!({}), "running", "No results before the build ends"),
        (
            serde_json::json!({ "tests_count": 1, "tests_passed": 1 }),
            "success",
            "1 test passed, none failed. To list",
        ),
    ] {
        let server = Server::start(move |seen, _| {
            let mut one = build(7, status);
            one["test_summary"] = summary.clone();
            let tests = seen.line.contains("/tests");
            json(if tests { r#"{"tests":[]}"#.into() } else { one.to_string() })
        })
        .await;
        let ran = Shipmate::at(&server).run(&["tests", BUILD]).await;
        assert!(ran.out.starts_with(expected), "{}", ran.out);
    }
}

#[tokio::test]
async fn coverage_nests_files_and_functions() {
    let server = Server::start(|_, _| {
        json(
            r#"{"coverage":0.75,"build_id":"x","targets":[{"name":"App","coverage":0.7,"files":
               [{"name":"a.c","path":"src/a.c","coverage":1,"functions":
               [{"name":"main","coverage":0.5}]}]},{"name":"Kit","coverage":0.8}]}"#,
        )
    })
    .await;
    let ran = Shipmate::at(&server).run(&["coverage", BUILD, "--functions"]).await;
    insta::assert_snapshot!(ran.out, @r"
    COVERAGE  TARGET
      70.0 %  App
     100.0 %    src/a.c
      50.0 %      main
      80.0 %  Kit
    Mean of the targets: 75.0 %
    ");
    let expected = format!("GET /v1/builds/{BUILD}/coverage?showFunctionCoverage=true");
    assert_eq!(server.lines(), [expected]);
}

#[tokio::test]
async fn output_that_is_closed_early_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = watched("success").await;
    let shipmate = Shipmate::at(&server);
    for args in [vec!["logs", BUILD, "-f"], vec!["show", BUILD], vec!["--help"]] {
        let mut console = shipmate.console();
        console.out = Box::new(Closed);
        let words = std::iter::once("shipmate").chain(args);
        assert_eq!(run_args(words, &mut console).await, 0);
    }
}

#[tokio::test]
async fn the_agent_finds_its_server_and_token() {
    let mut shipmate = Shipmate::bare();
    std::fs::write(shipmate.home.path().join("token"), "from-file\n").unwrap();
    let connection = |shipmate: &Shipmate, line: &str| {
        let words = std::iter::once("shipmate").chain(line.split_whitespace());
        let Command::Agent(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not the agent")
        };
        args.connection(&shipmate.console())
    };
    let found = |result: Result<(String, _)>| {
        result.map(|(server, token): (_, crate::model::secret::Secret)| {
            format!("{server} {}", token.expose())
        })
    };
    let line = "agent --server http://x/ --token t";
    assert_eq!(found(connection(&shipmate, line)).unwrap(), "http://x t");
    let line = "agent --server http://x --token-file token";
    assert_eq!(found(connection(&shipmate, line)).unwrap(), "http://x from-file");
    assert!(matches!(connection(&shipmate, "agent"), Err(Failure::Usage(_))));
    shipmate.env.push(("SHIPMATE_SERVER".into(), "https://y".into()));
    assert!(matches!(connection(&shipmate, "agent"), Err(Failure::Usage(_))));
    shipmate.env.push(("SHIPMATE_TOKEN".into(), "v".into()));
    assert_eq!(found(connection(&shipmate, "agent")).unwrap(), "https://y v");
}

#[tokio::test]
async fn the_doctor_needs_no_server() {
    let shipmate = Shipmate::bare();
    let ran = shipmate.run(&["agent", "--doctor", "--work-dir", "not/yet/there"]).await;
    assert!(ran.out.contains("good    git          git version "), "{}", ran.out);
    let is_bad = ran.out.lines().any(|line| line.starts_with("bad "));
    assert_eq!(ran.code, u8::from(is_bad), "{}", ran.err);
}
