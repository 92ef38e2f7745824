//! Where no secret may ever be: distinct values are planted in every place
//! that takes one, builds print all that they are given, and then everything
//! that the installation keeps, says and shows is searched for them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use ring::hmac;
use serde_json::{Value, json};
use shipmate::accounts::sign_in;
use shipmate::apps::ssh_keys;
use shipmate::db;
use shipmate::model::hex::hex;
use shipmate::model::ids::{AppId, OrgId};
use shipmate::model::secret::Secret;
use shipmate::secrets::Keys;

use super::process::{PATIENCE, Site};
use crate::harness::app::TestApp;
use crate::harness::eventually;
use crate::harness::git_remote::HttpRemote;
use crate::harness::mail::MailServer;
use crate::harness::server::Answer;
use crate::harness::sshd::Sshd;
use crate::webhooks::{ZERO, push};

/// Not hidden, so it must be found: the search works.
const SHOWN: &str = "a-value-that-everybody-may-see";

/// Prints what it was given, in every way that a careless script might.
const SCRIPT: &str = "#!/bin/bash
env; set; declare -p
for name in ORG_VAR APP_VAR BRANCH_VAR; do
  printf '%s' \"${!name}\" | base64; printf '%s\\n' \"${!name}\" | base64 -w0; echo
  printf '\"%s\"\\n' \"${!name}\"
done
cat \"$SHIPMATE_DEVICE_VARIABLES\"
cat \"$BUDDYBUILD_SECURE_FILES\"/*; base64 \"$BUDDYBUILD_SECURE_FILES\"/*
git remote -v; cat .git/config \"$HOME/.gitconfig\"
git credential fill <<< \"protocol=http
host=$(git remote get-url origin | cut -d/ -f3)\"
find \"$HOME/..\" -type f -not -path '*/workspace/*' -print0 | xargs -0 cat
git fetch --quiet origin && echo fetched again
cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' '
true
";

/// What must not be found, and where it was.
#[derive(Default)]
struct Hunt {
    canaries: Vec<(String, String)>,
    found: Mutex<BTreeSet<String>>,
}

impl Hunt {
    fn plant(&mut self, name: &str) -> String {
        let value = format!("canary/{name}+7f3a9c51%e8");
        self.know(name, &value);
        value
    }

    fn know(&mut self, name: &str, value: &str) {
        self.canaries.push((name.to_owned(), value.to_owned()));
    }

    fn search(&self, place: &str, bytes: &[u8]) {
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        for (name, value) in &self.canaries {
            // A part of the encoded form that does not depend on neighbours.
            let encoded = STANDARD.encode(value);
            let encoded = &encoded[..encoded.len() - 4];
            if has(value) || has(encoded) {
                self.found.lock().unwrap().insert(format!("{name} in {place}"));
            }
        }
        if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
            && let Ok(plain) = zstd::stream::decode_all(bytes)
        {
            self.search(&format!("{place} (unpacked)"), &plain);
        }
    }

    /// Every file below `dir` but the keys themselves.
    fn search_files(&self, dir: &Path) -> usize {
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(dir).into_iter().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_file() && !name.ends_with(".key") && name != "agent.token" {
                seen += 1;
                self.search(
                    &entry.path().display().to_string(),
                    &std::fs::read(entry.path()).unwrap_or_default(),
                );
            }
        }
        seen
    }
}

/// Command lines of everything that runs, as `ps` shows them, until stopped.
struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<Vec<u8>>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start() -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<BTreeSet<_>>>::default());
        let (stopped, found) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let is_process = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
                    let line = is_process.then(|| std::fs::read(entry.path().join("cmdline")));
                    if let Some(Ok(line)) = line {
                        found.lock().unwrap().insert(line);
                    }
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
        });
        Self { stop, seen, thread }
    }

    fn end(self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// The real binary on the story's database, and the calls of its owner.
struct Place {
    site: Site,
    http: reqwest::Client,
}

impl Place {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.site.url()))
            .bearer_auth(&self.site.token)
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    async fn set(&self, path: &str, body: Value) {
        let answer = self.put(path, &body).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
    }

    async fn add_app(&self, name: &str, url: &str) -> (String, String) {
        let body = json!({ "app_name": name, "platform": "android", "repo_url": url });
        let made = Answer::of(self.request(Method::POST, "/v1/apps").json(&body)).await;
        let made: Value = made.expect(201).json();
        let id =
            ["_id", "app_id"].into_iter().find_map(|key| made[key].as_str()).unwrap().to_owned();
        let shown = self.site.call(Method::GET, &format!("/v1/apps/{id}")).await;
        let organisation = shown.json::<Value>()["organisation_id"].as_str().unwrap().to_owned();
        (id, organisation)
    }

    async fn build(&self, app: &str) -> String {
        let answer = self.site.call(Method::POST, &format!("/v1/apps/{app}/builds")).await;
        answer.expect(201).json::<Value>()["build_id"].as_str().unwrap().to_owned()
    }
}

/// A provider that refuses everything, and repeats what it was called with.
async fn echoing_provider() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let echo = async |request: Request| (StatusCode::FORBIDDEN, format!("{:?}", request.headers()));
    let router = axum::Router::new().fallback(echo);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

on_both! {
    async fn no_secret_is_anywhere(app: TestApp) {
        let mut hunt = Hunt::default();
        let smtp_password = hunt.plant("smtp_password");
        let mail = MailServer::start().await;
        let mut site = Site::new(Some(app.db.database_url()));
        let login = smtp_password.replace('/', "%2F").replace('+', "%2B").replace("%e8", "%25e8");
        site.env = vec![
            ("SHIPMATE_MAIL_SMTP_URL", format!("smtp://ci:{login}@{}?tls=opportunistic", mail.address)),
            ("SHIPMATE_LOG_LEVEL", "debug,shipmate=trace".into()),
        ];
        hunt.know("access_token", &site.token);
        let _server = site.serve(1).await;
        let place = Place { http: crate::harness::server::client(), site };
        let watch = Watch::start();

        // Two repositories: behind a token, and behind the organisation's key.
        let folder = place.site.dir.path().join("repository");
        place.site.repository.commit("buddybuild_postclone.sh", SCRIPT, "Print everything");
        let repo_token = hunt.plant("repo_token");
        let remote = HttpRemote::start(place.site.dir.path(), Some(("ada", &repo_token))).await;
        let encoded = repo_token.replace('%', "%25").replace('/', "%2F").replace('+', "%2B");
        let host = remote.url.strip_prefix("http://").unwrap();
        let (web, org) = place.add_app("Web", &format!("http://ada:{encoded}@{host}/repository/.git")).await;
        let sshd = Sshd::start(&place.site.dir.path().join("sshd")).await;
        let (far, _) = place.add_app("Far", &sshd.url(&folder.display().to_string())).await;
        let key = place.site.call(Method::GET, &format!("/v1/organisations/{org}/ssh-key")).await;
        let public = key.json::<Value>()["public_key"].as_str().unwrap().to_owned();
        sshd.allow(&[&public]);
        let keys = Keys::open(&place.site.data()).unwrap();
        let org_id: OrgId = org.parse().unwrap();
        let mut tx = app.app.db.read().await.unwrap();
        let pair = db::ssh::find_key(&mut tx, &org_id).await.unwrap().unwrap();
        let user = db::accounts::list_users(&mut tx).await.unwrap().remove(0);
        drop(tx);
        let private = keys.open_sealed(&ssh_keys::sealing_place(&org_id), &pair.private_sealed).unwrap();
        for line in private.expose().lines().filter(|line| line.len() > 30 && !line.starts_with('-')) {
            if line != private.expose().lines().nth(1).unwrap() {
                hunt.know("ssh_key", line);
            }
        }

        // Everything else that takes a secret.
        let (of_org, of_web) = (format!("/v1/organisations/{org}"), format!("/v1/apps/{web}"));
        let hidden = |value: String| json!({ "value": value });
        place.set(&format!("{of_org}/variables/ORG_VAR"), hidden(hunt.plant("variable_of_organisation"))).await;
        place.set(&format!("{of_web}/variables/APP_VAR"), hidden(hunt.plant("variable_of_app"))).await;
        let branch = json!({ "value": hunt.plant("variable_of_branch"), "branch": "main" });
        place.set(&format!("{of_web}/variables/BRANCH_VAR"), branch).await;
        let device = json!({ "value": hunt.plant("device_variable"), "kind": "device" });
        place.set(&format!("{of_web}/variables/MAPS"), device).await;
        place.set(&format!("{of_web}/variables/SHOWN"), json!({ "value": SHOWN, "hidden": false })).await;
        let secret_file = hunt.plant("secure_file");
        for path in [format!("{of_web}/secure-files/a.jks"), format!("{of_org}/secure-files/b.txt")] {
            let stored = Answer::of(place.request(Method::PUT, &path).body(secret_file.clone())).await;
            assert!(stored.status.is_success(), "{stored:?}");
        }
        let webhook_secret = hunt.plant("webhook_secret");
        place.set(&format!("{of_web}/webhook"), json!({ "secret": webhook_secret })).await;
        let account = json!({ "provider": "github", "base_url": echoing_provider().await, "token": hunt.plant("provider_token") });
        place.set(&format!("{of_web}/provider"), account).await;
        let password = hunt.plant("password");
        sign_in::set_password(&app.app, &user.id, &Secret::new(&password), None).await.unwrap();

        // Builds, one of them held while it clones.
        remote.fetches.stalled.send_replace(true);
        let first = place.build(&web).await;
        eventually(PATIENCE, "the clone is held", async || {
            (remote.fetches.waiting.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
        let ps = std::process::Command::new("ps").args(["-ef"]).output();
        hunt.search("ps -ef", &ps.map(|output| output.stdout).unwrap_or_default());
        remote.fetches.stalled.send_replace(false);
        let mut logs = String::new();
        for id in [first, place.build(&far).await] {
            let build = place.site.finished(&id).await;
            let log = place.site.log(&id).await;
            assert_eq!(build["build_status"], "success", "{log}");
            assert!(log.contains("fetched again\n"), "{log}");
            logs.push_str(&log);
        }
        assert!(logs.contains(&format!("SHOWN={SHOWN}")) && logs.contains("APP_VAR=********"), "{logs}");
        hunt.search("a build's log", logs.as_bytes());

        // Deliveries with the secret beside them, right and wrong; a sign-in;
        // and whatever is refused.
        let mut answers = Vec::new();
        let tip = place.site.repository.git(&["rev-parse", "HEAD"]);
        let body = push("main", ZERO, &tip, "Print everything").to_string();
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, webhook_secret.as_bytes()), body.as_bytes());
        let signature = format!("sha256={}", hex(signature.as_ref()));
        let hook = |header: &'static str, value: &str| {
            let request = place.http.post(format!("{}/api/webhook?appID={web}", place.site.url()));
            request.header("x-github-event", "push").header(header, value).body(body.clone())
        };
        let delivered = Answer::of(hook("x-hub-signature-256", &signature)).await;
        assert_eq!(delivered.status, 200, "{delivered:?}");
        answers.push(delivered);
        answers.push(Answer::of(hook("x-gitlab-token", &webhook_secret)).await);
        answers.push(Answer::of(hook("x-hub-signature-256", &webhook_secret)).await);
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("email", "ann@example.org")
            .append_pair("password", &password)
            .finish();
        let request = place.http.post(format!("{}/sign-in", place.site.url()));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answers.push(Answer::of(request.body(form)).await);
        let token = &place.site.token;
        answers.push(Answer::of(place.http.get(format!("{}/v1/apps?access_token={token}", place.site.url()))).await);
        let value = hunt.plant("refused");
        for (path, body) in [
            (format!("{of_web}/variables/1BAD"), json!({ "value": value })),
            (format!("{of_web}/variables/BAD"), json!({ "value": format!("{value}\0") })),
            (format!("{of_web}/variables/BAD"), json!({ "value": [value] })),
            (format!("{of_web}/variables/BAD"), json!({ "values": value })),
            (format!("{of_web}/webhook"), json!({ "secret": value.repeat(20) })),
            (format!("{of_web}/provider"), json!({ "provider": "github", "token": format!("{value} x") })),
            (of_web.clone(), json!({ "repo_url": format!("https://ada:{value}@-host/x") })),
            (of_web.clone(), json!({ "repo_url": format!("ssh://ada:{value}@host/x") })),
        ] {
            let answer = place.put(&path, &body).await;
            assert!(answer.status.is_client_error(), "{path} {body}: {answer:?}");
            answers.push(answer);
        }

        // What the API shows.
        let of_build = place.site.call(Method::GET, &format!("{of_web}/builds")).await.json::<Value>();
        let build = format!("/v1/builds/{}", of_build[0]["_id"].as_str().unwrap());
        let sent = async || {
            let answer = place.site.call(Method::GET, &format!("{build}/statuses")).await;
            let all = answer.json::<Value>();
            all.as_array().unwrap().iter().any(|s| s["delivery"] == "failed").then_some(answer)
        };
        let refused = eventually(PATIENCE, "the provider has refused", sent).await;
        assert!(String::from_utf8_lossy(&refused.body).contains("********"), "it repeated the token");
        answers.push(refused);
        let deliveries = place.site.call(Method::GET, &format!("{of_web}/deliveries")).await.json::<Value>();
        let delivery = deliveries[0]["_id"].as_str().unwrap();
        for path in [
            "/v1/apps", "/v1/organisations", "/v1/tokens", "/v1/audit", "/docs", "/metrics", "/readyz",
            &of_web, &of_org, &build,
            &format!("{of_web}/variables"), &format!("{of_web}/variables?kind=device"), &format!("{of_web}/secure-files"),
            &format!("{of_web}/provider"), &format!("{of_web}/webhook"), &format!("{of_web}/deliveries"),
            &format!("{of_web}/deliveries/{delivery}"), &format!("{of_web}/settings"), &format!("{of_web}/builds"),
            &format!("{of_web}/branches"), &format!("{of_web}/audit"), &format!("{of_org}/audit"),
            &format!("{of_org}/variables"), &format!("{of_org}/secure-files"), &format!("{of_org}/ssh-key"),
            &format!("{of_org}/ssh-hosts"), &format!("{build}/artifacts"), &format!("{build}/settings"),
        ] {
            answers.push(place.site.call(Method::GET, path).await);
        }
        let all: Vec<u8> = answers.iter().flat_map(|answer| answer.body.clone()).collect();
        assert!(String::from_utf8_lossy(&all).contains(SHOWN), "the answers hold what may be shown");
        hunt.search("an answer of the API", &all);
        for answer in &answers {
            hunt.search("a header of an answer", format!("{:?}", answer.headers).as_bytes());
        }

        // What is kept and said.
        let dump = app.db.dump().await;
        assert!(dump.contains(&format!("http://{host}/repository/.git")), "the dump has the app");
        hunt.search("the database", dump.as_bytes());
        if let Some(file) = app.db.database_url().strip_prefix("sqlite:") {
            for file in [file.to_owned(), format!("{file}-wal")] {
                let bytes = std::fs::read(&file).unwrap_or_default();
                assert!(!bytes.is_empty(), "{file} is there");
                hunt.search(&file, &bytes);
            }
        }
        assert!(hunt.search_files(&place.site.data()) > 5, "blobs, logs and the agent's folder");
        let log = std::fs::read_to_string(place.site.dir.path().join("server.log")).unwrap();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the server says a lot: {log}");
        hunt.search("the server's log", log.as_bytes());
        hunt.search("sshd's log", sshd.log().as_bytes());
        let lines = watch.end();
        let text = |line: &Vec<u8>| String::from_utf8_lossy(line).replace('\0', " ");
        assert!(lines.iter().any(|line| text(line).contains("clone")), "a clone was watched");
        for line in &lines {
            hunt.search(&format!("the command line {}", text(line)), line);
        }
        assert_eq!(*hunt.found.lock().unwrap(), BTreeSet::new());
        assert!(far.parse::<AppId>().is_ok());
    }
}

#[test]
fn the_search_finds_what_it_is_given() {
    let mut hunt = Hunt::default();
    let value = hunt.plant("one");
    hunt.plant("other");
    hunt.search("plain", format!("a {value} b").as_bytes());
    hunt.search("encoded", STANDARD.encode(&value).as_bytes());
    hunt.search("packed", &zstd::bulk::compress(value.as_bytes(), 1).unwrap());
    hunt.search("clean", b"nothing");
    let found: Vec<_> = hunt.found.lock().unwrap().iter().cloned().collect();
    for place in ["plain", "encoded", "packed (unpacked)"] {
        assert!(found.contains(&format!("one in {place}")), "{found:?}");
    }
    assert!(!found.iter().any(|place| place.contains("other") || place.contains("clean")));
}
