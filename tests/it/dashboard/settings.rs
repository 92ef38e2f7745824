//! Settings of apps and organisations by forms: what is saved holds, what is
//! wrong is named, and who may only look sees none of it.

use shipmate::model::account::{Access, Role};
use shipmate::model::app::Platform;

use super::*;

struct House {
    app: TestApp,
    browser: Browser,
    csrf: String,
    /// `/apps/:id/settings`
    path: String,
    id: shipmate::model::ids::AppId,
    org: shipmate::model::ids::OrgId,
    ann: Person,
}

impl House {
    async fn build(app: TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("shop");
        repo.branch("dev");
        let row = app.add_app_on(&ann, "Shop", &repo.url(), Platform::Ios).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/account").await;
        let path = format!("/apps/{}/settings", row.id);
        Self { app, browser, csrf, path, id: row.id, org: row.org_id, ann }
    }

    async fn post(&mut self, end: &str, form: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(form);
        let path =
            if end.starts_with("/o") { end.to_owned() } else { format!("{}{end}", self.path) };
        self.browser.post(&path, &all).await
    }

    /// Posts a form that is taken; the page that says so.
    async fn done(&mut self, end: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(end, form).await;
        let place = location(&answer).to_owned();
        self.browser.page(&place).await
    }

    /// Posts a form that is refused; the page that says why.
    async fn refused(&mut self, end: &str, form: &[(&str, &str)], says: &str) -> String {
        let answer = self.post(end, form).await;
        let page = text(&answer);
        assert!(
            answer.status.is_client_error() && page.contains(says),
            "{}: {page}",
            answer.status
        );
        page
    }

    async fn page(&mut self, end: &str) -> String {
        let path = format!("{}{end}", self.path);
        self.browser.page(&path).await
    }

    async fn resolved(&self, branch: &str) -> serde_json::Value {
        let url = format!(
            "{}/v1/apps/{}/settings/resolved?branch={branch}",
            self.browser.server.url, self.id
        );
        let request = self.browser.client.get(url).bearer_auth(self.ann.token.expose());
        Answer::of(request).await.expect(200).json::<serde_json::Value>()["settings"].clone()
    }
}

const PAGES: [&str; 13] = [
    "",
    "/build",
    "/tests",
    "/selective",
    "/branches",
    "/schedules",
    "/variables",
    "/secure-files",
    "/signing",
    "/webhook",
    "/statuses",
    "/badge",
    "/people",
];

on_both! {
    async fn every_page_of_settings_is_for_who_may_change(app: TestApp) {
        let mut house = House::build(app).await;
        for end in PAGES {
            let page = house.page(end).await;
            assert!(page.contains("aria-current=\"page\""), "{end}");
            assert!(!page.contains("style=") && !page.contains("onclick"), "{end}");
        }
        let eve = house.app.add_user("eve@example.org").await;
        let mut tx = house.app.app.db.write().await.unwrap();
        shipmate::db::accounts::set_app_access(&mut tx, &house.id, &eve.user.id, Access::Read).await.unwrap();
        shipmate::db::organisations::set_member(&mut tx, &house.org, &eve.user.id, Role::Read).await.unwrap();
        tx.commit().await.unwrap();
        let mut reader = Browser::open(&house.app).await;
        reader.sign_in(&eve).await;
        assert!(!reader.page(&format!("/apps/{}", house.id)).await.contains("/settings"));
        let csrf = reader.csrf("/account").await;
        for end in PAGES {
            assert_eq!(reader.get(&format!("{}{end}", house.path)).await.status, 403, "{end}");
        }
        for end in [
            "/rename", "/repository", "/build-number", "/public", "/move", "/delete", "/build", "/tests", "/selective",
            "/branches", "/branches/edit", "/branches/delete", "/schedules", "/variables", "/variables/remove",
            "/secure-files/remove", "/webhook", "/webhook/clear", "/webhook/make", "/statuses", "/statuses/remove", "/people", "/people/remove",
        ] {
            let form = [
                ("csrf", csrf.as_str()), ("app_name", "Mine"), ("repo_url", "/x"), ("next_build_number", "9"), ("confirm", "Shop"),
                ("organisation", house.org.as_str()), ("kind", "branch"), ("name", "X"), ("value", "y"), ("secret", "s"),
                ("email", "eve@example.org"), ("access", "full"), ("branch", "main"), ("monday", "1"), ("time", "02:00"), ("zone", "UTC"),
            ];
            // Variables have kinds of their own.
            let form: Vec<_> = form.into_iter().filter(|(name, _)| !(end.starts_with("/variables") && (*name == "kind" || *name == "branch"))).collect();
            let answer = reader.post(&format!("{}{end}", house.path), &form).await;
            assert_eq!(answer.status, 403, "{end}: {}", text(&answer));
        }
        for end in ["", "/members", "/members/remove", "/defaults", "/defaults/apply", "/variables", "/variables/remove"] {
            let form = [("csrf", csrf.as_str()), ("org_name", "X"), ("name", "X"), ("email", "ann@example.org"), ("role", "read"), ("setting", "archive"), ("to", "all")];
            let answer = reader.post(&format!("/organisations/{}{end}", house.org), &form).await;
            assert_eq!(answer.status, 403, "{end}: {}", text(&answer));
        }
        let page = reader.page(&format!("/organisations/{}", house.org)).await;
        assert!(page.contains("Only owners") && !page.contains("<select"), "{page}");
        assert!(reader.page(&format!("/organisations/{}/defaults", house.org)).await.contains("Only owners"));
        // Without the form's proof nothing happens, whoever asks.
        house.csrf = "forged".into();
        assert_eq!(house.post("/rename", &[("app_name", "X")]).await.status, 400);
    }

    async fn an_app_is_renamed_moved_and_deleted(app: TestApp) {
        let mut house = House::build(app).await;
        let page = house.done("/rename", &[("app_name", "Shop 🛒 <b>")]).await;
        assert!(page.contains("The app has a new name") && page.contains("Shop 🛒 &#60;b&#62;"), "{page}");
        let page = house.refused("/rename", &[("app_name", "a\u{7}")], "Name: must have 1 to 200").await;
        assert!(page.contains("aria-invalid=\"true\""), "{page}");
        house.refused("/repository", &[("repo_url", "ext::x")], "Repository URL:").await;
        let page = house.done("/repository", &[("repo_url", "https://TOPSECRET@git.example.org/o/r.git")]).await;
        assert!(page.contains("value=\"https://git.example.org/o/r.git\"") && !page.contains("TOPSECRET"), "{page}");
        assert!(house.done("/build-number", &[("next_build_number", "41")]).await.contains("value=\"41\""));
        house.refused("/build-number", &[("next_build_number", "7")], "it only goes up").await;
        house.refused("/build-number", &[("next_build_number", "x")], "Next build number:").await;
        assert!(house.done("/public", &[("public", "1")]).await.contains("Close them"));

        let added = house.post("/organisations", &[("name", "Second")]).await;
        let place = location(&added).to_owned();
        let second = place.split('/').nth(2).unwrap().split('?').next().unwrap().to_owned();
        let page = house.done("/move", &[("organisation", &second)]).await;
        assert!(page.contains("belongs to another organisation now") && page.contains("<b class=\"break\">Second</b>"), "{page}");

        let page = house.refused("/delete", &[("confirm", "Shop")], "type the name of the app").await;
        assert!(page.contains("<details class=\"card danger-zone\" open>"), "{page}");
        let page = house.done("/delete", &[("confirm", "Shop 🛒 <b>")]).await;
        assert!(page.contains("The app is deleted") && page.contains("No app yet"), "{page}");
        assert_eq!(house.browser.get(&house.path.clone()).await.status, 404);
    }

    async fn settings_are_saved_inherited_and_overridden(app: TestApp) {
        let mut house = House::build(app).await;
        let page = house.page("/build").await;
        assert!(page.contains("as inherited: on") && page.contains("name=\"schemes\"") && !page.contains("name=\"variants\""), "{page}");
        let form = [
            ("build_pushes", "false"), ("schemes", "Dev\r\n\r\n Prod \r\n"), ("forks.build", "listed"), ("forks.listed", "bob/shop"),
            ("xcode_version", "latest_stable"),
        ];
        let page = house.done("/build", &form).await;
        assert!(page.contains("Saved.") && page.contains(">\nDev\nProd</textarea>"), "{page}");
        let now = house.resolved("main").await;
        assert_eq!((&now["build_pushes"], &now["schemes"], &now["forks"]["build"]), (&false.into(), &serde_json::json!(["Dev", "Prod"]), &"listed".into()));
        // The other page leaves these alone.
        house.done("/tests", &[("run_tests", "true")]).await;
        let now = house.resolved("main").await;
        assert_eq!((&now["run_tests"], &now["build_pushes"]), (&true.into(), &false.into()));
        let page = house.refused("/build", &[("forks.build", "listed"), ("forks.listed", "a/b/c")], "each fork is owner/repo or owner").await;
        assert!(page.contains("a/b/c"), "what was typed stays: {page}");
        house.refused("/build", &[("forks.build", "nonsense")], "Forks:").await;

        let begun = house.post("/branches", &[("kind", "prefix"), ("name", "release/")]).await;
        let edit = location(&begun).to_owned();
        let page = house.browser.page(&edit).await;
        assert!(page.contains("Branches that start with release/") && page.contains("as inherited: off"), "{page}");
        let form = [("kind", "prefix"), ("name", "release/"), ("build_pushes", "true"), ("archive", "true")];
        let page = house.done("/branches/edit", &form).await;
        assert!(page.contains("build_pushes: true") && page.contains("archive: true"), "{page}");
        assert_eq!(house.resolved("release/1").await["archive"], true);
        assert_eq!(house.resolved("main").await["archive"], false);
        house.refused("/branches", &[("kind", "branch"), ("name", "a..b")], "Branch:").await;
        let page = house.done("/branches/delete", &[("kind", "prefix"), ("name", "release/")]).await;
        assert!(page.contains("There are none"), "{page}");

        // Organisation defaults reach new apps, and others when they are applied.
        let defaults = format!("/organisations/{}/defaults", house.org);
        let page = house.done(&defaults, &[("auto_cancel", "false"), ("node_version", "22")]).await;
        assert!(page.contains("<option value=\"auto_cancel\">"), "{page}");
        assert_eq!(house.resolved("main").await["auto_cancel"], true);
        let page = house.done(&format!("{defaults}/apply"), &[("setting", "auto_cancel"), ("to", "ios")]).await;
        assert!(page.contains("1 apps have the default now"), "{page}");
        assert_eq!(house.resolved("main").await["auto_cancel"], false);
    }

    async fn selective_builds_are_tried_before_they_are_saved(app: TestApp) {
        let mut house = House::build(app).await;
        let form = [("selective.mode", "only"), ("selective.patterns", "ios/**\n!ios/README.md"), ("files", "ios/README.md\ndocs/a.md"), ("act", "try")];
        let answer = house.post("/selective", &form).await;
        let page = text(&answer);
        assert!(answer.status == 200 && page.contains("It would not build: no changed file matches"), "{page}");
        assert!(page.contains("ios/**\n!ios/README.md"), "what was typed stays");
        assert_eq!(house.resolved("main").await["selective"]["mode"], "off", "trying saves nothing");
        let form = [("selective.mode", "only"), ("selective.patterns", "ios/**"), ("files", "ios/a.m"), ("act", "try")];
        let page = text(&house.post("/selective", &form).await);
        assert!(page.contains("It would build.") && page.contains("</code> matches"), "{page}");
        house.refused("/selective", &[("selective.mode", "only"), ("selective.patterns", "a[b")], "is not a pattern").await;
        house.done("/selective", &[("selective.mode", "except"), ("selective.patterns", "docs/"), ("act", "save")]).await;
        let now = house.resolved("main").await;
        assert_eq!(now["selective"], serde_json::json!({"mode": "except", "patterns": ["docs/"]}));
    }

    async fn variables_are_set_hidden_and_removed(app: TestApp) {
        let mut house = House::build(app).await;
        assert!(house.page("/variables").await.contains("There are none yet"));
        let page = house.done("/variables", &[("name", "API_KEY"), ("value", "TOPSECRET"), ("hidden", "1"), ("kind", "environment")]).await;
        assert!(page.contains("API_KEY") && page.contains("hidden</span>") && !page.contains("TOPSECRET"), "{page}");
        let page = house.done("/variables", &[("name", "COLOUR"), ("value", "blue\r\n<i>"), ("branch", "dev")]).await;
        assert!(page.contains("blue\n&#60;i&#62;") && page.contains("branch dev"), "{page}");
        let page = house.refused("/variables", &[("name", "BUDDYBUILD_X"), ("value", "TOPSECRET")], "set by the server").await;
        assert!(!page.contains("TOPSECRET") && page.contains("value=\"BUDDYBUILD_X\""), "{page}");
        let of_org = format!("/organisations/{}/variables", house.org);
        house.done(&of_org, &[("name", "SHARED"), ("value", "all")]).await;
        let page = house.page("/variables").await;
        assert!(page.contains("SHARED") && page.contains("organisation</td>"), "{page}");
        let page = house.done("/variables/remove", &[("name", "COLOUR"), ("branch", "dev"), ("kind", "environment")]).await;
        assert!(!page.contains("COLOUR"), "{page}");
        house.done(&format!("{of_org}/remove"), &[("name", "SHARED")]).await;
        assert!(!house.app.db.dump().await.contains("TOPSECRET"));
    }

    async fn secure_files_are_uploaded_by_a_form(app: TestApp) {
        let mut house = House::build(app).await;
        let upload = async |house: &House, path: &str, csrf: &str, name: &str, bytes: &[u8]| {
            let mut body = format!(
                "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--XX\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            ).into_bytes();
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n--XX--\r\n");
            let request = house.browser.client.post(format!("{}{path}", house.browser.server.url));
            let request = request.header("cookie", house.browser.cookie.clone().unwrap());
            Answer::of(request.header("content-type", "multipart/form-data; boundary=XX").body(body)).await
        };
        let path = format!("{}/secure-files", house.path);
        let csrf = house.csrf.clone();
        // Larger than what a plain body may have.
        let large = vec![7_u8; 3 << 20];
        assert_eq!(location(&upload(&house, &path, &csrf, "key.p12", &large).await), format!("{path}?done=added"));
        let page = house.page("/secure-files").await;
        assert!(page.contains("key.p12") && page.contains("3.0 MiB"), "{page}");
        assert!(house.page("/signing").await.contains("<li class=\"break\">key.p12</li>"));
        for (csrf, name, says) in [("forged", "a", "form is too old"), (csrf.as_str(), "", "choose one"), (csrf.as_str(), "a/b", "Name: this value")] {
            let answer = upload(&house, &path, csrf, name, b"x").await;
            assert!(answer.status == 400 && text(&answer).contains(says), "{says}: {}", text(&answer));
        }
        let too_large = vec![0_u8; (50 << 20) + 1];
        let answer = upload(&house, &path, &csrf, "big", &too_large).await;
        assert!(answer.status == 400 && text(&answer).contains("larger than 50 MiB"), "{}", text(&answer));
        let of_org = format!("/organisations/{}/secure-files", house.org);
        assert_eq!(location(&upload(&house, &of_org, &csrf, "shared.json", b"{}").await), format!("{of_org}?done=added"));
        assert!(house.page("/secure-files").await.contains("shared.json"));
        assert_eq!(house.app.count_blobs(), 2);
        let page = house.done("/secure-files/remove", &[("name", "key.p12")]).await;
        assert!(!page.contains("key.p12"), "{page}");
        house.done(&format!("{of_org}/remove"), &[("name", "shared.json")]).await;
        assert_eq!(house.app.count_blobs(), 0);
        let eve = house.app.add_user("eve@example.org").await;
        house.browser.sign_in(&eve).await;
        assert_eq!(upload(&house, &path, &csrf, "x", b"x").await.status, 404);
        assert_eq!(house.app.count_blobs(), 0);
    }

    async fn schedules_are_added_and_deleted(app: TestApp) {
        let mut house = House::build(app).await;
        let page = house.page("/schedules").await;
        assert!(page.contains("There are none") && page.contains("name=\"friday\" value=\"1\" checked"), "{page}");
        let form = [("branch", "dev"), ("monday", "1"), ("friday", "1"), ("time", "02:30"), ("zone", "Europe/Berlin")];
        let page = house.done("/schedules", &form).await;
        assert!(page.contains("monday, friday at 02:30 Europe/Berlin") && page.contains("not yet"), "{page}");
        for (form, says) in [
            (vec![("branch", "dev"), ("time", "02:30"), ("zone", "UTC")], "Weekdays: at least one day"),
            (vec![("branch", "dev"), ("monday", "1"), ("time", "2"), ("zone", "UTC")], "Time: written HH:MM"),
            (vec![("branch", "dev"), ("monday", "1"), ("time", "02:30"), ("zone", "Mars")], "Zone: an IANA time zone"),
            (vec![("branch", "gone"), ("monday", "1"), ("time", "02:30"), ("zone", "UTC")], "Branch not found"),
        ] {
            let page = house.refused("/schedules", &form, says).await;
            assert!(page.contains(&format!("value=\"{}\"", form[0].1)), "{page}");
        }
        let id = after(&page, "/settings/schedules/").split('/').next().unwrap().to_owned();
        // It can be changed: the form shows what is.
        let one = format!("/schedules/{id}");
        let page = house.page(&one).await;
        assert!(page.contains("value=\"02:30\"") && page.contains("name=\"friday\" value=\"1\" checked") && !page.contains("name=\"tuesday\" value=\"1\" checked"), "{page}");
        let odd = [("branch", "dev"), ("time", "04:00"), ("zone", "UTC")];
        let page = house.refused(&one, &odd, "Weekdays: at least one day").await;
        assert!(page.contains("value=\"04:00\""), "{page}");
        let new = [("branch", "main"), ("sunday", "1"), ("time", "04:00"), ("zone", "UTC")];
        let page = house.done(&one, &new).await;
        assert!(page.contains("The schedule is changed") && page.contains("sunday at 04:00 UTC") && !page.contains("monday, friday"), "{page}");
        let page = house.done(&format!("/schedules/{id}/delete"), &[]).await;
        assert!(page.contains("There are none"), "{page}");
        assert_eq!(house.post(&format!("/schedules/{id}/delete"), &[]).await.status, 404);
    }

    async fn a_list_can_be_empty_on_purpose(app: TestApp) {
        let mut house = House::build(app).await;
        assert!(!house.page("/build").await.contains("required_labels.none"), "there is nothing to overrule");
        house.done("/build", &[("required_labels", "os=mac"), ("schemes", "Shop")]).await;
        // The branch has none, though the app has one.
        let begin = house.post("/branches", &[("kind", "branch"), ("name", "dev")]).await;
        let edit = location(&begin).to_owned();
        let page = house.browser.page(&edit).await;
        assert!(page.contains("name=\"required_labels.none\" value=\"1\">"), "{page}");
        house.done("/branches/edit", &[("kind", "branch"), ("name", "dev"), ("required_labels.none", "1")]).await;
        assert_eq!(house.resolved("dev").await["required_labels"], serde_json::json!([]));
        assert_eq!(house.resolved("dev").await["schemes"], serde_json::json!(["Shop"]));
        assert_eq!(house.resolved("main").await["required_labels"], serde_json::json!(["os=mac"]));
        let page = house.browser.page(&edit).await;
        assert!(page.contains("name=\"required_labels.none\" value=\"1\" checked"), "{page}");
        // Entries win over the box, and without both it inherits again.
        house.done("/branches/edit", &[("kind", "branch"), ("name", "dev"), ("required_labels.none", "1"), ("required_labels", "os=linux")]).await;
        assert_eq!(house.resolved("dev").await["required_labels"], serde_json::json!(["os=linux"]));
        house.done("/branches/edit", &[("kind", "branch"), ("name", "dev"), ("schemes", "Shop")]).await;
        assert_eq!(house.resolved("dev").await["required_labels"], serde_json::json!(["os=mac"]));
    }

    async fn the_webhook_shows_its_address_secret_and_deliveries(app: TestApp) {
        let mut house = House::build(app).await;
        let page = house.page("/webhook").await;
        assert!(page.contains("No delivery has come yet") && page.contains(&format!("/api/webhook?appID={}", house.id)), "{page}");
        let page = house.done("/webhook", &[("secret", "TOPSECRET")]).await;
        assert!(page.contains("Set</span> on") && !page.contains("TOPSECRET"), "{page}");
        house.refused("/webhook", &[("secret", " x")], "Secret: 1 to 256").await;
        let page = house.done("/webhook/clear", &[]).await;
        assert!(page.contains("None is set"), "{page}");
        let hook = format!("{}/api/webhook?appID={}", house.browser.server.url, house.id);
        let ping = house.browser.client.post(hook).header("x-github-event", "ping").header("content-type", "application/json");
        Answer::of(ping.body("{\"zen\":\"x\",\"hook_id\":1}")).await.expect(200);
        let page = house.page("/webhook").await;
        assert!(page.contains("<td>github</td>") && !page.contains("No delivery has come"), "{page}");
    }

    async fn a_badge_is_made_to_paste(app: TestApp) {
        let mut house = House::build(app).await;
        let page = house.page("/badge?branch=feature%2F%22x%22").await;
        let query = format!("appID={}&#38;branch=feature%2F%22x%22", house.id);
        assert!(page.contains(&format!("[![Build status](http://ci.example.org/api/statusImage?{query})]")), "{page}");
        let image = after(&page, "<img src=\"/api").replace("&#38;", "&");
        assert_eq!(house.browser.get(&format!("/api{image}")).await.status, 200);
    }

    async fn people_are_added_invited_and_removed(app: TestApp) {
        let mut house = House::build(app).await;
        let bob = house.app.add_user("bob@example.org").await;
        let page = house.done("/people", &[("email", "Bob@example.org"), ("access", "full")]).await;
        assert!(page.contains("bob@example.org") && page.contains("full access</td>"), "{page}");
        let page = house.done("/people", &[("email", "new@example.org"), ("access", "read")]).await;
        assert!(page.contains("on its way by mail") && page.contains("new@example.org"), "{page}");
        house.app.run_jobs().await;
        let page = house.page("/people").await;
        assert!(page.contains("sent just now"), "{page}");
        house.refused("/people", &[("email", "nobody"), ("access", "read")], "Email: this value cannot be used").await;
        house.refused("/people", &[("email", "x@example.org"), ("access", "king")], "Access:").await;
        let id = after(&page, "/settings/people/").split('/').next().unwrap().to_owned();
        let id = if id == "remove" { page.split("/settings/people/").nth(2).unwrap()[..24].to_owned() } else { id };
        let page = house.done(&format!("/people/{id}/withdraw"), &[]).await;
        assert!(!page.contains("new@example.org"), "{page}");
        let mut other = Browser::open(&house.app).await;
        other.sign_in(&bob).await;
        assert_eq!(other.get(&house.path.clone()).await.status, 200);
        let page = house.done("/people/remove", &[("email", "bob@example.org")]).await;
        assert!(page.contains("There are none beside"), "{page}");
        assert_eq!(other.get(&house.path.clone()).await.status, 404);
    }

    async fn an_organisation_is_made_filled_and_renamed(app: TestApp) {
        let mut house = House::build(app).await;
        house.app.add_user("bob@example.org").await;
        house.refused("/organisations", &[("name", " ")], "Name").await;
        let org = format!("/organisations/{}", house.org);
        let members = format!("{org}/members");
        let page = house.done(&members, &[("email", "bob@example.org"), ("role", "full")]).await;
        assert!(page.contains("bob@example.org"), "{page}");
        let page = house.done(&members, &[("email", "new@example.org"), ("role", "read")]).await;
        assert!(page.contains("Invited") && !page.contains("sml_"), "only administrators see links: {page}");
        house.refused(&members, &[("email", "ann@example.org"), ("role", "read")], "keeps at least one owner").await;
        house.refused(&format!("{members}/remove"), &[("email", "ann@example.org")], "keeps at least one owner").await;
        let page = house.done(&format!("{members}/remove"), &[("email", "bob@example.org")]).await;
        assert!(!page.contains("bob@example.org"), "{page}");
        let page = house.done(&org, &[("org_name", "Shop & Co")]).await;
        assert!(page.contains("Shop &#38; Co"), "{page}");
        let id = after(&page, &format!("{org}/invitations/")).split('/').next().unwrap().to_owned();
        let page = house.done(&format!("{org}/invitations/{id}/withdraw"), &[]).await;
        assert!(!page.contains("new@example.org"), "{page}");

        let admin = house.app.add_admin("root@example.org").await;
        let mut other = Browser::open(&house.app).await;
        other.sign_in(&admin).await;
        let csrf = other.csrf("/account").await;
        let answer = other.post(&members, &[("csrf", &csrf), ("email", "eve@example.org"), ("role", "read")]).await;
        assert!(answer.status == 200 && text(&answer).contains("/invitation?key=sml_"), "{}", text(&answer));
        let mut stranger = Browser::open(&house.app).await;
        let kim = house.app.add_user("kim@example.org").await;
        stranger.sign_in(&kim).await;
        assert_eq!(stranger.get(&org).await.status, 404);
    }

    async fn the_list_of_apps_is_sorted_searched_and_shows_how_it_went(app: TestApp) {
        let house = House::build(app).await;
        house.app.advance(1_000);
        house.app.add_app(&house.ann, "Bakery", "https://git.example.org/o/b.git").await;
        let mut browser = house.browser;
        let order = |page: &str| {
            let (bakery, shop) = (page.find(">Bakery<").unwrap(), page.find(">Shop<").unwrap());
            bakery < shop
        };
        assert!(order(&browser.page("/apps").await));
        assert!(!order(&browser.page("/apps?sort=-name").await));
        assert!(order(&browser.page("/apps?sort=created").await));
        let found = browser.page("/apps?search=SHO&sort=created").await;
        assert!(found.contains(">Shop<") && !found.contains(">Bakery<") && found.contains("value=\"SHO\""), "{found}");
        let none = browser.page("/apps?search=%3Cb%3E").await;
        assert!(none.contains("No app has “&#60;b&#62;” in its name"), "{none}");
        let mut tx = house.app.app.db.read().await.unwrap();
        let row = shipmate::db::apps::find(&mut tx, &house.id).await.unwrap().unwrap();
        drop(tx);
        for _ in 0..14 {
            let id = house.app.trigger(&row).await;
            house.app.cancel(&id).await;
            house.app.advance(1_000);
        }
        house.app.trigger(&row).await;
        let page = browser.page("/apps").await;
        assert!(page.contains("aria-label=\"Last 12 builds: 11 cancelled, 1 queued\"") && page.contains("#15"), "{page}");
        let eve = house.app.add_user("eve@example.org").await;
        browser.sign_in(&eve).await;
        assert!(browser.page("/apps").await.contains("No app yet"));
    }
}
