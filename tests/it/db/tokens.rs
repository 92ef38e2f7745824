//! Personal and named tokens.

use shipmate::db::{Db, tokens};
use shipmate::error::Error;
use shipmate::model::account::Scope;
use shipmate::model::time::Millis;

use super::*;

on_both! {
    async fn a_token_works_until_it_is_revoked(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let bob = add_user(&mut tx, "bob@example.org").await;
        let personal = token_row(&ann, None);
        let mut named = token_row(&ann, Some(ODD));
        named.scope = Scope::Trigger;
        named.created_at = T.plus(1);
        named.expires_at = Some(Millis(i64::MAX));
        let other = token_row(&bob, None);
        for (token, hash) in [(&personal, "h0"), (&named, "h1"), (&other, "h2")] {
            tokens::insert(&mut tx, token, hash).await.unwrap();
        }
        assert_eq!(tokens::list(&mut tx, &ann).await.unwrap(), [named.clone(), personal.clone()]);
        let owner = tokens::find_owner(&mut tx, "h1").await.unwrap().expect("it is live");
        assert_eq!((&owner.token_id, &owner.user_id), (&named.id, &ann));
        assert_eq!((owner.is_admin, owner.scope), (false, Scope::Trigger));
        assert_eq!((owner.expires_at, owner.last_used_at), (named.expires_at, None));
        assert!(tokens::find_owner(&mut tx, "h9").await.unwrap().is_none());

        tokens::set_copy(&mut tx, &named.id, "sealed").await.unwrap();
        let copy = tokens::find_copy(&mut tx, &ann, &named.id).await.unwrap();
        assert_eq!(copy.as_deref(), Some("sealed"));
        assert_eq!(tokens::find_copy(&mut tx, &bob, &named.id).await.unwrap(), None);
        assert_eq!(tokens::find_copy(&mut tx, &ann, &personal.id).await.unwrap(), None);

        assert_eq!(tokens::revoke(&mut tx, &bob, &named.id, T).await.unwrap(), None);
        assert_eq!(tokens::revoke(&mut tx, &ann, &named.id, T).await.unwrap(), Some(named.name.clone()));
        assert_eq!(tokens::revoke(&mut tx, &ann, &named.id, T).await.unwrap(), None);
        assert!(tokens::find_owner(&mut tx, "h1").await.unwrap().is_none());
        assert_eq!(tokens::find_copy(&mut tx, &ann, &named.id).await.unwrap(), None);
        // The name is free again.
        tokens::insert(&mut tx, &token_row(&ann, Some(ODD)), "h3").await.unwrap();
        assert_eq!(tokens::revoke_personal(&mut tx, &ann, T).await.unwrap(), 1);
        assert_eq!(tokens::revoke_personal(&mut tx, &ann, T).await.unwrap(), 0);
        assert!(tokens::find_owner(&mut tx, "h0").await.unwrap().is_none());
        assert_eq!(tokens::revoke_all(&mut tx, &ann, T).await.unwrap(), 1);
        assert_eq!(tokens::revoke_all(&mut tx, &ann, T).await.unwrap(), 0);
        assert!(tokens::find_owner(&mut tx, "h2").await.unwrap().is_some());
    }

    async fn one_personal_token_and_one_of_each_name(db: Db) {
        for name in [None, Some("ci")] {
            let mut tx = write(&db).await;
            let ann = add_user(&mut tx, "ann@example.org").await;
            let bob = add_user(&mut tx, "bob@example.org").await;
            tokens::insert(&mut tx, &token_row(&ann, name), "h0").await.unwrap();
            tokens::insert(&mut tx, &token_row(&bob, name), "h1").await.unwrap();
            let again = tokens::insert(&mut tx, &token_row(&ann, name), "h2").await;
            assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        }
    }

    async fn the_last_use_is_noted_at_most_so_often(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let token = token_row(&ann, None);
        tokens::insert(&mut tx, &token, "h0").await.unwrap();
        for (at, written) in [(0, 1), (999, 0), (1_000, 1), (1_999, 0)] {
            assert_eq!(tokens::touch(&mut tx, &token.id, T.plus(at), 1_000).await.unwrap(), written, "{at}");
        }
        let owner = tokens::find_owner(&mut tx, "h0").await.unwrap().unwrap();
        assert_eq!(owner.last_used_at, Some(T.plus(1_000)));
    }
}
