//! Crashes get their symbols: at once, when these arrive later, and when
//! somebody asks.

use formats::{LineCoverage, Ran};
use serde_json::{Value, json};
use shipmate::model::app::App as AppRow;
use shipmate::model::build::Outcome;
use shipmate::protocol::sources::{Packer, SourceFile};

use super::{Browser, location};
use crate::harness::agent::{FakeAgent, Held};
use crate::harness::app::{Person, TestApp};
use crate::harness::server::Answer;

const DSYM: &[u8] = include_bytes!("../../../crates/formats/fixtures/symbols/Shop.app.dSYM.zip");
const UUID: &str = "4C4C44B7-5555-3144-A173-B0369D6CFC64";

const MAPPING: &str = "# compiler: R8\n# pg_map_id: 1f2e3d4\n\
    com.example.shop.Cart -> a.a:\n# {\"id\":\"sourceFile\",\"fileName\":\"Cart.kt\"}\n\
    \x20   1:4:void pay(int):2:5 -> a\n\
    com.example.shop.PaymentException -> a.b:\n";
const TRACE: &str = "a.b: <script>alert(1)</script>\n\
    \tat a.a.a(r8-map-id-1f2e3d4c5b6a:3)\n\
    \tat android.os.Handler.dispatchMessage(Handler.java:99)\n";

struct Stage {
    app: TestApp,
    browser: Browser,
    ann: Person,
    row: AppRow,
    agent: FakeAgent,
    held: Held,
}

impl Stage {
    async fn set(app: TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://github.com/o/shop.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let agent = FakeAgent::new(&browser.server, &app.add_agent_token("a").await, "a");
        app.trigger(&row).await;
        let held = agent.take("c").await;
        agent.commit(&held, &"a".repeat(40)).await.expect(204);
        Self { app, browser, ann, row, agent, held }
    }

    /// What an SDK sends.
    async fn crash(&self, path: &str, body: &Value) {
        let url = format!("{}/api/feedback/{path}", self.browser.server.url);
        let answer = Answer::of(self.browser.client.post(url).json(body)).await;
        assert!(answer.status.is_success(), "{}", super::text(&answer));
        self.app.run_jobs().await;
    }

    async fn android_crash(&self) {
        let body = json!({
            "STACK_TRACE": TRACE, "PACKAGE_NAME": "com.example.shop", "APP_VERSION_NAME": "1.0",
            "APP_VERSION_CODE": "7", "CUSTOM_DATA":
                { "BUDDYBUILD_APP_ID": self.row.id, "BUDDYBUILD_BUILD_ID": self.held.build },
        });
        self.crash("crashreportAndroid", &body).await;
    }

    async fn api(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/v1/apps/{}/{path}", self.browser.server.url, self.row.id);
        let request = self.browser.client.get(url).bearer_auth(self.ann.token.expose());
        Answer::of(request).await.expect(200).json::<Value>()["items"].as_array().unwrap().clone()
    }

    /// The page of the newest report.
    async fn page(&mut self) -> (String, String) {
        let id = self.api("crash-reports").await[0]["_id"].as_str().unwrap().to_owned();
        let path = format!("/apps/{}/crash-reports/{id}", self.row.id);
        let page = self.browser.page(&path).await;
        assert!(!page.contains("<script>"), "{page}");
        (path, page)
    }
}

on_both! {
    async fn an_obfuscated_crash_is_retraced_when_its_mapping_arrives(app: TestApp) {
        let mut stage = Stage::set(app).await;
        stage.android_crash().await;
        let (path, page) = stage.page().await;
        assert!(page.contains("mapping.txt of R8 or ProGuard with the id 1f2e3d4c5b6a"), "{page}");
        let raw = stage.api("crash-groups").await;
        assert_eq!((raw.len(), &raw[0]["title"]), (1, &json!("a.b in a.a.a")));
        let group = raw[0]["_id"].as_str().unwrap();
        let group_path = format!("/apps/{}/crashes/{group}", stage.row.id);
        let csrf = stage.browser.csrf(&group_path).await;
        stage.browser.post(&format!("{group_path}/state"), &[("csrf", &csrf), ("state", "closed")]).await;

        // Other files, and the mapping of another build.
        let (agent, held) = (&stage.agent, &stage.held);
        let other = MAPPING.replace("1f2e3d4", "9999999");
        agent.upload(held, "u1", "free/mapping.txt", other.as_bytes()).await.expect(200);
        agent.upload(held, "u2", "broken/mapping.txt", b"\0no mapping").await.expect(200);
        stage.app.run_jobs().await;
        let (_, page) = stage.page().await;
        assert!(page.contains("free/mapping.txt: not the mapping of this app"), "{page}");
        assert!(page.contains("broken/mapping.txt: this is no mapping"), "{page}");
        let text = (1..=9).map(|n| format!("line {n}\n")).collect();
        let lines = vec![LineCoverage { number: 1, ran: Ran::No }];
        let mut packer = Packer::default();
        let file = Some("app/src/main/java/com/example/shop/Cart.kt".to_owned());
        assert!(packer.add(0, "x", file, &SourceFile { lines, text: Some(text) }));
        stage.agent.sources(&stage.held, packer.finish().unwrap()).await.expect(204);
        stage.agent.upload(&stage.held, "u3", "paid/mapping.txt", MAPPING.as_bytes()).await.expect(200);
        stage.app.run_jobs().await;

        let reports = stage.api("crash-reports").await;
        let report = &reports[0]["resolved_crash_report"];
        assert_eq!(report["exception_type"], "com.example.shop.PaymentException");
        let frame = &report["thread_frames"][0]["frames"][0];
        assert_eq!((&frame["function"], &frame["line"]), (&json!("com.example.shop.Cart.pay"), &json!("4")));
        assert_eq!((&frame["filename"], &frame["process_frame"]), (&json!("Cart.kt"), &json!(true)));
        let context = frame["source_context"].as_array().unwrap();
        let marked = context.iter().find(|line| line["crashline"] == true).unwrap();
        assert_eq!(*marked, json!({ "crashline": true, "content": "line 4", "line": "4" }));
        let text = reports[0]["resolved_crash_report_string"].as_str().unwrap();
        assert!(text.starts_with("com.example.shop.PaymentException: <script>"), "{text}");
        // The group moved with its only report, closed as it was.
        let groups = stage.api("crash-groups").await;
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert_eq!(groups[0]["title"], "com.example.shop.PaymentException in com.example.shop.Cart.pay");
        assert_eq!((&groups[0]["state"], &groups[0]["count"]), (&json!("closed"), &json!(1)));
        let (_, page) = stage.page().await;
        assert!(page.contains("All symbols of the app were found") && page.contains("paid/mapping.txt"), "{page}");

        // The next one comes as it came, and joins.
        stage.app.advance(1_000);
        stage.android_crash().await;
        let groups = stage.api("crash-groups").await;
        assert_eq!((groups.len(), &groups[0]["count"]), (1, &json!(2)));
        assert_eq!(groups[0]["state"], "closed");

        // Asked for again, nothing changes.
        let csrf = stage.browser.csrf(&path).await;
        let answer = stage.browser.post(&format!("{path}/symbolicate"), &[("csrf", &csrf)]).await;
        assert_eq!(location(&answer), format!("{path}?asked=true"));
        assert!(stage.browser.page(&format!("{path}?asked=true")).await.contains("Looking for symbols"));
        stage.app.run_jobs().await;
        let now = stage.api("crash-reports").await;
        assert_eq!(now[1]["resolved_crash_report"], reports[0]["resolved_crash_report"]);
        assert_eq!(stage.api("crash-groups").await, groups);
        assert_eq!(stage.browser.post(&format!("{path}/symbolicate"), &[]).await.status, 400);
    }

    async fn addresses_are_looked_up_in_the_dsym(app: TestApp) {
        let mut stage = Stage::set(app).await;
        stage.agent.upload(&stage.held, "u1", "Broken.dSYM.zip", b"PK no archive").await.expect(200);
        stage.agent.finish(&stage.held, Outcome::Success, 0).await.expect(204);
        let frame = |address: &str| json!({ "module": "Shop", "address": address });
        let crash = json!({
            "app_id": stage.row.id, "build_id": stage.held.build, "process": "Shop",
            "exception_type": "EXC_BREAKPOINT", "code_type": "ARM-64", "crashed_thread": "0",
            "thread_frames": [{ "number": "0", "title": "Thread 0 Crashed", "frames": [
                frame("0000000104318304"), frame("0000000104318318"),
                { "module": "dyld", "function": "start", "offset": "8", "address": "00000001a0000000" },
            ]}],
            "binary_images": [{ "name": "Shop", "uuid": UUID, "base_address": "0x104318000" }],
        });
        stage.crash("crashreport", &crash).await;
        let (path, page) = stage.page().await;
        assert!(page.contains(&format!("dSYM of Shop with the UUID {UUID}")), "{page}");
        assert!(page.contains("Broken.dSYM.zip: this is not a readable ZIP archive"), "{page}");

        // The same commit built once more, and now somebody keeps the dSYM.
        stage.app.trigger(&stage.row).await;
        let again = stage.agent.take("d").await;
        stage.agent.commit(&again, &"a".repeat(40)).await.expect(204);
        stage.agent.upload(&again, "u1", "out/Shop.app.dSYM.zip", DSYM).await.expect(200);
        stage.app.run_jobs().await;
        let report = &stage.api("crash-reports").await[0];
        let frames = report["resolved_crash_report"]["thread_frames"][0]["frames"].as_array().unwrap();
        let places: Vec<String> = frames.iter().map(|frame| {
            let text = |name: &str| frame[name].as_str().unwrap_or("-").to_owned();
            format!("{} {}:{}", text("function"), text("file_path"), text("line"))
        }).collect();
        assert_eq!(places, [
            "check /work/Shop/cart.c:3",
            "pay /work/Shop/cart.c:8",
            "main /work/Shop/cart.c:13",
            "start -:-",
        ]);
        let text = report["resolved_crash_report_string"].as_str().unwrap();
        assert!(text.contains("check (cart.c:3)"), "{text}");
        assert_eq!(stage.api("crash-groups").await[0]["title"], "EXC_BREAKPOINT in check");
        let page = stage.browser.page(&path).await;
        assert!(page.contains("All symbols of the app were found"), "{page}");
        assert!(page.contains("Shop.app.dSYM.zip of another build of this commit: Shop, UUID"), "{page}");
    }
}
