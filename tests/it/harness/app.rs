//! An application with everything real, and the people in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shipmate::accounts;
use shipmate::app::{App, Clock, Settings};
use shipmate::apps::{self, NewApp};
use shipmate::blobs::Blobs;
use shipmate::builds::trigger::{self, Request};
use shipmate::builds::{cancel, fold, logs};
use shipmate::db;
use shipmate::db::logs::LogHead;
use shipmate::distribution::groups::add_team;
use shipmate::model::account::User;
use shipmate::model::app::{App as AppRow, Platform};
use shipmate::model::build::{Build, Trigger};
use shipmate::model::ids::BuildId;
use shipmate::model::secret::Secret;
use shipmate::notify::email::Mailer;
use shipmate::secrets::Keys;
use tempfile::TempDir;

use super::database::{Stage, TestDb};

/// 2024-03-09T16:00:00Z, where a fixed clock starts.
pub const START: i64 = 1_710_000_000_000;
/// The lease of a test application.
pub const LEASE_MS: i64 = 60_000;

/// An application on its own database and folder. Its clock stands still
/// until the story moves it.
pub struct TestApp {
    pub app: Arc<App>,
    pub db: Arc<TestDb>,
    clock: Arc<AtomicI64>,
    dir: TempDir,
}

/// Somebody with an account.
#[derive(Debug)]
pub struct Person {
    pub user: User,
    pub token: Secret,
}

impl Stage for TestApp {
    async fn set(db: &Arc<TestDb>) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let dir = tempfile::tempdir().expect("a temporary folder");
        let app = server(db, dir.path(), &clock).await;
        Self { app: Arc::new(app), db: db.clone(), clock, dir }
    }
}

/// What one server of an installation is built on.
async fn server(db: &Arc<TestDb>, dir: &Path, clock: &Arc<AtomicI64>) -> App {
    App {
        db: db.open().await,
        blobs: Blobs::open_local(&dir.join("blobs")).expect("a blob folder"),
        keys: Keys::derive(&[7; 32]),
        mailer: Mailer::folder(dir.join("mail"), "Shipmate <ci@example.org>").expect("a sender"),
        clock: Clock::Fixed(clock.clone()),
        settings: Settings {
            public_url: "http://ci.example.org".into(),
            dashboard_url: "http://ci.example.org".into(),
            ip_ranges: Vec::new(),
            max_build_ms: 7_200_000,
            kill_grace_ms: 2_000,
            lease_ms: LEASE_MS as u64,
            requests_per_minute: 0,
            limits: db::queue::Limits::default(),
            reconcile_ms: 300_000,
            scratch_dir: dir.join("scratch"),
            record_ssh_hosts: true,
            link_ttl_ms: 3_600_000,
            reports_per_minute: 600,
        },
        closing: tokio_util::sync::CancellationToken::new(),
        symbolicating: tokio::sync::Semaphore::new(1),
    }
}

impl TestApp {
    /// The same application, set up otherwise. Only before anything uses it.
    pub fn with(mut self, change: impl FnOnce(&mut App)) -> Self {
        let mut app = Arc::into_inner(self.app).expect("nobody else has it yet");
        change(&mut app);
        self.app = Arc::new(app);
        self
    }

    /// Runs all jobs that are due now.
    pub async fn run_jobs(&self) {
        while shipmate::jobs::run_one(&self.app).await.expect("the database answers") {}
    }

    /// Another server on the same database, with the same clock.
    pub async fn second(&self) -> App {
        server(&self.db, self.dir(), &self.clock).await
    }

    /// Sets limits; only before a server is started.
    pub fn limit(&mut self, limits: db::queue::Limits) {
        Arc::get_mut(&mut self.app).expect("nobody else has the app yet").settings.limits = limits;
    }

    /// Moves the clock.
    pub fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// The same application with other settings.
    pub async fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let app = Arc::get_mut(&mut self.app).expect("nobody uses the application yet");
        change(&mut app.settings);
        self
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Number of files below the blob folder.
    pub fn count_blobs(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = std::fs::read_dir(dir).expect("a folder");
            entries
                .map(|entry| entry.expect("an entry").path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(&self.dir().join("blobs"))
    }

    pub async fn add_user(&self, email: &str) -> Person {
        self.add_person(email, false).await
    }

    pub async fn add_admin(&self, email: &str) -> Person {
        self.add_person(email, true).await
    }

    async fn add_person(&self, email: &str, is_admin: bool) -> Person {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let (user, token) =
            accounts::add_user(&mut tx, email, None, is_admin, self.app.clock.now())
                .await
                .expect("a fresh user");
        tx.commit().await.expect("a commit");
        Person { user, token }
    }

    /// An app of `owner` that is built from `repo_url`.
    pub async fn add_app(&self, owner: &Person, name: &str, repo_url: &str) -> AppRow {
        self.add_app_on(owner, name, repo_url, Platform::Android).await
    }

    pub async fn add_app_on(
        &self,
        owner: &Person,
        name: &str,
        repo_url: &str,
        platform: Platform,
    ) -> AppRow {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let org = db::accounts::find_owned_organisation(&mut tx, &owner.user.id)
            .await
            .expect("a query")
            .expect("each user owns an organisation");
        let new = NewApp { org: &org.id, name, platform, repo_url };
        let row = apps::add(&self.app, &mut tx, &new).await.expect("a fresh app");
        let creator = std::slice::from_ref(&owner.user.email);
        add_team(&mut tx, &row, creator, self.app.clock.now()).await.expect("a team");
        tx.commit().await.expect("a commit");
        row
    }

    /// An app of somebody, for stories that do not care whose it is.
    pub async fn add_some_app(&self) -> AppRow {
        let owner = self.add_user("owner@example.org").await;
        self.add_app(&owner, "Shop", "https://git.example.org/o/shop.git").await
    }

    pub async fn add_agent_token(&self, name: &str) -> Secret {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let token = accounts::issue_agent_token(&mut tx, name, self.app.clock.now())
            .await
            .expect("a fresh token");
        tx.commit().await.expect("a commit");
        token
    }

    pub async fn trigger(&self, row: &AppRow) -> BuildId {
        let request = Request::tip(row, "main", Trigger::Api, None);
        let mut tx = self.app.db.write().await.expect("a transaction");
        let id = trigger::trigger(&self.app, &mut tx, &request).await.expect("a queued build");
        tx.commit().await.expect("a commit");
        id
    }

    pub async fn cancel(&self, id: &BuildId) {
        let build = self.build(id).await;
        let mut tx = self.app.db.write().await.expect("a transaction");
        cancel::cancel(&self.app, &mut tx, &build, false).await.expect("a cancelled build");
        tx.commit().await.expect("a commit");
    }

    pub async fn build(&self, id: &BuildId) -> Build {
        let mut tx = self.app.db.read().await.expect("a connection");
        db::builds::find(&mut tx, id).await.expect("a query").expect("the build exists")
    }

    pub async fn log_head(&self, id: &BuildId) -> LogHead {
        logs::head(&self.app, id).await.expect("the log exists")
    }

    /// The whole log, read piece by piece as a viewer does.
    pub async fn log_text(&self, id: &BuildId) -> String {
        let mut text = Vec::new();
        while let Some(piece) =
            logs::read_piece(&self.app, id, text.len() as u64).await.expect("a readable log")
        {
            assert_eq!(piece.head.first_byte, text.len() as i64, "pieces leave no gap");
            text.extend_from_slice(&piece.text);
        }
        String::from_utf8(text).expect("a log is UTF-8")
    }

    pub async fn fold(&self, id: &BuildId) {
        fold::fold(&self.app, id).await.expect("the log folds");
    }

    /// A repository with one commit on `main`.
    pub fn add_repository(&self, name: &str) -> Repository {
        Repository::create(self.dir().join(name))
    }
}

/// A real git repository on this machine.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    pub fn create(dir: PathBuf) -> Self {
        std::fs::create_dir_all(&dir).expect("a folder");
        let repository = Self { dir };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("README.md", "A sample.\n", "Begin");
        repository
    }

    pub fn url(&self) -> String {
        self.dir.to_str().expect("a temporary folder has a plain name").to_owned()
    }

    /// Writes one file and commits it; the new commit.
    pub fn commit(&self, path: &str, text: &str, message: &str) -> String {
        let file = self.dir.join(path);
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(file, text).expect("a written file");
        self.git(&["add", "--", path]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn branch(&self, name: &str) {
        self.git(&["branch", name]);
    }

    /// Runs git here, untouched by the settings of whoever runs the tests.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(&self.dir)
            .args(["-c", "user.name=Ann Author", "-c", "user.email=ann@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is installed");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("git prints UTF-8").trim().to_owned()
    }
}
