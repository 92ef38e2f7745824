//! What decides that a build runs, and with what: a team pushes to a bare
//! repository with real git, the provider tells of it, and a real agent builds,
//! from a folder of this machine and over SSH.

use reqwest::Method;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use shipmate::db;
use shipmate::jobs::schedules::run_due;
use shipmate::model::app::App as AppRow;

use super::shop::{PATIENCE, Shop};
use crate::harness::app::{Person, Repository, TestApp};
use crate::harness::eventually;
use crate::harness::server::Answer;
use crate::harness::sshd::Sshd;
use crate::webhooks::{ZERO, pull, push};

/// Tells what it builds, and everything that it was given.
const SCRIPT: &str = "#!/bin/sh
echo \"branch $BUDDYBUILD_BRANCH because of $BUDDYBUILD_TRIGGERED_BY at $(git rev-parse HEAD)\"
echo \"files $(git ls-tree --name-only HEAD | tr '\\n' ' ')\"
echo \"token ${TOKEN-none} device ${SHIPMATE_DEVICE_VARIABLES-none}\"
echo \"secure files: $(ls \"$BUDDYBUILD_SECURE_FILES\" | tr '\\n' ' ')\"
[ -z \"$BUDDYBUILD_BASE_BRANCH\" ] || echo \"base $(git rev-parse \"origin/$BUDDYBUILD_BASE_BRANCH\")\"
";
const TOKEN: &str = "canary-token-of-the-shop";
const KEYSTORE: &str = "the-long-line-of-a-secure-file-0123456789";

#[derive(Clone, Copy, PartialEq)]
enum Way {
    File,
    Ssh,
}

/// A team, its repository, and the server that builds it.
struct Town {
    app: TestApp,
    ann: Person,
    shop: Shop,
    row: AppRow,
    /// Where somebody works; pushed from here to the bare repository.
    work: Repository,
    _sshd: Option<Sshd>,
}

impl Town {
    async fn open(app: TestApp, way: Way) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let bare = app.dir().join("octo-org/shop.git");
        std::fs::create_dir_all(&bare).unwrap();
        let work = app.add_repository("work");
        let place = bare.display().to_string();
        work.git(&["init", "--quiet", "--bare", "--initial-branch=main", &place]);
        work.git(&["remote", "add", "origin", &place]);
        work.commit("buddybuild_postclone.sh", SCRIPT, "Tell what is built");
        work.git(&["push", "--quiet", "origin", "main"]);
        let sshd = match way {
            Way::File => None,
            Way::Ssh => Some(Sshd::start(&app.dir().join("sshd")).await),
        };
        let url = sshd.as_ref().map_or_else(|| format!("file://{place}"), |sshd| sshd.url(&place));
        let row = app.add_app(&ann, "Shop", &url).await;
        let shop = Shop::open(&app, &ann.token).await;
        if let Some(sshd) = &sshd {
            let key = shop.json(&format!("/v1/organisations/{}/ssh-key", row.org_id)).await;
            sshd.allow(&[key["public_key"].as_str().unwrap()]);
        }
        Self { app, ann, shop, row, work, _sshd: sshd }
    }

    fn head(&self) -> String {
        self.work.git(&["rev-parse", "HEAD"])
    }

    /// Commits on the branch that is checked out, and pushes it.
    fn commit(&self, path: &str, text: &str, message: &str) -> String {
        let sha = self.work.commit(path, text, message);
        self.work.git(&["push", "--quiet", "--force", "origin", "HEAD"]);
        sha
    }

    /// The provider tells; what came of it.
    async fn told(&self, event: &str, body: &Value) -> String {
        self.app.advance(1_000);
        let url = format!("{}/api/webhook?appID={}", self.shop.server.url, self.row.id);
        let request = self.shop.server.client.post(url).header("x-github-event", event);
        Answer::of(request.body(body.to_string())).await.expect(200);
        self.app.run_jobs().await;
        let deliveries = self.get("deliveries?limit=1").await;
        deliveries[0]["verdict"].as_str().unwrap().to_owned()
    }

    async fn pushed(&self, branch: &str, old: &str, new: &str) -> String {
        // Without the message: the server asks git.
        let mut body = push(branch, old, new, "");
        body["head_commit"] = Value::Null;
        self.told("push", &body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.shop.json(&format!("/v1/apps/{}/{path}", self.row.id)).await
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = format!("{}/v1/{path}", self.shop.server.url);
        let request = self.shop.server.client.request(method, url);
        let request = request.bearer_auth(self.ann.token.expose());
        Answer::of(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn set(&self, settings: Value) {
        let path = format!("apps/{}/settings", self.row.id);
        self.call(Method::PUT, &path, &settings).await.expect(200);
    }

    /// A hidden variable, a device variable and a secure file.
    async fn add_secrets(&self) {
        let app = format!("apps/{}", self.row.id);
        let value = json!({ "value": TOKEN });
        self.call(Method::PUT, &format!("{app}/variables/TOKEN"), &value).await.expect(204);
        let device = json!({ "value": "device-value", "kind": "device" });
        self.call(Method::PUT, &format!("{app}/variables/MAPS"), &device).await.expect(204);
        let url = format!("{}/v1/{app}/secure-files/release.jks", self.shop.server.url);
        let request = self.shop.server.client.put(url).bearer_auth(self.ann.token.expose());
        let stored = Answer::of(request.body(KEYSTORE)).await;
        assert!(stored.status.is_success(), "{stored:?}");
    }

    /// The newest build of this number once it is finished, and its log.
    async fn built(&self, number: i64) -> (Value, String) {
        let builds = self.get("builds?limit=100").await;
        let found = builds.as_array().unwrap().iter().find(|b| b["build_number"] == number);
        let id = found.unwrap_or_else(|| panic!("no build {number} in {builds}"))["_id"].as_str();
        let build = self.shop.finished(id.unwrap()).await;
        (build, self.shop.log(id.unwrap()).await)
    }

    /// It succeeded, at this commit of this branch.
    async fn succeeded(&self, number: i64, branch: &str, sha: &str) -> String {
        let (build, log) = self.built(number).await;
        assert_eq!(build["build_status"], "success", "{log}");
        let info = &build["commit_info"];
        assert_eq!((&info["branch"], &info["commit_sha"]), (&json!(branch), &json!(sha)), "{log}");
        log
    }
}

async fn pushes_tags_and_forced_pushes(app: TestApp, way: Way) {
    let town = Town::open(app, way).await;
    let first = town.head();
    // A push, and the same once more.
    let one = town.commit("a.txt", "a", "One");
    assert_eq!(town.pushed("main", &first, &one).await, "built #1");
    let log = town.succeeded(1, "main", &one).await;
    assert!(log.contains(&format!("branch main because of webhook at {one}\n")), "{log}");
    assert_eq!(town.pushed("main", &first, &one).await, "duplicate of #1");
    // A marker that only git knows of.
    let quiet = town.commit("b.txt", "b", "Two\n\n[skip ci]");
    let skipped = town.pushed("main", &one, &quiet).await;
    assert_eq!(skipped, "skipped: [skip ci] in the commit message");
    // A branch comes, builds, goes and comes again.
    town.work.git(&["checkout", "--quiet", "-b", "side"]);
    let side = town.commit("side.txt", "s", "Side");
    assert_eq!(town.pushed("side", ZERO, &side).await, "built #2");
    town.succeeded(2, "side", &side).await;
    town.work.git(&["push", "--quiet", "origin", ":side"]);
    assert_eq!(town.pushed("side", &side, ZERO).await, "branch deleted");
    let shown = |branches: Value| branches.to_string().contains("side");
    assert!(!shown(town.get("branches").await));
    assert!(shown(town.get("branches?includeDeleted=true").await));
    let path = format!("apps/{}/builds?branch=side", town.row.id);
    town.call(Method::POST, &path, &json!({})).await.expect(404);
    town.work.git(&["push", "--quiet", "origin", "side"]);
    assert_eq!(town.pushed("side", ZERO, &side).await, "built #3");
    town.succeeded(3, "side", &side).await;
    // A tag.
    town.work.git(&["checkout", "--quiet", "main"]);
    town.work.git(&["tag", "--annotate", "--message=Out", "v1", &one]);
    town.work.git(&["push", "--quiet", "origin", "v1"]);
    let object = town.work.git(&["rev-parse", "v1"]);
    let tag = json!({ "ref": "refs/tags/v1", "before": ZERO, "after": object });
    assert_eq!(town.told("push", &tag).await, "built #4");
    town.succeeded(4, "tag:v1", &one).await;
    assert_eq!(town.built(4).await.0["commit_info"]["tags"], json!(["v1"]));
    // History is rewritten, then put back to a commit that was built.
    town.work.git(&["reset", "--quiet", "--hard", &first]);
    let other = town.commit("c.txt", "c", "Instead");
    assert_eq!(town.pushed("main", &quiet, &other).await, "built #5");
    let log = town.succeeded(5, "main", &other).await;
    assert!(log.contains("c.txt") && !log.contains("a.txt"), "{log}");
    town.work.git(&["reset", "--quiet", "--hard", &one]);
    town.work.git(&["push", "--quiet", "--force", "origin", "main"]);
    assert_eq!(town.pushed("main", &other, &one).await, "built #6");
    town.succeeded(6, "main", &one).await;
}

async fn pull_requests(app: TestApp, way: Way) {
    let town = Town::open(app, way).await;
    let first = town.head();
    town.work.git(&["checkout", "--quiet", "-b", "add"]);
    let head = town.commit("shared.txt", "from the branch\n", "Add");
    town.work.git(&["checkout", "--quiet", "main"]);
    let tip = town.commit("later.txt", "later", "Go on");
    let own = |action, sha: &str| pull(action, 5, "Add", ("octo-org/shop", "add", sha));
    assert_eq!(town.told("pull_request", &own("opened", &head)).await, "built #1");
    let log = town.succeeded(1, "add", &head).await;
    for words in [
        "shared.txt",
        "later.txt",
        "because of webhook_pull_request_open",
        &format!("base {tip}\n"),
    ] {
        assert!(log.contains(words), "{words:?} is not in {log}");
    }
    let target = &town.built(1).await.0["pull_request_destination_commit_info"];
    let expected = (&json!("main"), &json!(tip), &json!("mergeable"));
    assert_eq!((&target["branch"], &target["commit_sha"], &target["merge_status"]), expected);
    // The base changes the same file: the next commit of the branch conflicts.
    let tip = town.commit("shared.txt", "from main\n", "Change it, too");
    town.work.git(&["checkout", "--quiet", "add"]);
    let clash = town.commit("shared.txt", "from the branch, again\n", "Change it");
    assert_eq!(town.told("pull_request", &own("synchronize", &clash)).await, "built #2");
    let (build, log) = town.built(2).await;
    assert_eq!(build["build_status"], "failed", "{log}");
    let target = &build["pull_request_destination_commit_info"];
    assert_eq!(
        (&target["commit_sha"], &target["merge_status"]),
        (&json!(tip), &json!("conflicting"))
    );
    assert!(log.contains("cannot be merged into main: conflicts in shared.txt"), "{log}");
    assert!(!log.contains("because of"), "no script ran: {log}");
    // Resolved by its author, it builds again.
    town.work.git(&["merge", "--quiet", "--strategy-option=ours", "--no-edit", "main"]);
    town.work.git(&["push", "--quiet", "origin", "add"]);
    assert_eq!(town.told("pull_request", &own("synchronize", &town.head())).await, "built #3");
    town.succeeded(3, "add", &town.head()).await;
    assert_ne!(first, tip);
}

on_both! {
    async fn pushes_tags_and_forced_pushes_from_a_folder(app: TestApp) {
        pushes_tags_and_forced_pushes(app, Way::File).await;
    }

    async fn pushes_tags_and_forced_pushes_over_ssh(app: TestApp) {
        pushes_tags_and_forced_pushes(app, Way::Ssh).await;
    }

    async fn pull_requests_from_a_folder(app: TestApp) {
        pull_requests(app, Way::File).await;
    }

    async fn pull_requests_over_ssh(app: TestApp) {
        pull_requests(app, Way::Ssh).await;
    }

    async fn a_fork_is_built_without_secrets_until_it_is_trusted(app: TestApp) {
        let town = Town::open(app, Way::File).await;
        town.add_secrets().await;
        let fork = town.app.dir().join("bob/shop.git");
        std::fs::create_dir_all(fork.parent().unwrap()).unwrap();
        let fork = fork.display().to_string();
        town.work.git(&["clone", "--quiet", "--bare", ".", &fork]);
        town.work.git(&["checkout", "--quiet", "-b", "gift"]);
        let gift = town.work.commit("gift.txt", "g", "Gift");
        town.work.git(&["push", "--quiet", &fork, "gift"]);
        let of_bob = |action, number| pull(action, number, "Gift", ("bob/shop", "gift", &gift));
        let said = town.told("pull_request", &of_bob("opened", 1)).await;
        assert_eq!(said, "skipped: pull requests from this fork are not built");
        town.set(json!({ "forks": { "build": "all" } })).await;
        assert_eq!(town.told("pull_request", &of_bob("opened", 2)).await, "built #1");
        let log = town.succeeded(1, "bob/shop:gift", &gift).await;
        for words in ["branch bob/shop:gift because", "gift.txt", "token none device none\n", "secure files: \n"] {
            assert!(log.contains(words), "{words:?} is not in {log}");
        }
        town.set(json!({ "forks": { "build": "all", "trusted": ["bob/shop"] } })).await;
        assert_eq!(town.told("pull_request", &of_bob("opened", 3)).await, "built #2");
        let log = town.succeeded(2, "bob/shop:gift", &gift).await;
        assert!(log.contains("token ******** device /") && log.contains("secure files: release.jks \n"), "{log}");
    }

    async fn a_newer_push_ends_the_build_that_runs(app: TestApp) {
        let town = Town::open(app, Way::File).await;
        let first = town.head();
        let gate = town.app.dir().join("go");
        let script = format!("#!/bin/sh\necho waiting\nuntil [ -e '{}' ]; do sleep 0.05; done\necho through\n", gate.display());
        let slow = town.commit("buddybuild_prebuild.sh", &script, "Wait");
        let by_hand = town.shop.trigger(town.row.id.as_str()).await;
        assert_eq!(town.pushed("main", &first, &slow).await, "built #2");
        // The agent has one slot: the build by hand runs, the push is queued.
        let waiting = async |id: &str| town.shop.log(id).await.contains("waiting\n").then_some(());
        eventually(PATIENCE, "the build by hand waits", async || waiting(&by_hand).await).await;
        let newer = town.commit("a.txt", "a", "Newer");
        assert_eq!(town.pushed("main", &slow, &newer).await, "built #3");
        let (queued, log) = town.built(2).await;
        assert_eq!(queued["build_status"], "cancelled");
        assert!(log.contains("build #3 of the same branch replaces it"), "{log}");
        std::fs::write(&gate, "").unwrap();
        assert_eq!(town.shop.finished(&by_hand).await["build_status"], "success", "it is no push's");
        town.succeeded(3, "main", &newer).await;
        // Now one that runs.
        std::fs::remove_file(&gate).unwrap();
        let next = town.commit("b.txt", "b", "Next");
        assert_eq!(town.pushed("main", &newer, &next).await, "built #4");
        let running = town.get("builds/latest").await["_id"].as_str().unwrap().to_owned();
        eventually(PATIENCE, "the push waits", async || waiting(&running).await).await;
        let last = town.commit("c.txt", "c", "Last");
        assert_eq!(town.pushed("main", &next, &last).await, "built #5");
        let (stopped, log) = town.built(4).await;
        assert_eq!(stopped["build_status"], "cancelled");
        assert!(!log.contains("through"), "{log}");
        std::fs::write(&gate, "").unwrap();
        town.succeeded(5, "main", &last).await;
    }

    async fn only_what_matters_builds(app: TestApp) {
        let town = Town::open(app, Way::File).await;
        let first = town.head();
        town.set(json!({ "selective": { "mode": "only", "patterns": ["ios/**", "!ios/*.md"] } })).await;
        let docs = town.commit("docs/a.md", "a", "Document");
        let said = town.pushed("main", &first, &docs).await;
        assert_eq!(said, "skipped: no changed file matches the selective builds");
        let readme = town.commit("ios/readme.md", "a", "Document");
        assert!(town.pushed("main", &docs, &readme).await.starts_with("skipped"));
        let code = town.commit("ios/src/a.m", "a", "Write");
        assert_eq!(town.pushed("main", &readme, &code).await, "built #1");
        town.succeeded(1, "main", &code).await;
        town.set(json!({ "selective": { "mode": "except", "patterns": ["docs/"] } })).await;
        let more = town.commit("docs/b.md", "b", "Document");
        let said = town.pushed("main", &code, &more).await;
        assert_eq!(said, "skipped: every changed file matches the selective builds");
        // People, the API and schedules ask no such question.
        let id = town.shop.trigger(town.row.id.as_str()).await;
        assert_eq!(town.shop.finished(&id).await["commit_info"]["commit_sha"], more);
    }

    async fn the_clock_builds_the_tip_of_its_branch(app: TestApp) {
        let town = Town::open(app, Way::Ssh).await;
        let path = format!("apps/{}/schedules", town.row.id);
        // The clock starts on a Saturday at 16:00 UTC.
        let plan = json!({ "branch": "main", "weekdays": ["saturday"], "time": "18:00", "zone": "Europe/Berlin" });
        let made = town.call(Method::POST, &path, &plan).await.expect(201).json::<Value>();
        assert_eq!(made["next_at"], "2024-03-09T17:00:00.000Z");
        town.app.advance(3_599_000);
        assert_eq!(run_due(&town.app.app).await.unwrap(), 0);
        let tip = town.commit("a.txt", "a", "Latest [skip ci]");
        town.app.advance(1_000);
        assert_eq!(run_due(&town.app.app).await.unwrap(), 1);
        let log = town.succeeded(1, "main", &tip).await;
        assert!(log.contains("because of scheduler"), "{log}");
        assert_eq!(run_due(&town.app.app).await.unwrap(), 0);
    }

    async fn a_build_is_built_again_and_without_what_was_kept(app: TestApp) {
        let town = Town::open(app, Way::Ssh).await;
        // Smaller repositories are cloned afresh each time.
        let mut large = vec![0; 5 << 20];
        SystemRandom::new().fill(&mut large).unwrap();
        std::fs::write(format!("{}/large", town.work.url()), large).unwrap();
        town.work.git(&["add", "large"]);
        let old = town.commit("small", "s", "Grow");
        let id = town.shop.trigger(town.row.id.as_str()).await;
        town.shop.finished(&id).await;
        town.commit("a.txt", "a", "Later");
        let again = async |query: &str| {
            let path = format!("builds/{id}/rebuild{query}");
            let made = town.call(Method::POST, &path, &json!({})).await.expect(201).json::<Value>();
            let id = made["build_id"].as_str().unwrap().to_owned();
            let build = town.shop.finished(&id).await;
            let log = town.shop.log(&id).await;
            assert_eq!((&build["build_status"], &build["commit_info"]["commit_sha"]), (&json!("success"), &json!(old)), "{log}");
            assert!(log.contains(&format!("because of rebuild_of_commit at {old}\n")), "{log}");
            log
        };
        let mirrors = town.app.dir().join("agent/mirrors");
        let marks = || walkdir::WalkDir::new(&mirrors).into_iter().flatten().filter(|e| e.file_name() == "mark").count();
        assert!(!again("").await.contains("without cache"));
        let heads: Vec<_> = walkdir::WalkDir::new(&mirrors).into_iter().flatten().filter(|e| e.file_name() == "HEAD").collect();
        assert!(!heads.is_empty(), "a mirror is kept");
        for head in heads {
            std::fs::write(head.path().with_file_name("mark"), "").unwrap();
        }
        again("").await;
        assert!(marks() > 0, "and used");
        assert!(again("?without_cache=true").await.contains("without cache"));
        assert_eq!(marks(), 0, "until somebody wants none");
    }

    async fn commits_and_tags_that_are_not_there_are_refused_as_early_as_can_be(app: TestApp) {
        let town = Town::open(app, Way::Ssh).await;
        let old = town.head();
        town.commit("a.txt", "a", "Later");
        town.work.git(&["tag", "v1", &old]);
        town.work.git(&["push", "--quiet", "origin", "v1"]);
        let builds = format!("apps/{}/builds", town.row.id);
        let ask = async |query: &str| town.call(Method::POST, &format!("{builds}?{query}"), &json!({})).await;
        ask("tag=v1").await.expect(201);
        town.succeeded(1, "tag:v1", &old).await;
        assert_eq!(ask("tag=v2").await.expect(404).error(), "Tag not found");
        assert_eq!(ask("branch=v1").await.expect(404).error(), "Branch not found");
        ask(&format!("branch=main&commit={old}")).await.expect(201);
        town.succeeded(2, "main", &old).await;
        ask("branch=main&commit=12345").await.expect(400);
        let none = "ab".repeat(20);
        ask(&format!("branch=main&commit={none}")).await.expect(201);
        let (build, log) = town.built(3).await;
        assert_eq!(build["build_status"], "failed");
        let words = format!("the commit {none} is not in the repository's branch");
        assert!(log.contains(&words), "{log}");
        let mut tx = town.app.app.db.read().await.unwrap();
        let id = build["_id"].as_str().unwrap().parse().unwrap();
        let row = db::builds::find(&mut tx, &id).await.unwrap().unwrap();
        assert_eq!(row.failure_kind.as_deref(), Some("clone_failed"));
        assert!(row.failure_message.unwrap().contains(&words));
    }

    async fn a_secure_file_is_there_under_its_name_and_gone_afterwards(app: TestApp) {
        let town = Town::open(app, Way::File).await;
        town.add_secrets().await;
        let script = "#!/bin/sh\nset -e\ncd \"$BUDDYBUILD_SECURE_FILES\"\n\
            echo \"size $(wc -c < release.jks) mode $(stat -c %a release.jks)\"\n\
            sha256sum release.jks\ncat release.jks; echo\ngrep -c MAPS \"$SHIPMATE_DEVICE_VARIABLES\"\n";
        town.commit("buddybuild_prebuild.sh", script, "Look");
        let id = town.shop.trigger(town.row.id.as_str()).await;
        let build = town.shop.finished(&id).await;
        let log = town.shop.log(&id).await;
        assert_eq!(build["build_status"], "success", "{log}");
        let digest = crate::harness::agent::sha256(KEYSTORE.as_bytes());
        for words in [format!("size {} mode 600\n", KEYSTORE.len()), format!("{digest}  release.jks"), "\n1\n".into()] {
            assert!(log.contains(&words), "{words:?} is not in {log}");
        }
        assert!(!log.contains(KEYSTORE) && !log.contains(TOKEN), "{log}");
        for entry in walkdir::WalkDir::new(town.app.dir()).into_iter().flatten() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            for secret in [KEYSTORE, TOKEN, "device-value"] {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{secret} is left in {}", entry.path().display());
            }
        }
    }
}
