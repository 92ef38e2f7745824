//! Test results and coverage.

use shipmate::db::Db;
use shipmate::db::results::{self, StoredTarget};
use shipmate::model::report::{Snippet, TestResult};

use super::*;

fn test(name: &str, passed: bool) -> TestResult {
    TestResult {
        run: ODD.into(),
        target: "t".into(),
        suite: String::new(),
        name: name.into(),
        passed,
        duration_ms: Some(i64::MAX),
        message: Some(ODD.into()),
        file: None,
        line: Some(i64::MIN),
        snippet: None,
    }
}

on_both! {
    async fn tests_keep_their_order_and_count(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let (id, other) = (add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await);
        assert_eq!(results::count_tests(&mut tx, &id).await.unwrap(), (0, 0));
        let snippet = Snippet { path: ODD.into(), line: 2, first: 1, text: format!("a\n{ODD}") };
        let failed = TestResult { snippet: Some(snippet), ..test("a", false) };
        let tests = [test("z", true), failed, test("m", true)];
        for ordinal in [2, 0, 1] {
            results::insert_test(&mut tx, &id, ordinal, &tests[ordinal as usize]).await.unwrap();
        }
        // Repeated: nothing changes, not even with another content.
        results::insert_test(&mut tx, &id, 1, &test("other", true)).await.unwrap();
        results::insert_test(&mut tx, &other, 1, &test("elsewhere", true)).await.unwrap();
        assert_eq!(results::list_tests(&mut tx, &id, None).await.unwrap(), tests);
        assert_eq!(results::list_tests(&mut tx, &id, Some(false)).await.unwrap(), tests[1..2]);
        let passed = results::list_tests(&mut tx, &id, Some(true)).await.unwrap();
        assert_eq!(passed, [tests[0].clone(), tests[2].clone()]);
        assert_eq!(results::count_tests(&mut tx, &id).await.unwrap(), (3, 2));
        assert_eq!(results::list_some(&mut tx, &id, None, 2).await.unwrap(), tests[..2]);
        assert_eq!(results::list_some(&mut tx, &id, Some(false), 9).await.unwrap(), tests[1..2]);

        results::clear(&mut tx, &id).await.unwrap();
        assert_eq!(results::count_tests(&mut tx, &id).await.unwrap(), (0, 0));
        assert_eq!(results::count_tests(&mut tx, &other).await.unwrap(), (1, 1));
    }

    async fn targets_keep_their_order_and_exact_figures(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let id = add_build(&mut tx, &app, 1, T).await;
        let target = |name: &str, coverage| StoredTarget {
            name: name.into(),
            coverage,
            files: format!("[{ODD:?}]"),
        };
        let targets = [target("z", 0.1 + 0.2), target(ODD, 0.0), target("a", 1.0)];
        for ordinal in [1, 2, 0] {
            results::insert_target(&mut tx, &id, ordinal, &targets[ordinal as usize]).await.unwrap();
        }
        results::insert_target(&mut tx, &id, 0, &target("other", 0.5)).await.unwrap();
        let found = results::find_target(&mut tx, &id, 1).await.unwrap();
        assert_eq!(found.as_ref(), Some(&targets[1]));
        assert_eq!(results::find_target(&mut tx, &id, 3).await.unwrap(), None);
        let names = results::list_target_names(&mut tx, &id, 2).await.unwrap();
        assert_eq!(names, [(0, "z".to_owned(), 0.1 + 0.2), (1, ODD.to_owned(), 0.0)]);
        assert_eq!(results::list_targets(&mut tx, &id).await.unwrap(), targets);
        assert_eq!(results::list_figures(&mut tx, &id).await.unwrap(), [0.1 + 0.2, 0.0, 1.0]);
        results::clear(&mut tx, &id).await.unwrap();
        assert_eq!(results::list_targets(&mut tx, &id).await.unwrap(), []);
        assert_eq!(results::list_figures(&mut tx, &id).await.unwrap(), [0.0; 0]);
    }
}
