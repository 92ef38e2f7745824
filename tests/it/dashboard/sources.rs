//! Failures and covered files with their source: from the workspace of a real
//! build to the page, and what never gets there.

use formats::{LineCoverage, Ran};
use serde_json::{Value, json};
use shipmate::model::build::Outcome;
use shipmate::model::report::{FileCoverage, TargetCoverage};
use shipmate::protocol::sources::{MAX_SOURCES_BODY, Packer, SourceFile};

use super::{Browser, text};
use crate::harness::agent::FakeAgent;
use crate::harness::app::TestApp;
use crate::harness::server::Answer;
use crate::stories::shop::Shop;

const SECRET: &str = "wombat-marmalade-8841";

/// Writes a source from a secret, and reports about files here and elsewhere.
const PLAN: &str = r#"steps:
  - name: Test
    run: |
      mkdir -p buddybuild_artifacts/unit app/src/main/java/com/example
      cd app/src/main/java/com/example
      { echo 'package com.example'; echo '// <script>alert(1)</script>'; echo 'fun pay() {'
        echo "  val key = \"$API_KEY\""; echo '  check(false)'; echo '}'; } > Cart.kt
      ln -s /etc/passwd Leak.kt
      cd - > /dev/null
      cd buddybuild_artifacts/unit
      cat > tests.xml <<'END'
      <testsuite name="S"><testcase classname="com.example.CartTest" name="pays()">
      <failure message="Check failed.">java.lang.IllegalStateException: Check failed.
      	at kotlin.Preconditions.check(Preconditions.kt:3)
      	at com.example.Cart.pay(Cart.kt:5)</failure></testcase>
      <testcase classname="Other" name="leaks()" file="/etc/passwd" line="1"><failure>at com.example.Leak.x(Leak.kt:1)</failure></testcase>
      </testsuite>
      END
      cat > jacoco.xml <<'END'
      <report name="app"><sessioninfo id="x" start="1" dump="2"/><package name="com/example">
      <sourcefile name="Cart.kt"><line nr="3" mi="0" ci="2"/><line nr="4" mi="1" ci="2"/><line nr="5" mi="4" ci="0"/></sourcefile>
      <sourcefile name="Leak.kt"><line nr="1" mi="0" ci="1"/></sourcefile>
      <sourcefile name="Gone.kt"><line nr="9" mi="0" ci="1"/></sourcefile></package></report>
      END
"#;

on_both! {
    async fn a_build_shows_the_source_of_failures_and_coverage(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.commit("shipmate.yml", PLAN, "Report");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let variable = format!("{}/v1/apps/{}/variables/API_KEY", shop.server.url, row.id);
        let value = json!({ "value": SECRET, "hidden": true });
        let request = shop.server.client.put(variable).bearer_auth(&shop.token).json(&value);
        Answer::of(request).await.expect(204);
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        assert_eq!(build["build_status"], "success", "{}", shop.log(&id).await);

        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let place = format!("/apps/{}/build/{id}", row.id);
        let page = browser.page(&format!("{place}/tests")).await;
        assert!(page.contains("app/src/main/java/com/example/Cart.kt:5"), "{page}");
        let failed = "<span class=\"failed-line\">&#62;     5    check(false)\n</span>";
        assert!(page.contains(&failed.replace("&#62;  ", "&gt;  ")), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script>alert"), "{page}");
        assert!(page.contains("val key = &#34;********&#34;") && !page.contains(SECRET), "{page}");
        assert!(!page.contains("root:") && !page.contains("Source at <span class=\"mono\">/etc"), "{page}");

        let list = browser.page(&format!("{place}/coverage")).await;
        assert!(list.contains("/coverage/file?target=0&amp;file=0\">Lines of this file"), "{list}");
        let page = browser.page(&format!("{place}/coverage/file?target=0&file=0")).await;
        assert!(page.contains("com/example/Cart.kt</h2>") && page.contains("Shown as <span class=\"mono\">app/src/main/java/"), "{page}");
        for row in [
            "<tr id=\"L1\"><td class=\"no\"><a href=\"#L1\">1</a></td><td class=\"ran\"></td><td class=\"code\">package com.example</td>",
            "<tr id=\"L3\" class=\"hit\"><td class=\"no\"><a href=\"#L3\">3</a></td><td class=\"ran\">✓ run</td>",
            "<td class=\"ran\">± partly</td><td class=\"code\">  val key = &#34;********&#34;</td>",
            "<td class=\"ran\">✗ not run</td><td class=\"code\">  check(false)</td>",
            "1 line not run.</span> <a href=\"#L5\">First line not run</a>",
        ] {
            assert!(page.contains(row), "{row}: {page}");
        }
        assert!(!page.contains(SECRET) && !page.contains("<script>alert"), "{page}");
        for number in [1, 2] {
            let page = browser.page(&format!("{place}/coverage/file?target=0&file={number}")).await;
            assert!(page.contains("The source is not kept") && page.contains("✓ run"), "{page}");
            assert!(!page.contains("root:"), "{page}");
        }
        for wrong in ["target=0&file=3", "target=1&file=0"] {
            let path = format!("{place}/coverage/file?{wrong}");
            assert_eq!(browser.get(&path).await.status, 404, "{wrong}");
        }
        let stored: Value = shop.json(&format!("/v1/builds/{id}/tests")).await;
        assert_eq!(stored["tests"][0].as_object().unwrap().len(), 6, "{stored}");
    }

    async fn sources_are_taken_once_and_only_whole(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://github.com/o/shop.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let agent = FakeAgent::new(&browser.server, &app.add_agent_token("a").await, "a");
        let id = app.trigger(&row).await;
        let held = agent.take("c").await;
        let file = FileCoverage { name: "a.js".into(), path: "a.js".into(), coverage: 0.5, functions: Vec::new() };
        let target = TargetCoverage { name: "T".into(), coverage: 0.5, files: vec![file] };
        agent.coverage(&held, 0, target).await.expect(204);
        let place = format!("/apps/{}/build/{id}/coverage/file", row.id);
        let page = browser.page(&place).await;
        assert!(page.contains("Which lines ran is not known"), "{page}");

        let body = |text: &str| {
            let lines = vec![LineCoverage { number: 1, ran: Ran::Times(12) }];
            let source = SourceFile { lines, text: Some(text.to_owned()) };
            let mut packer = Packer::default();
            assert!(packer.add(0, "a.js", Some("a.js".into()), &source));
            packer.finish().unwrap()
        };
        let good = body("first();");
        let mut broken = good.clone();
        broken[20] ^= 0xff;
        for wrong in [&b""[..], b"SHPSRC1\n\xff\xff\xff\xff", &good[..good.len() / 3], &broken] {
            agent.sources(&held, wrong.to_vec()).await.expect(400);
        }
        let path = format!("builds/{id}/sources?attempt=1&bytes={}", MAX_SOURCES_BODY + 1);
        agent.put(&path, b"x").await.expect(400);
        assert!(browser.page(&place).await.contains("Which lines ran is not known"));
        agent.sources(&held, good).await.expect(204);
        agent.sources(&held, body("second();")).await.expect(204);
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        let page = browser.page(&place).await;
        assert!(page.contains("✓ 12×") && page.contains("first();") && !page.contains("second"), "{page}");
        assert!(page.contains("every line ran."), "{page}");
        let stranger = app.add_user("eve@example.org").await;
        browser.sign_in(&stranger).await;
        let answer = browser.get(&place).await;
        assert_eq!(answer.status, 404, "{}", text(&answer));
    }
}
