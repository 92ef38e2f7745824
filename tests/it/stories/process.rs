//! The real binary as child processes, spoken to over HTTP alone.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::harness::app::Repository;
use crate::harness::eventually;
use crate::harness::server::{Answer, client};

pub const PATIENCE: Duration = Duration::from_secs(60);
pub const BINARY: &str = env!("CARGO_BIN_EXE_shipmate");

/// A process of the binary; killed when it is dropped.
pub struct Process(Child);

/// What a command of the binary said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<std::process::Output> for Said {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("no signal ended it");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// Holds the command to an exit code; shows all it said when it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Process {
    fn start(args: &[&str], env: &[(&'static str, String)], log: &Path) -> Self {
        let file = || std::fs::File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(BINARY)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// SIGKILL, as a power cut would end it.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Peak resident memory in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it was killed before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An installation in a folder, with one user and one app.
pub struct Site {
    pub dir: tempfile::TempDir,
    pub repository: Repository,
    pub token: String,
    pub app: String,
    /// For the server and for agents.
    pub env: Vec<(&'static str, String)>,
    port: u16,
    database: Option<String>,
    http: reqwest::Client,
}

impl Site {
    /// `database` is a PostgreSQL URL; SQLite without.
    pub fn new(database: Option<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::create(dir.path().join("repository"));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (token, app) = (String::new(), String::new());
        let (env, http) = (Vec::new(), client());
        let mut site = Self { dir, repository, token, app, env, port, database, http };
        let user = site.admin(&["user", "add", "--email", "ann@example.org"]);
        site.token = user["access_token"].as_str().unwrap().to_owned();
        site.app = site.add_app("Shop", &format!("file://{}", site.repository.url()));
        site
    }

    /// The id of another app of the user.
    pub fn add_app(&self, name: &str, url: &str) -> String {
        let about = ["--name", name, "--repo", url, "--platform", "ios"];
        let args = [&["app", "add", "--owner", "ann@example.org"][..], &about].concat();
        self.admin(&args)["app_id"].as_str().unwrap().to_owned()
    }

    fn place(&self) -> Vec<String> {
        let mut args = vec!["--data-dir".to_owned(), self.data().display().to_string()];
        if let Some(url) = &self.database {
            args.extend(["--database-url".to_owned(), url.clone()]);
        }
        args
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn admin(&self, args: &[&str]) -> Value {
        let output = Command::new(BINARY)
            .arg("admin")
            .args(args)
            .arg("--json")
            .args(self.place())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts the server and waits until it answers.
    pub async fn serve(&self, slots: u32) -> Process {
        let (listen, slots) = (format!("127.0.0.1:{}", self.port), slots.to_string());
        let place = self.place();
        let mut args = vec!["serve", "--listen", &listen, "--agent-slots", &slots];
        args.extend(place.iter().map(String::as_str));
        let process = Process::start(&args, &self.env, &self.dir.path().join("server.log"));
        let url = format!("{}/healthz", self.url());
        eventually(PATIENCE, "the server answers", async || {
            self.http.get(&url).send().await.ok().filter(|r| r.status() == 200).map(drop)
        })
        .await;
        process
    }

    pub fn agent(&self, token: &str) -> Process {
        let work = self.dir.path().join("agent").display().to_string();
        let args = [
            "agent",
            "--server",
            &self.url(),
            "--token",
            token,
            "--name",
            "beside",
            "--work-dir",
            &work,
        ];
        Process::start(&args, &self.env, &self.dir.path().join("agent.log"))
    }

    /// A command of somebody at their own machine, whose home is `home`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn shipmate(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub async fn call(&self, method: Method, path: &str) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url()));
        Answer::of(request.bearer_auth(&self.token)).await
    }

    pub async fn trigger(&self) -> String {
        let answer = self.call(Method::POST, &format!("/v1/apps/{}/build", self.app)).await;
        answer.expect(201).json::<Value>()["build_id"].as_str().unwrap().to_owned()
    }

    pub async fn finished(&self, id: &str) -> Value {
        let path = format!("/v1/builds/{id}");
        eventually(PATIENCE, "the build is finished", async || {
            let build: Value = self.call(Method::GET, &path).await.expect(200).json();
            (build["finished"] == true).then_some(build)
        })
        .await
    }

    pub async fn log(&self, id: &str) -> String {
        let answer = self.call(Method::GET, &format!("/v1/builds/{id}/logs")).await.expect(200);
        String::from_utf8(answer.body).unwrap()
    }
}
