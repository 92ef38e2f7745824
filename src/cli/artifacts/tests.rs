use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use super::*;
use crate::cli::client::Patience;
use crate::cli::tests::scripted::{BUILD, Seen, Server, Shipmate, cut, json};
use crate::model::secret::Secret;

const DATA: &[u8] = b"0123456789abcdef";

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn artifact(id: &str, name: &str, path: &str, kind: &str) -> Artifact {
    let (id, name, path) = (id.to_owned(), name.to_owned(), path.to_owned());
    let kind = kind.to_owned();
    Artifact {
        id,
        name,
        path,
        kind,
        size: 16,
        sha256: sha256(DATA),
        url: "http://x/".into(),
        package: None,
    }
}

/// Lists one artifact with these figures and answers its download.
async fn serving(
    size: usize,
    sha256: String,
    answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static,
) -> Server {
    Server::start(move |seen, number| {
        if seen.line.ends_with("/artifacts") {
            let url = format!("http://{}/signed?key=k", seen.header("host").unwrap());
            return json(
                serde_json::json!([{
                    "_id": "a1", "name": "app.apk", "path": "out/app.apk", "kind": "apk",
                    "size": size, "sha256": sha256, "created_at": "2026-03-02T22:13:26.728Z",
                    "url": url,
                }])
                .to_string(),
            );
        }
        assert_eq!(seen.header("authorization"), None, "the link is signed; the token stays home");
        answer(seen, number)
    })
    .await
}

fn part(offset: usize, bytes: &[u8]) -> Response {
    let range = format!("bytes {offset}-{}/16", DATA.len() - 1);
    (StatusCode::PARTIAL_CONTENT, [("content-range", range)], bytes.to_vec()).into_response()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_download_is_verified_and_not_repeated() {
    let server = serving(16, sha256(DATA), |_, _| DATA.into_response()).await;
    let shipmate = Shipmate::at(&server);
    let out = shipmate.home.path().join("out");
    let ran = shipmate.run(&["artifacts", "download", BUILD, "-o", "out"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with("out/app.apk  16 B, verified\n"), "{}", ran.out);
    assert_eq!(files(&out), ["app.apk"]);
    assert_eq!(std::fs::read(out.join("app.apk")).unwrap(), DATA);

    let ran = shipmate.run(&["artifacts", "download", BUILD, "app.apk", "-o", "out", "--json"]);
    let ran = ran.await;
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value[0]["sha256"], sha256(DATA));
    assert_eq!(server.lines().iter().filter(|line| line.contains("signed")).count(), 1);
}

#[tokio::test]
async fn a_damaged_download_is_an_error_and_leaves_nothing() {
    let server = serving(16, sha256(DATA), |_, _| "0123456789abcdeX".into_response()).await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["artifacts", "download", BUILD, "-o", "out"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("app.apk arrived damaged"), "{}", ran.err);
    assert!(files(&shipmate.home.path().join("out")).is_empty());
}

#[tokio::test]
async fn more_bytes_than_announced_are_an_error_and_leave_nothing() {
    let server = serving(10, sha256(DATA), |_, _| DATA.into_response()).await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["artifacts", "download", BUILD, "-o", "out"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("larger than the 10 bytes"), "{}", ran.err);
    assert!(files(&shipmate.home.path().join("out")).is_empty());
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let server = serving(16, sha256(DATA), |seen, _| match seen.header("range") {
        None => Response::new(cut(vec![DATA[..5].to_vec()])),
        Some("bytes=5-") => part(5, &DATA[5..]),
        other => panic!("unexpected range {other:?}"),
    })
    .await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["artifacts", "download", BUILD]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(std::fs::read(shipmate.home.path().join("app.apk")).unwrap(), DATA);
}

/// Runs one transfer over what an earlier one left, with short pauses.
async fn over_leftover(leftover: &[u8], server: &Server) -> (tempfile::TempDir, Result<bool>) {
    let dir = tempfile::tempdir().unwrap();
    let mut one = artifact("a1", "app.apk", "app.apk", "apk");
    one.url = format!("{}/signed", server.url);
    let name = format!(".shipmate-{}.part", &one.sha256[..16]);
    std::fs::write(dir.path().join(name), leftover).unwrap();
    let mut client = Client::new(server.url.clone(), Secret::new("t")).unwrap();
    client.patience = Patience { attempts: 3, pause: Duration::from_millis(1) };
    let target = dir.path().join("app.apk");
    let job = Download { artifact: &one, target: &target, force: false };
    let result = fetch(&client, &job, false).await;
    (dir, result)
}

#[tokio::test]
async fn what_an_earlier_run_left_is_continued() {
    let server = Server::start(|seen, _| {
        assert_eq!(seen.header("range"), Some("bytes=10-"));
        part(10, &DATA[10..])
    })
    .await;
    let (dir, result) = over_leftover(&DATA[..10], &server).await;
    assert!(!result.unwrap());
    assert_eq!(files(dir.path()), ["app.apk"]);
    // Complete but never named: no request at all.
    let silent = Server::start(|_, _| panic!("nothing is missing")).await;
    let (dir, result) = over_leftover(DATA, &silent).await;
    assert!(!result.unwrap());
    assert_eq!(std::fs::read(dir.path().join("app.apk")).unwrap(), DATA);
}

#[tokio::test]
async fn a_damaged_or_oversized_leftover_is_replaced() {
    for leftover in [&b"XXXXX"[..], &[b'x'; 100]] {
        let server = Server::start(|seen, _| match seen.header("range") {
            Some("bytes=5-") => part(5, &DATA[5..]),
            None => DATA.into_response(),
            other => panic!("unexpected range {other:?}"),
        })
        .await;
        let (dir, result) = over_leftover(leftover, &server).await;
        assert!(!result.unwrap());
        assert_eq!(std::fs::read(dir.path().join("app.apk")).unwrap(), DATA);
    }
}

#[tokio::test]
async fn servers_that_do_ranges_badly_still_deliver() {
    let answers: [fn() -> Response; 3] = [
        || DATA.into_response(),
        || part(0, DATA),
        || StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
    ];
    for answer in answers {
        let server = Server::start(move |seen, _| match seen.header("range") {
            Some(_) => answer(),
            None => DATA.into_response(),
        })
        .await;
        let (dir, result) = over_leftover(&DATA[..5], &server).await;
        assert!(!result.unwrap());
        assert_eq!(std::fs::read(dir.path().join("app.apk")).unwrap(), DATA);
    }
}

#[tokio::test]
async fn a_dead_download_ends_with_a_sentence_and_keeps_its_part() {
    let server = Server::start(|_, _| StatusCode::BAD_GATEWAY.into_response()).await;
    let (dir, result) = over_leftover(&DATA[..5], &server).await;
    let Err(Failure::Failed(text)) = result else { panic!("{result:?}") };
    assert!(text.contains("broke off after 5 of 16 bytes"), "{text}");
    assert_eq!(files(dir.path()).len(), 1);
    assert_eq!(server.seen().len(), 4);
    let server = Server::start(|_, _| StatusCode::GONE.into_response()).await;
    let (_, result) = over_leftover(&DATA[..5], &server).await;
    let Err(Failure::Failed(text)) = result else { panic!("{result:?}") };
    assert!(text.contains("link may have expired"), "{text}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn other_files_are_not_overwritten_without_force() {
    let server = serving(16, sha256(DATA), |_, _| DATA.into_response()).await;
    let shipmate = Shipmate::at(&server);
    let file = shipmate.home.path().join("app.apk");
    std::fs::write(&file, "mine").unwrap();
    let ran = shipmate.run(&["artifacts", "download", BUILD]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(shipmate.run(&["artifacts", "download", BUILD, "--force"]).await.code, 0);
    assert_eq!(std::fs::read(&file).unwrap(), DATA);
}

#[tokio::test]
async fn the_list_and_an_unknown_name() {
    let server = serving(1_572_864, sha256(DATA), |_, _| DATA.into_response()).await;
    let shipmate = Shipmate::at(&server);
    let ran = shipmate.run(&["artifacts", "list", BUILD]).await;
    insta::assert_snapshot!(ran.out, @r"
    NAME        SIZE  KIND  PATH         SHA-256
    app.apk  1.5 MiB  apk   out/app.apk  9f9f5111f7b2
    ");
    let ran = shipmate.run(&["artifacts", "download", BUILD, "nope"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no artifact \"nope\"; it has:"), "{}", ran.err);
}

#[test]
fn a_name_selects_one_or_lists_the_candidates() {
    let all = [
        artifact("1", "r.xml", "a/r.xml", "file"),
        artifact("2", "r.xml", "b/r.xml", "file"),
        artifact("3", "app.apk", "app.apk", "apk"),
    ];
    let build = BUILD.parse().unwrap();
    let id = |wanted| only(&all, wanted, &build).map(|one| one.id);
    assert_eq!(id("app.apk").unwrap(), "3");
    assert_eq!(id("b/r.xml").unwrap(), "2");
    assert_eq!(id("1").unwrap(), "1");
    let Err(Failure::Failed(text)) = id("r.xml") else { panic!("must be ambiguous") };
    assert!(text.contains("\n  1  a/r.xml\n  2  b/r.xml"), "{text}");
}

#[test]
fn equal_names_go_to_their_paths_and_hostile_ones_stay_inside() {
    let shown = |all: &[Artifact]| {
        places(all).map(|placed| {
            let paths = placed.iter().map(|(_, path)| path.display().to_string());
            paths.collect::<Vec<_>>()
        })
    };
    let all = [
        artifact("1", "r.xml", "a/r.xml", "file"),
        artifact("2", "R.xml", "b/R.xml", "file"),
        artifact("3", "x", "x", "apk"),
        artifact("4", "x", "x", "product"),
        artifact("5", "/etc/passwd", "p", "file"),
        artifact("6", ".profile", "q", "file"),
        artifact("7", "a\\b\u{1b}", "s", "file"),
    ];
    let expected = ["a/r.xml", "b/R.xml", "apk/x", "product/x", "_etc_passwd", "_profile", "a_b "];
    assert_eq!(shown(&all).unwrap(), expected);

    for name in ["..", "", "/../x", &"x".repeat(256)] {
        let hostile = [artifact("1", name, name, "file")];
        let result = shown(&hostile);
        let inside = |path: &String| {
            let parts = Path::new(path).components();
            parts.into_iter().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        assert!(result.is_err() || result.unwrap().iter().all(inside), "{name}");
    }
    let clash = [artifact("1", "x", "x", "apk"), artifact("2", "x", "x", "apk")];
    assert!(shown(&clash).is_err());
    assert_eq!(safe_path("a/../../b"), None);
    assert_eq!(safe_path("/a//./b"), Some("a/b".into()));
}
