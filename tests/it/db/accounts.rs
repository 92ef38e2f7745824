//! Users, organisations, memberships, tokens.

use shipmate::db::{Db, accounts};
use shipmate::error::Error;
use shipmate::model::account::{Access, Organisation};
use shipmate::model::ids::{AppId, OrgId};
use shipmate::model::time::Millis;

use super::*;

on_both! {
    async fn users_are_found_and_listed_by_address(db: Db) {
        let mut tx = write(&db).await;
        assert!(!accounts::has_users(&mut tx).await.unwrap());
        // A language would put `_` before `1`; bytes do not.
        let mut ann = user_row("a_@example.org");
        ann.name = ODD.into();
        ann.is_admin = true;
        ann.created_at = Millis(i64::MAX);
        accounts::insert_user(&mut tx, &ann).await.unwrap();
        let bob = user_row("a1@example.org");
        accounts::insert_user(&mut tx, &bob).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = read(&db).await;
        assert!(accounts::has_users(&mut tx).await.unwrap());
        let found = accounts::find_user_by_email(&mut tx, "a_@example.org").await.unwrap();
        let id = found.as_ref().unwrap().id.clone();
        assert_eq!(accounts::find_user(&mut tx, &id).await.unwrap(), found);
        assert_eq!(found.as_ref(), Some(&ann));
        assert_eq!(accounts::find_user_by_email(&mut tx, "A_@example.org").await.unwrap(), None);
        assert_eq!(accounts::list_users(&mut tx).await.unwrap(), [bob, ann]);
    }

    async fn an_address_is_taken_once(db: Db) {
        let mut tx = write(&db).await;
        add_user(&mut tx, "ann@example.org").await;
        let bob = add_user(&mut tx, "bob@example.org").await;
        accounts::set_profile(&mut tx, &bob, "bo@example.org", ODD).await.unwrap();
        let found = accounts::find_user(&mut tx, &bob).await.unwrap().unwrap();
        assert_eq!((found.email.as_str(), found.name.as_str()), ("bo@example.org", ODD));
        let again = accounts::insert_user(&mut tx, &user_row("ann@example.org")).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    }

    async fn the_oldest_owned_organisation_is_found(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        assert_eq!(accounts::find_owned_organisation(&mut tx, &ann).await.unwrap(), None);
        let mut made = Vec::new();
        for (at, role) in [(9, "owner"), (5, "owner"), (1, "full"), (5, "owner")] {
            let at = Millis(at);
            let org = Organisation { id: OrgId::generate(at), name: ODD.into(), created_at: at };
            accounts::insert_organisation(&mut tx, &org).await.unwrap();
            accounts::insert_member(&mut tx, &org.id, &ann, role).await.unwrap();
            made.push(org);
        }
        // Two are equally old: the smaller id decides.
        let oldest = [&made[1], &made[3]].into_iter().min_by_key(|o| o.id.clone()).unwrap();
        let found = accounts::find_owned_organisation(&mut tx, &ann).await.unwrap();
        assert_eq!(found.as_ref(), Some(oldest));
        let again = accounts::insert_member(&mut tx, &made[0].id, &ann, "read").await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    }

    async fn access_says_what_both_lists_say(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let org = add_org(&mut tx).await;
        let app = app_row(&org, "Shop");
        db::apps::insert(&mut tx, &app, None).await.unwrap();
        let row = accounts::find_access(&mut tx, &app.id, &ann).await.unwrap();
        assert_eq!((row.app_access, row.org_role), (None, None));

        accounts::insert_member(&mut tx, &org, &ann, "read").await.unwrap();
        for access in [Access::Full, Access::Read] {
            accounts::set_app_access(&mut tx, &app.id, &ann, access).await.unwrap();
            let row = accounts::find_access(&mut tx, &app.id, &ann).await.unwrap();
            assert_eq!(row.app_access.as_deref(), Some(access.as_str()));
            assert_eq!(row.org_role.as_deref(), Some("read"));
        }
        let other = accounts::find_access(&mut tx, &AppId::generate(T), &ann).await.unwrap();
        assert_eq!((other.app_access, other.org_role), (None, None));
    }
}
