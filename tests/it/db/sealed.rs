//! What a change of the master key has to go through: all of it.

use std::collections::BTreeSet;
use std::path::Path;

use shipmate::db::sealed::{self, Column, Sealed};

use super::*;
use crate::harness::database::TestDb;
use std::sync::Arc;

/// Where the product seals values for storage. A new place stores them in a
/// column that `db::sealed::Column` names and `cli::rotate_key` opens.
const SEALING: [&str; 12] = [
    "src/accounts/letters.rs",
    "src/accounts/sign_in.rs",
    "src/accounts/sso/providers.rs",
    "src/accounts/tokens.rs",
    "src/apps/mod.rs",
    "src/apps/providers.rs",
    "src/apps/secure_files.rs",
    "src/apps/ssh_keys.rs",
    "src/apps/variables.rs",
    "src/apps/webhook.rs",
    "src/builds/statuses.rs",
    "src/http/idempotency.rs",
];

/// Seals what waits in a page of a browser and is stored nowhere.
const CARRYING: &str = "src/apps/connection.rs";

on_both! {
    async fn every_sealed_column_is_named(db: Arc<TestDb>) {
        db.open().await;
        let mut found = BTreeSet::new();
        for (table, columns) in db.tables().await {
            let sealed = columns.into_iter().filter(|column| column.ends_with("_sealed"));
            found.extend(sealed.map(|column| (table.clone(), column)));
        }
        let named = Column::ALL.iter().map(|column| column.names());
        let named = named.map(|(table, column)| (table.to_owned(), column.to_owned()));
        let forgotten = "a master key that is replaced would leave these columns behind";
        assert_eq!(found, named.collect(), "{forgotten}");
    }

    async fn values_of_older_keys_are_found_and_replaced(db: Db) {
        let mut tx = write(&db).await;
        for column in Column::ALL {
            assert_eq!(sealed::list(&mut tx, *column, "k2.", 0, 9).await.unwrap(), []);
            assert_eq!(sealed::count(&mut tx, *column, "k2.").await.unwrap(), 0);
            let none = Sealed { a: ODD.into(), b: ODD.into(), c: ODD.into(), d: ODD.into(), sealed: ODD.into() };
            assert_eq!(sealed::replace(&mut tx, *column, &none, "k2.x").await.unwrap(), 0);
        }
        let app = add_app(&mut tx).await;
        for (name, value) in [("A", "k1.a"), ("B", "k2.b"), ("C", "k1.c"), ("D", "k20.d")] {
            let stored = db::variables::StoredVariable {
                owner_id: app.to_string(),
                branch: ODD.into(),
                kind: "environment".into(),
                name: name.into(),
                value_sealed: value.into(),
                hidden: true,
                changed_at: T,
            };
            db::variables::upsert(&mut tx, &stored).await.unwrap();
        }
        let found = sealed::list(&mut tx, Column::Variable, "k2.", 0, 9).await.unwrap();
        let names: Vec<_> = found.iter().map(|row| (row.d.as_str(), row.sealed.as_str())).collect();
        assert_eq!(names, [("A", "k1.a"), ("C", "k1.c"), ("D", "k20.d")]);
        assert_eq!(sealed::list(&mut tx, Column::Variable, "k2.", 1, 1).await.unwrap(), [found[1].clone()]);
        assert_eq!(sealed::replace(&mut tx, Column::Variable, &found[0], "k2.a").await.unwrap(), 1);
        // Somebody else was faster.
        assert_eq!(sealed::replace(&mut tx, Column::Variable, &found[0], "k2.x").await.unwrap(), 0);
        assert_eq!(sealed::count(&mut tx, Column::Variable, "k2.").await.unwrap(), 2);
    }
}

#[test]
fn nothing_else_seals() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root.join("src")).sort_by_file_name() {
        let path = entry.unwrap().into_path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".rs") || name.starts_with("src/secrets") || name == CARRYING {
            continue;
        }
        // What it seals travels in a form and is stored nowhere.
        if name == "src/apps/connection.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("keys.seal(") || text.contains("keys.new_file_key(") {
            found.push(name);
        }
    }
    assert_eq!(found, SEALING);
}
