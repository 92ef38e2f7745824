//! Groups and testers as a team sees them: every form is fetched and posted,
//! and what it did is asked of the API.

use serde_json::{Value, json};
use shipmate::model::account::Access;
use shipmate::model::app::App as AppRow;

use super::{Browser, location, text};
use crate::harness::agent::FakeAgent;
use crate::harness::app::{Person, TestApp};
use crate::harness::server::Answer;

async fn api(browser: &Browser, person: &Person, path: &str) -> Value {
    let request = browser.client.get(format!("{}{path}", browser.server.url));
    Answer::of(request.bearer_auth(person.token.expose())).await.expect(200).json()
}

async fn listed(browser: &Browser, person: &Person, row: &AppRow) -> Value {
    api(browser, person, &format!("/v1/apps/{}/deployment-groups", row.id)).await
}

pub async fn give_read(app: &TestApp, row: &AppRow, person: &Person) {
    let mut tx = app.app.db.write().await.unwrap();
    shipmate::db::accounts::set_app_access(&mut tx, &row.id, &person.user.id, Access::Read)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn a_group_is_made_filled_changed_and_deleted(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let path = format!("/apps/{}/groups", row.id);
        let page = browser.page(&path).await;
        assert!(page.contains("The Team") && page.contains("after each build that matches"), "{page}");
        assert!(page.contains("1 tester") && page.contains("nothing yet"), "{page}");
        let csrf = browser.csrf(&path).await;
        let long = "x".repeat(101);
        let refused = browser.post(&path, &[("csrf", &csrf), ("name", &long)]).await;
        assert_eq!(refused.status, 400);
        assert!(text(&refused).contains("at most 100 characters") && text(&refused).contains(&long));
        assert_eq!(browser.post(&path, &[("name", "Beta")]).await.status, 400);
        let made = browser.post(&path, &[("csrf", &csrf), ("name", "Beta <b>")]).await;
        let place = location(&made).split('?').next().unwrap().to_owned();
        let page = browser.page(&format!("{place}?done=created")).await;
        assert!(page.contains("Beta &#60;b&#62;") && page.contains("Nobody is in this group yet"), "{page}");
        assert!(page.contains("Nothing was sent to this group yet"), "{page}");

        // All or nothing, and the bad one is named.
        let testers = format!("{place}/testers");
        let mixed = "bob@example.org, eve@, <script>";
        let refused = browser.post(&testers, &[("csrf", &csrf), ("testers", mixed)]).await;
        assert_eq!(refused.status, 400);
        let shown = text(&refused);
        assert!(shown.contains("“eve@” is not an email address") && shown.contains("bob@example.org, eve@, &#60;script&#62;"), "{shown}");
        let groups = listed(&browser, &ann, &row).await;
        assert_eq!((&groups[1]["name"], &groups[1]["testers"]), (&json!("Beta <b>"), &json!([])));
        let refused = browser.post(&testers, &[("csrf", &csrf), ("testers", " , ")]).await;
        assert!(text(&refused).contains("at least one address"), "{}", text(&refused));
        let form = [("csrf", csrf.as_str()), ("testers", "Bob@example.org; eve@example.org\nzoe@example.org,")];
        assert_eq!(location(&browser.post(&testers, &form).await), format!("{place}?done=added"));
        let form = [("csrf", csrf.as_str()), ("tester", "eve@example.org")];
        location(&browser.post(&format!("{place}/testers/remove"), &form).await);
        let groups = listed(&browser, &ann, &row).await;
        assert_eq!(groups[1]["testers"], json!(["Bob@example.org", "zoe@example.org"]));

        let rules = [
            ("csrf", csrf.as_str()), ("name", "Nightly"), ("frequency", "scheduled"), ("default_branch", "1"),
            ("branches", "main\r\n\r\n release/1 "), ("tags", "v1"), ("prefixes", "branches:rc/\ntags:v"),
            ("schemes", "Shop"), ("friday", "1"), ("monday", "1"), ("time", "17:30"), ("zone", "Europe/Berlin"),
        ];
        let with = |name: &'static str, value: &'static str| {
            rules.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect::<Vec<_>>()
        };
        for (field, value, says) in [
            ("zone", "Mars/Base", "Name a time zone"), ("time", "25:00", "Write the time as HH:MM"), ("name", "", "Give it a name"),
        ] {
            let refused = browser.post(&place, &with(field, value)).await;
            assert_eq!(refused.status, 400);
            let shown = text(&refused);
            assert!(shown.contains(says) && shown.contains("release/1") && shown.contains("aria-invalid"), "{shown}");
        }
        assert_eq!(location(&browser.post(&place, &rules).await), format!("{place}?done=saved"));
        let groups = listed(&browser, &ann, &row).await;
        let group = &groups[1];
        assert_eq!(group["branches"], json!(["main", "release/1"]));
        assert_eq!((&group["name"], &group["frequency"]), (&json!("Nightly"), &json!("scheduled")));
        assert_eq!(group["schedule"], json!({"weekdays": ["monday", "friday"], "time": "17:30", "zone": "Europe/Berlin"}));
        assert_eq!(group["prefixes"][1], json!({"name": "v", "branch_only": false, "tag_only": true}));
        let page = browser.page(&place).await;
        assert!(page.contains("Mon, Fri at 17:30 (Europe/Berlin)") && page.contains("branches that start with rc/"), "{page}");

        let delete = format!("{place}/delete");
        let refused = browser.post(&delete, &[("csrf", &csrf), ("confirm", "nightly")]).await;
        assert!(text(&refused).contains("was not deleted"), "{}", text(&refused));
        let gone = browser.post(&delete, &[("csrf", &csrf), ("confirm", "Nightly")]).await;
        assert!(browser.page(location(&gone)).await.contains("The group is gone"));
        assert_eq!(browser.get(&place).await.status, 404);
        let log = api(&browser, &ann, "/v1/audit?pageSize=50").await;
        let actions: Vec<_> = log.as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
        for action in ["group.delete", "group.change", "group.testers.remove", "group.testers.add", "group.create"] {
            assert_eq!(actions.iter().filter(|one| **one == action).count(), 1, "{action} in {actions:?}");
        }
        // It comes back with its testers, but no second time.
        assert!(browser.page(&path).await.contains("aria-label=\"Bring back Nightly\""));
        let back = browser.post(&format!("{place}/restore"), &[("csrf", &csrf)]).await;
        assert!(browser.page(location(&back)).await.contains("back with its testers"));
        assert!(!browser.page(&path).await.contains("Bring back Nightly"));
        assert_eq!(browser.post(&format!("{place}/restore"), &[("csrf", &csrf)]).await.status, 404);
        browser.post(&delete, &[("csrf", &csrf), ("confirm", "Nightly")]).await;
        let restore = format!("/v1/apps/{}/deployment-groups/{}/restore", row.id, place.rsplit('/').next().unwrap());
        let token = Some(ann.token.expose());
        let again = browser.server.call(reqwest::Method::POST, &restore, token, "").await.expect(200).json::<Value>();
        assert_eq!((&again["name"], &again["frequency"]), (&json!("Nightly"), &json!("scheduled")));
        browser.post(&delete, &[("csrf", &csrf), ("confirm", "Nightly")]).await;
        app.advance(30 * 24 * 3_600_000 + 1);
        assert_eq!(browser.server.call(reqwest::Method::POST, &restore, token, "").await.status, 404, "too late");
        assert_eq!(shipmate::distribution::groups::sweep(&app.app).await.unwrap(), 0, "another server's clock may be slow");
        app.advance(3_600_001);
        assert_eq!(shipmate::distribution::groups::sweep(&app.app).await.unwrap(), 1);
    }

    async fn what_a_group_got_stands_beside_its_testers(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let groups = listed(&browser, &ann, &row).await;
        let place = format!("/apps/{}/groups/{}", row.id, groups[0]["_id"].as_str().unwrap());
        let csrf = browser.csrf(&place).await;
        let deploy = format!("{place}/deploy");
        let nothing = browser.post(&deploy, &[("csrf", &csrf)]).await;
        assert!(text(&nothing).contains("no build that this group can get"), "{}", text(&nothing));
        let token = app.add_agent_token("one").await;
        let agent = FakeAgent::new(&browser.server, &token, "one");
        app.trigger(&row).await;
        let held = agent.take("c1").await;
        agent.commit(&held, &"a1".repeat(20)).await.expect(204);
        agent.upload(&held, "file", "app.apk", b"the package").await;
        agent.finish(&held, shipmate::model::build::Outcome::Success, 0).await.expect(204);
        assert_eq!(location(&browser.post(&deploy, &[("csrf", &csrf)]).await), format!("{place}?done=sent"));
        app.run_jobs().await;
        let page = browser.page(&place).await;
        assert!(page.contains("Got last: ") && page.contains("1 of 1 sent") && page.contains("by ann@example.org"), "{page}");
        assert!(page.contains(r#"<span class="pill ">sent</span>"#) && page.contains("Begin"), "{page}");
        // A tester who is added with a wish for the newest build gets it alone.
        let form = [("csrf", csrf.as_str()), ("testers", "bob@example.org"), ("deploy", "1")];
        location(&browser.post(&format!("{place}/testers"), &form).await);
        app.run_jobs().await;
        let page = browser.page(&place).await;
        assert!(page.contains("to new testers") && page.matches("1 of 1 sent").count() == 2, "{page}");
    }

    async fn readers_look_and_strangers_see_nothing(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let other = app.add_app(&ann, "Other", "https://git.example.org/o/other.git").await;
        let mut browser = Browser::open(&app).await;
        let groups = listed(&browser, &ann, &row).await;
        let path = format!("/apps/{}/groups", row.id);
        let group = groups[0]["_id"].as_str().unwrap().to_owned();
        let place = format!("{path}/{group}");
        assert!(location(&browser.get(&place).await).starts_with("/sign-in?"));
        browser.sign_in(&eve).await;
        for hidden in [&path, &place] {
            assert_eq!(browser.get(hidden).await.status, 404);
        }
        give_read(&app, &row, &eve).await;
        for shown in [&path, &place] {
            let page = browser.page(shown).await;
            let main = page.split("<main").nth(1).unwrap();
            assert!(!main.contains("<form") && !main.contains("<button"), "{page}");
        }
        let csrf = browser.csrf("/account").await;
        for act in ["", "/testers", "/testers/remove", "/deploy", "/delete", "/restore"] {
            let form = [("csrf", csrf.as_str()), ("testers", "x@example.org"), ("tester", "ann@example.org"), ("confirm", "The Team"), ("name", "Mine"), ("frequency", "manual")];
            assert_eq!(browser.post(&format!("{place}{act}"), &form).await.status, 403, "{act}");
        }
        assert_eq!(browser.post(&path, &[("csrf", &csrf), ("name", "Mine")]).await.status, 403);
        assert_eq!(listed(&browser, &ann, &row).await, groups);
        // A group stands under its own app only.
        browser.sign_in(&ann).await;
        assert_eq!(browser.get(&format!("/apps/{}/groups/{group}", other.id)).await.status, 404);
    }
}
