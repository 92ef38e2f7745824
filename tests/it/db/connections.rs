//! Accounts of organisations at providers.

use shipmate::db::connections;
use shipmate::model::connection::Connection;
use shipmate::model::ids::ConnectionId;
use shipmate::model::status::Provider;

use super::*;

fn connection(org: &OrgId, name: &str, at: Millis) -> Connection {
    Connection {
        id: ConnectionId::generate(at),
        org_id: org.clone(),
        name: name.into(),
        provider: Provider::BitbucketServer,
        base_url: ODD.into(),
        token_sealed: "k1.a".into(),
        token_set_at: at,
        account: String::new(),
        checked_at: None,
        check_error: None,
        created_at: at,
    }
}

on_both! {
    async fn connections_are_of_one_organisation(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let org = db::apps::find(&mut tx, &app).await.unwrap().unwrap().org_id;
        let (late, early) = (connection(&org, ODD, T.plus(9)), connection(&org, "B", T));
        for row in [&late, &early] {
            assert!(connections::insert(&mut tx, row).await.unwrap());
        }
        assert!(!connections::insert(&mut tx, &connection(&org, "B", T)).await.unwrap());
        let both = [early.clone(), late.clone()];
        assert_eq!(connections::list(&mut tx, &org).await.unwrap(), both);
        assert_eq!(connections::list_of_app(&mut tx, &app).await.unwrap(), both);
        let other = OrgId::generate(T);
        assert_eq!(connections::list(&mut tx, &other).await.unwrap(), []);
        assert_eq!(connections::find(&mut tx, &other, &late.id).await.unwrap(), None);
        assert_eq!(connections::find(&mut tx, &org, &late.id).await.unwrap(), Some(late.clone()));
        let urls = connections::list_repositories(&mut tx, &org).await.unwrap();
        assert_eq!(urls.len(), 1, "{urls:?}");
        assert_eq!(connections::delete(&mut tx, &early.id).await.unwrap(), 1);
        assert_eq!(connections::delete(&mut tx, &early.id).await.unwrap(), 0);
    }

    async fn what_a_check_found_is_of_its_token(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let org = db::apps::find(&mut tx, &app).await.unwrap().unwrap().org_id;
        let row = connection(&org, "A", T);
        connections::insert(&mut tx, &row).await.unwrap();
        let key = (&row.id, "k1.a");
        assert_eq!(connections::set_checked(&mut tx, key, Ok(ODD), Millis(5)).await.unwrap(), 1);
        let found = connections::find(&mut tx, &org, &row.id).await.unwrap().unwrap();
        assert_eq!((found.account.as_str(), found.checked_at, found.check_error), (ODD, Some(Millis(5)), None));
        // A failure keeps the name.
        assert_eq!(connections::set_checked(&mut tx, key, Err("away"), Millis(6)).await.unwrap(), 1);
        let found = connections::find(&mut tx, &org, &row.id).await.unwrap().unwrap();
        assert_eq!((found.account.as_str(), found.check_error.as_deref()), (ODD, Some("away")));
        assert_eq!(connections::set_token(&mut tx, &row.id, "k1.b", Millis(7)).await.unwrap(), 1);
        let found = connections::find(&mut tx, &org, &row.id).await.unwrap().unwrap();
        let expected = Connection { token_sealed: "k1.b".into(), token_set_at: Millis(7), ..row.clone() };
        assert_eq!(found, expected);
        // The answer for the old token comes late.
        assert_eq!(connections::set_checked(&mut tx, key, Ok("x"), Millis(8)).await.unwrap(), 0);
    }
}
