//! Repositories over SSH, served by a real sshd: who is believed, and where
//! the key is (APP-4).

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use shipmate::apps::ssh_keys;
use shipmate::apps::{self};
use shipmate::model::app::App as AppRow;

use super::shop::Shop;
use crate::harness::app::{Person, TestApp};
use crate::harness::server::Answer;
use crate::harness::sshd::Sshd;

struct Yard {
    app: TestApp,
    ann: Person,
    shop: Shop,
    row: AppRow,
    sshd: Sshd,
}

impl Yard {
    /// An app of a repository that only its organisation's key opens.
    async fn open(app: TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let sshd = Sshd::start(&app.dir().join("sshd")).await;
        let url = sshd.url(&app.dir().join("served").display().to_string());
        let row = app.add_app(&ann, "Shop", &url).await;
        let shop = Shop::open(&app, &ann.token).await;
        let yard = Self { app, ann, shop, row, sshd };
        let public = yard.get("ssh-key").await["public_key"].as_str().unwrap().to_owned();
        yard.sshd.allow(&[&public]);
        yard
    }

    async fn get(&self, path: &str) -> Value {
        self.shop.json(&format!("/v1/organisations/{}/{path}", self.row.org_id)).await
    }

    async fn hosts(&self) -> Vec<Value> {
        let listed = self.get("ssh-hosts").await;
        let own = |host: &&Value| host["host"] == json!(self.sshd.host());
        listed.as_array().unwrap().iter().filter(own).cloned().collect()
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> Answer {
        let url = format!("{}/v1/organisations/{}/{path}", self.shop.server.url, self.row.org_id);
        let request = self.shop.server.client.request(method, url);
        let request = request.bearer_auth(self.ann.token.expose());
        Answer::of(request.header("content-type", "application/json").body(body.to_owned())).await
    }

    async fn set_host_key(&self, key: &str) {
        let path = format!("ssh-hosts/{}", self.sshd.host());
        let answer = self.call(Method::PUT, &path, &json!({ "keys": [key] }).to_string()).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }

    /// Builds the default branch: status and log.
    async fn build(&self) -> (String, String) {
        let id = self.shop.trigger(self.row.id.as_str()).await;
        let build = self.shop.finished(&id).await;
        (build["build_status"].as_str().unwrap().to_owned(), self.shop.log(&id).await)
    }

    /// The same with its branch named, so that the server asks the remote nothing.
    async fn build_main(&self) -> (String, String) {
        let mut tx = self.app.app.db.write().await.unwrap();
        shipmate::db::apps::upsert_branch(&mut tx, &self.row.id, "main").await.unwrap();
        tx.commit().await.unwrap();
        let path = format!("/v1/apps/{}/build?branch=main", self.row.id);
        let answer = self.shop.server.call(Method::POST, &path, Some(&self.shop.token), "").await;
        let id = answer.expect(201).json::<Value>()["build_id"].as_str().unwrap().to_owned();
        let build = self.shop.finished(&id).await;
        (build["build_status"].as_str().unwrap().to_owned(), self.shop.log(&id).await)
    }

    /// The organisation's private key, without its first and last line.
    async fn private(&self) -> String {
        let app = &self.app.app;
        let identity = ssh_keys::identity_of_url(app, &self.row.org_id, &self.row.repo_url).await;
        let key = identity.unwrap().unwrap().private_key;
        key.expose().lines().filter(|line| !line.starts_with("---")).collect::<Vec<_>>().join("\n")
    }
}

/// Files below `dir` that hold `text`.
fn holding(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(dir).into_iter().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

on_both! {
    async fn a_private_repository_and_its_private_submodule_build(app: TestApp) {
        let library = app.add_repository("library");
        library.commit("lib.txt", "from the library\n", "Add");
        let repo = app.add_repository("served");
        let yard = Yard::open(app).await;
        let lib_url = yard.sshd.url(&library.url());
        let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {lib_url}\n");
        repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &library.url(), "lib"]);
        repo.commit(".gitmodules", &modules, "Use a library");
        let script = "#!/bin/sh\nset -e\ncat lib/lib.txt\n\
            key=$(find \"$HOME/..\" -name ssh-key -not -path '*/workspace/*')\n\
            echo \"the key has mode $(stat -c %a \"$key\")\"; cat \"$key\"\n\
            git fetch --quiet origin && echo fetched again\n\
            git ls-remote --quiet origin HEAD | wc -l\n";
        repo.commit("buddybuild_postclone.sh", script, "Look");
        let tip = repo.git(&["rev-parse", "HEAD"]);
        // Nobody named a branch: the server itself lists the remote.
        let id = yard.shop.trigger(yard.row.id.as_str()).await;
        let build = yard.shop.finished(&id).await;
        let log = yard.shop.log(&id).await;
        assert_eq!(build["build_status"], "success", "{log}");
        assert_eq!((&build["commit_info"]["branch"], &build["commit_info"]["commit_sha"]), (&json!("main"), &json!(tip)));
        for words in ["from the library\n", "the key has mode 600\n", "fetched again\n"] {
            assert!(log.contains(words), "{words:?} is not in {log}");
        }
        assert!(yard.sshd.logins() >= 4, "the server, the clone, the submodule, the script");
        let branches = yard.shop.json(&format!("/v1/apps/{}/branches", yard.row.id)).await;
        assert_eq!(branches[0]["name"], "main");
        // The key was there for the build alone, and is nowhere to be read.
        let private = yard.private().await;
        let line = private.lines().nth(2).unwrap();
        assert!(line.len() > 40 && !log.contains(line), "{log}");
        assert_eq!(holding(yard.app.dir(), line), Vec::<String>::new());
        let temporary = std::env::temp_dir();
        let left = std::fs::read_dir(temporary).unwrap().flatten();
        for folder in left.filter(|e| e.file_name().to_string_lossy().starts_with("shipmate-ssh-")) {
            assert_eq!(holding(&folder.path(), line), Vec::<String>::new());
        }
        assert!(!yard.app.db.dump().await.contains(line));
    }

    async fn an_unknown_host_is_believed_once_and_an_impostor_never(app: TestApp) {
        app.add_repository("served");
        let mut yard = Yard::open(app).await;
        assert_eq!(yard.hosts().await, [json!(null); 0]);
        let (status, log) = yard.build().await;
        assert_eq!(status, "success", "{log}");
        let known = yard.hosts().await;
        assert_eq!(known[0]["keys"], json!([yard.sshd.host_key()]));
        assert!(known[0]["fingerprints"][0].as_str().unwrap().starts_with("SHA256:"));
        // Somebody else answers at the same address.
        let key = yard.get("ssh-key").await["public_key"].as_str().unwrap().to_owned();
        yard.sshd = yard.sshd.replaced(&yard.app.dir().join("impostor")).await;
        yard.sshd.allow(&[&key]);
        for _ in 0..2 {
            let (status, log) = yard.build().await;
            assert_eq!(status, "failed", "{log}");
            assert!(log.contains("shows another key than the one that is known"), "{log}");
            assert!(log.contains("PUT /v1/organisations/:id/ssh-hosts/HOST") && log.contains("docs/secrets.md"), "{log}");
        }
        assert_eq!(yard.sshd.logins(), 0, "the key was not even offered");
        assert_eq!(yard.hosts().await, known, "nothing was learned from it");
        let kind = yard.shop.json(&format!("/v1/apps/{}/builds", yard.row.id)).await;
        assert_eq!(kind[0]["build_status"], "failed");
        // It was no impostor: an owner says so.
        yard.set_host_key(&yard.sshd.host_key()).await;
        let (status, log) = yard.build().await;
        assert_eq!(status, "success", "{log}");
        // Forgotten, its next contact is the first.
        yard.call(Method::DELETE, &format!("ssh-hosts/{}", yard.sshd.host()), "").await.expect(204);
        assert_eq!(yard.hosts().await, [json!(null); 0]);
        assert_eq!(yard.build().await.0, "success");
        assert_eq!(yard.hosts().await.len(), 1);
    }

    async fn where_unknown_hosts_are_refused_an_owner_enters_the_key(app: TestApp) {
        app.add_repository("served");
        let app = app.with_settings(|settings| settings.record_ssh_hosts = false).await;
        let yard = Yard::open(app).await;
        let (status, log) = yard.build_main().await;
        assert_eq!(status, "failed", "{log}");
        assert!(log.contains("no key of the SSH host is known"), "{log}");
        assert_eq!((yard.hosts().await.len(), yard.sshd.logins()), (0, 0));
        yard.set_host_key(&yard.sshd.host_key()).await;
        let (status, log) = yard.build_main().await;
        assert_eq!(status, "success", "{log}");
    }

    async fn a_repository_that_does_not_know_the_key_says_where_it_is(app: TestApp) {
        app.add_repository("served");
        let yard = Yard::open(app).await;
        let old = yard.get("ssh-key").await["public_key"].clone();
        let new: Value = yard.call(Method::POST, "ssh-key/rotate", "").await.json();
        assert_ne!(new["public_key"], old);
        let (status, log) = yard.build_main().await;
        assert_eq!(status, "failed", "{log}");
        assert!(log.contains("does not take the key of the organisation"), "{log}");
        yard.sshd.allow(&[new["public_key"].as_str().unwrap()]);
        assert_eq!(yard.build_main().await.0, "success");
        // The private half was never part of an answer.
        let mut tx = yard.app.app.db.read().await.unwrap();
        assert!(apps::credential(&yard.app.app, &mut tx, &yard.row).await.unwrap().is_none());
        let private = yard.private().await;
        assert!(!new.to_string().contains(private.lines().nth(2).unwrap()));
    }
}
