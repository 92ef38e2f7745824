//! An app with something of everything, in which every text that comes from
//! outside tries to run as a script.

use formats::{LineCoverage, Ran};
use serde_json::{Value, json};
use shipmate::accounts::sso::{self, providers::Draft};
use shipmate::apps::pins;
use shipmate::builds::{self, schedule::Plan};
use shipmate::db;
use shipmate::distribution::groups;
use shipmate::feedback::crashes::{self, NewCrash};
use shipmate::feedback::{self, File};
use shipmate::model::app::App as AppRow;
use shipmate::model::build::Outcome;
use shipmate::model::connection::Connection;
use shipmate::model::feedback::{Feedback, ItemState, JsonObject, MediaKind, Origin};
use shipmate::model::identity::{Identity, ProviderKind};
use shipmate::model::ids::{BuildId, ConnectionId, CrashReportId, FeedbackId, IdentityId};
use shipmate::model::report::{
    FileCoverage, FunctionCoverage, Snippet, TargetCoverage, TestResult,
};
use shipmate::model::schedule::{Weekday, Weekly};
use shipmate::model::secret::Secret;
use shipmate::model::status::Provider;
use shipmate::protocol::CommitReport;
use shipmate::protocol::sources::{Packer, SourceFile};

use super::Web;
use crate::harness::agent::{FakeAgent, artifact_id};
use crate::harness::app::Person;

/// Each sets `window.hit` where it is taken for markup, an attribute or code.
pub const HOSTILE: [&str; 8] = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=\"window.hit=1\">",
    "'><svg onload='window.hit=1'>",
    "</pre></textarea></title><script>window.hit=1</script>",
    "javascript:window.hit=1",
    "<iframe srcdoc=\"<script>parent.hit=1</script>\"></iframe>",
    "<!--<img src=--><img src=x onerror=window.hit=1//>",
    "\u{202e}<a href=\"javascript:window.hit=1\" autofocus onfocus=\"window.hit=1\">x</a>",
];

const SHA: &str = "ccba4e861c7e631c337044b3fe7a1a664c26a58b";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82";

/// What was made; the ids that paths are made of.
pub struct Full {
    pub owner: Person,
    pub app: AppRow,
    /// A failed build with everything.
    pub build: BuildId,
    pub group: String,
    pub delivery: String,
    pub feedback: FeedbackId,
    pub crash: CrashReportId,
    pub crash_group: String,
    /// An identity provider that is disabled; another one has a button.
    pub provider: String,
    pub schedule: String,
}

/// A text for a place that takes one line.
fn hostile(at: usize) -> String {
    HOSTILE[at % HOSTILE.len()].to_owned()
}

pub async fn fill(web: &Web) -> Full {
    let owner = web.app.add_admin("ann@example.org").await;
    let app = web.app.add_app(&owner, &hostile(1), "https://git.example.org/o/shop.git").await;
    for outcome in [Outcome::Success, Outcome::Failed] {
        web.app.advance(60_000);
        build(web, &app, outcome).await;
    }
    web.app.advance(60_000);
    let builds = call(web, &owner, &format!("/v1/apps/{}/builds", app.id)).await;
    let build: BuildId = builds[0]["_id"].as_str().unwrap().parse().unwrap();
    let now = web.app.app.clock.now();
    let (feedback, crash) = (FeedbackId::generate(now), CrashReportId::generate(now));
    reports(web, &app, &build, (&feedback, &crash)).await;
    let groups = call(web, &owner, &format!("/v1/apps/{}/deployment-groups", app.id)).await;
    let group = groups[0]["_id"].as_str().expect("every app has its first group").to_owned();
    let crash_group = web.app.db.rows("SELECT group_id FROM crash_reports").await[0][0].clone();
    let delivery = deliver(web, &app).await;
    connect(web, &app).await;
    let schedule = schedule(web, &app).await;
    // One more waits, and nobody takes it.
    web.app.trigger(&app).await;
    let provider = providers(web, &owner).await;
    Full { owner, app, build, group, delivery, feedback, crash, crash_group, provider, schedule }
}

/// Two identity providers, and an account of the owner at one.
async fn providers(web: &Web, owner: &Person) -> String {
    let state = &web.app.app;
    let mut tx = state.db.write().await.unwrap();
    let mut last = String::new();
    for at in [1, 2] {
        let draft = Draft {
            name: &hostile(at).chars().take(60).collect::<String>(),
            client_id: &hostile(at + 1),
            client_secret: Some(Secret::new("s")),
            domains: &["example.org".to_owned()],
            require_sso: false,
            trusts_emails: false,
        };
        let place = (ProviderKind::Oidc, "http://127.0.0.1:9");
        let provider = sso::providers::add(state, &mut tx, place, draft).await.unwrap();
        let identity = Identity {
            id: IdentityId::generate(state.clock.now()),
            provider_id: provider.id.clone(),
            subject: "s".into(),
            user_id: owner.user.id.clone(),
            label: hostile(at + 2),
            by_hand: true,
            linked_at: state.clock.now(),
            seen_at: state.clock.now(),
        };
        db::identities::insert(&mut tx, &identity).await.unwrap();
        if at == 2 {
            sso::providers::set_enabled(&mut tx, &provider.id, false).await.unwrap();
            last = provider.id.to_string();
        }
    }
    tx.commit().await.unwrap();
    last
}

async fn call(web: &Web, person: &Person, path: &str) -> Value {
    let token = Some(person.token.expose());
    web.server.call(reqwest::Method::GET, path, token, "").await.expect(200).json()
}

/// A schedule of an odd branch, which is pinned as well, and a deleted group.
async fn schedule(web: &Web, app: &AppRow) -> String {
    let weekly = Weekly::new([Weekday::Monday], 150, "Europe/Berlin").unwrap();
    let branch = hostile(2);
    let plan = Plan { branch: &branch, weekly };
    let mut tx = web.app.app.db.write().await.unwrap();
    let added = builds::schedule::add(&web.app.app, &mut tx, app, plan).await.unwrap();
    shipmate::db::apps::upsert_branch(&mut tx, &app.id, &branch).await.unwrap();
    let owner =
        web.app.db.rows("SELECT id FROM users ORDER BY created_at LIMIT 1").await[0][0].clone();
    let owner = owner.parse().unwrap();
    pins::pin(&web.app.app, &mut tx, &owner, app, &branch).await.unwrap();
    let draft = groups::Draft { name: Some(hostile(0)), ..groups::Draft::default() };
    let group = groups::create(&web.app.app, &mut tx, app, draft).await.unwrap();
    groups::delete(&web.app.app, &mut tx, &group).await.unwrap();
    tx.commit().await.unwrap();
    added.id.to_string()
}

/// An account at a provider that says odd things.
async fn connect(web: &Web, app: &AppRow) {
    let now = web.app.app.clock.now();
    let row = Connection {
        id: ConnectionId::generate(now),
        org_id: app.org_id.clone(),
        name: hostile(1),
        provider: Provider::Gitea,
        base_url: "http://127.0.0.1:9".into(),
        token_sealed: "k1.x".into(),
        token_set_at: now,
        account: hostile(2),
        checked_at: Some(now),
        check_error: Some(HOSTILE.join(" ")),
        created_at: now,
    };
    let mut tx = web.app.app.db.write().await.unwrap();
    assert!(shipmate::db::connections::insert(&mut tx, &row).await.unwrap());
    tx.commit().await.unwrap();
}

/// A push that a provider tells of.
async fn deliver(web: &Web, app: &AppRow) -> String {
    let push = json!({
        "ref": "refs/heads/main", "before": SHA, "after": SHA.replace('c', "d"),
        "repository": { "clone_url": app.repo_url, "full_name": hostile(0) },
        "pusher": { "name": hostile(1), "email": "ann@example.org" },
        "head_commit": { "id": SHA.replace('c', "d"), "message": HOSTILE.join("\n"),
            "author": { "name": hostile(2), "email": "ann@example.org" } },
        "commits": [],
    });
    let url = format!("{}/api/webhook?appID={}", web.server.url, app.id);
    let request = web.server.client.post(url).header("x-github-event", "push").json(&push);
    let answer = crate::harness::server::Answer::of(request).await;
    assert!(answer.status.is_success(), "{answer:?}");
    web.app.run_jobs().await;
    let rows = web.app.db.rows("SELECT id FROM deliveries").await;
    rows[0][0].clone()
}

pub async fn build(web: &Web, app: &AppRow, outcome: Outcome) {
    let token = web.app.add_agent_token(&format!("agent {}", outcome.as_str())).await;
    let agent = FakeAgent::new(&web.server, &token, &hostile(0));
    web.app.trigger(app).await;
    let held = agent.take("c1").await;
    let report = CommitReport {
        attempt: held.attempt,
        branch: hostile(2),
        sha: SHA.into(),
        author: hostile(5),
        message: HOSTILE.join("\n"),
        base: None,
        release_notes: Some(HOSTILE.join("\n")),
    };
    agent.post(&format!("builds/{}/commit", held.build), &report).await.expect(204);
    let log: String = HOSTILE.iter().map(|text| format!("\u{1b}[31m{text}\u{1b}[0m\n")).collect();
    agent.log(&held, 0, &log).await.expect(200);
    let tests = (0..HOSTILE.len()).map(|at| TestResult {
        run: hostile(at + 1),
        target: hostile(at + 2),
        suite: hostile(at + 3),
        name: hostile(at),
        passed: at % 2 == 0,
        duration_ms: Some(12),
        message: Some(hostile(at + 4)),
        file: Some(hostile(at + 5)),
        line: Some(7),
        snippet: (at % 2 == 1).then(|| Snippet {
            path: hostile(at),
            line: 2,
            first: 1,
            text: HOSTILE.join("\n").repeat(2),
        }),
    });
    agent.tests(&held, 0, tests.collect()).await.expect(204);
    let function = FunctionCoverage { name: hostile(3), coverage: 0.5 };
    let file = FileCoverage {
        name: hostile(4),
        path: hostile(6),
        coverage: 0.25,
        functions: vec![function],
    };
    let target = TargetCoverage { name: hostile(7), coverage: 0.25, files: vec![file] };
    let path = target.files[0].path.clone();
    agent.coverage(&held, 0, target).await.expect(204);
    let mut packer = Packer::default();
    let runs = [Ran::No, Ran::Times(3), Ran::Partly, Ran::Fully];
    let lines = (1..).zip(runs).map(|(number, ran)| LineCoverage { number, ran }).collect();
    let source = SourceFile { lines, text: Some(HOSTILE.join("\n")) };
    assert!(packer.add(0, &path, Some(hostile(2)), &source));
    agent.sources(&held, packer.finish().unwrap()).await.expect(204);
    let stored = agent.upload(&held, "a1", &format!("out/{}.apk", hostile(0)), b"no package").await;
    let facts = json!({
        "format": "apk", "name": hostile(0), "identifier": hostile(1), "version_name": hostile(2),
        "version_code": "57", "min_os": hostile(3),
        "signing": { "schemes": [hostile(4)], "certificate":
            { "subject": hostile(5), "sha256": "ab", "expires_at": 1_712_000_000_000_i64 } },
    });
    let body = json!({ "attempt": held.attempt, "facts": facts });
    let stored = artifact_id(stored);
    agent.package(&held, &stored, &body).await.expect(204);
    agent.finish(&held, outcome, 1).await.expect(204);
    web.app.run_jobs().await;
}

fn object(value: &Value) -> JsonObject {
    JsonObject::read(&value.to_string(), 1 << 20, 16).unwrap()
}

async fn reports(
    web: &Web,
    app: &AppRow,
    build: &BuildId,
    (feedback, crash): (&FeedbackId, &CrashReportId),
) {
    let now = web.app.app.clock.now();
    let origin = Origin {
        app_id: app.id.clone(),
        build_id: build.clone(),
        build_number: 2,
        bundle_id: hostile(0),
        short_version: hostile(1),
        version: hostile(2),
    };
    let system = object(&json!({ "hardware_device_name": hostile(3), "battery_level": 88 }));
    let item = Feedback {
        id: feedback.clone(),
        origin: origin.clone(),
        state: ItemState::Open,
        created_at: now,
        description: HOSTILE.join("\n"),
        email: Some("john@example.org".into()),
        metadata: object(&json!({ "plan": hostile(4) })),
        system: system.clone(),
    };
    let log = HOSTILE.join("\n");
    let files = vec![File::new(MediaKind::Image, PNG), File::new(MediaKind::Log, log.into_bytes())];
    assert!(feedback::add(&web.app.app, item, files).await.unwrap());
    let frames = json!([{ "process_frame": true, "function": hostile(5), "file": hostile(6) }]);
    let report = NewCrash {
        id: crash.clone(),
        origin,
        created_at: now,
        scheme: hostile(6),
        tester_email: Some("john@example.org".into()),
        identifier_for_vendor: hostile(7),
        metadata: object(&json!({ "plan": hostile(0) })),
        system,
        resolved: object(&json!({
            "crashed_thread": "0", "exception_type": hostile(1),
            "thread_frames": [{ "number": "0", "title": hostile(2), "frames": frames }],
        })),
        resolved_text: HOSTILE.join("\n"),
    };
    assert!(crashes::add(&web.app.app, report, Vec::new()).await.unwrap());
}
