//! Ways into an account and what protects it: first run, invitations, reset
//! links, second factor, tokens, SSH keys.

use shipmate::accounts::invitations::{self, Membership};
use shipmate::accounts::{find_actor, first_run, sessions, totp};
use shipmate::model::account::Access;

use super::*;

/// The link of the newest mail to `to`, without the server's origin.
fn mailed_link(app: &TestApp, to: &str, page: &str) -> String {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(app.dir().join("mail")).expect("mail was kept") {
        let path = entry.unwrap().path();
        let mail = std::fs::read_to_string(&path).unwrap().replace("=\r\n", "");
        if mail.contains(&format!("To: {to}\r\n")) && mail.contains(page) {
            found.push((path, mail));
        }
    }
    found.sort();
    let (_, mail) = found.pop().unwrap_or_else(|| panic!("no mail to {to} about {page}"));
    let start = mail.find(page).unwrap();
    let link = mail[start..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap();
    // Quoted-printable writes `=` as `=3D`.
    link.replace("=3D", "=")
}

/// The code of this moment for a key as the page shows it.
fn code_of(app: &TestApp, shown: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = shown
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| format!("{:05b}", alphabet.find(c).unwrap()))
        .collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    totp::code_at(&bytes, app.app.clock.now())
}

async fn actor(app: &TestApp, person: &Person) -> shipmate::model::account::Actor {
    let mut tx = app.app.db.read().await.unwrap();
    find_actor(&mut tx, person.token.expose(), app.app.clock.now()).await.unwrap().unwrap()
}

on_both! {
    async fn only_the_printed_link_makes_an_owner(app: TestApp) {
        let admin = app.add_admin(first_run::NOBODY).await;
        let mut browser = Browser::open(&app).await;
        let page = browser.page("/first-run").await;
        assert!(page.contains("link that the server printed") && !page.contains("<form class"), "{page}");
        assert_eq!(browser.get("/first-run?key=sml_guessed").await.status, 404);
        let begin = async || {
            let mut tx = app.app.db.write().await.unwrap();
            let key = first_run::begin(&mut tx, app.app.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            key
        };
        let (old, key) = (begin().await.unwrap(), begin().await.unwrap());
        assert_eq!(browser.get(&format!("/first-run?key={}", old.expose())).await.status, 404);
        let page = browser.page(&format!("/first-run?key={}", key.expose())).await;
        assert!(page.contains("Become the owner"), "{page}");
        let form = |password: &'static str, email: &'static str| {
            [("key", key.expose().to_owned()), ("email", email.into()), ("name", "Zoë".into()), ("password", password.into())]
        };
        let weak = browser.post_all("/first-run", &form("short", "zoe@example.org")).await;
        assert_eq!(weak.status, 400);
        let page = text(&weak);
        assert!(page.contains("at least 10 characters") && page.contains("value=\"zoe@example.org\""), "{page}");
        assert!(page.contains("type=\"password\" autocomplete=\"new-password\" minlength=\"10\" required aria-invalid"), "{page}");
        let odd = browser.post_all("/first-run", &form("correct horse", "zoe")).await;
        assert!(text(&odd).contains("Email: this value cannot be used"), "{}", text(&odd));
        let done = browser.post_all("/first-run", &form("correct horse", "Zoe@Example.org")).await;
        assert_eq!(location(&done), "/apps");
        assert!(browser.page("/account").await.contains("Administrator of this server"));
        // The link is dead, no other one is made, and the password works.
        let mut other = Browser::open(&app).await;
        assert_eq!(other.post_all("/first-run", &form("correct horse", "eve@example.org")).await.status, 404);
        assert!(begin().await.is_none());
        let signed = other.post("/sign-in", &[("email", "zoe@example.org"), ("password", "correct horse")]).await;
        assert_eq!(location(&signed), "/");
        let mut tx = app.app.db.read().await.unwrap();
        let user = shipmate::db::accounts::find_user(&mut tx, &admin.user.id).await.unwrap().unwrap();
        assert_eq!((user.email.as_str(), user.name.as_str(), user.is_admin), ("zoe@example.org", "Zoë", true));
    }

    async fn an_invited_person_chooses_a_password_and_is_in(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop <&>", "https://git.example.org/o/shop.git").await;
        let by = actor(&app, &ann).await;
        let mut tx = app.app.db.write().await.unwrap();
        for email in ["eve@example.org", "bob@example.org"] {
            let into = Membership::App(&row.id, Access::Read);
            invitations::invite(&app.app, &mut tx, &by, email, into).await.unwrap();
        }
        tx.commit().await.unwrap();
        app.run_jobs().await;
        let mut browser = Browser::open(&app).await;
        let link = mailed_link(&app, "eve@example.org", "/invitation?key=");
        let page = browser.page(&link).await;
        assert!(page.contains("the app Shop &#60;&#38;&#62;") && page.contains("ann"), "{page}");
        let key = after(&page, "name=\"key\" value=\"").to_owned();
        let weak = browser.post("/invitation", &[("key", &key), ("name", "Eve"), ("password", "x")]).await;
        assert!(weak.status == 400 && text(&weak).contains("value=\"Eve\""), "{}", text(&weak));
        let form = [("key", key.as_str()), ("name", "Eve"), ("password", "correct horse")];
        assert_eq!(location(&browser.post("/invitation", &form).await), "/apps");
        assert!(browser.page("/apps").await.contains("Shop"));
        assert_eq!(browser.post("/invitation", &form).await.status, 404);
        // Somebody with an account signs in as ever: a mail is no password.
        let mut other = Browser::open(&app).await;
        let link = mailed_link(&app, "bob@example.org", "/invitation?key=");
        let page = other.page(&link).await;
        assert!(page.contains("You have an account here already") && !page.contains("type=\"password\""), "{page}");
        let key = after(&page, "name=\"key\" value=\"").to_owned();
        let accepted = other.post("/invitation", &[("key", &key)]).await;
        assert_eq!(location(&accepted), "/sign-in?done=joined");
        assert!(other.cookie.is_none());
        // The mail is out, so nothing keeps its key.
        assert!(!app.db.dump().await.contains("'k1.") );
    }

    async fn a_forgotten_password_is_set_by_mail(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        sign_in::set_password(&app.app, &ann.user.id, &Secret::new("correct horse"), None).await.unwrap();
        let mut browser = Browser::open(&app).await;
        assert!(browser.page("/sign-in").await.contains("href=\"/forgot-password\""));
        // Whether the address is known is not told here.
        for email in ["nobody@example.org", "ann@example.org"] {
            let sent = browser.post("/forgot-password", &[("email", email)]).await;
            assert_eq!(location(&sent), "/forgot-password?done=sent");
        }
        app.run_jobs().await;
        let link = mailed_link(&app, "ann@example.org", "/reset-password?key=");
        let page = browser.page(&link).await;
        let key = after(&page, "name=\"key\" value=\"").to_owned();
        let weak = browser.post("/reset-password", &[("key", &key), ("password", "short")]).await;
        assert!(weak.status == 400 && text(&weak).contains("at least 10"), "{}", text(&weak));
        let set = browser.post("/reset-password", &[("key", &key), ("password", "battery staple")]).await;
        assert_eq!(location(&set), "/sign-in?done=reset");
        assert_eq!(browser.get(&link).await.status, 404);
        for (password, status) in [("correct horse", 401), ("battery staple", 303)] {
            let form = [("email", "ann@example.org"), ("password", password)];
            assert_eq!(browser.post("/sign-in", &form).await.status, status);
        }
        for _ in 0..3 {
            browser.post("/forgot-password", &[("email", "ann@example.org")]).await;
        }
        let much = browser.post("/forgot-password", &[("email", "ann@example.org")]).await;
        assert!(much.status == 400 && text(&much).contains("too many mails"), "{}", text(&much));
    }

    async fn a_second_factor_is_set_up_and_asked_for(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        assert!(browser.page("/account/two-factor").await.contains("Set a password first"));
        let csrf = browser.csrf("/account").await;
        let set = browser.post("/account/password", &[("csrf", &csrf), ("password", "correct horse")]).await;
        assert_eq!(location(&set), "/account?done=password");
        let begin = "/account/two-factor/begin";
        let wrong = browser.post(begin, &[("csrf", &csrf), ("current_password", "no")]).await;
        assert!(wrong.status == 400 && text(&wrong).contains("is wrong"), "{}", text(&wrong));
        assert_eq!(browser.post(begin, &[("current_password", "correct horse")]).await.status, 400);
        let begun = browser.post(begin, &[("csrf", &csrf), ("current_password", "correct horse")]).await;
        assert_eq!(location(&begun), "/account/two-factor");
        let page = browser.page("/account/two-factor").await;
        assert!(page.contains("<svg class=\"qr\"") && page.contains("role=\"img\""), "{page}");
        let key = after(&page, "<code id=\"key\">").to_owned();
        let confirm = "/account/two-factor/confirm";
        let wrong = browser.post(confirm, &[("csrf", &csrf), ("code", "12")]).await;
        assert!(wrong.status == 400 && text(&wrong).contains("not the code of this moment"), "{}", text(&wrong));
        let done = browser.post(confirm, &[("csrf", &csrf), ("code", &code_of(&app, &key))]).await;
        let page = text(&done);
        assert!(done.status == 200 && page.matches("<li>").count() == 10, "{page}");
        let spare = after(&page, "<li>").to_owned();
        assert!(!browser.page("/account/two-factor").await.contains(&spare));

        let mut other = Browser::open(&app).await;
        let form = [("email", "ann@example.org"), ("password", "correct horse"), ("next", "/account")];
        let second = other.post("/sign-in", &form).await;
        assert!(second.status == 200 && other.cookie.is_none());
        let ticket = after(&text(&second), "name=\"ticket\" value=\"").to_owned();
        let step = |ticket: &str, code: &str| [("ticket", ticket.to_owned()), ("code", code.to_owned()), ("next", "/account".into())];
        let wrong = other.post_all("/sign-in/code", &step(&ticket, "000000")).await;
        assert!(wrong.status == 401 && text(&wrong).contains("That code is wrong"), "{}", text(&wrong));
        let forged = other.post_all("/sign-in/code", &step(&format!("{ticket}x"), &spare)).await;
        assert!(forged.status == 401 && text(&forged).contains("took too long"), "{}", text(&forged));
        app.advance(5 * 60_000 + 1);
        let late = other.post_all("/sign-in/code", &step(&ticket, &spare)).await;
        assert!(text(&late).contains("took too long"), "{}", text(&late));
        let ticket = after(&text(&other.post("/sign-in", &form).await), "name=\"ticket\" value=\"").to_owned();
        assert_eq!(location(&other.post_all("/sign-in/code", &step(&ticket, &spare)).await), "/account");

        // New codes, then off; the wrong ones are counted.
        let code = code_of(&app, &key);
        let fresh = browser.post("/account/two-factor/codes", &[("csrf", &csrf), ("code", &code)]).await;
        let fresh = after(&text(&fresh), "<li>").to_owned();
        let off = "/account/two-factor/off";
        for _ in 0..5 {
            assert_eq!(browser.post(off, &[("csrf", &csrf), ("code", "x")]).await.status, 400);
        }
        let closed = browser.post(off, &[("csrf", &csrf), ("code", &fresh)]).await;
        assert!(text(&closed).contains("too many wrong ones"), "{}", text(&closed));
        app.advance(10 * 60_000 + 1);
        assert_eq!(location(&browser.post(off, &[("csrf", &csrf), ("code", &fresh)]).await), "/account/two-factor?done=off");
    }

    async fn codes_are_not_tried_out(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        sign_in::set_password(&app.app, &ann.user.id, &Secret::new("correct horse"), None).await.unwrap();
        let mut tx = app.app.db.write().await.unwrap();
        let (key, _) = sign_in::begin_totp(&app.app, &mut tx, &ann.user).await.unwrap();
        let code = code_of(&app, key.expose());
        sign_in::confirm_totp(&app.app, &mut tx, &ann.user.id, &code).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::open(&app).await;
        let form = [("email", "ann@example.org"), ("password", "correct horse")];
        let page = text(&browser.post("/sign-in", &form).await);
        let ticket = after(&page, "name=\"ticket\" value=\"").to_owned();
        for _ in 0..5 {
            browser.post("/sign-in/code", &[("ticket", &ticket), ("code", "000000")]).await;
        }
        app.advance(30_000);
        let code = code_of(&app, key.expose());
        let answer = browser.post("/sign-in/code", &[("ticket", &ticket), ("code", &code)]).await;
        assert!(text(&answer).contains("Throttle limit"), "{}", text(&answer));
    }

    async fn my_profile_is_changed_and_browsers_are_signed_out(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/account").await;
        let renamed = browser.post("/account/name", &[("csrf", &csrf), ("name", "Ann <b>")]).await;
        assert_eq!(location(&renamed), "/account?done=name");
        let page = browser.page("/account?done=name").await;
        assert!(page.contains("Ann &#60;b&#62;") && page.contains("Your name is changed"), "{page}");
        let empty = browser.post("/account/name", &[("csrf", &csrf), ("name", " ")]).await;
        assert!(empty.status == 400 && text(&empty).contains("Name:"), "{}", text(&empty));
        let mut other = Browser::open(&app).await;
        other.sign_in(&ann).await;
        assert_eq!(other.get("/account").await.status, 200);
        let ended = browser.post("/account/sessions/end-others", &[("csrf", &csrf)]).await;
        assert_eq!(location(&ended), "/account?done=sessions");
        assert_eq!(other.get("/account").await.status, 303);
        let token = browser.cookie.as_ref().unwrap().split('=').nth(1).unwrap().to_owned();
        assert!(sessions::find(&app.app, &token).await.unwrap().is_some());
    }

    async fn a_new_address_is_confirmed_by_its_owner(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        app.add_user("bob@example.org").await;
        sign_in::set_password(&app.app, &ann.user.id, &Secret::new("correct horse"), None).await.unwrap();
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/account").await;
        let ask = |email: &'static str, password: &'static str| {
            [("csrf", csrf.clone()), ("email", email.into()), ("current_password", password.into())]
        };
        for (email, password, says) in [
            ("zoe@example.org", "wrong", "is wrong"),
            ("zoe", "correct horse", "Email: this value cannot be used"),
            ("Ann@example.org", "correct horse", "is your address already"),
        ] {
            let refused = browser.post_all("/account/email", &ask(email, password)).await;
            assert!(refused.status == 400 && text(&refused).contains(says), "{}", text(&refused));
        }
        for email in ["old@example.org", "Zoe@example.org"] {
            let mailed = browser.post_all("/account/email", &ask(email, "correct horse")).await;
            assert_eq!(location(&mailed), "/account?done=mailed");
            app.run_jobs().await;
        }
        let (old, link) = (mailed_link(&app, "old@example.org", "/account/email?key="), mailed_link(&app, "zoe@example.org", "/account/email?key="));
        assert_eq!(browser.get(&old).await.status, 404);
        // Whoever reads mail there, after a slip of the hand, gets nothing.
        let mut other = Browser::open(&app).await;
        assert!(location(&other.get(&link).await).starts_with("/sign-in?next="));
        let eve = app.add_user("eve@example.org").await;
        other.sign_in(&eve).await;
        assert_eq!(other.get(&link).await.status, 404);
        let page = browser.page(&link).await;
        assert!(page.contains("<b>zoe@example.org</b>"), "{page}");
        let key = after(&page, "name=\"key\" value=\"").to_owned();
        let csrf_of_eve = other.csrf("/account").await;
        let stolen = other.post("/account/email/confirm", &[("csrf", &csrf_of_eve), ("key", &key)]).await;
        assert_eq!(stolen.status, 404);
        let form = [("csrf", csrf.as_str()), ("key", key.as_str())];
        assert_eq!(location(&browser.post("/account/email/confirm", &form).await), "/account?done=email");
        assert!(browser.page("/account").await.contains("zoe@example.org"));
        assert_ne!(browser.post("/account/email/confirm", &form).await.status, 303);
        app.run_jobs().await;
        mailed_link(&app, "ann@example.org", "another address than ann@example.org now");
        for (email, status) in [("ann@example.org", 401), ("zoe@example.org", 303)] {
            let form = [("email", email), ("password", "correct horse")];
            assert_eq!(Browser::open(&app).await.post("/sign-in", &form).await.status, status);
        }
        // Somebody else's address is not told to be one, and is not taken.
        let csrf = browser.csrf("/account").await;
        let form = [("csrf", csrf.as_str()), ("email", "bob@example.org"), ("current_password", "correct horse")];
        assert_eq!(location(&browser.post("/account/email", &form).await), "/account?done=mailed");
        app.run_jobs().await;
        let link = mailed_link(&app, "bob@example.org", "/account/email?key=");
        let key = link.split("key=").nth(1).unwrap();
        let taken = browser.post("/account/email/confirm", &[("csrf", &csrf), ("key", key)]).await;
        assert!(taken.status == 409 && text(&taken).contains("has this address already"), "{}", text(&taken));
        app.advance(3_600_000);
        assert_eq!(browser.get(&link).await.status, 404);
    }

    async fn tokens_are_shown_named_and_revoked(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let path = "/account/access-token";
        let page = browser.page(path).await;
        // Issued where no copy was kept.
        assert!(page.contains("Only a hash of it is kept") && !page.contains("Show the token"), "{page}");
        let csrf = browser.csrf(path).await;
        assert_eq!(browser.post(&format!("{path}/show"), &[("csrf", &csrf)]).await.status, 404);
        let page = text(&browser.post(path, &[("csrf", &csrf)]).await);
        let token = after(&page, "<code id=\"token\">").to_owned();
        assert!(page.contains(&format!("Authorization: Bearer {token}")), "{page}");
        assert!(!browser.page(path).await.contains(&token));
        assert_eq!(browser.post(&format!("{path}/show"), &[]).await.status, 400);
        let shown = browser.post(&format!("{path}/show"), &[("csrf", &csrf)]).await;
        assert_eq!(after(&text(&shown), "<code id=\"token\">"), token);
        assert!(!app.db.dump().await.contains(&token), "only sealed");

        let form = [("csrf", csrf.as_str()), ("name", "wall"), ("scope", "read"), ("days", "30")];
        let page = text(&browser.post(&format!("{path}/named"), &form).await);
        let narrow = after(&page, "<code id=\"token\">").to_owned();
        assert!(page.contains("2024-04-08"), "{page}");
        let again = browser.post(&format!("{path}/named"), &form).await;
        assert!(again.status == 409 && text(&again).contains("called &#34;wall&#34; already"), "{}", text(&again));
        let odd = [("csrf", csrf.as_str()), ("name", "x"), ("days", "0")];
        assert_eq!(browser.post(&format!("{path}/named"), &odd).await.status, 400);
        let (client, url) = (browser.client.clone(), browser.server.url.clone());
        let call = async |token: &str| {
            Answer::of(client.get(format!("{url}/v1/apps")).bearer_auth(token)).await
        };
        call(&narrow).await.expect(200);
        let page = browser.page(path).await;
        let id = page.split("/account/access-token/").map(|rest| &rest[..24.min(rest.len())]).filter(|id| id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit())).collect::<Vec<_>>();
        assert_eq!(id.len(), 2, "{page}");
        for id in id {
            let done = browser.post(&format!("{path}/{id}/revoke"), &[("csrf", &csrf)]).await;
            assert_eq!(location(&done), "/account/access-token?done=revoked");
        }
        for token in [&narrow, &token] {
            call(token).await.expect(401);
        }
    }

    async fn ssh_keys_and_hosts_are_managed_by_owners(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@example.org").await;
        let row = app.add_app(&ann, "Shop", "git@git.example.org:o/shop.git").await;
        let mut tx = app.app.db.write().await.unwrap();
        let read = shipmate::model::account::Role::Read;
        shipmate::db::organisations::set_member(&mut tx, &row.org_id, &eve.user.id, read).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let page = browser.page("/account/ssh-key").await;
        let key = after(&page, "aria-label=\"Public key of ann\">").to_owned();
        assert!(key.starts_with("ssh-ed25519 "), "{page}");
        let csrf = browser.csrf("/account").await;
        let rotate = format!("/account/ssh-key/{}/rotate", row.org_id);
        assert_eq!(location(&browser.post(&rotate, &[("csrf", &csrf)]).await), "/account/ssh-key?done=rotated");
        assert!(!browser.page("/account/ssh-key").await.contains(&key));

        let hosts = format!("/ssh-hosts/{}", row.org_id);
        let trusted = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
        let form = [("csrf", csrf.as_str()), ("host", "git.example.org"), ("keys", trusted)];
        assert_eq!(location(&browser.post(&hosts, &form).await), "/ssh-hosts?done=set");
        assert!(browser.page("/ssh-hosts").await.contains("git.example.org:22"));
        let wrong = browser.post(&hosts, &[("csrf", &csrf), ("host", "github.com"), ("keys", trusted)]).await;
        assert!(wrong.status == 400 && text(&wrong).contains("built in"), "{}", text(&wrong));
        let forget = [("csrf", csrf.as_str()), ("host", "git.example.org:22")];
        assert_eq!(location(&browser.post(&format!("{hosts}/forget"), &forget).await), "/ssh-hosts?done=forgotten");

        let mut reader = Browser::open(&app).await;
        reader.sign_in(&eve).await;
        let page = reader.page("/ssh-hosts").await;
        assert!(page.matches("Enter the keys").count() == 1, "only of her own: {page}");
        let csrf = reader.csrf("/account").await;
        for path in [rotate, hosts.clone(), format!("{hosts}/forget")] {
            let form = [("csrf", csrf.as_str()), ("host", "git.example.org"), ("keys", trusted)];
            assert_eq!(reader.post(&path, &form).await.status, 403, "{path}");
        }
    }
}
