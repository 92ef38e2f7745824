//! From the trigger to the finished build: the real server, the real agent,
//! real git.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shipmate::apps::variables;
use shipmate::model::secret::Secret;
use shipmate::protocol::Variable;

use super::shop::{PATIENCE, Shop};
use crate::harness::app::TestApp;
use crate::harness::eventually;
use crate::harness::server::Answer;

const PLAN: &str = "steps:
  - name: Test
    run: |
      mkdir -p buddybuild_artifacts/unit
      cat > buddybuild_artifacts/unit/results.xml <<'XML'
      <testsuite name=\"S\"><testcase name=\"good()\"/><testcase name=\"bad()\"><error message=\"no\"/></testcase>
      <testcase name=\"left()\"><skipped/></testcase></testsuite>
      XML
      printf 'TN:A\\nSF:a.c\\nDA:1,1\\nDA:2,0\\nend_of_record\\n' > buddybuild_artifacts/unit/lcov.info
      echo '<broken' > buddybuild_artifacts/unit/broken.xml
      printf 'canary %s\\n' \"$TOP_SECRET\"
      echo packaged > \"$BUDDYBUILD_PRODUCT_DIR/app.txt\"
";

on_both! {
    async fn a_push_button_build_tells_the_truth(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let sha = repo.commit("shipmate.yml", PLAN, "Add a plan\n\nWith a body");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let secret = Variable { name: "TOP_SECRET".into(), value: Secret::new("hunter2-hunter2"), secret: true };
        let mut tx = app.app.db.write().await.unwrap();
        let place = variables::Place::App(&row.id);
        let kind = variables::VariableKind::Environment;
        variables::set(&app.app, &mut tx, place, kind, &secret).await.unwrap();
        tx.commit().await.unwrap();
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        assert_eq!(build["build_status"], "success", "{}", shop.log(&id).await);
        assert_eq!(build["commit_info"]["commit_sha"], sha);
        assert_eq!(build["commit_info"]["author"], "Ann Author");
        assert_eq!(build["commit_info"]["message"].as_str().unwrap().trim_end(), "Add a plan\n\nWith a body");
        assert_eq!(build["test_summary"]["tests_count"], 2);
        assert_eq!(build["test_summary"]["tests_passed"], 1);
        assert_eq!(build["test_summary"]["code_coverage_percentage"], 0.5);
        let tests = shop.json(&format!("/v1/builds/{id}/tests")).await;
        let names = |v: &Value| v["tests"].as_array().unwrap().iter().map(|t| t["test"].clone()).collect::<Vec<_>>();
        assert_eq!(names(&tests), ["bad()"]);
        assert_eq!(tests["tests"][0]["run"], "unit");
        assert_eq!(tests["tests"][0]["target"], "results");
        let all = shop.json(&format!("/v1/builds/{id}/tests?showPassing=true")).await;
        assert_eq!(names(&all), ["good()", "bad()"]);
        let passing = shop.json(&format!("/v1/builds/{id}/tests?showPassing=1&showFailed=false")).await;
        assert_eq!(names(&passing), ["good()"]);
        let coverage = shop.json(&format!("/v1/builds/{id}/coverage?showFileCoverage=true")).await;
        assert_eq!(coverage["targets"][0]["files"][0]["path"], "a.c");
        let log = shop.log(&id).await;
        assert!(log.contains("canary ********\n") && !log.contains("hunter2"), "{log}");
        assert!(log.contains("broken.xml"), "{log}");
        let part = shop.server.client.get(format!("{}/v1/builds/{id}/logs", shop.server.url));
        let part = Answer::of(part.bearer_auth(&shop.token).header("range", "bytes=4-9")).await.expect(206);
        assert_eq!(part.body, &log.as_bytes()[4..10]);
        let files = shop.json(&format!("/v1/builds/{id}/artifacts")).await;
        assert_eq!(files[0]["name"], "app.txt");
        let url = build["links"]["download"][0]["url"].as_str().unwrap();
        let path = url.strip_prefix("http://ci.example.org").unwrap();
        let file = shop.server.call(Method::GET, path, None, "").await.expect(200);
        assert_eq!(file.body, b"packaged\n");
        let forged = path.replace("key=", "key=0");
        shop.server.call(Method::GET, &forged, None, "").await.expect(404);
    }

    async fn a_live_log_is_followed_to_its_end(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let gate = app.dir().join("go");
        let script = format!("#!/bin/sh\necho waiting\nuntil [ -e '{}' ]; do sleep 0.05; done\necho through\n", gate.display());
        repo.commit("buddybuild_postclone.sh", &script, "Wait");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        let url = format!("{}/v1/builds/{id}/logs?follow=1", shop.server.url);
        let mut stream = shop.server.client.get(url).bearer_auth(&shop.token).send().await.unwrap();
        let mut heard = String::new();
        while let Some(part) = tokio::time::timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap() {
            heard.push_str(std::str::from_utf8(&part).unwrap());
            if heard.contains("waiting") {
                std::fs::write(&gate, "").unwrap();
            }
        }
        assert!(heard.contains("through"), "{heard}");
        assert!(heard.contains(r#""status":"success""#), "{heard}");
        assert!(heard.contains(r#""complete":true"#), "{heard}");
    }

    async fn a_running_build_is_cancelled_with_its_processes(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let marker = app.dir().join("pid");
        let script = format!("#!/bin/sh\necho $$ > '{}'\nwhile :; do sleep 0.05; done\n", marker.display());
        repo.commit("buddybuild_postclone.sh", &script, "Run for ever");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        let pid = eventually(PATIENCE, "the script runs", async || {
            std::fs::read_to_string(&marker).ok().filter(|text| text.ends_with('\n'))
        })
        .await;
        let path = format!("/v1/builds/{id}/cancel");
        shop.server.call(Method::POST, &path, Some(&shop.token), "").await.expect(204);
        assert_eq!(shop.json(&format!("/v1/builds/{id}")).await["build_status"], "cancelled");
        let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
        eventually(Duration::from_secs(5), "the process is gone", async || (!process.exists()).then_some(())).await;
    }

    async fn builds_that_cannot_work_say_why(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let missing = app.add_app(&ann, "Missing", "/nonexistent/repo.git").await;
        let wrong = app.add_repository("wrong");
        wrong.commit("shipmate.yml", "steps:\n  - nam: x\n", "A typing error");
        let wrong = app.add_app(&ann, "Wrong", &wrong.url()).await;
        let plain = app.add_repository("plain");
        plain.commit("buddybuild_postclone.sh", "echo no shebang; exit 7\n", "No shebang");
        let plain = app.add_app(&ann, "Plain", &plain.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        for (row, said) in [(&missing, "/nonexistent/repo.git"), (&wrong, "shipmate.yml"), (&plain, "no shebang")] {
            let id = shop.trigger(row.id.as_str()).await;
            assert_eq!(shop.finished(&id).await["build_status"], "failed");
            let log = shop.log(&id).await;
            assert!(log.contains(said), "{said} is not in: {log}");
        }
        shop.get("/readyz").await;
    }
}
