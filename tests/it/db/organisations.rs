//! Organisations, members, collaborators.

use shipmate::db::organisations::{self, Member};
use shipmate::db::{Db, accounts};
use shipmate::model::account::{Access, Role};
use shipmate::model::ids::OrgId;

use super::*;

fn member(user_id: &UserId, email: &str, role: &str) -> Member {
    Member { user_id: user_id.clone(), email: email.into(), name: "Ann".into(), role: role.into() }
}

on_both! {
    async fn organisations_are_seen_with_the_own_role(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let mine = add_org(&mut tx).await;
        let other = add_org(&mut tx).await;
        organisations::set_member(&mut tx, &mine, &ann, Role::Read).await.unwrap();
        organisations::set_member(&mut tx, &mine, &ann, Role::Owner).await.unwrap();
        assert_eq!(organisations::rename(&mut tx, &mine, ODD).await.unwrap(), 1);
        assert_eq!(organisations::rename(&mut tx, &OrgId::generate(T), ODD).await.unwrap(), 0);

        let found = organisations::find(&mut tx, &mine).await.unwrap().unwrap();
        assert_eq!((&found.id, found.name.as_str()), (&mine, ODD));
        let seen = organisations::find_seen(&mut tx, &mine, &ann).await.unwrap().unwrap();
        assert_eq!((seen.name.as_str(), seen.role.as_deref()), (ODD, Some("owner")));
        let unseen = organisations::find_seen(&mut tx, &other, &ann).await.unwrap().unwrap();
        assert_eq!((&unseen.id, &unseen.role), (&other, &None));
        assert!(organisations::find_seen(&mut tx, &OrgId::generate(T), &ann).await.unwrap().is_none());
        assert_eq!(organisations::list_seen(&mut tx, &ann, false).await.unwrap(), std::slice::from_ref(&seen));
        assert_eq!(organisations::list_seen(&mut tx, &ann, true).await.unwrap(), [seen, unseen]);
    }

    async fn members_are_listed_by_address(db: Db) {
        let mut tx = write(&db).await;
        // A language would put `_` before `1`; bytes do not.
        let ann = add_user(&mut tx, "a_@example.org").await;
        let bob = add_user(&mut tx, "a1@example.org").await;
        let org = add_org(&mut tx).await;
        organisations::set_member(&mut tx, &org, &ann, Role::Owner).await.unwrap();
        organisations::set_member(&mut tx, &org, &bob, Role::Full).await.unwrap();
        let expected = [member(&bob, "a1@example.org", "full"), member(&ann, "a_@example.org", "owner")];
        assert_eq!(organisations::list_members(&mut tx, &org).await.unwrap(), expected);
        assert_eq!(organisations::count_owners(&mut tx, &org).await.unwrap(), 1);
        assert_eq!(organisations::remove_member(&mut tx, &org, &ann).await.unwrap(), 1);
        assert_eq!(organisations::remove_member(&mut tx, &org, &ann).await.unwrap(), 0);
        assert_eq!(organisations::count_owners(&mut tx, &org).await.unwrap(), 0);
    }

    async fn collaborators_are_listed_by_address(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "a_@example.org").await;
        let bob = add_user(&mut tx, "a1@example.org").await;
        let app = add_app(&mut tx).await;
        accounts::set_app_access(&mut tx, &app, &ann, Access::Read).await.unwrap();
        accounts::set_app_access(&mut tx, &app, &bob, Access::Full).await.unwrap();
        let expected = [member(&bob, "a1@example.org", "full"), member(&ann, "a_@example.org", "read")];
        assert_eq!(organisations::list_collaborators(&mut tx, &app).await.unwrap(), expected);
        assert_eq!(organisations::remove_collaborator(&mut tx, &app, &bob).await.unwrap(), 1);
        assert_eq!(organisations::remove_collaborator(&mut tx, &app, &bob).await.unwrap(), 0);
    }
}
