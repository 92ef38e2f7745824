//! Sessions, passwords, second factors and failed sign-ins.

use shipmate::db::sessions;
use shipmate::model::ids::SessionId;
use shipmate::model::session::{Began, Session};

use super::*;

fn session(user: &UserId, at: i64) -> Session {
    Session {
        id: SessionId::generate(T),
        user_id: user.clone(),
        created_at: Millis(at),
        seen_at: Millis(at),
        expires_at: Millis(at + 100),
        browser: ODD.into(),
        address: "::1".into(),
        began: Began::Password,
        provider_id: None,
    }
}

on_both! {
    async fn sessions_live_until_they_expire_or_end(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let bob = add_user(&mut tx, "bob@example.org").await;
        let (old, new, other) = (session(&ann, 5), session(&ann, 6), session(&bob, 5));
        for (row, hash) in [(&old, "h1"), (&new, "h2"), (&other, "h3")] {
            sessions::insert(&mut tx, row, hash).await.unwrap();
        }
        let found = sessions::find(&mut tx, "h1", Millis(50)).await.unwrap().unwrap();
        assert_eq!((found.session_id, found.user.id), (old.id.clone(), ann.clone()));
        assert_eq!(sessions::find(&mut tx, "h1", Millis(105)).await.unwrap(), None);
        assert_eq!(sessions::find(&mut tx, "h9", Millis(50)).await.unwrap(), None);
        assert_eq!(sessions::list(&mut tx, &ann, Millis(50)).await.unwrap(), [new.clone(), old.clone()]);
        sessions::touch(&mut tx, &old.id, Millis(60), Millis(160)).await.unwrap();
        let listed = sessions::list(&mut tx, &ann, Millis(110)).await.unwrap();
        assert_eq!(listed, [Session { seen_at: Millis(60), expires_at: Millis(160), ..old.clone() }]);

        assert_eq!(sessions::delete(&mut tx, &bob, &old.id).await.unwrap(), 0);
        assert_eq!(sessions::delete(&mut tx, &ann, &old.id).await.unwrap(), 1);
        sessions::insert(&mut tx, &session(&ann, 7), "h4").await.unwrap();
        assert_eq!(sessions::delete_all(&mut tx, &ann, Some(&new.id)).await.unwrap(), 1);
        assert_eq!(sessions::delete_all(&mut tx, &ann, None).await.unwrap(), 1);
        sessions::sweep(&mut tx, Millis(105), Millis(0)).await.unwrap();
        assert_eq!(sessions::find(&mut tx, "h3", Millis(50)).await.unwrap(), None);
    }

    async fn credentials_and_codes_are_used_once(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let bob = add_user(&mut tx, "bob@example.org").await;
        let none = sessions::find_credentials(&mut tx, &ann).await.unwrap().unwrap();
        assert_eq!((none.password_hash, none.totp_sealed, none.totp_step), (None, None, 0));
        sessions::set_password(&mut tx, &ann, "hash").await.unwrap();
        sessions::set_totp(&mut tx, &ann, Some("sealed")).await.unwrap();
        sessions::confirm_totp(&mut tx, &ann, T).await.unwrap();
        let kept = sessions::find_credentials(&mut tx, &ann).await.unwrap().unwrap();
        assert_eq!(kept.password_hash.as_deref(), Some("hash"));
        assert_eq!((kept.totp_sealed.as_deref(), kept.totp_confirmed_at), (Some("sealed"), Some(T)));
        assert_eq!(sessions::take_totp_step(&mut tx, &ann, 9).await.unwrap(), 1);
        assert_eq!(sessions::take_totp_step(&mut tx, &ann, 9).await.unwrap(), 0);
        assert_eq!(sessions::take_totp_step(&mut tx, &ann, 8).await.unwrap(), 0);

        sessions::insert_recovery_code(&mut tx, &ann, "c").await.unwrap();
        assert_eq!(sessions::count_recovery_codes(&mut tx, &ann).await.unwrap(), 1);
        assert_eq!(sessions::take_recovery_code(&mut tx, &bob, "c").await.unwrap(), 0);
        assert_eq!(sessions::take_recovery_code(&mut tx, &ann, "c").await.unwrap(), 1);
        assert_eq!(sessions::take_recovery_code(&mut tx, &ann, "c").await.unwrap(), 0);
        sessions::insert_recovery_code(&mut tx, &ann, "d").await.unwrap();
        sessions::delete_recovery_codes(&mut tx, &bob).await.unwrap();
        assert_eq!(sessions::count_recovery_codes(&mut tx, &ann).await.unwrap(), 1);
        sessions::delete_recovery_codes(&mut tx, &ann).await.unwrap();
        assert_eq!(sessions::count_recovery_codes(&mut tx, &ann).await.unwrap(), 0);
        sessions::insert_recovery_code(&mut tx, &ann, "d").await.unwrap();
        sessions::set_totp(&mut tx, &ann, None).await.unwrap();
        assert_eq!(sessions::count_recovery_codes(&mut tx, &ann).await.unwrap(), 0);
        let removed = sessions::find_credentials(&mut tx, &ann).await.unwrap().unwrap();
        assert_eq!((removed.totp_sealed, removed.totp_confirmed_at), (None, None));
    }

    async fn failures_are_counted_within_a_window(db: Db) {
        let mut tx = write(&db).await;
        for at in [1, 2, 3] {
            sessions::insert_failure(&mut tx, "email:a", Millis(at)).await.unwrap();
        }
        sessions::insert_failure(&mut tx, "address:1", Millis(3)).await.unwrap();
        assert_eq!(sessions::count_failures(&mut tx, "email:a", Millis(1)).await.unwrap(), 2);
        sessions::sweep(&mut tx, Millis(0), Millis(2)).await.unwrap();
        assert_eq!(sessions::count_failures(&mut tx, "email:a", Millis(0)).await.unwrap(), 1);
        sessions::clear_failures(&mut tx, "email:a").await.unwrap();
        assert_eq!(sessions::count_failures(&mut tx, "email:a", Millis(0)).await.unwrap(), 0);
        assert_eq!(sessions::count_failures(&mut tx, "address:1", Millis(0)).await.unwrap(), 1);
    }
}
