//! The contract of `src/db`: every query function, called on both databases,
//! with its results. `complete.rs` fails for a function that is not called.

use shipmate::db::agents::Introduction;
use shipmate::db::builds::NewBuild;
use shipmate::db::{self, Db, Tx};
use shipmate::model::account::{Organisation, Scope, Token, User};
use shipmate::model::app::{App, Platform};
use shipmate::model::ids::{AgentId, AppId, BuildId, OrgId, TokenId, UserId};
use shipmate::model::time::Millis;

mod accounts;
mod agents;
mod apps;
mod artifacts;
mod audit;
mod builds;
mod claims;
mod complete;
mod connections;
mod crashes;
mod deliveries;
mod deployments;
mod devices;
mod feedback;
mod groups;
mod idempotency;
mod identities;
mod incidents;
mod invitations;
mod jobs;
mod logs;
mod migrations;
mod organisations;
mod outgoing;
mod packages;
mod pins;
mod pulls;
mod purge;
mod queue;
mod remotes;
mod results;
mod schedules;
mod sealed;
mod seam;
mod secrets;
mod sessions;
mod settings;
mod sources;
mod statuses;
mod storage;
mod symbols;
mod tls;
mod tokens;
mod trends;

/// A moment for rows whose time does not matter.
const T: Millis = Millis(1_710_000_000_000);

/// Text that a careless layer loses: accents, a right-to-left word, an emoji
/// of several code points, quotes, a backslash, control characters.
const ODD: &str = "Zoë 中文 שלום 👩‍💻 'q' \"d\" \\ %_ \t\r\n end";

async fn write(db: &Db) -> Tx {
    db.write().await.expect("a transaction")
}

async fn read(db: &Db) -> Tx {
    db.read().await.expect("a connection")
}

fn user_row(email: &str) -> User {
    User {
        id: UserId::generate(T),
        email: email.into(),
        name: "Ann".into(),
        is_admin: false,
        created_at: T,
    }
}

async fn add_user(tx: &mut Tx, email: &str) -> UserId {
    let user = user_row(email);
    db::accounts::insert_user(tx, &user).await.expect("a fresh user");
    user.id
}

async fn add_org(tx: &mut Tx) -> OrgId {
    let org = Organisation { id: OrgId::generate(T), name: "Org".into(), created_at: T };
    db::accounts::insert_organisation(tx, &org).await.expect("a fresh organisation");
    org.id
}

fn app_row(org: &OrgId, name: &str) -> App {
    App {
        id: AppId::generate(T),
        org_id: org.clone(),
        name: name.into(),
        platform: Platform::Ios,
        repo_url: "https://git.example.org/o/r.git".into(),
        default_branch: None,
        branches_read_at: None,
        is_public: false,
        created_at: T,
    }
}

async fn add_app(tx: &mut Tx) -> AppId {
    let org = add_org(tx).await;
    let app = app_row(&org, "Shop");
    db::apps::insert(tx, &app, None).await.expect("a fresh app");
    app.id
}

/// A queued build of `main`, made at `at`.
async fn add_build(tx: &mut Tx, app: &AppId, number: i64, at: Millis) -> BuildId {
    let id = BuildId::generate(at);
    db::builds::insert(tx, &new_build(&id, app, number, at)).await.expect("a fresh build");
    id
}

fn new_build<'a>(id: &'a BuildId, app: &'a AppId, number: i64, at: Millis) -> NewBuild<'a> {
    NewBuild {
        id,
        app_id: app,
        number,
        scheme: "",
        repo_url: "https://git.example.org/o/r.git",
        branch: "main",
        commit: None,
        origin: None,
        lane: "branch:main",
        settings: None,
        triggered_by: "api_triggered",
        user: None,
        created_at: at,
    }
}

/// A token of `user`; without a name it is the personal one.
fn token_row(user: &UserId, name: Option<&str>) -> Token {
    Token {
        id: TokenId::generate(T),
        user_id: user.clone(),
        name: name.map(str::to_owned),
        scope: Scope::Admin,
        created_at: T,
        expires_at: None,
        last_used_at: None,
    }
}

async fn add_agent_token(tx: &mut Tx, name: &str) -> TokenId {
    let id = TokenId::generate(T);
    let hash = format!("hash of {id}");
    db::agents::insert_token(tx, &id, name, &hash, T).await.expect("a fresh token");
    id
}

async fn add_agent(tx: &mut Tx, token: &TokenId, name: &str) -> AgentId {
    let who = Introduction { token, name, version: "1", slots: 1, labels: &[] };
    db::agents::upsert(tx, &AgentId::generate(T), &who, T).await.expect("a fresh agent")
}
