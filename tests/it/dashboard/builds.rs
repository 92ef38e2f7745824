//! The pages of builds: every tab while queued, running and over, the log by
//! lines, what readers may not do, and that nothing of a build becomes markup.
//! One file, because all tabs are looked at on the same staged build.

use serde_json::{Value, json};
use shipmate::feedback::crashes::{self, NewCrash};
use shipmate::feedback::{self, File};
use shipmate::model::app::App as AppRow;
use shipmate::model::build::Outcome;
use shipmate::model::feedback::{Feedback, ItemState, JsonObject, MediaKind, Origin};
use shipmate::model::ids::{BuildId, CrashReportId, FeedbackId};
use shipmate::model::log::{ChunkMeta, Run, Stream};
use shipmate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};

use super::groups::give_read;
use super::{Browser, location, text};
use crate::harness::agent::{FakeAgent, Held, artifact_id, pack, test_result};
use crate::harness::app::{Person, TestApp};
use crate::harness::server::Answer;

/// Does something wherever it is not escaped.
const EVIL: &str = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>";

const TABS: [&str; 8] =
    ["", "/log", "/tests", "/coverage", "/artifacts", "/deploy", "/feedback", "/crashes"];

struct Stage {
    app: TestApp,
    browser: Browser,
    ann: Person,
    row: AppRow,
    agent: FakeAgent,
}

impl Stage {
    async fn set(app: TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://github.com/o/shop.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let token = app.add_agent_token("a").await;
        let agent = FakeAgent::new(&browser.server, &token, "a");
        Self { app, browser, ann, row, agent }
    }

    async fn start(&self, claim: &str) -> (String, Held) {
        let id = self.app.trigger(&self.row).await;
        let held = self.agent.take(claim).await;
        assert_eq!(held.build, id);
        (format!("/apps/{}/build/{id}", self.row.id), held)
    }

    async fn json(&mut self, path: &str) -> Value {
        let answer = self.browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        answer.json()
    }

    async fn api(&self, path: &str) -> Value {
        let request = self.browser.client.get(format!("{}{path}", self.browser.server.url));
        Answer::of(request.bearer_auth(self.ann.token.expose())).await.expect(200).json()
    }
}

fn is_harmless(page: &str) {
    assert!(!page.contains("<img src=x") && !page.contains("<script>"), "{page}");
    assert!(!page.contains(" style="), "{page}");
}

/// A chunk whose lines belong to steps: (step, lines, milliseconds).
fn steps(text: &str, runs: &[(&str, u32, i64)]) -> Vec<u8> {
    let meta = ChunkMeta {
        bytes: text.len() as u64,
        lines: text.matches('\n').count() as u64,
        steps: runs.iter().map(|run| run.0.to_owned()).collect(),
        runs: runs
            .iter()
            .enumerate()
            .map(|(k, (_, lines, at))| Run {
                lines: *lines,
                partial: false,
                at: *at,
                stream: Stream::Stdout,
                step: k as u16,
            })
            .collect(),
    };
    pack(text.as_bytes(), &meta)
}

fn object(text: &str) -> JsonObject {
    JsonObject::read(text, 1 << 20, 16).unwrap()
}

fn origin(row: &AppRow, build: &BuildId) -> Origin {
    Origin {
        app_id: row.id.clone(),
        build_id: build.clone(),
        build_number: 1,
        bundle_id: EVIL.into(),
        short_version: "1.2".into(),
        version: "90".into(),
    }
}

on_both! {
    async fn every_tab_shows_every_state(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let id = stage.app.trigger(&stage.row).await;
        let place = format!("/apps/{}/build/{id}", stage.row.id);
        let queued = ["Waiting:", "No lines yet", "when the scripts have ended", "Coverage is read",
            "Files are stored at the end", "has not succeeded", "No feedback", "No crashes"];
        for (tab, says) in TABS.iter().zip(queued) {
            let page = stage.browser.page(&format!("{place}{tab}")).await;
            assert!(page.contains(says), "{tab}: {page}");
            assert!(page.contains("Cancel the build") && !page.contains("Rebuild without cache"));
        }
        let held = stage.agent.take("c").await;
        stage.agent.log(&held, 0, "hello\n").await.expect(200);
        let page = stage.browser.page(&place).await;
        assert!(page.contains("Running:") && page.contains("data-follow"), "{page}");
        assert!(stage.browser.page(&format!("{place}/log")).await.contains("hello"));
        stage.agent.finish(&held, Outcome::Failed, 1).await.expect(204);
        let failed = ["buddybuild_postclone.sh ended", "hello", "reported no tests", "Gather coverage",
            "left no files", "sent to nobody.", "No feedback", "No crashes"];
        for (tab, says) in TABS.iter().zip(failed) {
            let page = stage.browser.page(&format!("{place}{tab}")).await;
            assert!(page.contains(says), "{tab}: {page}");
            assert!(page.contains("pill failed") && page.contains("Rebuild without cache"));
        }
        let csrf = stage.browser.csrf(&place).await;
        let path = format!("{place}/rebuild");
        assert_eq!(stage.browser.post(&path, &[("csrf", "")]).await.status, 400);
        let again = stage.browser.post(&path, &[("csrf", &csrf), ("without_cache", "true")]).await;
        let again = location(&again).to_owned();
        assert!(again != place && stage.browser.page(&again).await.contains("not used"));
    }

    async fn a_log_is_read_by_lines(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        let lines: String = (0..1_000).map(|n| format!("line {n}\n")).collect();
        let first = format!("=== Cloning ===\n{lines}");
        let body = steps(&first, &[("clone", 1, 1_000), ("build", 1_000, 3_000)]);
        stage.agent.log_body(&held, 0, body).await.expect(200);
        let second = "\u{1b}[31merror: it broke\u{1b}[0m\nhalf a";
        let body = steps(second, &[("build", 1, 8_000), ("build", 0, 9_000)]);
        // Text after the last newline belongs to the last run.
        stage.agent.log_body(&held, 1, body).await.expect(200);

        let outline = stage.json(&format!("{place}/log/outline")).await;
        assert_eq!((&outline["lines"], &outline["live"]), (&json!(1_002), &json!(true)));
        assert_eq!((&outline["errors"], &outline["error_lines"]), (&json!(1), &json!([1_001])));
        let names: Vec<_> = outline["steps"].as_array().unwrap().iter().map(|s| (&s["name"], &s["first"])).collect();
        assert_eq!(names, [(&json!("clone"), &json!(0)), (&json!("build"), &json!(1))]);

        let window = stage.json(&format!("{place}/log/lines?from=999&count=10")).await;
        assert_eq!(window["total"], 1_003, "with the one that is not ended");
        let shown: Vec<_> = window["lines"].as_array().unwrap().iter().map(|l| (l["n"].as_u64().unwrap(), l["p"].clone())).collect();
        assert_eq!(shown, [
            (999, json!([["line 998"]])), (1_000, json!([["line 999"]])),
            (1_001, json!([["error: it broke", "af1"]])), (1_002, json!([["half a"]])),
        ]);
        for bad in ["from=-1", "count=0", "count=2001", "from=x"] {
            assert_eq!(stage.browser.get(&format!("{place}/log/lines?{bad}")).await.status, 400, "{bad}");
        }
        let far = stage.json(&format!("{place}/log/lines?from=999999999999")).await;
        assert_eq!(far["lines"], json!([]));

        let page = stage.browser.page(&format!("{place}/log?line=1002")).await;
        assert!(page.contains(r#"id="L1002""#) && page.contains(r#"<span class="af1">error: it broke</span>"#), "{page}");
        assert!(page.contains(r#"href="?line=1002#L1002""#) && page.contains("Go to the error line"), "{page}");
        let page = stage.browser.page(&format!("{place}/log?from=1")).await;
        assert!(page.contains("Lines 1 to 500 of") && page.contains(r#"href="?from=501""#), "{page}");
        assert!(!page.contains("Earlier") && page.contains("=== Cloning ==="));

        stage.agent.finish(&held, Outcome::Success, 2).await.expect(204);
        stage.app.run_jobs().await;
        // The same from the one blob of a finished log.
        let again = stage.json(&format!("{place}/log/lines?from=999&count=3")).await;
        assert_eq!(again["lines"][2], window["lines"][2]);
    }

    async fn a_log_is_searched(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        stage.agent.log(&held, 0, "One needle\ntwo\n\u{1b}[32mNEE\u{1b}[0mDLE three nee").await.expect(200);
        stage.agent.log(&held, 1, "dle\nend <&>\n").await.expect(200);
        let found = stage.json(&format!("{place}/log/search?q=Needle")).await;
        assert_eq!(found, json!({ "count": 2, "lines": [0, 2], "next": null }));
        let found = stage.json(&format!("{place}/log/search?q=%3C%26%3E")).await;
        assert_eq!(found["lines"], json!([3]));
        for bad in ["", "?q=", &format!("?q={}", "x".repeat(201)), "?q=a%0Ab"] {
            assert_eq!(stage.browser.get(&format!("{place}/log/search{bad}")).await.status, 400, "{bad}");
        }
    }

    async fn a_page_hears_how_long_the_log_is(app: TestApp) {
        let stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        stage.agent.log(&held, 0, "one\n").await.expect(200);
        let request = stage.browser.client.get(format!("{}{place}/log/follow", stage.browser.server.url));
        let cookie = stage.browser.cookie.clone().unwrap();
        let mut response = request.header("cookie", cookie).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let first = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(first.starts_with("id: 4\nevent: size\ndata: {") && first.contains("\"lines\":1"), "{first}");
        stage.agent.log(&held, 1, "two\n").await.expect(200);
        stage.agent.finish(&held, Outcome::Success, 2).await.expect(204);
        let mut rest = String::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert!(rest.contains("event: end\n") && rest.contains("\"status\":\"success\""), "{rest}");
        assert!(rest.contains("\"lines\":2"), "{rest}");
    }

    async fn tests_and_coverage_are_shown_failures_first(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let mut last = String::new();
        for (claim, passed) in [("a", true), ("b", false)] {
            let (place, held) = stage.start(claim).await;
            stage.agent.commit(&held, &"a".repeat(40)).await.expect(204);
            let failing = TestResult {
                message: (!passed).then(|| EVIL.into()),
                file: Some("Login.kt".into()),
                line: Some(7),
                ..test_result(EVIL, passed)
            };
            stage.agent.tests(&held, 0, vec![test_result("steady", true), failing]).await.expect(204);
            let target = TargetCoverage {
                name: EVIL.into(),
                coverage: 0.5,
                files: vec![FileCoverage {
                    name: "Login.kt".into(),
                    path: "app/Login.kt".into(),
                    coverage: 0.25,
                    functions: vec![FunctionCoverage { name: "signIn()".into(), coverage: 0.75 }],
                }],
            };
            stage.agent.coverage(&held, 0, target).await.expect(204);
            stage.agent.finish(&held, Outcome::Failed, 0).await.expect(204);
            stage.app.advance(60_000);
            last = place;
        }
        let page = stage.browser.page(&format!("{last}/tests")).await;
        is_harmless(&page);
        assert!(page.contains("1 of 2 passed") && page.contains("Login.kt:7"), "{page}");
        assert!(page.find(">Failed<") < page.find(">Suites<") && page.contains("flaky"), "{page}");
        let page = stage.browser.page(&format!("{last}/tests?show=passed&q=stea")).await;
        assert!(page.contains("steady") && !page.contains("Login.kt:7"), "{page}");
        assert!(stage.browser.page(&format!("{last}/tests?q=nope")).await.contains("None matches"));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("run", "unit"), ("target", "app"), ("suite", "Login"), ("name", EVIL)])
            .finish();
        let page = stage.browser.page(&format!("{last}/tests/history?{query}")).await;
        is_harmless(&page);
        assert!(page.contains("Failed 1 of 2 times") && page.contains("on the same commit"), "{page}");
        assert_eq!(stage.browser.get(&format!("{last}/tests/history")).await.status, 400);
        let page = stage.browser.page(&format!("{last}/coverage")).await;
        is_harmless(&page);
        for says in ["50.0 %", "25.0 %", "signIn()", "75.0 %"] {
            assert!(page.contains(says), "{says}: {page}");
        }
        assert_eq!(stage.browser.get(&format!("{last}/coverage?target=9")).await.status, 404);
        let page = stage.browser.page(&last).await;
        is_harmless(&page);
        assert!(page.contains("Failed tests") && page.contains("github.com/o/shop/commit/aaaa"), "{page}");
    }

    async fn trends_have_plots_tables_and_csv(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let trends = format!("/apps/{}/trends", stage.row.id);
        assert!(stage.browser.page(&trends).await.contains("No finished builds"));
        for (claim, outcome) in [("a", Outcome::Success), ("b", Outcome::Failed), ("c", Outcome::Success)] {
            let (_, held) = stage.start(claim).await;
            stage.agent.commit(&held, &"a".repeat(40)).await.expect(204);
            stage.app.advance(30_000);
            let name = "=cmd(),\"x\"";
            stage.agent.tests(&held, 0, vec![test_result(name, outcome == Outcome::Success)]).await.expect(204);
            stage.agent.finish(&held, outcome, 0).await.expect(204);
            stage.app.advance(60_000);
        }
        let page = stage.browser.page(&trends).await;
        is_harmless(&page);
        for says in ["3 finished builds", "Build duration and queue time", "<polyline", "67 %", "Slowest tests", "Flakiest tests", "=cmd()"] {
            assert!(page.contains(says), "{says}: {page}");
        }
        let csv = stage.browser.get(&format!("{trends}.csv?plot=duration")).await;
        assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
        assert!(text(&csv).starts_with("Build,Queued,Ran (s),Waited (s)\r\n3,2024-"), "{}", text(&csv));
        let csv = text(&stage.browser.get(&format!("{trends}.csv?plot=flakiest")).await);
        assert!(csv.contains("app › Login › =cmd(),\"\"x\"\"\",1,3,2,yes\r\n"), "{csv}");
        assert!(stage.browser.page(&format!("{trends}?branch=none&days=7")).await.contains("No build of this branch"));
        for bad in ["?days=0", "?days=366", ".csv", ".csv?plot=x"] {
            assert_eq!(stage.browser.get(&format!("{trends}{bad}")).await.status, 400, "{bad}");
        }
    }

    async fn a_build_is_deployed_and_disabled(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        stage.agent.commit(&held, &"a".repeat(40)).await.expect(204);
        let apk = artifact_id(stage.agent.upload(&held, "u1", "shop.apk", b"PK apk").await);
        let facts = json!({ "attempt": held.attempt, "facts": {
            "format": "apk", "name": EVIL, "identifier": "org.example.shop", "version_name": "1.4",
            "version_code": "57", "min_os": "24", "permissions": [EVIL],
            "signing": { "schemes": ["v2"], "certificate": { "subject": EVIL, "sha256": "ab" } },
        } });
        stage.agent.package(&held, &apk, &facts).await.expect(204);
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        let page = stage.browser.page(&format!("{place}/artifacts")).await;
        is_harmless(&page);
        for says in ["shop.apk", "6 B", "org.example.shop", "1.4 (57)", "Install page", "/api/download/download-apk?buildID="] {
            assert!(page.contains(says), "{says}: {page}");
        }
        let deploy = format!("{place}/deploy");
        let page = stage.browser.page(&deploy).await;
        assert!(page.contains("The Team") && page.contains("sent to nobody"), "{page}");
        let csrf = stage.browser.csrf(&deploy).await;
        let empty = stage.browser.post(&deploy, &[("csrf", &csrf), ("notes", EVIL)]).await;
        assert_eq!(empty.status, 400);
        assert!(text(&empty).contains("Choose a group") && text(&empty).contains("onerror"));
        is_harmless(&text(&empty));
        let wrong = stage.browser.post(&deploy, &[("csrf", &csrf), ("testers", "nobody")]).await;
        assert!(text(&wrong).contains("no email address") && text(&wrong).contains("aria-invalid"), "{}", text(&wrong));
        let groups = stage.api(&format!("/v1/apps/{}/deployment-groups", stage.row.id)).await;
        let group = groups[0]["_id"].as_str().unwrap().to_owned();
        let form = [("csrf", csrf.as_str()), ("groups", &group), ("testers", "bob@example.org, eve@example.org"), ("notes", EVIL)];
        assert_eq!(location(&stage.browser.post(&deploy, &form).await), format!("{deploy}?done=sent"));
        let sent = stage.api(&format!("/v1/builds/{}/deployments", held.build)).await;
        assert_eq!(sent.as_array().unwrap().len(), 2);
        stage.app.run_jobs().await;
        let page = stage.browser.page(&format!("{deploy}?done=sent")).await;
        is_harmless(&page);
        assert!(page.contains("on its way") && page.contains("bob@example.org") && page.contains("2 sent"), "{page}");

        let switch = format!("{place}/disabled");
        let off = stage.browser.post(&switch, &[("csrf", &csrf), ("disabled", "true")]).await;
        assert_eq!(location(&off), format!("{deploy}?done=disabled"));
        let page = stage.browser.page(&deploy).await;
        assert!(page.contains("it is disabled") && page.contains("Enable the build"), "{page}");
        let refused = stage.browser.post(&deploy, &[("csrf", &csrf), ("testers", "bob@example.org")]).await;
        assert_eq!(refused.status, 409);
        stage.browser.post(&switch, &[("csrf", &csrf), ("disabled", "false")]).await;
        assert!(stage.browser.page(&deploy).await.contains("Disable the build"));
        assert_eq!(stage.browser.post(&switch, &[("csrf", &csrf)]).await.status, 400);
    }

    async fn feedback_and_crashes_are_read_and_closed(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        let at = stage.app.app.clock.now();
        let item = Feedback {
            id: FeedbackId::generate(at),
            origin: origin(&stage.row, &held.build),
            state: ItemState::Open,
            created_at: at,
            description: EVIL.into(),
            email: None,
            metadata: object(&json!({ EVIL: EVIL }).to_string()),
            system: object(r#"{"hardware_device_name": "Ann’s phone"}"#),
        };
        let files = vec![
            File::new(MediaKind::Image, &b"\xff\xd8\xff\xe0 a picture"[..]),
            File::new(MediaKind::Log, &b"<b>device</b>\n"[..]),
        ];
        assert!(feedback::add(&stage.app.app, item.clone(), files).await.unwrap());
        let report = json!({
            "crashed_thread": "1", "exception_type": EVIL,
            "thread_frames": [
                { "number": "0", "title": "idle", "frames": [{ "address": "00ff", "module": "UIKit" }] },
                { "number": "1", "title": EVIL, "frames": [{ "function": EVIL, "process_frame": true,
                    "source_context": [{ "line": "7", "content": EVIL, "crashline": true }] }] },
            ],
        });
        let crash = NewCrash {
            id: CrashReportId::generate(at),
            origin: origin(&stage.row, &held.build),
            created_at: at,
            scheme: EVIL.into(),
            tester_email: Some(EVIL.into()),
            identifier_for_vendor: String::new(),
            metadata: JsonObject::empty(),
            system: object(r#"{"hardware_device_model": "iPhone9,1"}"#),
            resolved: object(&report.to_string()),
            resolved_text: EVIL.into(),
        };
        let crash_id = crash.id.clone();
        assert!(crashes::add(&stage.app.app, crash, Vec::new()).await.unwrap());

        let of_app = format!("/apps/{}", stage.row.id);
        for path in [format!("{of_app}/feedback"), format!("{place}/feedback")] {
            let page = stage.browser.page(&path).await;
            is_harmless(&page);
            assert!(page.contains("Unknown user") && page.contains("src=\"/media/"), "{page}");
        }
        let one = format!("{of_app}/feedback/{}", item.id);
        let page = stage.browser.page(&one).await;
        is_harmless(&page);
        assert!(page.contains("Ann’s phone") && page.contains("log.txt"), "{page}");
        let log = stage.browser.get(&format!("{one}/log.txt")).await;
        assert_eq!((log.headers["content-type"].to_str().unwrap(), text(&log).as_str()), ("text/plain; charset=utf-8", "<b>device</b>\n"));
        let csrf = stage.browser.csrf(&one).await;
        assert_eq!(stage.browser.post(&format!("{one}/state"), &[("csrf", &csrf), ("state", "gone")]).await.status, 400);
        let closed = stage.browser.post(&format!("{one}/state"), &[("csrf", &csrf), ("state", "closed")]).await;
        assert_eq!(location(&closed), one);
        assert!(stage.browser.page(&format!("{of_app}/feedback")).await.contains("No open feedback"));
        assert!(stage.browser.page(&format!("{of_app}/feedback?state=closed")).await.contains("Unknown user"));
        assert_eq!(stage.browser.get(&format!("{of_app}/feedback?state=x")).await.status, 400);

        let groups = stage.api(&format!("/v1{of_app}/crash-groups")).await;
        let group = format!("{of_app}/crashes/{}", groups["items"][0]["_id"].as_str().unwrap());
        for path in [format!("{of_app}/crashes"), group.clone(), format!("{place}/crashes")] {
            let page = stage.browser.page(&path).await;
            is_harmless(&page);
            assert!(page.contains("onerror=alert(1)"), "{path}: {page}");
        }
        let report = format!("{of_app}/crash-reports/{crash_id}");
        let page = stage.browser.page(&report).await;
        is_harmless(&page);
        assert!(page.contains("pill failed\">crashed") && page.contains("iPhone9,1"), "{page}");
        assert!(page.contains("00ff") && page.contains("symbol not known"), "{page}");
        assert_eq!(stage.browser.get(&format!("{report}/log.txt")).await.status, 404);
        let closed = stage.browser.post(&format!("{group}/state"), &[("csrf", &csrf), ("state", "closed")]).await;
        assert_eq!(location(&closed), group);
        assert!(stage.browser.page(&format!("{of_app}/crashes")).await.contains("No open crashes"));

        let eve = stage.app.add_user("eve@example.org").await;
        give_read(&stage.app, &stage.row, &eve).await;
        stage.browser.sign_in(&eve).await;
        let csrf = stage.browser.csrf("/account").await;
        for path in [one, group] {
            assert!(!stage.browser.page(&path).await.contains("Open again"));
            let answer = stage.browser.post(&format!("{path}/state"), &[("csrf", &csrf), ("state", "open")]).await;
            assert_eq!(answer.status, 403);
        }
    }

    async fn readers_see_no_buttons(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let (place, held) = stage.start("c").await;
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        let eve = stage.app.add_user("eve@example.org").await;
        give_read(&stage.app, &stage.row, &eve).await;
        stage.browser.sign_in(&eve).await;
        for tab in TABS {
            let page = stage.browser.page(&format!("{place}{tab}")).await;
            for button in ["Rebuild", "Cancel the build", "Disable the build", ">Deploy</button>"] {
                assert!(!page.contains(button), "{tab} {button}");
            }
        }
        let list = format!("/apps/{}", stage.row.id);
        let page = stage.browser.page(&list).await;
        assert!(!page.contains("Build now</button>") && !page.contains("Rebuild"), "{page}");
        let csrf = stage.browser.csrf("/account").await;
        let forms = [("csrf", csrf.as_str()), ("disabled", "true"), ("testers", "eve@example.org")];
        for act in ["/cancel", "/rebuild", "/deploy", "/disabled"] {
            assert_eq!(stage.browser.post(&format!("{place}{act}"), &forms).await.status, 403, "{act}");
        }
        assert_eq!(stage.browser.post(&format!("{list}/builds"), &forms).await.status, 403);
    }

    async fn builds_are_listed_by_branch(app: TestApp) {
        let mut stage = Stage::set(app).await;
        let list = format!("/apps/{}", stage.row.id);
        assert!(stage.browser.page(&list).await.contains("No builds"));
        let (_, held) = stage.start("a").await;
        stage.agent.commit(&held, &"a".repeat(40)).await.expect(204);
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        stage.app.trigger(&stage.row).await;
        let mut tx = stage.app.app.db.write().await.unwrap();
        for (name, gone) in [("main", false), (EVIL, false), ("old & gone", true)] {
            shipmate::db::apps::upsert_branch(&mut tx, &stage.row.id, name).await.unwrap();
            if gone {
                shipmate::db::apps::mark_branch_deleted(&mut tx, &stage.row.id, name, stage.app.app.clock.now()).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        let page = stage.browser.page(&list).await;
        is_harmless(&page);
        for says in ["?branch=main", "Launched", "Started", "aaaaaaaa", ">Rebuild<", ">Cancel<", "Deleted branches (1)"] {
            assert!(page.contains(says), "{says}: {page}");
        }
        let page = stage.browser.page(&format!("{list}?deleted=1")).await;
        assert!(page.contains("?branch=old+%26+gone") && page.contains("old &#38; gone"), "{page}");
        assert!(stage.browser.page(&format!("{list}?status=failed")).await.contains("None matches"));
        let csrf = stage.browser.csrf(&list).await;
        // Pins are of a person: the branch comes first, though another built later.
        let order = |page: &str| page.find("?branch=main\">main</a></h2>") < page.find(">later</a></h2>");
        let mut tx = stage.app.app.db.write().await.unwrap();
        shipmate::db::apps::upsert_branch(&mut tx, &stage.row.id, "later").await.unwrap();
        let request = shipmate::builds::trigger::Request::tip(&stage.row, "later", shipmate::model::build::Trigger::Api, None);
        shipmate::builds::trigger::trigger(&stage.app.app, &mut tx, &request).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!order(&stage.browser.page(&list).await));
        let pin = format!("{list}/pins");
        for (branch, pinned, status) in [("main", "1", 303), ("main", "1", 303), ("nowhere", "1", 404), ("nowhere", "0", 303)] {
            let form = [("csrf", csrf.as_str()), ("branch", branch), ("pinned", pinned)];
            assert_eq!(stage.browser.post(&pin, &form).await.status, status, "{branch} {pinned}");
        }
        assert_eq!(stage.browser.post(&pin, &[("branch", "main"), ("pinned", "1")]).await.status, 400, "without the proof");
        let page = stage.browser.page(&list).await;
        assert!(order(&page) && page.contains("aria-label=\"Pinned branches\"") && page.contains("aria-pressed=\"true\" aria-label=\"Pin main\""), "{page}");
        let eve = stage.app.add_user("eve@example.org").await;
        give_read(&stage.app, &stage.row, &eve).await;
        let mut other = Browser::open(&stage.app).await;
        other.sign_in(&eve).await;
        assert!(!order(&other.page(&list).await), "somebody else's");
        let theirs = other.csrf(&list).await;
        assert_eq!(other.post(&pin, &[("csrf", &theirs), ("branch", "later"), ("pinned", "1")]).await.status, 303, "readers may");
        stage.browser.post(&pin, &[("csrf", &csrf), ("branch", "main"), ("pinned", "0")]).await;
        assert!(!order(&stage.browser.page(&list).await));
        let form = [("csrf", csrf.as_str()), ("branch", "main"), ("scheme", "nope")];
        assert_eq!(stage.browser.post(&format!("{list}/builds"), &form).await.status, 400);
    }
}
