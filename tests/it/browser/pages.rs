//! Every page, looked at in every way: with an app that has something of
//! everything, and whose texts all try to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;

use super::Web;
use super::check::Checks;
use super::driver::Screen;
use super::full::{self, Full};

/// The paths that the dashboard answers to a plain look, as its code names
/// them. A page that is added and not looked at here fails the test.
fn patterns() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard");
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        if entry.path().extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for route in text.split(".route(").skip(1) {
            let Some((_, rest)) = route.split_once('"') else { continue };
            let Some((path, handlers)) = rest.split_once('"') else { continue };
            let handlers = handlers.split(".route(").next().unwrap_or_default();
            if handlers.trim_start_matches([',', ' ', '\n']).starts_with("get(") {
                found.insert(path.to_owned());
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// A real path for each pattern.
fn fill_in(pattern: &str, known: &BTreeMap<&str, String>) -> String {
    let parts = pattern.split('/').map(|part| {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return part.to_owned();
        };
        let known = known.get(name).or_else(|| known.get(name.trim_start_matches('*')));
        known.unwrap_or_else(|| panic!("{pattern}: tell this test what {name} is")).clone()
    });
    parts.collect::<Vec<_>>().join("/")
}

fn known(full: &Full) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("crash_group_id", full.crash_group.clone()),
        ("delivery_id", full.delivery.clone()),
        ("organisation_id", full.app.org_id.to_string()),
        ("app_id", full.app.id.to_string()),
        ("build_id", full.build.to_string()),
        ("group_id", full.group.clone()),
        ("feedback_id", full.feedback.to_string()),
        ("provider_id", full.provider.clone()),
        ("report_id", full.crash.to_string()),
        ("schedule_id", full.schedule.clone()),
        ("file", "0000000000000000-app.css".into()),
        ("platform", "android".into()),
    ])
}

/// Whether a signed-in person gets HTML there, and so there is something to see.
async fn is_page(web: &Web, cookie: &str, path: &str) -> bool {
    let request = web.server.client.request(Method::GET, format!("{}{path}", web.server.url));
    let answer = request.header("cookie", cookie).send().await.unwrap();
    assert!(!answer.status().is_server_error(), "{path}: {}", answer.status());
    let media_type = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
    media_type.is_some_and(|of| of.starts_with("text/html"))
}

in_browser! {
    async fn every_page_is_sound_and_runs_nothing(web: Web) {
        let full = full::fill(&web).await;
        let mut checks = Checks::new();
        let browser = &web.browser;
        for path in ["/sign-in", "/signup", "/status", "/forgot-password", "/nothing-here"] {
            checks.look(browser, path).await;
        }
        browser.screen(Screen::Desktop).await;
        web.enter(&full.owner).await;
        let cookie = browser.cookie().await;
        let known = known(&full);
        for pattern in patterns() {
            // Two kinds of groups have the same name in their patterns.
            let pattern = pattern.replace("/crashes/{group_id}", "/crashes/{crash_group_id}");
            let path = fill_in(&pattern, &known);
            if is_page(&web, &cookie, &path).await {
                checks.look(browser, &path).await;
            }
        }
        // The page that people open most, as a phone loads it.
        browser.screen(Screen::Phone).await;
        for tab in ["", "/log", "/tests"] {
            let path = format!("/apps/{}/build/{}{tab}", full.app.id, full.build);
            browser.go(&path).await;
            checks.stillness(browser, &path).await;
        }
        checks.finish();
    }
}
