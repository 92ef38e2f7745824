//! A new master key while the server runs: by the real command beside it,
//! killed in the middle and run again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use futures_util::TryStreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use shipmate::accounts::sign_in::totp_place;
use shipmate::accounts::sso::providers::{self, Draft};
use shipmate::accounts::{invitations, letters, tokens};
use shipmate::apps::{self, secure_files, ssh_keys, variables, webhook};
use shipmate::builds::statuses::token_place;
use shipmate::db::sealed::{self, Column};
use shipmate::db::{self, variables::StoredVariable};
use shipmate::error::Error;
use shipmate::model::app::App as AppRow;
use shipmate::model::identity::ProviderKind;
use shipmate::model::secret::Secret;
use shipmate::secrets::Keys;

use super::process::{BINARY, Said};
use crate::harness::app::{Person, TestApp};
use crate::harness::server::{Answer, TestServer};

/// Enough for several batches of 200.
const MANY: usize = 2_500;
const FILE: &[u8] = b"the bytes of a keystore";

struct House {
    app: TestApp,
    ann: Person,
    server: TestServer,
    row: AppRow,
}

impl House {
    async fn build(app: TestApp) -> Self {
        let keys = Keys::open(app.dir()).unwrap();
        let app = app.with(|app| app.keys = keys);
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://ada:s3cret@git.example.org/o/r.git").await;
        let server = TestServer::start(&app.app).await;
        Self { app, ann, server, row }
    }

    async fn put(&self, path: &str, body: impl Into<reqwest::Body>) {
        self.send(Method::PUT, path, body).await;
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) {
        self.send(Method::POST, path, body).await;
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) {
        let url = format!("{}/v1/{path}", self.server.url);
        let request = self.server.client.request(method, url).bearer_auth(self.ann.token.expose());
        let request = request.header("content-type", "application/json").body(body);
        let answer = Answer::of(request).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
    }

    async fn get(&self, path: &str) -> Value {
        let token = Some(self.ann.token.expose());
        self.server.call(Method::GET, &format!("/v1/{path}"), token, "").await.expect(200).json()
    }

    /// Something in every column that is sealed.
    async fn fill(&self) {
        let (app, org) =
            (format!("apps/{}", self.row.id), format!("organisations/{}", self.row.org_id));
        self.put(&format!("{app}/variables/SHOWN"), r#"{"value": "plain", "hidden": false}"#).await;
        self.put(&format!("{app}/webhook"), r#"{"secret": "hook"}"#).await;
        let account =
            json!({"provider": "github", "base_url": "http://127.0.0.1:9", "token": "ghp"});
        self.put(&format!("{app}/provider"), account.to_string()).await;
        self.put(&format!("{app}/secure-files/key.jks"), FILE).await;
        self.get(&format!("{org}/ssh-key")).await;
        let connection = json!({"name": "Hub", "provider": "github", "token": "ghp-shared"});
        self.post(&format!("{org}/providers"), connection.to_string()).await;
        let keys = &self.app.app.keys;
        let totp = keys.seal(&totp_place(&self.ann.user.id), &Secret::new("b3RwIHNlY3JldA=="));
        self.app.db.run(&format!("UPDATE users SET totp_sealed = '{totp}'")).await;
        let mut tx = self.app.app.db.write().await.unwrap();
        let token = db::tokens::list(&mut tx, &self.ann.user.id).await.unwrap().remove(0);
        let kept = tokens::keep_copy(&self.app.app, &mut tx, &token, &self.ann.token).await;
        kept.unwrap();
        let letter = invitations::begin_reset(&self.app.app, &mut tx, &self.ann.user.email).await;
        assert!(letter.unwrap().is_some());
        let draft = Draft {
            name: "Okta",
            client_id: "id",
            client_secret: Some(Secret::new("client secret")),
            domains: &[],
            require_sso: false,
            trusts_emails: false,
        };
        let place = (ProviderKind::Oidc, "https://id.example.org");
        providers::add(&self.app.app, &mut tx, place, draft).await.unwrap();
        tx.commit().await.unwrap();
        self.repeat().await;
        let mut tx = self.app.app.db.write().await.unwrap();
        for number in 0..MANY {
            let name = format!("V{number}");
            let place = variables::sealing_place(self.row.id.as_str(), "", "device", &name);
            let stored = StoredVariable {
                owner_id: self.row.id.to_string(),
                branch: String::new(),
                kind: "device".into(),
                name,
                value_sealed: keys.seal(&place, &Secret::new(number.to_string())),
                hidden: true,
                changed_at: self.app.app.clock.now(),
            };
            db::variables::upsert(&mut tx, &stored).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// A call that is answered once.
    async fn repeat(&self) -> Answer {
        let url = format!("{}/v1/organisations", self.server.url);
        let request = self.server.client.post(url).bearer_auth(self.ann.token.expose());
        let request =
            request.header("idempotency-key", "again").header("content-type", "application/json");
        Answer::of(request.body(r#"{"name": "Two"}"#)).await.expect(201)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["admin", "rotate-key", "--json", "--data-dir"]).arg(self.app.dir());
        command.arg("--database-url").arg(self.app.db.database_url()).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn rotate(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    /// Values under the key `prefix`, of all columns.
    async fn count(&self, prefix: &str) -> usize {
        let dump = self.app.db.dump().await;
        dump.matches(&format!("'{prefix}.")).count()
    }

    /// Everything opens with what the folder holds now.
    async fn holds(&self) {
        let app = self.app.app.as_ref();
        let keys = Keys::open(self.app.dir()).unwrap();
        let mut tx = app.db.read().await.unwrap();
        let id = &self.row.id;
        let opening = apps::credential(app, &mut tx, &self.row).await.unwrap().unwrap();
        assert_eq!(opening.credential.password.expose(), "s3cret");
        let org = &self.row.org_id;
        let shared = apps::providers::credential(app, &mut tx, org, "https://github.com/o/r").await;
        assert_eq!(shared.unwrap().unwrap().password.expose(), "ghp-shared");
        assert_eq!(webhook::secret(app, &mut tx, id).await.unwrap().unwrap().expose(), "hook");
        let account = db::statuses::find_provider(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(
            keys.open_sealed(&token_place(id), &account.token_sealed).unwrap().expose(),
            "ghp"
        );
        let ssh = db::ssh::find_key(&mut tx, &self.row.org_id).await.unwrap().unwrap();
        let private =
            keys.open_sealed(&ssh_keys::sealing_place(&self.row.org_id), &ssh.private_sealed);
        assert!(private.unwrap().expose().contains("OPENSSH PRIVATE KEY"));
        let file = secure_files::of_app(&mut tx, &self.row).await.unwrap().remove(0);
        let device = db::variables::list(&mut tx, id.as_str(), "device").await.unwrap();
        assert_eq!(device.len(), MANY);
        for stored in device {
            let place = variables::sealing_place(id.as_str(), "", "device", &stored.name);
            let value = keys.open_sealed(&place, &stored.value_sealed).unwrap();
            assert_eq!(format!("V{}", value.expose()), stored.name);
        }
        let letter = sealed::list(&mut tx, Column::LetterKey, "none", 0, 9).await.unwrap();
        let place = letters::sealing_place(&letter[0].a.parse().unwrap());
        assert!(keys.open_sealed(&place, &letter[0].sealed).unwrap().expose().starts_with("sml_"));
        let copy = sealed::list(&mut tx, Column::TokenCopy, "none", 0, 9).await.unwrap();
        let place = tokens::copy_place(&copy[0].a.parse().unwrap());
        let copied = keys.open_sealed(&place, &copy[0].sealed).unwrap();
        assert_eq!(copied.expose(), self.ann.token.expose());
        let second = sealed::list(&mut tx, Column::SecondFactor, "none", 0, 9).await.unwrap();
        let opened = keys.open_sealed(&totp_place(&self.ann.user.id), &second[0].sealed).unwrap();
        assert_eq!(opened.expose(), "b3RwIHNlY3JldA==");
        let client = sealed::list(&mut tx, Column::ClientSecret, "none", 0, 9).await.unwrap();
        let place = providers::sealing_place(&client[0].a.parse().unwrap());
        let opened = keys.open_sealed(&place, &client[0].sealed).unwrap();
        assert_eq!(opened.expose(), "client secret");
        drop(tx);
        let bytes: Vec<u8> = secure_files::read(app, &file)
            .await
            .unwrap()
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok::<_, Error>(all)
            })
            .await
            .unwrap();
        assert_eq!(bytes, FILE);
        let shown = self.get(&format!("apps/{id}/variables")).await;
        assert!(shown.as_array().unwrap().iter().any(|v| v["value"] == "plain"), "{shown}");
        assert_eq!(self.repeat().await.headers["idempotency-replayed"], "true");
    }

    /// As if the newest key had been made a day ago.
    fn age(&self, key: &str) {
        let file = std::fs::File::options().append(true).open(self.app.dir().join(key)).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - std::time::Duration::from_secs(86_400)).unwrap();
    }
}

on_both! {
    async fn a_key_is_replaced_beside_a_running_server(app: TestApp) {
        let house = House::build(app).await;
        house.fill().await;
        let all = house.count("k1").await;
        assert_eq!(all, MANY + Column::ALL.len());
        // Killed after its first batch of variables ...
        let mut child = house.command(&[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let progress = said.find(|line| line.as_ref().unwrap().starts_with("variables."));
        child.kill().unwrap();
        child.wait().unwrap();
        let progress = progress.unwrap().unwrap();
        assert_eq!(progress, format!("variables.value_sealed: 200 of {}", MANY + 1));
        let (older, newer) = (house.count("k1").await, house.count("k2").await);
        assert!(older > 0 && newer >= 200 && older + newer == all, "{older} and {newer} of {all}");
        // ... everything opens all the same, and the server seals with the new key.
        house.holds().await;
        let path = format!("apps/{}/variables/LATE", house.row.id);
        house.put(&path, r#"{"value": "late", "hidden": false}"#).await;
        assert_eq!(house.count("k2").await, newer + 1);
        house.rotate(&["--forget-old"]).expect(1);
        assert!(house.app.dir().join("master.key").exists());
        // The next run goes on with the same key.
        let done = house.rotate(&[]).expect(0).json();
        assert_eq!((&done["key"], &done["unreadable"]), (&json!("k2"), &json!([])));
        assert_eq!((house.count("k1").await, house.count("k2").await), (0, all + 1));
        house.holds().await;
        assert_eq!(house.rotate(&[]).expect(0).json()["resealed"], 0);
        // A key that is too young stays: a server may still write with it.
        let refused = house.rotate(&["--forget-old"]).expect(1);
        assert!(refused.err.contains("too young"), "{refused:?}");
        house.age("master-k2.key");
        let done = house.rotate(&["--forget-old"]).expect(0).json();
        assert_eq!(done["forgotten"], json!(["k1"]));
        assert!(!house.app.dir().join("master.key").exists());
        house.holds().await;
        assert_eq!(house.rotate(&["--forget-old"]).expect(1).out, "");
        let log = house.app.db.dump().await;
        assert!(log.contains("master_key.add") && log.contains("master_key.delete"));
    }

    async fn what_no_key_opens_is_named_and_keeps_the_old_keys(app: TestApp) {
        let house = House::build(app).await;
        house.fill().await;
        house.app.db.run("UPDATE variables SET value_sealed = 'k1.AAAA' WHERE name = 'V7'").await;
        let done = house.rotate(&[]).expect(0).json();
        let named = format!("variables.value_sealed of {} device V7", house.row.id);
        assert_eq!(done["unreadable"], json!([named]));
        assert_eq!(house.count("k1").await, 1);
        house.age("master-k2.key");
        let refused = house.rotate(&["--forget-old"]).expect(1);
        assert!(refused.err.contains(&named), "{refused:?}");
        house.app.db.run("DELETE FROM variables WHERE name = 'V7'").await;
        house.rotate(&["--forget-old"]).expect(0);
    }
}
