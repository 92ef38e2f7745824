//! What decides that a build runs, told with real repositories.

use std::time::Duration;

use shipmate::agent;
use shipmate::apps::variables;
use shipmate::model::build::Trigger;
use shipmate::model::secret::Secret;
use shipmate::model::settings::{ForkRule, Forks, Selective, SelectiveMode};
use shipmate::protocol::Variable;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::harness::agent::FakeAgent;
use crate::harness::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

fn selective(mode: SelectiveMode, patterns: &[&str]) -> Settings {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    Settings { selective: Some(Selective { mode, patterns }), ..Settings::default() }
}

/// Statuses of all builds in the order of their numbers.
async fn statuses(hooked: &Hooked) -> Vec<String> {
    hooked.builds().await.into_iter().map(|(_, _, status)| status).collect()
}

on_both! {
    async fn a_newer_push_cancels_what_webhooks_started_before(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let by_hand = hooked.app.trigger(&hooked.row).await;
        hooked.github("push", &push("main", &sha('1'), &sha('2'), "One")).await;
        hooked.github("push", &push("other", &sha('1'), &sha('2'), "One")).await;
        let held = FakeAgent::new(&hooked.server, &hooked.app.add_agent_token("a").await, "a");
        // The build by hand is the oldest, the push to main comes next.
        held.take("first").await;
        let running = held.take("second").await;
        hooked.github("push", &push("main", &sha('2'), &sha('3'), "Two")).await;
        let found: Vec<_> = hooked.builds().await;
        let seen: Vec<_> = found.iter().map(|(number, branch, status)| (*number, branch.as_str(), status.as_str())).collect();
        assert_eq!(seen, [(1, "main", "running"), (2, "main", "cancelled"), (3, "other", "queued"), (4, "main", "queued")]);
        let reply: Value = held.heartbeat(&running, 0).await.expect(200).json();
        assert_eq!(reply["cancel"], true);
        let log = hooked.app.log_text(&running.build).await;
        assert!(log.contains("build #4 of the same branch replaces it"), "{log}");
        assert!(!hooked.app.build(&by_hand).await.status.is_finished());
        // A queued one, too; and none where the switch is off.
        hooked.github("push", &push("main", &sha('3'), &sha('4'), "Three")).await;
        hooked.set_settings(Settings { auto_cancel: Some(false), ..Settings::default() }).await;
        hooked.github("push", &push("main", &sha('4'), &sha('5'), "Four")).await;
        assert_eq!(statuses(&hooked).await, ["running", "cancelled", "queued", "cancelled", "queued", "queued"]);
    }

    async fn schemes_of_one_push_do_not_cancel_each_other(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let variants = Some(vec!["debug".to_owned(), "release".to_owned()]);
        hooked.set_settings(Settings { variants: variants.clone(), schemes: variants, ..Settings::default() }).await;
        hooked.github("push", &push("main", &sha('1'), &sha('2'), "One")).await;
        assert_eq!(hooked.verdict().await, "built #1");
        assert_eq!(statuses(&hooked).await, ["queued", "queued"]);
        hooked.github("push", &push("main", &sha('2'), &sha('3'), "Two")).await;
        assert_eq!(statuses(&hooked).await, ["cancelled", "cancelled", "queued", "queued"]);
    }

    async fn a_push_to_the_branch_of_a_pull_request_builds_that(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        // The recommended set-up (TRG-11): pushes off, pull requests on.
        hooked.set_settings(Settings { build_pushes: Some(false), ..Settings::default() }).await;
        hooked.github("push", &push("add", ZERO, &sha('1'), "Begin")).await;
        assert_eq!(hooked.verdict().await, "skipped: pushes are not built");
        hooked.github("pull_request", &pull("opened", 7, "Add", ("octo-org/shop", "add", &sha('1')))).await;
        assert_eq!(hooked.verdict().await, "built #1");
        let opened = hooked.newest().await;
        assert_eq!((opened.triggered_by, opened.branch.as_str()), (Trigger::PullRequestOpen, "add"));
        hooked.github("push", &push("add", &sha('1'), &sha('2'), "Go on")).await;
        assert_eq!(hooked.verdict().await, "built #2");
        let updated = hooked.newest().await;
        let origin = updated.origin().unwrap().pull_request.unwrap();
        assert_eq!((updated.triggered_by, origin.number, origin.head_sha), (Trigger::PullRequestUpdate, 7, sha('2')));
        assert_eq!(origin.base_branch, "main");
        // The provider tells of the same commit once more.
        hooked.github("pull_request", &pull("synchronize", 7, "Add", ("octo-org/shop", "add", &sha('2')))).await;
        assert_eq!(hooked.verdict().await, "duplicate of #2");
        // Its own lane: the older build of the pull request is cancelled.
        assert_eq!(statuses(&hooked).await, ["cancelled", "queued"]);
        let shown = hooked.get("builds/latest").await;
        let target = &shown["pull_request_destination_commit_info"];
        assert_eq!((&target["branch"], &target["merge_status"]), (&json!("main"), &json!("unknown")));
        // A marker in the title holds back pushes as well.
        hooked.github("pull_request", &pull("edited", 7, "Add [skip ci]", ("octo-org/shop", "add", &sha('2')))).await;
        hooked.github("push", &push("add", &sha('2'), &sha('3'), "Go on")).await;
        assert_eq!(hooked.verdict().await, "skipped: [skip ci] in the title");
        hooked.github("pull_request", &pull("closed", 7, "Add", ("octo-org/shop", "add", &sha('3')))).await;
        hooked.github("push", &push("add", &sha('3'), &sha('4'), "Go on")).await;
        assert_eq!(hooked.verdict().await, "skipped: pushes are not built");
        // Reopened is opened, also at a commit that was built before.
        hooked.github("pull_request", &pull("reopened", 7, "Add", ("octo-org/shop", "add", &sha('4')))).await;
        assert_eq!(hooked.verdict().await, "built #3");
        hooked.github("pull_request", &pull("closed", 7, "Add", ("octo-org/shop", "add", &sha('4')))).await;
        hooked.github("pull_request", &pull("reopened", 7, "Add", ("octo-org/shop", "add", &sha('4')))).await;
        assert_eq!(hooked.verdict().await, "built #4");
        // With the switch off, pushes decide alone.
        let off = Settings { build_pull_requests: Some(false), ..Settings::default() };
        hooked.set_settings(off).await;
        hooked.github("push", &push("add", &sha('4'), &sha('5'), "Go on")).await;
        assert_eq!(hooked.verdict().await, "built #5");
        assert_eq!(hooked.newest().await.triggered_by, Trigger::Webhook);
        hooked.github("pull_request", &pull("synchronize", 7, "Add", ("octo-org/shop", "add", &sha('6')))).await;
        assert_eq!(hooked.verdict().await, "skipped: pull requests are not built");
    }

    async fn what_the_provider_does_not_tell_is_asked_of_git(app: TestApp) {
        let repo = repository(&app);
        let hooked = Hooked::set(app, &repo.url()).await;
        let base = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["checkout", "--quiet", "-b", "add"]);
        let skipped = repo.commit("a.txt", "a", "Add\n\n[CI skip]");
        let own = |sha: &str, number| pull("opened", number, "Add", ("octo-org/shop", "add", sha));
        hooked.github("pull_request", &own(&skipped, 1)).await;
        assert_eq!(hooked.verdict().await, "skipped: [CI skip] in the commit message");
        let head = repo.commit("docs/b.md", "b", "Document");
        // A pull request counts everything since the branch point ...
        hooked.set_settings(selective(SelectiveMode::Only, &["*.txt"])).await;
        hooked.github("pull_request", &own(&head, 2)).await;
        assert_eq!(hooked.verdict().await, "built #1");
        hooked.set_settings(selective(SelectiveMode::Only, &["ios/**"])).await;
        hooked.github("pull_request", &own(&head, 3)).await;
        assert_eq!(hooked.verdict().await, "skipped: no changed file matches the selective builds");
        for number in [1, 2, 3] {
            hooked.github("pull_request", &pull("closed", number, "Add", ("octo-org/shop", "add", &head))).await;
        }
        // ... a push what lies between old and new, a new branch what its
        // pull request would.
        hooked.set_settings(selective(SelectiveMode::Except, &["docs/"])).await;
        hooked.github("push", &push("add", &skipped, &head, "Document")).await;
        assert_eq!(hooked.verdict().await, "skipped: every changed file matches the selective builds");
        hooked.github("push", &push("add", ZERO, &head, "Document")).await;
        assert_eq!(hooked.verdict().await, "built #2");
        // Unknown builds: an old commit that nobody has, no old commit at all.
        hooked.github("push", &push("main", &sha('e'), &base, "Begin")).await;
        assert_eq!(hooked.verdict().await, "built #3");
        hooked.github("push", &push("gone", &sha('e'), &sha('f'), "Begin")).await;
        assert_eq!(hooked.verdict().await, "built #4");
        // A forced push is compared with what was there.
        repo.git(&["checkout", "--quiet", "-B", "add", &base]);
        let rewritten = repo.commit("docs/c.md", "c", "Other");
        let mut forced = push("add", &head, &rewritten, "Other");
        forced["forced"] = json!(true);
        hooked.github("push", &forced).await;
        assert_eq!(hooked.verdict().await, "built #5", "a.txt is gone");
        let left = std::fs::read_dir(&hooked.app.app.settings.scratch_dir).unwrap().count();
        assert_eq!(left, 0, "nothing is left behind");
    }

    async fn a_branch_that_comes_back_to_a_commit_builds_it_again(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let deliver = async |old: &str, new: &str| {
            hooked.app.advance(1_000);
            hooked.github("push", &push("main", old, new, "Go on")).await;
            hooked.verdict().await
        };
        let (one, two, three) = (sha('1'), sha('2'), sha('3'));
        assert_eq!(deliver(ZERO, &one).await, "built #1");
        assert_eq!(deliver(&one, &two).await, "built #2");
        // Forced back: another event of the same commit.
        assert_eq!(deliver(&two, &one).await, "built #3");
        assert_eq!(deliver(&one, &two).await, "built #4");
        // Told once more, under another name: the branch is not where that starts.
        assert_eq!(deliver(&two, &one).await, "built #5");
        assert_eq!(deliver(&two, &one).await, "duplicate of #5");
        assert_eq!(deliver(ZERO, &one).await, "duplicate of #5");
        assert_eq!(deliver(&one, &three).await, "built #6");
        // Long after, and the branch stays known where it is.
        assert_eq!(deliver(&one, &two).await, "duplicate of #4");
        assert_eq!(deliver(&three, &one).await, "built #7");
        // An earlier delivery that is sent again by hand builds nothing.
        let list = hooked.get("deliveries?limit=100").await;
        let second = list.as_array().unwrap().iter().find(|d| d["verdict"] == "built #2").unwrap();
        let path = format!("deliveries/{}/redeliver", second["_id"].as_str().unwrap());
        hooked.call(Method::POST, &path, "").await;
        hooked.work().await;
        assert_eq!(hooked.builds().await.len(), 7);
    }

    async fn a_pull_request_builds_each_move_of_its_head_once(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let (one, two) = (sha('1'), sha('2'));
        let own = |action, sha: &str| pull(action, 7, "Add", ("octo-org/shop", "add", sha));
        let pushed = |old: &str, new: &str| push("add", old, new, "Go on");
        hooked.github("push", &pushed(ZERO, &one)).await;
        hooked.github("pull_request", &own("opened", &one)).await;
        assert_eq!(hooked.verdict().await, "built #2");
        let tell = async |event: &str, body: &Value| {
            hooked.app.advance(1_000);
            hooked.github(event, body).await;
            hooked.verdict().await
        };
        // Whichever of the two comes first.
        assert_eq!(tell("pull_request", &own("synchronize", &two)).await, "built #3");
        assert_eq!(tell("push", &pushed(&one, &two)).await, "duplicate of #3");
        assert_eq!(tell("push", &pushed(&two, &one)).await, "built #4");
        assert_eq!(tell("pull_request", &own("synchronize", &one)).await, "duplicate of #4");
        assert_eq!(tell("pull_request", &own("synchronize", &two)).await, "built #5");
        assert_eq!(tell("push", &pushed(&one, &two)).await, "duplicate of #5");
    }

    async fn branches_and_tags_are_kept_apart(app: TestApp) {
        let repo = repository(&app);
        let hooked = Hooked::set(app, &repo.url()).await;
        repo.branch("add");
        let head = repo.git(&["rev-parse", "HEAD"]);
        hooked.github("push", &push("add", ZERO, &head, "Begin")).await;
        assert_eq!(hooked.verdict().await, "built #1");
        let tag = json!({ "ref": "refs/tags/v1", "before": ZERO, "after": head, "head_commit": { "id": head, "message": "Begin" } });
        hooked.github("push", &tag).await;
        assert_eq!(hooked.verdict().await, "built #2");
        hooked.github("push", &tag).await;
        assert_eq!(hooked.verdict().await, "duplicate of #2");
        let build = hooked.get("builds/latest").await;
        assert_eq!(build["commit_info"]["tags"], json!(["v1"]));
        assert_eq!(build["commit_info"]["branch"], "tag:v1");
        assert_eq!(hooked.newest().await.origin().unwrap().tag.as_deref(), Some("v1"));
        hooked.set_settings(Settings { build_tags: Some(false), ..Settings::default() }).await;
        let other = json!({ "ref": "refs/tags/v2", "before": ZERO, "after": head, "head_commit": { "id": head, "message": "" } });
        hooked.github("push", &other).await;
        assert_eq!(hooked.verdict().await, "skipped: tags are not built");
        repo.git(&["branch", "--delete", "--force", "add"]);
        hooked.github("push", &push("add", &head, ZERO, "")).await;
        assert_eq!(hooked.verdict().await, "branch deleted");
        hooked.app.advance(600_000);
        assert_eq!(hooked.get("branches").await, json!([{ "name": "main" }]));
        let all = hooked.get("branches?includeDeleted=true").await;
        assert!(all.to_string().contains("add") && !all.to_string().contains("v1"), "{all}");
    }

    async fn forks_build_when_somebody_says_so_and_know_no_secrets(app: TestApp) {
        let repo = repository(&app);
        let hooked = Hooked::set(app, &repo.url()).await;
        let fork = hooked.app.dir().join("bob/shop");
        std::fs::create_dir_all(fork.parent().unwrap()).unwrap();
        repo.git(&["clone", "--quiet", "--", ".", fork.to_str().unwrap()]);
        let head = repo.git(&["rev-parse", "HEAD"]);
        let mut tx = hooked.app.app.db.write().await.unwrap();
        let secret = Variable { name: "TOP".into(), value: Secret::new("hunter2"), secret: true };
        let place = variables::Place::App(&hooked.row.id);
        let kind = variables::VariableKind::Environment;
        variables::set(&hooked.app.app, &mut tx, place, kind, &secret).await.unwrap();
        tx.commit().await.unwrap();
        let agent = FakeAgent::new(&hooked.server, &hooked.app.add_agent_token("a").await, "a");
        let of_bob = |action, number| pull(action, number, "Add", ("bob/shop", "main", &head));
        hooked.github("pull_request", &of_bob("opened", 1)).await;
        assert_eq!(hooked.verdict().await, "skipped: pull requests from this fork are not built");
        let forks = |build, listed: &[&str], trusted: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
            Settings { forks: Some(Forks { build, listed: list(listed), trusted: list(trusted) }), ..Settings::default() }
        };
        hooked.set_settings(forks(ForkRule::Listed, &["eve/shop"], &["bob/shop"])).await;
        hooked.github("pull_request", &of_bob("synchronize", 1)).await;
        assert_eq!(hooked.verdict().await, "skipped: pull requests from this fork are not built");
        hooked.set_settings(forks(ForkRule::All, &[], &[])).await;
        hooked.github("pull_request", &of_bob("synchronize", 1)).await;
        assert_eq!(hooked.verdict().await, "built #1");
        let build = hooked.newest().await;
        let origin = build.origin().unwrap().pull_request.unwrap().fork.unwrap();
        assert_eq!((origin.name.as_str(), origin.url.as_str(), origin.with_secrets), ("bob/shop", fork.to_str().unwrap(), false));
        assert_eq!(build.branch, "bob/shop:main");
        let assignment = agent.claim("one", 0).await.unwrap();
        assert!(assignment.env.is_empty(), "{:?}", assignment.env);
        // The second switch.
        hooked.set_settings(forks(ForkRule::All, &[], &["bob"])).await;
        hooked.github("pull_request", &of_bob("opened", 2)).await;
        assert_eq!(hooked.verdict().await, "built #2");
        let assignment = agent.claim("two", 0).await.unwrap();
        assert_eq!(assignment.env.len(), 1);
        // Build Now asks no switch, but gives no secrets away either.
        hooked.set_settings(Settings::default()).await;
        hooked.call(Method::POST, "pull-requests/2/build", "").await.expect(201);
        assert!(agent.claim("three", 0).await.unwrap().env.is_empty());
        let open = hooked.get("pull-requests").await;
        assert_eq!(open[0]["branch"], "bob/shop:main");
        assert_eq!(open[0]["fork"], "bob/shop");
        hooked.github("pull_request", &of_bob("closed", 2)).await;
        hooked.call(Method::POST, "pull-requests/2/build", "").await.expect(404);
        hooked.call(Method::POST, "pull-requests/x/build", "").await.expect(404);
        // A trusted name at another address is another fork.
        let mut forged = of_bob("opened", 3);
        forged["pull_request"]["base"]["repo"]["full_name"] = json!("else/where");
        forged["pull_request"]["head"]["repo"]["clone_url"] = json!("https://evil.example/bob/shop.git");
        hooked.set_settings(forks(ForkRule::All, &[], &["bob"])).await;
        hooked.github("pull_request", &forged).await;
        assert_eq!(hooked.verdict().await, "skipped: the fork's repository cannot be told");
    }

    async fn a_pull_request_is_merged_and_built_by_a_real_agent(app: TestApp) {
        let repo = repository(&app);
        repo.git(&["checkout", "--quiet", "-b", "add"]);
        let script = "#!/bin/sh\necho \"$BUDDYBUILD_TRIGGERED_BY $BUDDYBUILD_PULL_REQUEST $BUDDYBUILD_BASE_BRANCH\"\nls\n";
        let head = repo.commit("buddybuild_postclone.sh", script, "Add a script");
        repo.git(&["checkout", "--quiet", "main"]);
        let tip = repo.commit("later.txt", "later", "Go on");
        let hooked = Hooked::set(app, &repo.url()).await;
        let stop = CancellationToken::new();
        let config = agent::Config {
            server: hooked.server.url.clone(),
            token: hooked.app.add_agent_token("test").await,
            name: "test".into(),
            slots: 1,
            labels: Vec::new(),
            work_dir: hooked.app.dir().join("agent"),
        };
        let _guard = stop.clone().drop_guard();
        tokio::spawn(agent::serve::serve(config, stop));
        hooked.github("pull_request", &pull("opened", 5, "Add", ("octo-org/shop", "add", &head))).await;
        assert_eq!(hooked.verdict().await, "built #1");
        let build = eventually(PATIENCE, "the build is finished", async || {
            let build = hooked.get("builds/latest").await;
            (build["finished"] == true).then_some(build)
        })
        .await;
        let log = hooked.app.log_text(&build["_id"].as_str().unwrap().parse().unwrap()).await;
        assert_eq!(build["build_status"], "success", "{log}");
        assert!(log.contains("webhook_pull_request_open 5 main\n"), "{log}");
        assert!(log.contains("later.txt"), "head and base are merged: {log}");
        let target = &build["pull_request_destination_commit_info"];
        assert_eq!((&target["commit_sha"], &target["merge_status"]), (&json!(tip), &json!("mergeable")));
        assert_eq!(build["commit_info"]["branch"], "add");
    }
}
