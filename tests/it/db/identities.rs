//! Identity providers, the accounts that people have there, sign-ins under way,
//! and the sessions that end with them.

use shipmate::db::{identities, identity_providers, sessions};
use shipmate::error::Error;
use shipmate::model::identity::{Flow, Identity, IdentityProvider, ProviderKind};
use shipmate::model::ids::{IdentityId, IdentityProviderId, SessionId};
use shipmate::model::session::{Began, Session};

use super::*;

fn provider(at: i64, domains: &[&str]) -> IdentityProvider {
    IdentityProvider {
        id: IdentityProviderId::generate(T),
        kind: ProviderKind::Gitlab,
        name: ODD.into(),
        base_url: "https://gitlab.com".into(),
        client_id: ODD.into(),
        require_sso: true,
        trusts_emails: false,
        enabled: true,
        created_at: Millis(at),
        domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
    }
}

fn identity(provider: &IdentityProvider, user: &UserId, subject: &str) -> Identity {
    Identity {
        id: IdentityId::generate(T),
        provider_id: provider.id.clone(),
        subject: subject.into(),
        user_id: user.clone(),
        label: ODD.into(),
        by_hand: true,
        linked_at: Millis(1),
        seen_at: Millis(2),
    }
}

async fn enter(tx: &mut Tx, user: &UserId, by: Option<&IdentityProvider>) -> SessionId {
    let session = Session {
        id: SessionId::generate(T),
        user_id: user.clone(),
        created_at: T,
        seen_at: T,
        expires_at: T.plus(100),
        browser: String::new(),
        address: String::new(),
        began: if by.is_some() { Began::Provider } else { Began::Token },
        provider_id: by.map(|provider| provider.id.clone()),
    };
    sessions::insert(tx, &session, session.id.as_str()).await.unwrap();
    assert_eq!(sessions::list(tx, user, T).await.unwrap()[0], session);
    session.id
}

async fn alive(tx: &mut Tx, user: &UserId) -> Vec<SessionId> {
    sessions::list(tx, user, T).await.unwrap().into_iter().map(|session| session.id).collect()
}

on_both! {
    async fn providers_are_kept_with_their_domains(db: Db) {
        let mut tx = write(&db).await;
        let one = provider(1, &["b\u{fc}cher.example", "example.org"]);
        let two = provider(2, &["example.org"]);
        // Sorted as bytes, not as a language would.
        let one = IdentityProvider { domains: { let mut all = one.domains; all.sort(); all }, ..one };
        for row in [&one, &two] {
            identity_providers::insert(&mut tx, row, "sealed").await.unwrap();
        }
        assert_eq!(identity_providers::find(&mut tx, &one.id).await.unwrap(), Some(one.clone()));
        assert_eq!(identity_providers::list(&mut tx).await.unwrap(), [one.clone(), two.clone()]);
        assert_eq!(identity_providers::list_required(&mut tx, "example.org").await.unwrap(), [one.clone(), two.clone()]);
        assert_eq!(identity_providers::list_required(&mut tx, "other.example").await.unwrap(), []);
        let off = IdentityProvider { enabled: false, name: "Off".into(), client_id: "c".into(), trusts_emails: true, domains: vec![], ..two.clone() };
        identity_providers::update(&mut tx, &off).await.unwrap();
        assert_eq!(identity_providers::find(&mut tx, &two.id).await.unwrap(), Some(off.clone()));
        for row in [
            IdentityProvider { domains: vec!["example.org".into()], ..off.clone() },
            IdentityProvider { enabled: true, require_sso: false, domains: vec!["example.org".into()], ..off.clone() },
        ] {
            identity_providers::update(&mut tx, &row).await.unwrap();
            assert_eq!(identity_providers::list_required(&mut tx, "example.org").await.unwrap(), std::slice::from_ref(&one));
        }
        identity_providers::set_secret(&mut tx, &one.id, "k2.new").await.unwrap();
        assert_eq!(identity_providers::find_secret(&mut tx, &one.id).await.unwrap().as_deref(), Some("k2.new"));
        assert_eq!(identity_providers::find_secret(&mut tx, &two.id).await.unwrap().as_deref(), Some("sealed"));
        assert_eq!(identity_providers::hold(&mut tx, &one.id).await.unwrap(), 1);
        assert_eq!(identity_providers::hold(&mut tx, &IdentityProviderId::generate(T)).await.unwrap(), 0);

        let ann = add_user(&mut tx, "ann@example.org").await;
        identities::insert(&mut tx, &identity(&one, &ann, "s1")).await.unwrap();
        let flow = Flow { provider_id: one.id.clone(), user_id: Some(ann.clone()), next: ODD.into(), expires_at: Millis(9) };
        identities::insert_flow(&mut tx, &flow, "h").await.unwrap();
        enter(&mut tx, &ann, Some(&one)).await;
        let kept = enter(&mut tx, &ann, Some(&two)).await;
        assert_eq!(identity_providers::delete(&mut tx, &one.id).await.unwrap(), 1);
        assert_eq!(identity_providers::delete(&mut tx, &one.id).await.unwrap(), 0);
        assert_eq!(identity_providers::find(&mut tx, &one.id).await.unwrap(), None);
        assert_eq!(identity_providers::find_secret(&mut tx, &one.id).await.unwrap(), None);
        assert_eq!(alive(&mut tx, &ann).await, [kept]);
    }

    async fn identities_are_found_by_subject(db: Db) {
        let mut tx = write(&db).await;
        let (one, two) = (provider(1, &[]), provider(2, &[]));
        for row in [&one, &two] {
            identity_providers::insert(&mut tx, row, "sealed").await.unwrap();
        }
        let ann = add_user(&mut tx, "ann@example.org").await;
        let bob = add_user(&mut tx, "bob@example.org").await;
        let (first, second) = (identity(&one, &ann, "s1"), identity(&two, &ann, "s1"));
        identities::insert(&mut tx, &first).await.unwrap();
        identities::insert(&mut tx, &second).await.unwrap();
        assert_eq!(identities::find(&mut tx, &one.id, "s1").await.unwrap(), Some(first.clone()));
        assert_eq!(identities::find(&mut tx, &one.id, "S1").await.unwrap(), None);
        identities::touch(&mut tx, &first.id, "new@example.org", Millis(8)).await.unwrap();
        let touched = Identity { label: "new@example.org".into(), seen_at: Millis(8), ..first.clone() };
        assert_eq!(identities::list(&mut tx, &ann).await.unwrap(), [touched, second.clone()]);
        let mut counts = identities::count_by_provider(&mut tx).await.unwrap();
        counts.sort();
        assert_eq!(counts, [(one.id.clone(), 1), (two.id.clone(), 1)]);
        assert_eq!(identities::delete(&mut tx, &bob, &second.id).await.unwrap(), 0);
        assert_eq!(identities::delete(&mut tx, &ann, &second.id).await.unwrap(), 1);
        assert_eq!(identities::list(&mut tx, &bob).await.unwrap(), []);
        let taken = identities::insert(&mut tx, &identity(&one, &bob, "s1")).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    }

    async fn a_sign_in_under_way_is_taken_once(db: Db) {
        let mut tx = write(&db).await;
        let row = provider(1, &[]);
        identity_providers::insert(&mut tx, &row, "sealed").await.unwrap();
        let flow = Flow { provider_id: row.id.clone(), user_id: None, next: "/apps?a=b#c".into(), expires_at: Millis(10) };
        for hash in ["h1", "h2", "h3"] {
            identities::insert_flow(&mut tx, &flow, hash).await.unwrap();
        }
        assert_eq!(identities::take_flow(&mut tx, "h1", Millis(10)).await.unwrap(), None);
        assert_eq!(identities::take_flow(&mut tx, "h1", Millis(9)).await.unwrap(), Some(flow.clone()));
        assert_eq!(identities::take_flow(&mut tx, "h1", Millis(9)).await.unwrap(), None);
        assert_eq!(identities::sweep_flows(&mut tx, Millis(9)).await.unwrap(), 2);
        assert_eq!(identities::sweep_flows(&mut tx, Millis(10)).await.unwrap(), 0);
    }

    async fn sessions_end_with_what_vouched_for_them(db: Db) {
        let mut tx = write(&db).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let sub = add_user(&mut tx, "sub@mail.example.org").await;
        let root = user_row("root@example.org");
        db::accounts::insert_user(&mut tx, &User { is_admin: true, ..root.clone() }).await.unwrap();
        let must = provider(1, &["example.org"]);
        let other = IdentityProvider { require_sso: false, ..provider(2, &["example.org"]) };
        let off = IdentityProvider { enabled: false, ..provider(3, &["example.org"]) };
        for row in [&must, &other, &off] {
            identity_providers::insert(&mut tx, row, "sealed").await.unwrap();
        }
        let kept = enter(&mut tx, &ann, Some(&must)).await;
        for by in [None, Some(&other), Some(&off)] {
            enter(&mut tx, &ann, by).await;
        }
        // Another domain, though it ends alike; and an administrator.
        let elsewhere = enter(&mut tx, &sub, None).await;
        let admin = enter(&mut tx, &root.id, None).await;
        assert_eq!(sessions::delete_unvouched(&mut tx, "example.org").await.unwrap(), 3);
        assert_eq!(alive(&mut tx, &ann).await, [kept]);
        assert_eq!(alive(&mut tx, &sub).await, [elsewhere]);
        assert_eq!(alive(&mut tx, &root.id).await, std::slice::from_ref(&admin));
        let far = enter(&mut tx, &sub, Some(&must)).await;
        assert_eq!(sessions::delete_of_domain(&mut tx, &must.id, "example.org").await.unwrap(), 1);
        assert_eq!(sessions::delete_of_domain(&mut tx, &must.id, "example.org").await.unwrap(), 0);
        assert!(alive(&mut tx, &sub).await.contains(&far));
        assert_eq!(sessions::delete_of_provider(&mut tx, &must.id).await.unwrap(), 1);
        assert_eq!(alive(&mut tx, &root.id).await, [admin]);
    }
}
