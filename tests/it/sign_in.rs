//! Signing in, second factors, invitations and resets as the product does them,
//! without a browser.

use shipmate::accounts::invitations::{self, Membership};
use shipmate::accounts::sessions::{self, Visitor};
use shipmate::accounts::sign_in::{self, Attempt, Outcome};
use shipmate::accounts::{find_actor, totp};
use shipmate::error::Error;
use shipmate::model::secret::Secret;

use crate::harness::app::TestApp;

const HERE: Visitor<'_> = Visitor { browser: "Firefox", address: "192.0.2.1" };
const THERE: Visitor<'_> = Visitor { browser: "curl", address: "192.0.2.2" };

async fn attempt(
    app: &TestApp,
    email: &str,
    password: &str,
    code: Option<&str>,
    from: Visitor<'_>,
) -> Outcome {
    let password = Secret::new(password);
    let attempt = Attempt { email, password: &password, code };
    sign_in::sign_in(&app.app, &attempt, from).await.unwrap()
}

/// The step and digits of a base32 secret's code now.
fn code_of(app: &TestApp, base32: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = String::new();
    for c in base32.chars() {
        bits.push_str(&format!("{:05b}", alphabet.find(c).unwrap()));
    }
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    totp::code_at(&bytes, app.app.clock.now())
}

on_both! {
    async fn failures_say_what_they_are_and_close_the_door(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let password = Secret::new("correct horse");
        // No password yet: only a link can bring one.
        assert!(matches!(attempt(&app, "ann@example.org", "x", None, THERE).await, Outcome::WrongPassword));
        sign_in::set_password(&app.app, &ann.user.id, &password, None).await.unwrap();
        assert!(matches!(attempt(&app, "bob@example.org", "x", None, HERE).await, Outcome::UnknownEmail));
        assert!(matches!(attempt(&app, "not an email", "x", None, HERE).await, Outcome::UnknownEmail));
        let Outcome::SignedIn(token, user) = attempt(&app, " Ann@Example.org ", "correct horse", None, HERE).await else {
            panic!("the password is right");
        };
        assert_eq!(user.id, ann.user.id);
        let found = sessions::find(&app.app, token.expose()).await.unwrap().unwrap();
        assert_eq!(found.user.email, "ann@example.org");
        assert!(sessions::find(&app.app, "sms_wrong").await.unwrap().is_none());
        for _ in 0..5 {
            assert!(matches!(attempt(&app, "ann@example.org", "wrong", None, HERE).await, Outcome::WrongPassword));
        }
        // The account is closed from everywhere, the address for everybody.
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, THERE).await, Outcome::Throttled));
        assert!(matches!(attempt(&app, "bob@example.org", "x", None, HERE).await, Outcome::Throttled));
        app.advance(10 * 60_000 + 1);
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, HERE).await, Outcome::SignedIn(..)));
    }

    async fn sessions_are_seen_listed_and_ended(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let password = Secret::new("correct horse");
        sign_in::set_password(&app.app, &ann.user.id, &password, None).await.unwrap();
        let mut tokens = Vec::new();
        for from in [HERE, THERE] {
            let Outcome::SignedIn(token, _) = attempt(&app, "ann@example.org", "correct horse", None, from).await else {
                panic!("the password is right");
            };
            tokens.push(token);
        }
        app.advance(25 * 24 * 3_600_000);
        let first = sessions::find(&app.app, tokens[0].expose()).await.unwrap().unwrap();
        // Seen once, it lives for another month; the other one does not.
        app.advance(25 * 24 * 3_600_000);
        assert!(sessions::find(&app.app, tokens[0].expose()).await.unwrap().is_some());
        assert!(sessions::find(&app.app, tokens[1].expose()).await.unwrap().is_none());
        let mut tx = app.app.db.write().await.unwrap();
        let listed = sessions::list(&mut tx, &ann.user.id, app.app.clock.now()).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].browser.as_str(), listed[0].address.as_str()), ("Firefox", "192.0.2.1"));
        sessions::end(&mut tx, &ann.user.id, &first.session_id).await.unwrap();
        assert!(matches!(sessions::end(&mut tx, &ann.user.id, &first.session_id).await, Err(Error::NotFound(_))));
        tx.commit().await.unwrap();
        assert!(sessions::find(&app.app, tokens[0].expose()).await.unwrap().is_none());
    }

    async fn a_changed_password_ends_the_other_sessions(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let (old, new) = (Secret::new("correct horse"), Secret::new("battery staple"));
        let weak = Secret::new("short");
        sign_in::set_password(&app.app, &ann.user.id, &old, None).await.unwrap();
        let Outcome::SignedIn(kept, _) = attempt(&app, "ann@example.org", "correct horse", None, HERE).await else { panic!() };
        let Outcome::SignedIn(other, _) = attempt(&app, "ann@example.org", "correct horse", None, THERE).await else { panic!() };
        let here = sessions::find(&app.app, kept.expose()).await.unwrap().unwrap().session_id;
        let change = |current, fresh| sign_in::change_password(&app.app, &ann.user.id, current, fresh, Some(&here));
        let error = change(&new, &new).await.unwrap_err().to_string();
        assert!(error.contains("current_password"), "{error}");
        assert!(change(&old, &weak).await.unwrap_err().to_string().starts_with("password"));
        change(&old, &new).await.unwrap();
        assert!(sessions::find(&app.app, kept.expose()).await.unwrap().is_some());
        assert!(sessions::find(&app.app, other.expose()).await.unwrap().is_none());
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, HERE).await, Outcome::WrongPassword));
    }

    async fn a_second_factor_is_asked_for_once_confirmed(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let password = Secret::new("correct horse");
        sign_in::set_password(&app.app, &ann.user.id, &password, None).await.unwrap();
        let mut tx = app.app.db.write().await.unwrap();
        let (secret, uri) = sign_in::begin_totp(&app.app, &mut tx, &ann.user).await.unwrap();
        assert!(uri.expose().contains(secret.expose()));
        tx.commit().await.unwrap();
        // Not confirmed: nobody is locked out by a QR code that was not scanned.
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, HERE).await, Outcome::SignedIn(..)));
        let mut tx = app.app.db.write().await.unwrap();
        let wrong = sign_in::confirm_totp(&app.app, &mut tx, &ann.user.id, "000000x").await;
        assert!(matches!(wrong, Err(Error::Invalid(_))));
        let code = code_of(&app, secret.expose());
        let recovery = sign_in::confirm_totp(&app.app, &mut tx, &ann.user.id, &code).await.unwrap();
        assert_eq!(recovery.len(), 10);
        tx.commit().await.unwrap();

        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, HERE).await, Outcome::NeedsCode(_)));
        // The code that confirmed it is used up.
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", Some(&code), HERE).await, Outcome::WrongCode));
        app.advance(30_000);
        let code = code_of(&app, secret.expose());
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", Some(&code), HERE).await, Outcome::SignedIn(..)));
        let spare = recovery[0].expose().to_uppercase();
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", Some(&spare), HERE).await, Outcome::SignedIn(..)));
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", Some(&spare), HERE).await, Outcome::WrongCode));
        let mut tx = app.app.db.write().await.unwrap();
        assert_eq!(sign_in::totp_state(&mut tx, &ann.user.id).await.unwrap(), (true, 9));
        assert!(sign_in::remove_totp(&app.app, &mut tx, &ann.user.id, "123").await.is_err());
        sign_in::remove_totp(&app.app, &mut tx, &ann.user.id, recovery[1].expose()).await.unwrap();
        assert_eq!(sign_in::totp_state(&mut tx, &ann.user.id).await.unwrap(), (false, 0));
    }

    async fn an_invitation_makes_an_account_or_joins_one(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let mut tx = app.app.db.write().await.unwrap();
        let by = find_actor(&mut tx, ann.token.expose(), app.app.clock.now()).await.unwrap().unwrap();
        let into = Membership::Organisation(&row.org_id, "read");
        let (_, fresh) = invitations::invite(&app.app, &mut tx, &by, "Eve@example.org", into).await.unwrap();
        let into = Membership::App(&row.id, shipmate::model::account::Access::Full);
        let (_, known) = invitations::invite(&app.app, &mut tx, &by, "bob@example.org", into).await.unwrap();
        let wrong = Membership::Organisation(&row.org_id, "king");
        assert!(invitations::invite(&app.app, &mut tx, &by, "x@example.org", wrong).await.is_err());
        tx.commit().await.unwrap();

        let weak = invitations::accept(&app.app, fresh.expose(), "", &Secret::new("short")).await;
        assert!(weak.unwrap_err().to_string().starts_with("password"));
        let eve = invitations::accept(&app.app, fresh.expose(), "Eve", &Secret::new("correct horse")).await.unwrap().user;
        assert_eq!((eve.email.as_str(), eve.name.as_str()), ("eve@example.org", "Eve"));
        assert!(matches!(attempt(&app, "eve@example.org", "correct horse", None, HERE).await, Outcome::SignedIn(..)));
        let again = invitations::accept(&app.app, fresh.expose(), "Eve", &Secret::new("correct horse")).await;
        assert!(matches!(again, Err(Error::NotFound(_))));
        let joined = invitations::accept(&app.app, known.expose(), "", &Secret::new("")).await.unwrap().user;
        assert_eq!(joined.id, bob.user.id);
        let mut tx = app.app.db.read().await.unwrap();
        let access = shipmate::db::accounts::find_access(&mut tx, &row.id, &bob.user.id).await.unwrap();
        assert_eq!(access.app_access.as_deref(), Some("full"));
        let access = shipmate::db::accounts::find_access(&mut tx, &row.id, &eve.id).await.unwrap();
        assert_eq!(access.org_role.as_deref(), Some("read"));
    }

    async fn a_reset_link_works_once_within_an_hour(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let begin = async |email: &str| {
            let mut tx = app.app.db.write().await.unwrap();
            let key = invitations::begin_reset(&app.app, &mut tx, email).await.unwrap();
            tx.commit().await.unwrap();
            key
        };
        assert!(begin("nobody@example.org").await.is_none());
        let first = begin("ann@example.org").await.unwrap();
        let second = begin("ANN@example.org").await.unwrap();
        let password = Secret::new("correct horse");
        assert!(matches!(invitations::reset(&app.app, first.expose(), &password).await, Err(Error::NotFound(_))));
        assert!(invitations::reset(&app.app, second.expose(), &Secret::new("x")).await.is_err());
        assert_eq!(invitations::reset(&app.app, second.expose(), &password).await.unwrap().id, ann.user.id);
        assert!(matches!(invitations::reset(&app.app, second.expose(), &password).await, Err(Error::NotFound(_))));
        assert!(matches!(attempt(&app, "ann@example.org", "correct horse", None, HERE).await, Outcome::SignedIn(..)));
        let late = begin("ann@example.org").await.unwrap();
        app.advance(3_600_001);
        assert!(matches!(invitations::reset(&app.app, late.expose(), &password).await, Err(Error::NotFound(_))));
    }
}
