//! The pages of distribution, operations and status with something on them,
//! looked at in every way.

use shipmate::db;
use shipmate::distribution::links;
use shipmate::model::build::Outcome;
use shipmate::model::distribution::Device;
use shipmate::model::incident::Impact;
use shipmate::operations::incidents::{self, Draft};

use super::Web;
use super::check::Checks;
use super::driver::Screen;
use crate::harness::agent::FakeAgent;
use crate::harness::server::Answer;

in_browser! {
    async fn pages_of_testers_and_operations_are_sound(web: Web) {
        let root = web.app.add_admin("root@example.org").await;
        let row = web.app.add_app(&root, "A shop with a rather long name", "http://127.0.0.1:9/o/shop.git").await;
        let token = web.app.add_agent_token("rack").await;
        let agent = FakeAgent::new(&web.server, &token, "one");
        let build = web.app.trigger(&row).await;
        let held = agent.take("c1").await;
        agent.commit(&held, &"a1".repeat(20)).await.expect(204);
        agent.upload(&held, "file", "app.apk", b"the package").await;
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        web.app.run_jobs().await;
        web.app.trigger(&row).await;
        let hook = format!("{}/api/webhook?appID={}", web.server.url, row.id);
        let request = web.server.client.post(hook).header("x-github-event", "ping").header("content-type", "application/json");
        let body = r#"{"zen":"Keep it","repository":{"clone_url":"http://127.0.0.1:9/o/shop.git","full_name":"o/shop"}}"#;
        Answer::of(request.body(body)).await.expect(200);
        let now = web.app.app.clock.now();
        let mut tx = web.app.app.db.write().await.unwrap();
        let draft = Draft { title: "Builds wait", impact: Impact::Major, text: "A machine is away." };
        incidents::open(&web.app.app, &mut tx, &draft).await.unwrap();
        let device = Device {
            udid: "00008110-000A35C23C62801E".into(),
            email: "root@example.org".into(),
            address: "root@example.org".into(),
            product: "iPhone14,2".into(),
            os_build: "21F90".into(),
            os_version: "17.5".into(),
            registered_at: now,
            seen_at: now,
        };
        db::devices::upsert(&mut tx, &device).await.unwrap();
        let group = db::groups::list(&mut tx, &row.id).await.unwrap().remove(0).id;
        let delivery = db::deliveries::list(&mut tx, &row.id, None, 1).await.unwrap().remove(0).id;
        let recipient = db::deployments::list_recipients(&mut tx, &build).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        let install = links::install_url(&web.app.app, row.platform, &build, Some(&recipient.id));
        let install = install.trim_start_matches("http://ci.example.org").to_owned();

        let mut checks = Checks::new();
        let browser = &web.browser;
        for path in ["/status", &install, "/download/android?buildID=x", "/reset"] {
            checks.look(browser, path).await;
        }
        browser.screen(Screen::Desktop).await;
        web.enter(&root).await;
        let app = format!("/apps/{}", row.id);
        for path in [
            format!("{app}/groups"),
            format!("{app}/groups/{group}"),
            format!("{app}/devices"),
            format!("{app}/deliveries"),
            format!("{app}/deliveries/{delivery}"),
        ] {
            checks.look(browser, &path).await;
        }
        for end in ["", "/incoming", "/outgoing", "/activity", "/storage", "/signing", "/incidents"] {
            checks.look(browser, &format!("/operations{end}")).await;
        }
        checks.finish();
    }
}
