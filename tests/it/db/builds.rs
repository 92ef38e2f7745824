//! Build rows: the compare-and-set moves, and what lists show.

use shipmate::db::Db;
use shipmate::db::builds::{self, Commit, End, Filter, FinishedBuild};
use shipmate::db::queue::{self, Claim, Limits};
use shipmate::db::sql::sql;
use shipmate::model::account::{Access, Actor, Scope};
use shipmate::model::build::{BuildStatus, Phase};
use shipmate::model::time::Millis;

use super::*;

fn end(status: BuildStatus) -> End<'static> {
    End {
        status,
        failure_kind: None,
        failure_message: None,
        at: T.plus(9),
        downloads: "[]",
        tests: Some((2, 1)),
        coverage: Some(0.5),
    }
}

async fn claim(tx: &mut Tx, agent: &AgentId, id: &str) -> Option<shipmate::model::build::Build> {
    let limits = Limits::default();
    let claim = Claim { claim_id: id, agent, now: T.plus(1), lease_until: T.plus(100), limits };
    queue::claim_next(tx, &claim).await.unwrap()
}

on_both! {
    async fn the_oldest_is_claimed_and_every_move_is_fenced(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let token = add_agent_token(&mut tx, "t").await;
        let agent = add_agent(&mut tx, &token, "a").await;
        assert!(!builds::has_queued(&mut tx).await.unwrap());
        let late = add_build(&mut tx, &app, 2, T.plus(5)).await;
        let early = add_build(&mut tx, &app, 1, T).await;
        assert!(builds::has_queued(&mut tx).await.unwrap());
        let build = claim(&mut tx, &agent, "c1").await.unwrap();
        assert_eq!((&build.id, build.attempt, build.status), (&early, 1, BuildStatus::Running));
        assert_eq!(build.started_at, Some(T.plus(1)));
        let again = builds::find_claimed(&mut tx, "c1", &agent).await.unwrap();
        assert_eq!(again.map(|b| b.id), Some(early.clone()));
        assert_eq!(builds::find_claimed(&mut tx, "c2", &agent).await.unwrap(), None);
        assert_eq!(builds::renew_lease(&mut tx, &early, 1, T.plus(200)).await.unwrap(), 1);
        assert_eq!(builds::renew_lease(&mut tx, &early, 2, T.plus(200)).await.unwrap(), 0);
        assert_eq!(builds::renew_lease(&mut tx, &late, 0, T.plus(200)).await.unwrap(), 0);
        assert_eq!(builds::set_phase(&mut tx, &early, 1, Phase::Building).await.unwrap(), 1);
        assert_eq!(builds::set_phase(&mut tx, &early, 1, Phase::Building).await.unwrap(), 0);
        assert_eq!(builds::set_phase(&mut tx, &early, 2, Phase::Cloning).await.unwrap(), 0);
        let sha = "ab".repeat(20);
        let commit =
            Commit { branch: ODD, sha: &sha, author: ODD, message: ODD, base: Some("{}") };
        assert_eq!(builds::set_commit(&mut tx, &early, 2, &commit).await.unwrap(), 0);
        assert_eq!(builds::set_commit(&mut tx, &early, 1, &commit).await.unwrap(), 1);
        let held = builds::list_held(&mut tx, &token, "a").await.unwrap();
        assert_eq!(held.iter().map(|b| &b.id).collect::<Vec<_>>(), [&early]);
        assert!(builds::list_held(&mut tx, &token, "b").await.unwrap().is_empty());
        assert!(builds::list_expired(&mut tx, T.plus(200), 9).await.unwrap().is_empty());
        assert_eq!(builds::list_expired(&mut tx, T.plus(201), 9).await.unwrap().len(), 1);
        // A lost attempt can no longer end the build.
        assert_eq!(builds::requeue(&mut tx, &early, 2).await.unwrap(), 0);
        assert_eq!(builds::requeue(&mut tx, &early, 1).await.unwrap(), 1);
        let queued = builds::find(&mut tx, &early).await.unwrap().unwrap();
        assert_eq!((queued.status, queued.started_at, queued.commit_sha.as_str()), (BuildStatus::Queued, None, ""));
        let build = claim(&mut tx, &agent, "c3").await.unwrap();
        assert_eq!((&build.id, build.attempt), (&early, 2));
        let running = BuildStatus::Running;
        assert_eq!(builds::end(&mut tx, &early, running, 1, &end(BuildStatus::Failed)).await.unwrap(), 0);
        assert_eq!(builds::end(&mut tx, &early, BuildStatus::Queued, 2, &end(BuildStatus::Failed)).await.unwrap(), 0);
        assert_eq!(builds::end(&mut tx, &early, running, 2, &end(BuildStatus::Success)).await.unwrap(), 1);
        assert_eq!(builds::drop_lease(&mut tx, &early, 1).await.unwrap(), 0);
        assert_eq!(builds::drop_lease(&mut tx, &early, 2).await.unwrap(), 1);
        let ended = builds::find(&mut tx, &early).await.unwrap().unwrap();
        assert_eq!((ended.status, ended.phase, ended.lease_until), (BuildStatus::Success, Phase::Done, None));
        assert_eq!((ended.tests_count, ended.tests_passed, ended.coverage), (Some(2), Some(1), Some(0.5)));
        // A build that never started gets its end as its start.
        assert_eq!(builds::end(&mut tx, &late, BuildStatus::Queued, 0, &end(BuildStatus::Cancelled)).await.unwrap(), 1);
        let never = builds::find(&mut tx, &late).await.unwrap().unwrap();
        assert_eq!((never.started_at, never.finished_at), (Some(T.plus(9)), Some(T.plus(9))));
        let mut counts = builds::count_by_status(&mut tx).await.unwrap();
        counts.sort();
        assert_eq!(counts, [("cancelled".to_owned(), 1), ("success".to_owned(), 1)]);
    }

    async fn a_build_is_seen_with_what_the_lists_say(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let user = user_row("seer@example.org");
        db::accounts::insert_user(&mut tx, &user).await.unwrap();
        let seen = builds::find_seen(&mut tx, &build, &user.id).await.unwrap().unwrap();
        assert_eq!((seen.app_access, seen.org_role), (None, None));
        let access = shipmate::model::account::Access::Read;
        db::accounts::set_app_access(&mut tx, &app, &user.id, access).await.unwrap();
        let seen = builds::find_seen(&mut tx, &build, &user.id).await.unwrap().unwrap();
        assert_eq!((seen.build.id, seen.app_access.as_deref()), (build, Some("read")));
    }

    async fn lists_are_newest_first_filtered_and_paged(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let schemes = ["", "Shop", "Shop - QA", "Shop - QA - Release", "Shopper - QA"];
        let mut ids = Vec::new();
        for (number, scheme) in (1..).zip(schemes) {
            // All at one moment: the id decides.
            let id = BuildId::generate(T);
            let branch = if number % 2 == 0 { "main" } else { "dev" };
            let new = NewBuild { scheme, branch, ..new_build(&id, &app, number, T) };
            builds::insert(&mut tx, &new).await.unwrap();
            ids.push(id);
        }
        ids.sort();
        ids.reverse();
        let listed = builds::list(&mut tx, &app, &Filter::default(), 9).await.unwrap();
        assert_eq!(listed.iter().map(|b| b.id.clone()).collect::<Vec<_>>(), ids);
        let mut paged: Vec<BuildId> = Vec::new();
        while paged.len() < ids.len() {
            let last = paged.last().cloned();
            let before = last.as_ref().map(|id| (T, id.as_str()));
            let filter = Filter { before, ..Filter::default() };
            paged.extend(builds::list(&mut tx, &app, &filter, 2).await.unwrap().into_iter().map(|b| b.id));
        }
        assert_eq!(paged, ids);
        for (scheme, expected) in [
            ("Shop", vec!["Shop", "Shop - QA"]),
            ("Shop - QA", vec!["Shop - QA", "Shop - QA - Release"]),
            ("QA", vec![]),
            ("%", vec![]),
        ] {
            let filter = Filter { scheme: Some(scheme), ..Filter::default() };
            let mut found: Vec<_> =
                builds::list(&mut tx, &app, &filter, 9).await.unwrap().into_iter().map(|b| b.scheme).collect();
            found.sort();
            assert_eq!(found, expected, "{scheme}");
        }
        let filter = Filter { branch: Some("main"), status: Some(BuildStatus::Queued), ..Filter::default() };
        assert_eq!(builds::list(&mut tx, &app, &filter, 9).await.unwrap().len(), 2);
        let filter = Filter { status: Some(BuildStatus::Failed), ..Filter::default() };
        assert!(builds::list(&mut tx, &app, &filter, 9).await.unwrap().is_empty());
        let twice = builds::insert(&mut tx, &new_build(&BuildId::generate(Millis(0)), &app, 1, T)).await;
        assert!(matches!(twice, Err(shipmate::error::Error::Conflict(_))), "{twice:?}");
    }

    async fn unfinished_builds_of_an_app_are_listed(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let other = add_app(&mut tx).await;
        let second = add_build(&mut tx, &app, 2, T.plus(1)).await;
        let first = add_build(&mut tx, &app, 1, T).await;
        add_build(&mut tx, &other, 1, T).await;
        let listed = async |tx: &mut Tx| -> Vec<BuildId> {
            let found = builds::list_unfinished(tx, &app).await.unwrap();
            found.into_iter().map(|build| build.id).collect()
        };
        assert_eq!(listed(&mut tx).await, [first.clone(), second.clone()]);
        sql("UPDATE builds SET status = 'success' WHERE id = $1").bind(&first).exec(&mut tx).await.unwrap();
        sql("UPDATE builds SET status = 'running' WHERE id = $1").bind(&second).exec(&mut tx).await.unwrap();
        assert_eq!(listed(&mut tx).await, [second]);
    }

    async fn the_latest_builds_of_visible_apps(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let app = add_app(&mut tx).await;
        let hidden = add_app(&mut tx).await;
        db::accounts::set_app_access(&mut tx, &app, &ann, Access::Read).await.unwrap();
        add_build(&mut tx, &hidden, 1, T).await;
        let mut ids = Vec::new();
        for (number, status) in [(1, "success"), (2, "failed"), (3, "cancelled"), (4, "running"), (5, "queued")] {
            let id = add_build(&mut tx, &app, number, T.plus(number)).await;
            sql("UPDATE builds SET status = $2 WHERE id = $1").bind(&id).bind(status).exec(&mut tx).await.unwrap();
            ids.push(id);
        }
        sql("UPDATE builds SET branch = 'next' WHERE id = $1").bind(&ids[1]).exec(&mut tx).await.unwrap();
        let actor = |is_admin| Actor { user_id: ann.clone(), token_id: TokenId::generate(T), is_admin, scope: Scope::Read };
        for (branch, ended, number) in [
            (None, true, Some(2)), (Some("main"), true, Some(1)), (Some("next"), true, Some(2)),
            (None, false, Some(5)), (Some("next"), false, None), (Some("none"), true, None),
        ] {
            let found = builds::list_latest(&mut tx, &actor(false), branch, ended).await.unwrap();
            assert_eq!(found.iter().map(|b| b.number).collect::<Vec<_>>(), number.into_iter().collect::<Vec<_>>(), "{branch:?} {ended}");
            assert!(found.iter().all(|b| b.app_id == app));
        }
        assert_eq!(builds::list_latest(&mut tx, &actor(true), None, false).await.unwrap().len(), 2);
    }

    async fn a_finished_build_of_another_server_is_whole_and_unique(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let id = BuildId::generate(T);
        let past = |id, number| FinishedBuild {
            id,
            app_id: &app,
            number,
            status: BuildStatus::Failed,
            scheme: ODD,
            repo_url: "git@example.org:o/r.git",
            branch: ODD,
            commit_sha: "",
            commit_author: ODD,
            commit_message: ODD,
            created_at: T,
            started_at: T.plus(1),
            finished_at: T.plus(2),
            tests: Some((5, 4)),
            coverage: Some(0.1 + 0.2),
        };
        assert!(builds::insert_finished(&mut tx, &past(&id, 7)).await.unwrap());
        assert!(!builds::insert_finished(&mut tx, &past(&id, 8)).await.unwrap());
        let other = BuildId::generate(T);
        assert!(!builds::insert_finished(&mut tx, &past(&other, 7)).await.unwrap());
        let found = builds::find(&mut tx, &id).await.unwrap().unwrap();
        assert_eq!((found.status, found.phase, found.number), (BuildStatus::Failed, Phase::Done, 7));
        assert_eq!((found.tests_count, found.tests_passed), (Some(5), Some(4)));
        assert_eq!(found.coverage, Some(0.1 + 0.2));
        assert_eq!((found.started_at, found.finished_at), (Some(T.plus(1)), Some(T.plus(2))));
        assert_eq!((found.attempt, found.lease_until, found.downloads.as_str()), (0, None, "[]"));
        assert_eq!((found.commit_message.as_str(), found.branch.as_str()), (ODD, ODD));
        assert!(!builds::has_queued(&mut tx).await.unwrap());
    }

    async fn unfinished_builds_of_a_lane(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let first = add_build(&mut tx, &app, 1, T).await;
        let second = add_build(&mut tx, &app, 2, T).await;
        let id = BuildId::generate(T);
        let other = NewBuild { lane: "tag:v1", ..new_build(&id, &app, 3, T) };
        builds::insert(&mut tx, &other).await.unwrap();
        let done = add_build(&mut tx, &app, 4, T).await;
        let end = builds::End {
            status: shipmate::model::build::BuildStatus::Cancelled,
            failure_kind: None,
            failure_message: None,
            at: T,
            downloads: "[]",
            tests: None,
            coverage: None,
        };
        builds::end(&mut tx, &done, shipmate::model::build::BuildStatus::Queued, 0, &end).await.unwrap();
        let found = builds::list_unfinished_of_lane(&mut tx, &app, "branch:main").await.unwrap();
        assert_eq!(found.iter().map(|b| b.id.clone()).collect::<Vec<_>>(), [first, second]);
    }
}

on_both! {
    async fn the_last_builds_of_every_app_that_is_seen(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let (mine, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        db::accounts::set_app_access(&mut tx, &mine, &ann, Access::Read).await.unwrap();
        for number in 1..=5 {
            add_build(&mut tx, &mine, number, T.plus(number)).await;
            add_build(&mut tx, &other, number, T.plus(number)).await;
        }
        let actor = |is_admin| Actor { user_id: ann.clone(), token_id: TokenId::generate(T), is_admin, scope: Scope::Admin };
        let mut seen = builds::list_glances(&mut tx, &actor(false), 3).await.unwrap();
        seen.sort_by_key(|glance| glance.number);
        assert!(seen.iter().all(|glance| glance.app_id == mine && glance.status == "queued"));
        assert_eq!(seen.iter().map(|glance| glance.number).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(builds::list_glances(&mut tx, &actor(true), 3).await.unwrap().len(), 6);
        assert_eq!(builds::list_glances(&mut tx, &actor(false), 9).await.unwrap().len(), 5);
    }
}
