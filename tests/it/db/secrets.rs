//! Variables, secure files, SSH keys and hosts.

use shipmate::db::Db;
use shipmate::db::secure_files::{self, StoredFile};
use shipmate::db::ssh::{self, StoredHost, StoredKey};
use shipmate::db::variables::{self, StoredVariable};
use shipmate::error::Error;
use shipmate::model::ids::SecureFileId;
use shipmate::model::time::Millis;

use super::*;

fn variable(owner: &str, branch: &str, name: &str, value: &str) -> StoredVariable {
    StoredVariable {
        owner_id: owner.into(),
        branch: branch.into(),
        kind: "environment".into(),
        name: name.into(),
        value_sealed: value.into(),
        hidden: true,
        changed_at: T,
    }
}

on_both! {
    async fn a_variable_is_replaced_in_its_place_alone(db: Db) {
        let mut tx = write(&db).await;
        let (app, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let (app, other) = (app.as_str(), other.as_str());
        // A language would put `A_` before `A1` and `a` before `B`; bytes do not.
        let rows = [
            variable(app, "", "B", "1"),
            variable(app, "", "A_", "2"),
            variable(app, "", "A1", ODD),
            variable(app, "", "a", "4"),
            variable(app, ODD, "B", "5"),
        ];
        for row in &rows {
            variables::upsert(&mut tx, row).await.unwrap();
        }
        let device = StoredVariable { kind: "device".into(), ..variable(app, "", "B", "6") };
        variables::upsert(&mut tx, &device).await.unwrap();
        variables::upsert(&mut tx, &variable(other, "", "B", "7")).await.unwrap();
        let again = StoredVariable { hidden: false, changed_at: Millis(9), ..variable(app, "", "B", "8") };
        variables::upsert(&mut tx, &again).await.unwrap();
        let listed = variables::list(&mut tx, app, "environment").await.unwrap();
        let [_, a_, a1, a, branch] = rows;
        assert_eq!(listed, [a1, a_, again, branch.clone(), a]);
        assert_eq!(variables::list(&mut tx, app, "device").await.unwrap(), [device]);
        assert!(variables::delete(&mut tx, app, "", "environment", "B").await.unwrap());
        assert!(!variables::delete(&mut tx, app, "", "environment", "B").await.unwrap());
        let left = variables::list(&mut tx, app, "environment").await.unwrap();
        assert_eq!(left.iter().filter(|v| v.name == "B").collect::<Vec<_>>(), [&branch]);
        assert_eq!(variables::list(&mut tx, other, "environment").await.unwrap().len(), 1);
    }

    async fn a_secure_file_has_one_name_per_owner(db: Db) {
        let mut tx = write(&db).await;
        let (app, org) = (add_app(&mut tx).await, add_org(&mut tx).await);
        let file = |owner: &str, name: &str| StoredFile {
            id: SecureFileId::generate(T),
            owner_id: owner.into(),
            name: name.into(),
            bytes: 50 << 20,
            blob_key: "secure-files/x".into(),
            key_sealed: ODD.into(),
            created_at: T,
        };
        let first = file(app.as_str(), "é.json");
        let second = file(app.as_str(), "Z.json");
        for file in [&first, &second, &file(org.as_str(), "Z.json")] {
            secure_files::insert(&mut tx, file).await.unwrap();
        }
        assert_eq!(secure_files::list(&mut tx, app.as_str()).await.unwrap(), [second.clone(), first.clone()]);
        let found = secure_files::find(&mut tx, app.as_str(), "Z.json").await.unwrap();
        assert_eq!(found, Some(second.clone()));
        secure_files::delete(&mut tx, &second.id).await.unwrap();
        assert_eq!(secure_files::find(&mut tx, app.as_str(), "Z.json").await.unwrap(), None);
        assert_eq!(secure_files::list(&mut tx, org.as_str()).await.unwrap().len(), 1);
        let taken = secure_files::insert(&mut tx, &file(app.as_str(), "é.json")).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    }

    async fn an_organisation_has_one_key_and_keeps_the_first_host_key(db: Db) {
        let mut tx = write(&db).await;
        let (org, other) = (add_org(&mut tx).await, add_org(&mut tx).await);
        assert_eq!(ssh::find_key(&mut tx, &org).await.unwrap(), None);
        for number in 1..=2 {
            let key = StoredKey {
                public_key: format!("ssh-ed25519 {number}"),
                private_sealed: ODD.into(),
                created_at: Millis(number),
            };
            ssh::set_key(&mut tx, &org, &key).await.unwrap();
            assert_eq!(ssh::find_key(&mut tx, &org).await.unwrap(), Some(key));
        }
        assert_eq!(ssh::find_key(&mut tx, &other).await.unwrap(), None);
        let host = |name: &str, keys: &str| StoredHost {
            host: name.into(),
            keys: keys.into(),
            recorded_at: T,
        };
        for (name, keys) in [("b:22", "1"), ("B:22", "2"), ("b:22", "3")] {
            ssh::insert_host(&mut tx, &org, &host(name, keys)).await.unwrap();
        }
        assert_eq!(ssh::list_hosts(&mut tx, &org).await.unwrap(), [host("B:22", "2"), host("b:22", "1")]);
        assert!(ssh::list_hosts(&mut tx, &other).await.unwrap().is_empty());
        assert!(ssh::delete_host(&mut tx, &org, "b:22").await.unwrap());
        assert!(!ssh::delete_host(&mut tx, &org, "b:22").await.unwrap());
        assert!(!ssh::delete_host(&mut tx, &other, "B:22").await.unwrap());
    }
}
