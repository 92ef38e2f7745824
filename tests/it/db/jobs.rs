//! Job rows.

use shipmate::db::Db;
use shipmate::db::jobs::{self, Job};
use shipmate::model::ids::JobId;
use shipmate::model::time::Millis;

use super::*;

on_both! {
    async fn waiting_jobs_are_listed_and_hastened(db: Db) {
        let mut tx = write(&db).await;
        let ids = [JobId::generate(T), JobId::generate(T)];
        jobs::insert(&mut tx, &ids[0], "fold_log", "late", Millis(80)).await.unwrap();
        jobs::insert(&mut tx, &ids[1], "sweep", "early", Millis(70)).await.unwrap();
        jobs::postpone(&mut tx, &ids[1], Millis(75), ODD).await.unwrap();
        let all = jobs::list(&mut tx, 10).await.unwrap();
        assert_eq!([&all[0].id, &all[1].id], [&ids[1], &ids[0]]);
        assert_eq!(all[0].last_error.as_deref(), Some(ODD));
        assert!(jobs::hasten(&mut tx, &ids[0], Millis(3)).await.unwrap());
        assert!(!jobs::hasten(&mut tx, &JobId::generate(T), Millis(3)).await.unwrap());
        jobs::hasten_for(&mut tx, "sweep", "late", Millis(2)).await.unwrap();
        jobs::hasten_for(&mut tx, "sweep", "early", Millis(2)).await.unwrap();
        // What is due already does not move.
        jobs::hasten_for(&mut tx, "sweep", "early", Millis(4)).await.unwrap();
        let due: Vec<_> = jobs::list(&mut tx, 10).await.unwrap().into_iter().map(|job| job.run_at).collect();
        assert_eq!(due, [Millis(2), Millis(3)]);
    }

    async fn the_job_due_longest_is_claimed_and_hidden(db: Db) {
        let mut tx = write(&db).await;
        assert!(!jobs::has_due(&mut tx, Millis(i64::MAX)).await.unwrap());
        assert_eq!(jobs::claim(&mut tx, Millis(9), Millis(99)).await.unwrap(), None);
        let ids = [JobId::generate(T), JobId::generate(T), JobId::generate(T)];
        jobs::insert(&mut tx, &ids[0], "fold_log", "late", Millis(8)).await.unwrap();
        jobs::insert(&mut tx, &ids[1], "fold_log", "early", Millis(3)).await.unwrap();
        jobs::insert(&mut tx, &ids[2], "sweep", "early", Millis(50)).await.unwrap();
        // The same work is waiting already: nothing is added, nothing moves.
        jobs::insert(&mut tx, &JobId::generate(T), "fold_log", "early", Millis(1)).await.unwrap();
        assert!(!jobs::has_due(&mut tx, Millis(2)).await.unwrap());
        assert!(jobs::has_due(&mut tx, Millis(3)).await.unwrap());

        let job = jobs::claim(&mut tx, Millis(9), Millis(99)).await.unwrap();
        let expected = Job {
            id: ids[1].clone(),
            kind: "fold_log".into(),
            subject: "early".into(),
            run_at: Millis(99),
            tries: 1,
            last_error: None,
        };
        assert_eq!(job.as_ref(), Some(&expected));
        let second = jobs::claim(&mut tx, Millis(9), Millis(99)).await.unwrap().unwrap();
        assert_eq!(second.subject, "late");
        assert_eq!(jobs::claim(&mut tx, Millis(9), Millis(99)).await.unwrap(), None);

        // Its runner died: it is due again when it is not hidden any more.
        let third = jobs::claim(&mut tx, Millis(99), Millis(199)).await.unwrap().unwrap();
        assert_eq!(third.id, ids[2]);
        let again = jobs::claim(&mut tx, Millis(99), Millis(199)).await.unwrap().unwrap();
        assert_eq!(again.tries, 2);
    }

    async fn a_failed_job_is_put_off_and_a_done_one_goes(db: Db) {
        let mut tx = write(&db).await;
        let id = JobId::generate(T);
        jobs::insert(&mut tx, &id, "fold_log", ODD, Millis(1)).await.unwrap();
        jobs::postpone(&mut tx, &id, Millis(40), ODD).await.unwrap();
        assert_eq!(jobs::claim(&mut tx, Millis(39), Millis(99)).await.unwrap(), None);
        let job = jobs::claim(&mut tx, Millis(40), Millis(99)).await.unwrap().unwrap();
        assert_eq!((job.subject.as_str(), job.last_error.as_deref()), (ODD, Some(ODD)));
        jobs::delete(&mut tx, &id).await.unwrap();
        jobs::delete(&mut tx, &id).await.unwrap();
        assert!(!jobs::has_due(&mut tx, Millis(i64::MAX)).await.unwrap());
        // Done work may come up again.
        jobs::insert(&mut tx, &JobId::generate(T), "fold_log", ODD, Millis(1)).await.unwrap();
        assert!(jobs::has_due(&mut tx, Millis(1)).await.unwrap());
    }

    async fn two_runners_never_claim_the_same_job(db: Db) {
        let mut tx = write(&db).await;
        for number in 0..40 {
            jobs::insert(&mut tx, &JobId::generate(T), "fold_log", &number.to_string(), Millis(1)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut runners = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let db = db.clone();
            runners.spawn(async move {
                let mut claimed = Vec::new();
                loop {
                    let mut tx = write(&db).await;
                    let job = jobs::claim(&mut tx, Millis(2), Millis(99)).await.unwrap();
                    tx.commit().await.unwrap();
                    match job {
                        Some(job) => claimed.push(job.subject),
                        // A lost race looks like an empty queue: look again.
                        None if jobs::has_due(&mut read(&db).await, Millis(2)).await.unwrap() => {}
                        None => return claimed,
                    }
                }
            });
        }
        let mut all: Vec<String> = runners.join_all().await.concat();
        all.sort();
        let mut expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        expected.sort();
        assert_eq!(all, expected);
    }
}
