//! A repository behind a password: the build may use the credential, and it
//! shows nowhere: not in the log, not in the API, not readable in the database.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::shop::Shop;
use crate::harness::app::{Repository, TestApp};
use crate::harness::forge::Forge;
use crate::harness::git_remote::HttpRemote;
use crate::harness::server::Answer;

const USER: &str = "ada";
const PASSWORD: &str = "s3cret/with:odd@chars%";
/// The same in a URL.
const ENCODED: &str = "s3cret%2Fwith%3Aodd%40chars%25";

/// Prints the credential in every way that a careless script might.
const SCRIPT: &str = "#!/bin/bash
git remote -v
env
git fetch --quiet && echo fetched again
git credential fill <<< $'protocol=http\\nhost='\"$(git remote get-url origin | cut -d/ -f3)\"
cat \"$HOME/.gitconfig\" .git/config
find \"$HOME/..\" -type f -not -path '*/workspace/*' -print0 | xargs -0 cat
printf '%s' 's3cret/with:odd@chars%' | base64
echo 's3cret/with:odd@chars%' 's3cret%2Fwith%3Aodd%40chars%25'
";

on_both! {
    async fn a_credential_is_used_and_never_shown(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("served");
        repo.commit("buddybuild_postclone.sh", SCRIPT, "Print everything");
        let folder = app.dir().join("served");
        let remote = HttpRemote::start(&folder, Some((USER, PASSWORD))).await;
        let host = remote.url.strip_prefix("http://").unwrap();
        let url = format!("http://{USER}:{ENCODED}@{host}/.git");
        let row = app.add_app(&ann, "Shop", &url).await;
        let shop = Shop::open(&app, &ann.token).await;
        // Nobody has named a branch: the server itself has to ask the remote.
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        let log = shop.log(&id).await;
        assert_eq!(build["build_status"], "success", "{log}");
        assert_eq!(build["commit_info"]["branch"], "main");
        assert_eq!(build["repo_url"], format!("http://{host}/.git"));
        for proof in ["fetched again\n", "username=ada\n", "password=********\n"] {
            assert!(log.contains(proof), "{proof:?} is not in {log}");
        }
        let mut answers = log.clone();
        for path in [
            "/v1/apps".to_owned(),
            format!("/v1/apps/{}/branches", row.id),
            format!("/v1/apps/{}/builds", row.id),
            format!("/v1/builds/{id}"),
            format!("/v1/builds/{id}/artifacts"),
        ] {
            answers.push_str(std::str::from_utf8(&shop.get(&path).await.expect(200).body).unwrap());
        }
        let database = app.db.dump().await;
        assert!(database.contains(&format!("http://{host}/.git")), "the dump has the app");
        let basic = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        for secret in [PASSWORD, ENCODED, &basic] {
            assert!(!answers.contains(secret), "{secret} is in {answers}");
            assert!(!database.contains(secret), "{secret} is in {database}");
        }
    }

    async fn a_wrong_credential_fails_the_build_and_says_so(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        app.add_repository("served");
        let remote = HttpRemote::start(&app.dir().join("served"), Some((USER, PASSWORD))).await;
        let host = remote.url.strip_prefix("http://").unwrap();
        let row = app.add_app(&ann, "Shop", &format!("http://{USER}:wrong-one@{host}/.git")).await;
        let shop = Shop::open(&app, &ann.token).await;
        let path = format!("/v1/apps/{}/build?branch=main", row.id);
        let answer = shop.server.call(reqwest::Method::POST, &path, Some(&shop.token), "").await;
        let id = answer.expect(201).json::<serde_json::Value>()["build_id"].as_str().unwrap().to_owned();
        assert_eq!(shop.finished(&id).await["build_status"], "failed");
        let log = shop.log(&id).await;
        assert!(log.contains("Authentication failed"), "{log}");
        assert!(!log.contains("wrong-one"), "{log}");
        assert!(!app.db.dump().await.contains("wrong-one"));
    }

    async fn the_organisation_s_account_opens_the_repository_and_no_script_has_it(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = Repository::create(app.dir().join("served/o/shop.git"));
        repo.commit("buddybuild_postclone.sh", SCRIPT, "Print everything");
        // A working folder is served by its own name.
        let git = HttpRemote::start(&app.dir().join("served"), Some(("oauth2", "t0k-en%of/all"))).await;
        let forge = Forge::start().await;
        forge.serve_git(&git.url);
        let shop = Shop::open(&app, &ann.token).await;
        let row = app.add_app(&ann, "Shop", &format!("{}/o/shop.git/.git", forge.url)).await;
        let path = format!("/v1/apps/{}/build?branch=main", row.id);
        let closed = async || {
            let answer = shop.server.call(reqwest::Method::POST, &path, Some(&shop.token), "").await;
            let id = answer.expect(201).json::<serde_json::Value>()["build_id"].as_str().unwrap().to_owned();
            (shop.finished(&id).await["build_status"].clone(), shop.log(&id).await)
        };
        let (status, log) = closed().await;
        assert_eq!(status, "failed", "{log}");
        let body = serde_json::json!({ "name": "Forge", "provider": "gitlab", "token": "t0k-en%of/all", "base_url": forge.url });
        let list = format!("{}/v1/organisations/{}/providers", shop.server.url, row.org_id);
        let request = shop.server.client.post(list).bearer_auth(&shop.token).json(&body);
        Answer::of(request).await.expect(201);
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        let log = shop.log(&id).await;
        assert!(log.contains("was for the checkout: scripts run without it"), "{log}");
        assert!(!log.contains("fetched again") && !log.contains("username=oauth2"), "{log}");
        // The script's own end decides, and it ends well.
        assert_eq!(build["build_status"], "success", "{log}");
        let basic = STANDARD.encode("oauth2:t0k-en%of/all");
        let database = app.db.dump().await;
        for secret in ["t0k-en%of/all", "t0k%2Den%25of%2Fall", &basic] {
            assert!(!log.contains(secret) && !database.contains(secret), "{secret}");
        }
    }
}
