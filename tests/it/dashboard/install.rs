//! The install page on a phone and on a computer, and an iPhone that registers:
//! its answer is signed by openssl, as a device signs it.

use std::process::{Command, Stdio};

use reqwest::redirect::Policy;
use shipmate::db;
use shipmate::distribution::links;
use shipmate::model::app::{App as AppRow, Platform};
use shipmate::model::build::Outcome;
use shipmate::model::distribution::Recipient;
use shipmate::model::ids::{ArtifactId, BuildId};
use shipmate::model::package::{
    Package, PackageFacts, PackageFormat, Profile, ProfileKind, Signing,
};

use super::groups::give_read;
use super::{Browser, text};
use crate::harness::agent::{FakeAgent, artifact_id};
use crate::harness::app::{START, TestApp};
use crate::harness::server::Answer;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 15_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.2 Mobile/15E148 Safari/604.1";
const ANDROID: &str = "Mozilla/5.0 (Android 8.1.0; Mobile; rv:120.0) Gecko/120.0 Firefox/120.0";
const UDID: &str = "00008110-000A35C23C62801E";

/// An app that was sent to ann, and a phone without cookies.
struct Sent {
    app: TestApp,
    row: AppRow,
    browser: Browser,
    phone: reqwest::Client,
    build: BuildId,
    recipient: Recipient,
}

fn facts(format: PackageFormat, min_os: &str, devices: &[&str]) -> PackageFacts {
    let ios = format == PackageFormat::Ipa;
    let profile = Profile {
        name: "Team".into(),
        team: String::new(),
        team_id: String::new(),
        kind: ProfileKind::AdHoc,
        expires_at: Some(shipmate::model::time::Millis(START + 100 * 86_400_000)),
        devices: devices.iter().map(|udid| (*udid).to_owned()).collect(),
        entitlements: Vec::new(),
    };
    PackageFacts {
        format,
        name: "Shop".into(),
        identifier: "org.example.shop".into(),
        version_name: "1".into(),
        version_code: "2".into(),
        min_os: min_os.into(),
        target_os: String::new(),
        permissions: Vec::new(),
        simulator: false,
        signing: Signing {
            schemes: if ios { Vec::new() } else { vec!["v2".into()] },
            certificate: None,
            profile: ios.then_some(profile),
        },
    }
}

impl Sent {
    async fn set(app: TestApp, platform: Platform) -> Self {
        let app = app.with(|app| app.settings.dashboard_url = "https://ci.example.org".into());
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app_on(&ann, "Shop & <Co>", "/nonexistent/repo.git", platform).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let phone = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let (build, artifact) = build(&app, &browser, &row).await;
        let facts = match platform {
            Platform::Ios => facts(PackageFormat::Ipa, "15.0", &["x"]),
            Platform::Android => facts(PackageFormat::Apk, "28", &[]),
        };
        know(&app, &artifact, facts).await;
        app.run_jobs().await;
        let mut tx = app.app.db.read().await.unwrap();
        let recipient = db::deployments::list_recipients(&mut tx, &build).await.unwrap().remove(0);
        drop(tx);
        Self { app, row, browser, phone, build, recipient }
    }

    fn here(&self, url: &str) -> String {
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').unwrap().1);
        format!("{}/{}", self.browser.server.url, path.trim_start_matches('/'))
    }

    fn link(&self) -> String {
        links::install_url(&self.app.app, self.row.platform, &self.build, Some(&self.recipient.id))
    }

    async fn visit(&self, url: &str, agent: &str, cookie: &str) -> Answer {
        let request = self.phone.get(self.here(url)).header("user-agent", agent);
        Answer::of(request.header("cookie", cookie)).await
    }

    async fn page(&self, agent: &str, cookie: &str) -> String {
        let answer = self.visit(&self.link(), agent, cookie).await;
        assert_eq!(answer.status, 200);
        text(&answer)
    }

    async fn answer(&self, body: Vec<u8>) -> Answer {
        let request = self.phone.post(self.here("/download/device"));
        Answer::of(request.header("content-type", "application/pkcs7-signature").body(body)).await
    }
}

async fn build(app: &TestApp, browser: &Browser, row: &AppRow) -> (BuildId, ArtifactId) {
    let token = app.add_agent_token("one").await;
    let agent = FakeAgent::new(&browser.server, &token, "one");
    app.advance(1_000);
    let id = app.trigger(row).await;
    let held = agent.take(&format!("claim {id}")).await;
    agent.commit(&held, &"a1".repeat(20)).await.expect(204);
    let file = if row.platform == Platform::Ios { "Shop.ipa" } else { "shop.apk" };
    let artifact = artifact_id(agent.upload(&held, "file", file, b"the package").await);
    agent.finish(&held, Outcome::Success, 0).await.expect(204);
    (id, artifact)
}

async fn know(app: &TestApp, artifact: &ArtifactId, facts: PackageFacts) {
    let created_at = app.app.clock.now();
    let package = Package {
        artifact_id: artifact.clone(),
        facts: Some(facts),
        error: None,
        icon_key: None,
        created_at,
    };
    let mut tx = app.app.db.write().await.unwrap();
    assert!(db::packages::insert(&mut tx, &package).await.unwrap());
    tx.commit().await.unwrap();
}

/// What a device with this identifier posts: a property list in a signed
/// message with the signer's certificate.
fn signed(app: &TestApp, udid: &str, challenge: &str) -> Vec<u8> {
    let plist = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict>\
         <key>CHALLENGE</key><string>{challenge}</string><key>PRODUCT</key><string>iPhone14,2</string>\
         <key>UDID</key><string>{udid}</string><key>VERSION</key><string>19C56</string></dict></plist>"
    );
    let file = |name: &str| app.dir().join(name).to_str().unwrap().to_owned();
    let (key, certificate, list) = (file("device.key"), file("device.pem"), file("device.plist"));
    std::fs::write(&list, plist).unwrap();
    let run = |args: &[&str]| {
        let output = Command::new("openssl")
            .args(args)
            .stderr(Stdio::piped())
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=a device",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ]);
    run(&[
        "smime",
        "-sign",
        "-binary",
        "-nodetach",
        "-outform",
        "DER",
        "-signer",
        &certificate,
        "-inkey",
        &key,
        "-in",
        &list,
    ])
}

fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let from = page.find(start).unwrap_or_else(|| panic!("no {start} in {page}")) + start.len();
    page[from..].split(end).next().unwrap()
}

on_both! {
    async fn an_iphone_registers_and_is_told_whether_it_is_in_the_profile(app: TestApp) {
        let mut sent = Sent::set(app, Platform::Ios).await;
        let page = sent.page(IPHONE, "").await;
        assert!(page.contains("Register yours") && page.contains(">Register this device<"), "{page}");
        assert!(!page.contains("<svg") && page.contains("itms-services"), "{page}");
        let register = between(&page, "href=\"/download/profile?", "\"").replace("&#38;", "&");
        let profile = sent.visit(&format!("/download/profile?{register}"), IPHONE, "").await;
        assert_eq!(profile.headers["content-type"], "application/x-apple-aspen-config");
        let profile = text(&profile);
        for says in ["<string>Profile Service</string>", "https://ci.example.org/download/device", "Shop &#38; &#60;Co&#62;", "<string>UDID</string>"] {
            assert!(profile.contains(says), "{says} in {profile}");
        }
        let challenge = between(&profile, "<key>Challenge</key><string>", "<").to_owned();

        // Forged, changed, of another device kind, too old: nothing is registered.
        for (udid, challenge, status) in [
            (UDID, "enrol~x.1.y".to_owned(), 403),
            (UDID, challenge.replace("enrol~", "enrol~0"), 403),
            ("<script>alert(1)</script>", challenge.clone(), 400),
        ] {
            let answer = sent.answer(signed(&sent.app, udid, &challenge)).await;
            assert_eq!(answer.status.as_u16(), status, "{}", text(&answer));
        }
        assert_eq!(sent.answer(b"<plist/>".to_vec()).await.status, 400);
        assert_eq!(sent.answer(vec![0x30; 100_000]).await.status, 400);
        let mut tx = sent.app.app.db.read().await.unwrap();
        assert_eq!(db::devices::list_of(&mut tx, "ann@example.org").await.unwrap(), []);
        drop(tx);

        let answer = sent.answer(signed(&sent.app, UDID, &challenge)).await;
        assert_eq!(answer.status, 301, "{}", text(&answer));
        let to = answer.headers["location"].to_str().unwrap().to_owned();
        let back = sent.visit(&to, IPHONE, "").await;
        assert_eq!(back.status, 303);
        assert!(back.headers["location"].to_str().unwrap().starts_with("https://ci.example.org/download/ios?buildID="));
        let cookie = back.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("shipmate_device=") && cookie.contains("HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = sent.page(IPHONE, &cookie).await;
        assert!(page.contains("This iPhone is not in the profile") && !page.contains("itms-services"), "{page}");
        assert!(page.contains(UDID) && page.contains("this one") && !page.contains(">Register this device<"), "{page}");
        let forged = cookie.replace("device~", "device~0");
        assert!(sent.page(IPHONE, &forged).await.contains("None of your registered devices"));

        // The team sees it, and the next build has it.
        let list = format!("/apps/{}/devices", sent.row.id);
        let page = sent.browser.page(&list).await;
        for says in [UDID, "iPhone14,2 (…801E)", "15.2.0 (19C56)", "not in the profile", "expires on 2024-06-17", "that it lacks: 1", "that nobody here registered: 1"] {
            assert!(page.contains(says), "{says} in {page}");
        }
        let export = sent.browser.get(&format!("{list}.txt")).await;
        assert_eq!(text(&export), format!("Device ID\tDevice Name\tDevice Platform\n{UDID}\tann@example.org iPhone14,2\tios\n"));
        let (next, artifact) = build(&sent.app, &sent.browser, &sent.row).await;
        know(&sent.app, &artifact, facts(PackageFormat::Ipa, "15.3", &[&UDID.to_lowercase()])).await;
        let url = links::install_url(&sent.app.app, Platform::Ios, &next, None);
        let page = text(&sent.visit(&url, IPHONE, &cookie).await);
        assert!(page.contains("This device is in the profile") && page.contains("It needs iOS 15.3; this device has 15.2."), "{page}");
        assert!(sent.browser.page(&list).await.contains("It has every registered device"));

        // /reset forgets the device; the tester can take it off the list.
        let reset = sent.visit("/reset", IPHONE, &cookie).await;
        let cleared: Vec<_> = reset.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap().split('=').next().unwrap().to_owned()).collect();
        assert_eq!(cleared, ["shipmate_tester", "shipmate_device"]);
        let key = sent.link().split("&key=").nth(1).unwrap().to_owned();
        let remove = async |key: &str| {
            let request = sent.phone.post(sent.here("/download/devices/remove")).header("content-type", "application/x-www-form-urlencoded");
            Answer::of(request.body(format!("key={key}&udid={UDID}"))).await.status.as_u16()
        };
        assert_eq!(remove("install~forged.1.x").await, 403);
        assert_eq!(remove(&key).await, 303);
        assert!(sent.browser.page(&list).await.contains("No device is registered"));
        sent.app.advance(3_700_000);
        assert_eq!(sent.answer(signed(&sent.app, UDID, &challenge)).await.status, 403);
        assert_eq!(sent.visit(&to, IPHONE, "").await.status, 403);
        // Nobody's link registers nothing.
        let anonymous = links::install_url(&sent.app.app, Platform::Ios, &sent.build, None);
        let page = text(&sent.visit(&anonymous, IPHONE, "").await);
        assert!(!page.contains("/download/profile"), "{page}");
        let key = anonymous.split("&key=").nth(1).unwrap();
        assert_eq!(sent.visit(&format!("/download/profile?key={key}"), IPHONE, "").await.status, 403);
    }

    async fn the_page_fits_who_looks(app: TestApp) {
        let sent = Sent::set(app, Platform::Android).await;
        let computer = sent.page("Mozilla/5.0 (X11; Linux x86_64)", "").await;
        assert!(computer.contains("<svg class=\"qr\"") && computer.contains("yours alone") && computer.contains(">Install<"), "{computer}");
        let old = sent.page(ANDROID, "").await;
        assert!(old.contains("It needs Android 9.0; this device has 8.1.") && !old.contains(">Install<"), "{old}");
        assert!(old.contains(">Download<") && !old.contains("<svg"), "{old}");
        let iphone = sent.page(IPHONE, "").await;
        assert!(iphone.contains("an Android app") && !iphone.contains("Register this device"), "{iphone}");
    }

    async fn readers_see_devices_and_strangers_do_not(app: TestApp) {
        let mut sent = Sent::set(app, Platform::Android).await;
        let eve = sent.app.add_user("eve@example.org").await;
        let list = format!("/apps/{}/devices", sent.row.id);
        assert!(sent.browser.page(&list).await.contains("Only iOS apps need a list"));
        sent.browser.sign_in(&eve).await;
        for path in [list.clone(), format!("{list}.txt")] {
            assert_eq!(sent.browser.get(&path).await.status, 404);
        }
        give_read(&sent.app, &sent.row, &eve).await;
        assert!(sent.browser.page(&list).await.contains("No device is registered"));
    }
}
