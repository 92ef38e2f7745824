//! Keys of calls that may be repeated.

use shipmate::db::idempotency::{self, Mark};
use shipmate::db::{Db, tokens};
use shipmate::model::time::Millis;

use super::*;

on_both! {
    async fn a_key_is_held_once_and_fenced(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let token = token_row(&ann, None);
        tokens::insert(&mut tx, &token, "h0").await.unwrap();
        let mark = |at: Millis| Mark { token: token.id.clone(), key: ODD.into(), taken_at: at };
        let first = mark(T);
        assert!(idempotency::insert(&mut tx, &first, "digest").await.unwrap());
        assert!(!idempotency::insert(&mut tx, &mark(T.plus(1)), "other").await.unwrap());
        let kept = idempotency::find(&mut tx, &token.id, ODD).await.unwrap().unwrap();
        assert_eq!((kept.digest.as_str(), kept.taken_at, kept.status), ("digest", T, None));
        assert!(idempotency::find(&mut tx, &token.id, "none").await.unwrap().is_none());
        assert_eq!(idempotency::count(&mut tx, &token.id).await.unwrap(), 1);

        // Taken over: the first holder changes nothing any more.
        let second = mark(T.plus(9));
        assert_eq!(idempotency::take_over(&mut tx, &second, T.plus(1)).await.unwrap(), 0);
        assert_eq!(idempotency::take_over(&mut tx, &second, T).await.unwrap(), 1);
        assert_eq!(idempotency::keep(&mut tx, &first, 200, "", "late").await.unwrap(), 0);
        assert_eq!(idempotency::release(&mut tx, &first).await.unwrap(), 0);
        assert_eq!(idempotency::keep(&mut tx, &second, 201, "text/plain", ODD).await.unwrap(), 1);
        assert_eq!(idempotency::release(&mut tx, &second).await.unwrap(), 0);
        let kept = idempotency::find(&mut tx, &token.id, ODD).await.unwrap().unwrap();
        assert_eq!((kept.status, kept.media_type.as_str()), (Some(201), "text/plain"));
        assert_eq!(kept.body_sealed.as_deref(), Some(ODD));
        assert_eq!(idempotency::delete_older(&mut tx, T.plus(9)).await.unwrap(), 0);
        assert_eq!(idempotency::delete_older(&mut tx, T.plus(10)).await.unwrap(), 1);
        assert!(idempotency::insert(&mut tx, &first, "digest").await.unwrap());
        assert_eq!(idempotency::release(&mut tx, &first).await.unwrap(), 1);
    }
}
