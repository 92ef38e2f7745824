//! Who may do what: every mutating call of the API, by everybody. A call that
//! the description lists and this table does not makes it fail.

use std::collections::BTreeSet;

use shipmate::api::v1::openapi;
use shipmate::db;
use shipmate::model::account::{Access, Role};
use shipmate::model::app::App as AppRow;
use shipmate::model::ids::{BuildId, TokenId};

use super::*;

/// What a call needs; decides the status of everybody who lacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Full access to the app, and a token of scope `trigger`.
    Build,
    /// Full access to the app.
    Full,
    /// To own the organisation of an app that all members can see.
    AppOwner,
    /// To own the organisation.
    OrgOwner,
    /// To own the organisation of an app that is deleted, so that a
    /// collaborator of it sees nothing any more.
    Deleted,
    /// Only a token of scope `admin`, of anybody: it is about their account.
    Account,
}

/// One call and its status when it is allowed. Its path and body may name
/// `{app_id}`, `{build_id}`, `{organisation_id}`, `{token_id}`; any other
/// placeholder becomes an id that nothing has, so that such a call is 404 for
/// those who may, after it was 403 for those who may not.
struct Call(&'static str, &'static str, &'static str, Need, u16);

use Need::{Account, AppOwner, Build, Deleted, Full, OrgOwner};

const CALLS: &[Call] = &[
    Call("POST", "/v1/apps", APP, Account, 201),
    Call("PUT", "/v1/apps/{app_id}", r#"{"app_name": "Store"}"#, Full, 200),
    Call("DELETE", "/v1/apps/{app_id}?confirm=Shop", "", Full, 204),
    Call("POST", "/v1/apps/{app_id}/restore", "", Deleted, 200),
    Call("POST", "/v1/apps/{app_id}/move", ORG, AppOwner, 200),
    Call("PUT", "/v1/apps/{app_id}/collaborators", READER, Full, 204),
    Call("DELETE", "/v1/apps/{app_id}/collaborators?email=some@example.org", "", Full, 404),
    Call("PUT", "/v1/apps/{app_id}/provider", PROVIDER, Full, 200),
    Call("DELETE", "/v1/apps/{app_id}/provider", "", Full, 404),
    Call("POST", "/v1/apps/{app_id}/builds?branch=main", "", Build, 201),
    Call("PUT", "/v1/apps/{app_id}/webhook", r#"{"secret": "s"}"#, Full, 204),
    Call("DELETE", "/v1/apps/{app_id}/webhook", "", Full, 204),
    Call("POST", "/v1/apps/{app_id}/deliveries/{delivery_id}/redeliver", "", Build, 404),
    Call("POST", "/v1/apps/{app_id}/pull-requests/{number}/build", "", Build, 404),
    Call("POST", "/v1/builds/{build_id}/cancel", "", Build, 204),
    Call("POST", "/v1/apps/{app_id}/deployment-groups", r#"{"name": "QA"}"#, Full, 201),
    Call("PUT", "/v1/apps/{app_id}/deployment-groups/{unknown_id}", "{}", Full, 404),
    Call("DELETE", "/v1/apps/{app_id}/deployment-groups/{unknown_id}", "", Full, 404),
    Call("POST", "/v1/apps/{app_id}/deployment-groups/{unknown_id}/restore", "", Full, 404),
    Call("PUT", "/v1/apps/{app_id}/deployment-groups/{unknown_id}/testers", "", Full, 404),
    Call("DELETE", "/v1/apps/{app_id}/deployment-groups/{unknown_id}/testers", "", Full, 404),
    Call("POST", "/v1/apps/{app_id}/deployment-groups/{unknown_id}/deploy", "", Full, 404),
    // A queued build cannot be deployed.
    Call("POST", "/v1/builds/{build_id}/deployments", r#"{"testers": ["a@x"]}"#, Full, 409),
    Call("PUT", "/v1/builds/{build_id}/disabled", r#"{"disabled": true}"#, Full, 204),
    Call("PUT", "/v1/apps/{app_id}/feedbacks/{feedback_id}", CLOSE, Full, 404),
    Call("PUT", "/v1/apps/{app_id}/crash-groups/{group_id}", CLOSE, Full, 404),
    Call("POST", "/v1/builds/{build_id}/rebuild", "", Build, 201),
    Call("PUT", "/v1/apps/{app_id}/settings", r#"{"archive": true}"#, Full, 200),
    Call("PUT", "/v1/apps/{app_id}/settings/overrides", OVERRIDE, Full, 200),
    Call("DELETE", "/v1/apps/{app_id}/settings/overrides?branch=none", "", Full, 404),
    Call("PUT", "/v1/organisations/{organisation_id}/settings", "{}", OrgOwner, 200),
    Call("POST", "/v1/organisations/{organisation_id}/settings/apply", APPLY, OrgOwner, 200),
    Call("POST", "/v1/apps/{app_id}/schedules", NIGHTLY, Full, 201),
    Call("PUT", "/v1/apps/{app_id}/schedules/{unknown_id}", NIGHTLY, Full, 404),
    Call("DELETE", "/v1/apps/{app_id}/schedules/{unknown_id}", "", Full, 404),
    Call("POST", "/v1/organisations", r#"{"name": "New"}"#, Account, 201),
    Call("PUT", "/v1/organisations/{organisation_id}", r#"{"name": "New"}"#, OrgOwner, 204),
    Call("PUT", "/v1/organisations/{organisation_id}/members", MEMBER, OrgOwner, 204),
    Call(
        "DELETE",
        "/v1/organisations/{organisation_id}/members?email=x@example.org",
        "",
        OrgOwner,
        400,
    ),
    Call("POST", "/v1/organisations/{organisation_id}/providers", CONNECTION, OrgOwner, 201),
    Call("DELETE", "/v1/organisations/{organisation_id}/providers/{id}", "", OrgOwner, 404),
    Call("PUT", "/v1/organisations/{organisation_id}/providers/{id}/token", TOKEN, OrgOwner, 404),
    Call("POST", "/v1/organisations/{organisation_id}/providers/{id}/test", "", OrgOwner, 404),
    // No connection is to its host.
    Call("POST", "/v1/apps/{app_id}/webhook", "", Full, 409),
    // No name of a variable starts with a digit, as an id does.
    Call("PUT", "/v1/apps/{app_id}/variables/{name}", VARIABLE, Full, 400),
    Call("DELETE", "/v1/apps/{app_id}/variables/{name}", "", Full, 404),
    Call("PUT", "/v1/organisations/{organisation_id}/variables/{name}", VARIABLE, OrgOwner, 400),
    Call("DELETE", "/v1/organisations/{organisation_id}/variables/{name}", "", OrgOwner, 404),
    Call("PUT", "/v1/apps/{app_id}/secure-files/{name}", "bytes", Full, 204),
    Call("DELETE", "/v1/apps/{app_id}/secure-files/{name}", "", Full, 404),
    Call("PUT", "/v1/organisations/{organisation_id}/secure-files/{name}", "bytes", OrgOwner, 204),
    Call("DELETE", "/v1/organisations/{organisation_id}/secure-files/{name}", "", OrgOwner, 404),
    Call("POST", "/v1/organisations/{organisation_id}/ssh-key/rotate", "", OrgOwner, 201),
    Call("PUT", "/v1/organisations/{organisation_id}/ssh-hosts/{host}", HOST, OrgOwner, 204),
    Call("DELETE", "/v1/organisations/{organisation_id}/ssh-hosts/{host}", "", OrgOwner, 404),
    Call("POST", "/v1/tokens", r#"{"name": "ci", "scope": "read"}"#, Account, 201),
    Call("DELETE", "/v1/tokens/{unknown_id}", "", Account, 404),
    Call("POST", "/v1/tokens/personal/rotate", "", Account, 201),
];

const VARIABLE: &str = r#"{"value": "v"}"#;
const HOST: &str = r#"{"keys": ["ssh-ed25519 AAAA"]}"#;
const APP: &str = r#"{"app_name": "New", "platform": "ios", "repo_url": "/nonexistent/new.git"}"#;
const PROVIDER: &str =
    r#"{"provider": "gitea", "base_url": "https://git.example.org", "token": "t"}"#;
const CONNECTION: &str = r#"{"name": "Cellar", "provider": "gitea", "base_url": "https://git.example.org", "token": "t"}"#;
const TOKEN: &str = r#"{"token": "t"}"#;
const ORG: &str = r#"{"organisation_id": "{organisation_id}"}"#;
const OVERRIDE: &str = r#"{"branch": "main", "settings": {"archive": true}}"#;
const APPLY: &str = r#"{"settings": ["archive"], "to": "all"}"#;
const NIGHTLY: &str =
    r#"{"branch": "main", "weekdays": ["monday"], "time": "02:30", "zone": "Europe/Berlin"}"#;
const READER: &str = r#"{"email": "some@example.org", "access": "read"}"#;
const CLOSE: &str = r#"{"state": "closed"}"#;
const MEMBER: &str = r#"{"email": "some@example.org", "role": "read"}"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Stranger,
    /// Member of the organisation and collaborator of the app, read-only.
    Reader,
    /// Likewise, with full access.
    Full,
    Owner,
    Admin,
    /// The owner, with a token of scope `read`.
    ReadToken,
    /// The owner, with a token of scope `trigger`.
    TriggerToken,
}

const EVERYBODY: [Who; 8] = [
    Who::Nobody,
    Who::Stranger,
    Who::Reader,
    Who::Full,
    Who::Owner,
    Who::Admin,
    Who::ReadToken,
    Who::TriggerToken,
];

impl Call {
    fn expected(&self, who: Who) -> u16 {
        let Call(_, _, _, need, allowed) = *self;
        match (who, need) {
            (Who::Nobody, _) => 401,
            (Who::Owner | Who::Admin, _) => allowed,
            (Who::ReadToken, _) => 403,
            (Who::TriggerToken, Build) => allowed,
            (Who::TriggerToken, _) => 403,
            (_, Account) => allowed,
            (Who::Stranger, _) => 404,
            (Who::Reader, _) => 403,
            (Who::Full, Build | Full) => allowed,
            (Who::Full, AppOwner | OrgOwner | Deleted) => 403,
        }
    }

    /// `POST /v1/apps/{}`: how the description and this table agree on a call.
    fn key(&self) -> String {
        key(self.0, self.1.split('?').next().unwrap())
    }
}

fn key(method: &str, path: &str) -> String {
    let shape: Vec<&str> =
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    format!("{method} {}", shape.join("/"))
}

#[test]
fn the_table_lists_every_mutating_call_of_the_description() {
    let document = serde_json::to_value(openapi::document()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            if ["POST", "PUT", "DELETE", "PATCH"].contains(&method.as_str()) {
                described.insert(key(&method, path));
            }
        }
    }
    let listed: BTreeSet<String> = CALLS.iter().map(Call::key).collect();
    let missing: Vec<_> = described.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&described).collect();
    assert!(missing.is_empty(), "say here who may do: {missing:#?}");
    assert!(stale.is_empty(), "no longer in the description: {stale:#?}");
    assert_eq!(listed.len(), CALLS.len(), "a call is listed twice");
}

/// Everybody, and a server.
struct Scene {
    app: TestApp,
    server: TestServer,
    owner: Person,
    people: Vec<(Who, Option<String>)>,
    count: usize,
}

impl Scene {
    async fn set(app: TestApp) -> Self {
        let server = TestServer::start(&app.app).await;
        let owner = app.add_user("owner@example.org").await;
        app.add_user("some@example.org").await;
        let people = Vec::new();
        Self { app, server, owner, people, count: 0 }
    }

    /// Everybody anew, because some calls revoke tokens; an app with a build.
    async fn arrange(&mut self, call: &Call) -> (AppRow, BuildId) {
        self.count += 1;
        let app = &self.app;
        let owner = app.add_user(&format!("owner{}@example.org", self.count)).await;
        let stranger = app.add_user(&format!("stranger{}@example.org", self.count)).await;
        let reader = app.add_user(&format!("reader{}@example.org", self.count)).await;
        let full = app.add_user(&format!("full{}@example.org", self.count)).await;
        let admin = app.add_admin(&format!("admin{}@example.org", self.count)).await;
        let row = app.add_app(&owner, "Shop", "/nonexistent/shop.git").await;
        let build = app.trigger(&row).await;
        let mut tx = app.app.db.write().await.unwrap();
        for (person, role, access) in
            [(&reader, Role::Read, Access::Read), (&full, Role::Full, Access::Full)]
        {
            db::organisations::set_member(&mut tx, &row.org_id, &person.user.id, role)
                .await
                .unwrap();
            db::accounts::set_app_access(&mut tx, &row.id, &person.user.id, access).await.unwrap();
        }
        if call.3 == Deleted {
            db::apps::set_deleted_at(&mut tx, &row.id, Some(app.app.clock.now())).await.unwrap();
        }
        tx.commit().await.unwrap();
        let token = |person: &Person| Some(person.token.expose().to_owned());
        self.people = vec![
            (Who::Nobody, None),
            (Who::Stranger, token(&stranger)),
            (Who::Reader, token(&reader)),
            (Who::Full, token(&full)),
            (Who::Owner, token(&owner)),
            (Who::Admin, token(&admin)),
        ];
        self.owner = owner;
        for (who, scope) in [(Who::ReadToken, "read"), (Who::TriggerToken, "trigger")] {
            let body = format!(r#"{{"name": "{scope} token", "scope": "{scope}"}}"#);
            let request = self.server.client.post(format!("{}/v1/tokens", self.server.url));
            let request = request.bearer_auth(self.owner.token.expose());
            let answer =
                Answer::of(request.header("content-type", "application/json").body(body)).await;
            let made: Value = answer.expect(201).json();
            self.people.push((who, made["access_token"].as_str().map(str::to_owned)));
        }
        (row, build)
    }

    async fn make(&self, call: &Call, who: Who, row: &AppRow, build: &BuildId) -> Answer {
        let unknown = TokenId::generate(self.app.app.clock.now());
        let fill = |text: &str| {
            text.replace("{app_id}", row.id.as_str())
                .replace("{build_id}", build.as_str())
                .replace("{organisation_id}", row.org_id.as_str())
        };
        let path: Vec<String> = fill(call.1)
            .split('/')
            .map(|part| if part.starts_with('{') { unknown.to_string() } else { part.to_owned() })
            .collect();
        let url = format!("{}{}", self.server.url, path.join("/"));
        let request = self.server.client.request(call.0.parse().unwrap(), url);
        let (_, token) = self.people.iter().find(|(other, _)| *other == who).unwrap();
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let request = match call.2 {
            "" => request,
            body => request.header("content-type", "application/json").body(fill(body)),
        };
        Answer::of(request).await
    }
}

on_both! {
    async fn everybody_gets_what_the_table_says(app: TestApp) {
        let mut scene = Scene::set(app).await;
        let mut wrong = Vec::new();
        for call in CALLS {
            for who in EVERYBODY {
                let (row, build) = scene.arrange(call).await;
                let answer = scene.make(call, who, &row, &build).await;
                let expected = call.expected(who);
                if answer.status.as_u16() != expected {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    wrong.push(format!("{} {} by {who:?}: {} instead of {expected}: {body}", call.0, call.1, answer.status.as_u16()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
