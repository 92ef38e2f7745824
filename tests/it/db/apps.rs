//! Apps, branches.

use shipmate::db::{Db, accounts, apps};
use shipmate::model::account::{Access, Actor, Scope};
use shipmate::model::app::Branch;
use shipmate::model::ids::{AppId, TokenId, UserId};
use shipmate::model::time::Millis;

use super::*;

fn actor(user: &UserId, is_admin: bool) -> Actor {
    Actor { user_id: user.clone(), token_id: TokenId::generate(T), is_admin, scope: Scope::Admin }
}

fn branch(name: &str, deleted_at: Option<i64>) -> Branch {
    Branch { name: name.into(), deleted_at: deleted_at.map(Millis) }
}

on_both! {
    async fn an_app_is_stored_whole(db: Db) {
        let mut tx = write(&db).await;
        let org = add_org(&mut tx).await;
        let mut shop = app_row(&org, ODD);
        shop.default_branch = Some(ODD.into());
        shop.branches_read_at = Some(Millis(i64::MIN));
        shop.created_at = T.plus(1);
        apps::insert(&mut tx, &shop, Some("sealed")).await.unwrap();
        let mut game = app_row(&org, "Game");
        game.platform = Platform::Android;
        apps::insert(&mut tx, &game, None).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = read(&db).await;
        assert_eq!(apps::find(&mut tx, &shop.id).await.unwrap().as_ref(), Some(&shop));
        assert_eq!(apps::find(&mut tx, &AppId::generate(T)).await.unwrap(), None);
        assert_eq!(apps::list(&mut tx).await.unwrap(), [game.clone(), shop.clone()]);
        let sealed = apps::find_credential(&mut tx, &shop.id).await.unwrap();
        assert_eq!(sealed.as_deref(), Some("sealed"));
        assert_eq!(apps::find_credential(&mut tx, &game.id).await.unwrap(), None);
        assert_eq!(apps::find_credential(&mut tx, &AppId::generate(T)).await.unwrap(), None);
    }

    async fn a_deleted_app_is_gone(db: Db) {
        let mut tx = write(&db).await;
        let id = add_app(&mut tx).await;
        let admin = actor(&add_user(&mut tx, "root@example.org").await, true);
        db::sql::sql("UPDATE apps SET deleted_at = 1 WHERE id = $1").bind(&id).exec(&mut tx).await.unwrap();
        assert_eq!(apps::find(&mut tx, &id).await.unwrap(), None);
        assert_eq!(apps::list(&mut tx).await.unwrap(), []);
        assert_eq!(apps::list_visible(&mut tx, &admin).await.unwrap(), []);
    }

    async fn visible_is_what_a_list_or_the_office_grants(db: Db) {
        let mut tx = write(&db).await;
        let users = ["member@x.org", "guest@x.org", "nobody@x.org", "root@x.org"];
        let mut ids = Vec::new();
        for email in users {
            ids.push(add_user(&mut tx, email).await);
        }
        let (org, elsewhere) = (add_org(&mut tx).await, add_org(&mut tx).await);
        let (a, b) = (app_row(&org, "a"), app_row(&org, "b"));
        let c = app_row(&elsewhere, "c");
        for app in [&a, &b, &c] {
            apps::insert(&mut tx, app, None).await.unwrap();
        }
        accounts::insert_member(&mut tx, &org, &ids[0], "read").await.unwrap();
        // Named twice for the same app: listed once.
        accounts::set_app_access(&mut tx, &a.id, &ids[0], Access::Full).await.unwrap();
        accounts::set_app_access(&mut tx, &c.id, &ids[1], Access::Read).await.unwrap();
        for (user, is_admin, expected) in
            [(0, false, "a b"), (1, false, "c"), (2, false, ""), (3, true, "a b c")]
        {
            let mut seen: Vec<_> = apps::list_visible(&mut tx, &actor(&ids[user], is_admin))
                .await
                .unwrap()
                .into_iter()
                .map(|app| app.name)
                .collect();
            seen.sort();
            assert_eq!(seen.join(" "), expected, "{}", users[user]);
        }
    }

    async fn numbers_are_taken_for_good(db: Db) {
        let mut tx = write(&db).await;
        let (a, b) = (add_app(&mut tx).await, add_app(&mut tx).await);
        for expected in 1..=3 {
            assert_eq!(apps::take_build_number(&mut tx, &a).await.unwrap(), expected);
        }
        assert_eq!(apps::take_build_number(&mut tx, &b).await.unwrap(), 1);
        assert!(apps::take_build_number(&mut tx, &AppId::generate(T)).await.is_err());
    }

    async fn what_the_remote_said_is_kept(db: Db) {
        let mut tx = write(&db).await;
        let (id, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        apps::set_default_branch(&mut tx, &id, "develop").await.unwrap();
        apps::set_branches_read_at(&mut tx, &id, Millis(7)).await.unwrap();
        let app = apps::find(&mut tx, &id).await.unwrap().unwrap();
        assert_eq!((app.default_branch.as_deref(), app.branches_read_at), (Some("develop"), Some(Millis(7))));
        let app = apps::find(&mut tx, &other).await.unwrap().unwrap();
        assert_eq!((app.default_branch, app.branches_read_at), (None, None));
    }

    async fn branches_are_sorted_by_bytes(db: Db) {
        let mut tx = write(&db).await;
        let (id, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let names = ["zeta", "Zeta", "a/b", "a-b", "A", "_x", "10", "9", "élan", "a"];
        for name in names {
            apps::upsert_branch(&mut tx, &id, name).await.unwrap();
        }
        apps::upsert_branch(&mut tx, &other, "elsewhere").await.unwrap();
        let listed: Vec<_> =
            apps::list_branches(&mut tx, &id).await.unwrap().into_iter().map(|b| b.name).collect();
        assert_eq!(listed, ["10", "9", "A", "Zeta", "_x", "a", "a-b", "a/b", "zeta", "élan"]);
    }

    async fn a_branch_dies_and_comes_back(db: Db) {
        let mut tx = write(&db).await;
        let id = add_app(&mut tx).await;
        apps::upsert_branch(&mut tx, &id, "main").await.unwrap();
        apps::upsert_branch(&mut tx, &id, "main").await.unwrap();
        assert_eq!(apps::list_branches(&mut tx, &id).await.unwrap(), [branch("main", None)]);
        apps::mark_branch_deleted(&mut tx, &id, "main", Millis(5)).await.unwrap();
        // The first time counts.
        apps::mark_branch_deleted(&mut tx, &id, "main", Millis(9)).await.unwrap();
        apps::mark_branch_deleted(&mut tx, &id, "never", Millis(9)).await.unwrap();
        let found = apps::find_branch(&mut tx, &id, "main").await.unwrap();
        assert_eq!(found, Some(branch("main", Some(5))));
        apps::upsert_branch(&mut tx, &id, "main").await.unwrap();
        let found = apps::find_branch(&mut tx, &id, "main").await.unwrap();
        assert_eq!(found, Some(branch("main", None)));
        assert_eq!(apps::find_branch(&mut tx, &id, "never").await.unwrap(), None);
    }

    async fn an_app_is_changed_and_deleted(db: Db) {
        let mut tx = write(&db).await;
        let org = add_org(&mut tx).await;
        let mut app = app_row(&org, "Shop");
        app.default_branch = Some("main".into());
        apps::insert(&mut tx, &app, Some("sealed")).await.unwrap();

        app.name = ODD.into();
        apps::rename(&mut tx, &app.id, ODD).await.unwrap();
        app.is_public = true;
        apps::set_public(&mut tx, &app.id, true).await.unwrap();
        app.org_id = add_org(&mut tx).await;
        apps::set_organisation(&mut tx, &app.id, &app.org_id).await.unwrap();
        app.repo_url = "https://git.example.org/o/other.git".into();
        app.default_branch = None;
        apps::set_repository(&mut tx, &app.id, &app.repo_url, None).await.unwrap();
        assert_eq!(apps::find(&mut tx, &app.id).await.unwrap().as_ref(), Some(&app));
        assert_eq!(apps::find_credential(&mut tx, &app.id).await.unwrap(), None);

        assert_eq!(apps::find_next_build_number(&mut tx, &app.id).await.unwrap(), 1);
        assert_eq!(apps::raise_build_number(&mut tx, &app.id, 7).await.unwrap(), 1);
        assert_eq!(apps::raise_build_number(&mut tx, &app.id, 6).await.unwrap(), 0);
        assert_eq!(apps::find_next_build_number(&mut tx, &app.id).await.unwrap(), 7);

        assert_eq!(apps::find_deleted(&mut tx, &app.id).await.unwrap(), None);
        assert_eq!(apps::set_deleted_at(&mut tx, &app.id, None).await.unwrap(), 0);
        assert_eq!(apps::set_deleted_at(&mut tx, &app.id, Some(T)).await.unwrap(), 1);
        assert_eq!(apps::set_deleted_at(&mut tx, &app.id, Some(T)).await.unwrap(), 0);
        assert_eq!(apps::find(&mut tx, &app.id).await.unwrap(), None);
        let deleted = apps::find_deleted(&mut tx, &app.id).await.unwrap().unwrap();
        assert_eq!((&deleted.app, deleted.deleted_at), (&app, T));
        let late = apps::take_build_number(&mut tx, &app.id).await;
        assert!(matches!(late, Err(shipmate::error::Error::NotFound(_))), "{late:?}");
        assert_eq!(apps::set_deleted_at(&mut tx, &app.id, None).await.unwrap(), 1);
        assert_eq!(apps::take_build_number(&mut tx, &app.id).await.unwrap(), 7);
    }
}
