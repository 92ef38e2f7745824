//! Accounts of organisations at providers, as the providers see them: each
//! kind is asked in its own words, and whatever it answers is survived.

use serde_json::json;
use shipmate::model::build::Outcome;

use super::statuses::{SHA, work};
use super::*;
use crate::harness::agent::FakeAgent;
use crate::harness::forge::Forge;

const JSON: &str = "application/json";

type Header = (&'static str, String);

/// One provider as its API wants to be called, and as it answers.
struct Case {
    name: &'static str,
    token: &'static str,
    /// Header and value.
    credential: &'static str,
    account: &'static str,
    /// Call that names the account, and header and body of its answer.
    who: (&'static str, &'static [(&'static str, &'static str)], Value),
    search: &'static str,
    /// The call of that search on page 1, and its answer.
    list: (&'static str, Value),
    /// What is shown of that.
    shown: Value,
    /// Of the repository below the forge's URL.
    repo: &'static str,
    /// Lists and makes webhooks.
    hooks: &'static str,
    /// The list with one of this URL, and the call that changes it.
    listed: fn(&str) -> Value,
    change: &'static str,
    /// URL and secret of a body.
    members: (&'static str, &'static str),
    /// One event that must be there.
    event: (&'static str, Value),
}

fn github() -> Case {
    Case {
        name: "github",
        token: "ghp_1",
        credential: "authorization: Bearer ghp_1",
        account: "octo-bot",
        who: ("GET /user", &[], json!({ "login": "octo-bot", "id": 1 })),
        search: "SH-OP",
        list: (
            "GET /user/repos?sort=pushed&direction=desc&per_page=100&page=1",
            json!([
                { "full_name": "octo/sh-op no path", "private": false },
                { "full_name": "octo/other", "private": false },
                { "full_name": "octo/sh-op", "private": true, "pushed_at": "2024-03-09T15:00:00Z" },
            ]),
        ),
        // A name that is no path of a URL is left out.
        shown: json!([{ "full_name": "octo/sh-op", "clone_url": "URL/octo/sh-op.git", "private": true,
            "changed_at": "2024-03-09T15:00:00.000Z" }]),
        repo: "octo/shop.git",
        hooks: "/repos/octo/shop/hooks",
        listed: |url| json!([{ "id": 7, "config": { "url": url } }, { "odd": true }]),
        change: "PATCH /repos/octo/shop/hooks/7",
        members: ("/config/url", "/config/secret"),
        event: ("/events/1", json!("pull_request")),
    }
}

fn gitlab() -> Case {
    Case {
        name: "gitlab",
        token: "glpat-1",
        credential: "private-token: glpat-1",
        account: "ann",
        who: ("GET /api/v4/user", &[], json!({ "username": "ann", "name": "Ann" })),
        search: "sh%20op",
        list: (
            "GET /api/v4/projects?membership=true&archived=false&order_by=last_activity_at&sort=desc\
             &search_namespaces=true&search=sh%20op&per_page=30&page=1",
            json!([{ "path_with_namespace": "g/sub/shop", "visibility": "internal",
                "last_activity_at": "2024-03-09T15:00:00.000+01:00" }]),
        ),
        shown: json!([{ "full_name": "g/sub/shop", "clone_url": "URL/g/sub/shop.git",
            "private": true, "changed_at": "2024-03-09T14:00:00.000Z" }]),
        repo: "g/sub/shop.git",
        hooks: "/api/v4/projects/g%2Fsub%2Fshop/hooks",
        listed: |url| json!([{ "id": 7, "url": url }]),
        change: "PUT /api/v4/projects/g%2Fsub%2Fshop/hooks/7",
        members: ("/url", "/token"),
        event: ("/merge_requests_events", json!(true)),
    }
}

fn bitbucket() -> Case {
    Case {
        name: "bitbucket",
        token: "ann@example.org:tok",
        credential: "authorization: Basic YW5uQGV4YW1wbGUub3JnOnRvaw==",
        account: "Ann A",
        who: ("GET /2.0/user", &[], json!({ "display_name": "Ann A" })),
        search: "sh%20op",
        list: (
            "GET /2.0/repositories/w%20s?role=member&sort=-updated_on&pagelen=30&page=1\
             &q=name~%22sh%20op%22",
            json!({ "values": [{ "full_name": "ws/shop", "is_private": true,
                "updated_on": "2024-03-09T15:00:00.123456+00:00" }] }),
        ),
        shown: json!([{ "full_name": "ws/shop", "clone_url": "URL/ws/shop.git", "private": true,
            "changed_at": "2024-03-09T15:00:00.123Z" }]),
        repo: "ws/shop.git",
        hooks: "/2.0/repositories/ws/shop/hooks",
        listed: |url| json!({ "values": [{ "uuid": "{7-7}", "url": url }] }),
        change: "PUT /2.0/repositories/ws/shop/hooks/%7B7-7%7D",
        members: ("/url", "/secret"),
        event: ("/events/0", json!("repo:push")),
    }
}

fn bitbucket_server() -> Case {
    Case {
        name: "bitbucket_server",
        token: "NjM2",
        credential: "authorization: Bearer NjM2",
        account: "ann",
        who: (
            "GET /rest/api/1.0/repos?limit=1",
            &[("x-ausername", "ann")],
            json!({ "values": [] }),
        ),
        search: "sh%20op",
        list: (
            "GET /rest/api/1.0/repos?name=sh%20op&limit=30&start=0",
            json!({ "isLastPage": true,
                "values": [{ "slug": "shop", "project": { "key": "KEY" }, "public": true }] }),
        ),
        shown: json!([{ "full_name": "KEY/shop", "clone_url": "URL/scm/KEY/shop.git",
            "private": false, "changed_at": null }]),
        repo: "scm/KEY/shop.git",
        hooks: "/rest/api/1.0/projects/KEY/repos/shop/webhooks",
        listed: |url| json!({ "values": [{ "id": 7, "url": url }] }),
        change: "PUT /rest/api/1.0/projects/KEY/repos/shop/webhooks/7",
        members: ("/url", "/configuration/secret"),
        event: ("/events/0", json!("repo:refs_changed")),
    }
}

fn gitea() -> Case {
    Case {
        name: "gitea",
        token: "t0",
        credential: "authorization: token t0",
        account: "ann",
        who: ("GET /api/v1/user", &[], json!({ "login": "ann" })),
        search: "sh%20op",
        list: (
            "GET /api/v1/repos/search?q=sh%20op&sort=updated&order=desc&archived=false&limit=30&page=1",
            json!({ "ok": true, "data": [{ "full_name": "o/shop", "private": false,
                "clone_url": "https://evil.example/o/shop.git",
                "updated_at": "2024-03-09T15:00:00Z" }] }),
        ),
        // Where it is cloned from is not for the answer to say.
        shown: json!([{ "full_name": "o/shop", "clone_url": "URL/o/shop.git", "private": false,
            "changed_at": "2024-03-09T15:00:00.000Z" }]),
        repo: "o/shop.git",
        hooks: "/api/v1/repos/o/shop/hooks",
        listed: |url| json!([{ "id": 7, "type": "gitea", "config": { "url": url } }]),
        change: "PATCH /api/v1/repos/o/shop/hooks/7",
        members: ("/config/url", "/config/secret"),
        event: ("/events/4", json!("pull_request_sync")),
    }
}

/// An organisation with a connection to a forge.
struct Stage {
    caller: Caller,
    forge: Forge,
    ann: crate::harness::app::Person,
    /// Of the connection.
    path: String,
}

impl Stage {
    async fn set(app: &TestApp, provider: &str, token: &str) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(app, &ann).await;
        let org = caller.get_json("/v1/organisations").await[0]["_id"].as_str().unwrap().to_owned();
        let forge = Forge::start().await;
        let body = json!({ "name": "Forge", "provider": provider, "token": token,
            "base_url": format!("{}/", forge.url) });
        let list = format!("/v1/organisations/{org}/providers");
        let made: Value = caller.post(&list, JSON, &body.to_string()).await.expect(201).json();
        let path = format!("{list}/{}", made["_id"].as_str().unwrap());
        Self { caller, forge, ann, path }
    }

    async fn test(&self) -> Value {
        self.caller.post(&format!("{}/test", self.path), JSON, "").await.expect(200).json()
    }

    async fn repositories(&self, query: &str) -> Answer {
        self.caller.get(&format!("{}/repositories{query}", self.path)).await
    }
}

async fn is_asked_in_its_words(app: TestApp, case: Case) {
    let stage = Stage::set(&app, case.name, case.token).await;
    let Stage { caller, forge, ann, .. } = &stage;
    let (who, headers, body) = &case.who;
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    forge.on_text(who, 200, &headers, &body.to_string());
    let tested = stage.test().await;
    assert_eq!(
        (&tested["account"], &tested["error"]),
        (&json!(case.account), &Value::Null),
        "{tested}"
    );
    let asked = forge.asked();
    assert_eq!(
        (asked.len(), asked[0].call.as_str(), asked[0].credential.as_str()),
        (1, *who, case.credential)
    );

    let (list, answer) = &case.list;
    forge.on(list, 200, answer);
    forge.on(
        "GET /2.0/user/workspaces",
        200,
        &json!({ "values": [{ "workspace": { "slug": "w s" } }] }),
    );
    let found: Value =
        stage.repositories(&format!("?search={}", case.search)).await.expect(200).json();
    let shown = case.shown.to_string().replace("URL", &forge.url);
    assert_eq!(
        found["repositories"].to_string(),
        serde_json::from_str::<Value>(&shown).unwrap().to_string()
    );
    assert_eq!(found["has_more"], false);
    let asked = forge.asked();
    assert_eq!(asked.last().unwrap().call, *list);
    assert!(asked.iter().all(|asked| asked.credential == case.credential));

    // The webhook is made, then mended; the secret is the app's own.
    let row = app.add_app(ann, "Shop", &format!("{}/{}", forge.url, case.repo)).await;
    let hook = format!("/v1/apps/{}/webhook", row.id);
    let address = format!("http://ci.example.org/api/webhook?appID={}", row.id);
    forge.on(&format!("GET {}", case.hooks), 200, &(case.listed)("https://other.example"));
    forge.on(&format!("POST {}", case.hooks), 201, &json!({}));
    let made: Value = caller.post(&hook, JSON, "").await.expect(200).json();
    assert_eq!(made["created"], true);
    let told = forge.asked().remove(1);
    assert_eq!(
        (told.call.as_str(), told.credential.as_str()),
        (format!("POST {}", case.hooks).as_str(), case.credential)
    );
    let (url, secret) = case.members;
    assert_eq!(told.body.pointer(url), Some(&json!(address)), "{}", told.body);
    assert_eq!(told.body.pointer(case.event.0), Some(&case.event.1), "{}", told.body);
    let mut tx = app.app.db.read().await.unwrap();
    let kept = shipmate::apps::webhook::secret(&app.app, &mut tx, &row.id).await.unwrap().unwrap();
    drop(tx);
    assert_eq!(told.body.pointer(secret), Some(&json!(kept.expose())), "{}", told.body);
    assert!(kept.expose().len() >= 40, "a secret that nobody guesses");
    forge.on(&format!("GET {}", case.hooks), 200, &(case.listed)(&address));
    forge.on(case.change, 200, &json!({}));
    let made: Value = caller.post(&hook, JSON, "").await.expect(200).json();
    assert_eq!(made["created"], false);
    let told = forge.asked().remove(1);
    assert_eq!(told.call, case.change);
    assert_eq!(told.body.pointer(secret), Some(&json!(kept.expose())));
    // What the provider refuses is said, and nothing changes.
    forge.on(&format!("GET {}", case.hooks), 403, &json!({ "message": "Resource not accessible" }));
    let refused = caller.post(&hook, JSON, "").await.expect(409).error();
    assert!(
        refused.contains("may not do this")
            && refused.contains("403")
            && refused.contains("scopes"),
        "{refused}"
    );
    assert!(!app.db.dump().await.contains(case.token));
}

on_both! {
    async fn github_in_its_words(app: TestApp) {
        is_asked_in_its_words(app, github()).await;
    }

    async fn gitlab_in_its_words(app: TestApp) {
        is_asked_in_its_words(app, gitlab()).await;
    }

    async fn bitbucket_in_its_words(app: TestApp) {
        is_asked_in_its_words(app, bitbucket()).await;
    }

    async fn bitbucket_server_in_its_words(app: TestApp) {
        is_asked_in_its_words(app, bitbucket_server()).await;
    }

    async fn gitea_in_its_words(app: TestApp) {
        is_asked_in_its_words(app, gitea()).await;
    }

    async fn connections_are_set_shown_and_removed_without_their_token(app: TestApp) {
        let stage = Stage::set(&app, "gitea", "t0ken-1").await;
        let Stage { caller, path, .. } = &stage;
        let list = path.rsplit_once('/').unwrap().0;
        let shown = caller.get(list).await.expect(200);
        assert!(!String::from_utf8_lossy(&shown.body).contains("t0ken"));
        let shown: Value = shown.json();
        assert_eq!((&shown[0]["name"], &shown[0]["account"], &shown[0]["tested_at"]), (&json!("Forge"), &Value::Null, &Value::Null));
        // A slash at the end is none.
        assert_eq!(shown[0]["base_url"], stage.forge.url);
        for (body, names) in [
            (json!({ "name": " ", "provider": "github", "token": "t" }), "name"),
            (json!({ "name": "x".repeat(101), "provider": "github", "token": "t" }), "name"),
            (json!({ "name": "A", "provider": "gitea", "token": "t" }), "base_url"),
            (json!({ "name": "A", "provider": "github", "base_url": "ftp://h/", "token": "t" }), "base_url"),
            (json!({ "name": "A", "provider": "github", "base_url": "https://u:p@h/", "token": "t" }), "base_url"),
            (json!({ "name": "A", "provider": "github", "token": "a b" }), "token"),
            (json!({ "name": "A", "provider": "svn", "token": "t" }), "provider"),
            (json!({ "name": "A", "provider": "github", "token": "t", "extra": 1 }), "extra"),
        ] {
            let error = caller.post(list, JSON, &body.to_string()).await.expect(400).error();
            assert!(error.contains(names), "{body}: {error}");
        }
        let again = json!({ "name": "Forge", "provider": "github", "token": "t" });
        caller.post(list, JSON, &again.to_string()).await.expect(409);
        let hosted = json!({ "name": "Hub", "provider": "github", "token": "t" });
        let hosted: Value = caller.post(list, JSON, &hosted.to_string()).await.expect(201).json();
        assert_eq!(hosted["base_url"], "https://api.github.com");
        // Another token is another account until it is tested.
        stage.forge.on("GET /api/v1/user", 200, &json!({ "login": "ann" }));
        assert_eq!(stage.test().await["account"], "ann");
        let changed = caller.put(&format!("{path}/token"), r#"{"token": "t0ken-2"}"#).await;
        assert_eq!(changed.expect(200).json::<Value>()["account"], Value::Null);
        stage.test().await;
        assert_eq!(stage.forge.asked()[1].credential, "authorization: token t0ken-2");
        assert!(caller.put(&format!("{path}/token"), r#"{"token": ""}"#).await.expect(400).error().contains("token"));
        caller.delete(path).await.expect(204);
        caller.delete(path).await.expect(404);
        caller.post(&format!("{path}/test"), JSON, "").await.expect(404);
        let told = caller.get_json("/v1/audit").await.to_string();
        for action in ["provider.add", "provider.token", "provider.remove"] {
            assert!(told.contains(action), "{told}");
        }
        // Nobody else's.
        let bob = Caller::new(&app, &app.add_user("bob@example.org").await).await;
        bob.get(list).await.expect(404);
    }

    async fn whatever_a_provider_answers_is_told_and_survived(app: TestApp) {
        let stage = Stage::set(&app, "gitea", "t0ken").await;
        let forge = &stage.forge;
        let elsewhere = Forge::start().await;
        let away = [("location", format!("{}/api/v1/user", elsewhere.url))];
        let large = format!("{{\"login\": \"{}\"}}", "x".repeat(5 << 20));
        let deep = "[".repeat(100_000);
        let cases: [(u16, &[Header], &str, &str); 10] = [
            (401, &[], r#"{"message": "bad t0ken"}"#, "does not take the token"),
            (403, &[], "{}", "may not do this"),
            (403, &[("retry-after", "9".into())], "{}", "cannot be asked now"),
            (404, &[], "{}", "Nothing is there"),
            (429, &[], "{}", "cannot be asked now"),
            (502, &[], "<h1>away</h1>", "cannot be asked now"),
            (302, &away, "", "does not look like"),
            (200, &[], "<h1>Sign in</h1>", "does not look like"),
            (200, &[], &large, "too large"),
            (200, &[], &deep, "does not look like"),
        ];
        for (status, headers, body, says) in cases {
            forge.on_text("GET /api/v1/user", status, headers, body);
            forge.on_text("GET /api/v1/repos/search", status, headers, body);
            let error = stage.test().await["error"].as_str().unwrap().to_owned();
            assert!(error.contains(says), "{status}: {error}");
            assert!(!error.contains("t0ken"), "{error}");
            let listed = stage.repositories("").await.expect(409).error();
            assert!(listed.contains(says), "{status}: {listed}");
        }
        assert_eq!(elsewhere.asked(), [], "a redirect is not followed");
        for query in ["?page=0", "?page=101", "?page=x", "?search=a%0ab"] {
            stage.repositories(query).await.expect(400);
        }
        // Nobody is there at all.
        let body = json!({ "name": "Gone", "provider": "gitea", "token": "t", "base_url": "http://127.0.0.1:9" });
        let list = stage.path.rsplit_once('/').unwrap().0;
        let gone: Value = stage.caller.post(list, JSON, &body.to_string()).await.expect(201).json();
        let path = format!("{list}/{}/test", gone["_id"].as_str().unwrap());
        let tested: Value = stage.caller.post(&path, JSON, "").await.expect(200).json();
        assert!(tested["error"].as_str().unwrap().contains("cannot be reached"), "{tested}");
    }

    async fn pages_follow_each_other(app: TestApp) {
        let stage = Stage::set(&app, "github", "ghp").await;
        let page = |number: usize| format!("GET /user/repos?sort=pushed&direction=desc&per_page=30&page={number}");
        let next = [("link", "<https://api.github.com/user/repos?page=2>; rel=\"next\"".to_owned())];
        let one = json!([{ "full_name": "o/a" }, { "full_name": "o/old", "archived": true }]).to_string();
        stage.forge.on_text(&page(1), 200, &next, &one);
        stage.forge.on(&page(2), 200, &json!([{ "full_name": "o/b" }]));
        let first: Value = stage.repositories("").await.expect(200).json();
        assert_eq!((first["repositories"].as_array().unwrap().len(), &first["has_more"]), (1, &json!(true)));
        let second: Value = stage.repositories("?page=2").await.expect(200).json();
        assert_eq!((&second["repositories"][0]["full_name"], &second["has_more"]), (&json!("o/b"), &json!(false)));
        // A search looks at five pages and says so.
        stage.forge.on_text("GET /user/repos", 200, &next, &one);
        stage.forge.asked();
        let found: Value = stage.repositories("?search=A").await.expect(200).json();
        assert_eq!((found["repositories"].as_array().unwrap().len(), &found["searched"]), (5, &json!(500)));
        assert_eq!(stage.forge.asked().len(), 5);
    }

    async fn one_workspace_can_be_named_where_none_may_be_listed(app: TestApp) {
        let stage = Stage::set(&app, "bitbucket", "t").await;
        stage.repositories("").await.expect(409);
        let values = json!({ "values": [{ "full_name": "ws/a" }], "next": "x" });
        stage.forge.on("GET /2.0/repositories/ws", 200, &values);
        let found: Value = stage.repositories("?search=ws/").await.expect(200).json();
        assert_eq!((&found["repositories"][0]["full_name"], &found["has_more"]), (&json!("ws/a"), &json!(true)));
        // A quote ends no query.
        stage.repositories("?search=ws/a%22+OR+%22").await.expect(200);
        assert!(stage.forge.asked().last().unwrap().call.ends_with("&q=name~%22a%20OR%20%22"));
    }

    async fn statuses_go_through_the_organisation_unless_the_app_has_its_own(app: TestApp) {
        let stage = Stage::set(&app, "gitea", "shared").await;
        let Stage { caller, forge, ann, .. } = &stage;
        forge.on(&format!("POST /api/v1/repos/o/r/statuses/{SHA}"), 201, &json!({}));
        let token = app.add_agent_token("a").await;
        let agent = FakeAgent::new(&caller.server, &token, "a");
        // By ssh as well: the host tells.
        let row = app.add_app(ann, "Shop", "git@127.0.0.1:o/r.git").await;
        let elsewhere = app.add_app(ann, "Elsewhere", "git@git.example.org:o/r.git").await;
        let build = async |row: &shipmate::model::app::App, claim: &str| {
            app.trigger(row).await;
            let held = agent.take(claim).await;
            agent.commit(&held, SHA).await.expect(204);
            agent.finish(&held, Outcome::Success, 0).await.expect(204);
            work(&app).await;
            forge.asked().iter().map(|asked| format!("{} {}", asked.credential, asked.body["state"])).collect::<Vec<_>>()
        };
        let told = build(&row, "c1").await;
        assert_eq!(told, ["authorization: token shared \"pending\"", "authorization: token shared \"success\""]);
        assert_eq!(build(&elsewhere, "c2").await, [""; 0]);
        let own = json!({ "provider": "gitea", "token": "own", "base_url": forge.url });
        caller.put(&format!("/v1/apps/{}/provider", row.id), &own.to_string()).await.expect(200);
        assert_eq!(build(&row, "c3").await.len(), 2);
        forge.on(&format!("POST /api/v1/repos/o/r/statuses/{SHA}"), 201, &json!({}));
        caller.delete(&format!("/v1/apps/{}/provider", row.id)).await.expect(204);
        caller.delete(&stage.path).await.expect(204);
        assert_eq!(build(&row, "c4").await, [""; 0], "nobody is left to tell with");
    }
}
