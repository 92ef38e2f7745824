//! What no webhook told: the server looks at the remote by itself, on the
//! story's clock.

use shipmate::jobs::reconcile;

use super::*;

/// A round and everything that follows from it.
async fn round(hooked: &Hooked) -> usize {
    hooked.app.advance(400_000);
    let taken = reconcile::pass(&hooked.app.app).await.expect("a pass");
    hooked.work().await;
    taken
}

async fn verdicts(hooked: &Hooked) -> Vec<String> {
    let list = hooked.get("deliveries?limit=100").await;
    list.as_array().unwrap().iter().map(|d| d["verdict"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn lost_webhooks_are_made_up_for(app: TestApp) {
        let repo = repository(&app);
        repo.branch("old");
        repo.git(&["tag", "v0"]);
        let hooked = Hooked::set(app, &repo.url()).await;
        // The first listing only records.
        assert_eq!(round(&hooked).await, 1);
        assert_eq!(verdicts(&hooked).await, [""; 0]);
        assert_eq!(round(&hooked).await, 1);
        assert_eq!(verdicts(&hooked).await, [""; 0]);
        let names: Vec<_> = hooked.get("branches").await.as_array().unwrap().iter().map(|b| b["name"].clone()).collect();
        assert_eq!(names, ["main", "old"]);
        // A push.
        let old = repo.git(&["rev-parse", "HEAD"]);
        let head = repo.commit("a.txt", "a", "Add");
        round(&hooked).await;
        assert_eq!(hooked.verdict().await, "built #1");
        let build = hooked.newest().await;
        assert_eq!((build.branch.as_str(), build.wanted_commit.as_deref()), ("main", Some(head.as_str())));
        // Its webhook comes late, or the other way round: no second build.
        hooked.github("push", &push("main", &old, &head, "Add")).await;
        assert_eq!(hooked.verdict().await, "duplicate of #1");
        let next = repo.commit("b.txt", "b", "Add more");
        hooked.github("push", &push("main", &head, &next, "Add more")).await;
        assert_eq!(hooked.verdict().await, "built #2");
        let before = verdicts(&hooked).await.len();
        round(&hooked).await;
        assert_eq!(verdicts(&hooked).await.len(), before, "there is nothing to make up for");
        // Skip markers hold here, too.
        repo.commit("c.txt", "c", "Quietly [skip ci]");
        round(&hooked).await;
        assert_eq!(hooked.verdict().await, "skipped: [skip ci] in the commit message");
        // A new branch, a new annotated tag, a deleted branch, a deleted tag.
        let tip = repo.commit("d.txt", "d", "Loudly");
        hooked.github("push", &push("main", &next, &tip, "Loudly")).await;
        repo.branch("new");
        repo.git(&["tag", "--annotate", "--message=One", "v1"]);
        repo.git(&["branch", "--delete", "--force", "old"]);
        repo.git(&["tag", "--delete", "v0"]);
        round(&hooked).await;
        let verdict = hooked.verdict().await;
        for part in ["push to new: built #", "tag v1: built #", "branch old deleted", "tag v0 deleted"] {
            assert!(verdict.contains(part), "{part} is not in: {verdict}");
        }
        // The webhook of an annotated tag names its object, or its commit.
        let object = repo.git(&["rev-parse", "v1"]);
        for after in [&object, &tip] {
            let told = json!({ "ref": "refs/tags/v1", "before": ZERO, "after": after });
            hooked.github("push", &told).await;
            assert!(hooked.verdict().await.starts_with("duplicate of #"), "{}", hooked.verdict().await);
        }
        let names: Vec<_> = hooked.get("branches").await.as_array().unwrap().iter().map(|b| b["name"].clone()).collect();
        assert_eq!(names, ["main", "new"]);
    }

    async fn a_branch_that_was_forced_back_is_found_and_built_again(app: TestApp) {
        let repo = repository(&app);
        let hooked = Hooked::set(app, &repo.url()).await;
        round(&hooked).await;
        let first = repo.git(&["rev-parse", "HEAD"]);
        let one = repo.commit("a.txt", "a", "One");
        round(&hooked).await;
        let two = repo.commit("b.txt", "b", "Two");
        round(&hooked).await;
        assert_eq!(hooked.verdict().await, "built #2");
        repo.git(&["reset", "--quiet", "--hard", &one]);
        round(&hooked).await;
        assert_eq!(hooked.verdict().await, "built #3");
        assert_eq!(hooked.newest().await.wanted_commit.as_deref(), Some(one.as_str()));
        // Its webhook comes late, an older one later still; and the next round
        // finds nothing new.
        for (old, new, number) in [(&two, &one, 3), (&first, &one, 3)] {
            hooked.app.advance(1_000);
            hooked.github("push", &push("main", old, new, "Late")).await;
            assert_eq!(hooked.verdict().await, format!("duplicate of #{number}"));
        }
        let before = verdicts(&hooked).await.len();
        round(&hooked).await;
        assert_eq!(verdicts(&hooked).await.len(), before, "there is nothing to make up for");
    }

    async fn a_remote_that_fails_is_asked_less_often(app: TestApp) {
        let hooked = Hooked::set(app, "/nonexistent/shop.git").await;
        let mut taken = Vec::new();
        for _ in 0..12 {
            taken.push(round(&hooked).await);
        }
        // Pauses of one, two, four and more rounds.
        assert_eq!(taken.iter().sum::<usize>(), 4, "{taken:?}");
        assert_eq!(verdicts(&hooked).await, [""; 0]);
    }

    async fn an_emptied_remote_is_a_fault_not_a_hundred_deletions(app: TestApp) {
        let repo = repository(&app);
        let hooked = Hooked::set(app, &repo.url()).await;
        round(&hooked).await;
        repo.git(&["checkout", "--quiet", "--orphan", "nothing"]);
        repo.git(&["branch", "--delete", "--force", "main"]);
        round(&hooked).await;
        assert_eq!(verdicts(&hooked).await, [""; 0]);
        assert_eq!(hooked.get("branches?includeDeleted=true").await[0]["name"], "main");
    }

    async fn a_delivery_whose_job_was_lost_is_evaluated_all_the_same(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let body = fixture("github/push");
        hooked.post(&hooked.to_app(), &[("x-github-event", "push")], body).await.expect(200);
        hooked.app.db.run("DELETE FROM jobs").await;
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "");
        round(&hooked).await;
        assert_eq!(hooked.verdict().await, "built #1");
    }

    async fn the_round_can_be_switched_off(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let mut off = hooked.app.second().await;
        off.settings.reconcile_ms = 0;
        for _ in 0..3 {
            hooked.app.advance(400_000);
            assert_eq!(reconcile::pass(&off).await.unwrap(), 0);
        }
    }
}
