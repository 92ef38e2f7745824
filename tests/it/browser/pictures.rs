//! The pictures of the README, of a server that runs the demo. Not a test:
//! `dev/screenshots` runs it, and names the folder to write to.

use std::path::Path;
use std::time::Duration;

use super::driver::{Browser, Screen};
use super::first_run::Fresh;
use crate::harness::eventually;

const PATIENCE: Duration = Duration::from_secs(120);
/// Enough for the plots of trends to have a shape.
const BUILDS: usize = 6;

async fn take(browser: &Browser, dir: &Path, name: &str) {
    std::fs::write(dir.join(format!("{name}.png")), browser.picture().await).unwrap();
}

async fn all(into: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let server = Fresh::start(dir.path(), &["--demo"]);
    let (page, token) = eventually(PATIENCE, "the demo is ready", async || {
        let said = std::fs::read_to_string(dir.path().join("said")).ok()?;
        said.contains("Demo ready").then_some(())?;
        let word = |start: &str| {
            let at = said.rfind(start)?;
            let end = |c: char| c.is_whitespace() || c == '\'';
            said[at..].split(end).next().map(str::to_owned)
        };
        let page = said.find("/apps/").and_then(|at| said[at..].split_whitespace().next())?;
        Some((page.to_owned(), word("smp_")?))
    })
    .await;
    let browser = Browser::open(&server.url()).await;
    browser.go("/sign-in").await;
    browser.click("Sign in with an access token").await;
    browser.fill("Access token", &token).await;
    browser.click("Sign in with the token").await;
    browser.sees("Sign out").await;
    let app = page.split("/build/").next().unwrap().to_owned();
    for number in 2..=BUILDS {
        browser.go(&app).await;
        browser.click("Build now").await;
        browser.sees(&format!("#{number}")).await;
        browser.sees_within(PATIENCE, "success").await;
    }
    for (path, name) in [
        ("/apps".to_owned(), "apps"),
        (app.clone(), "builds"),
        (page.clone(), "build"),
        (format!("{page}/tests"), "tests"),
        (format!("{page}/log"), "log"),
        (format!("{app}/trends"), "trends"),
    ] {
        browser.go(&path).await;
        if name == "log" {
            browser.find(".log-sheet .tx").await;
        }
        take(&browser, into, name).await;
    }
    browser.dark(true).await;
    browser.screen(Screen::Phone).await;
    browser.go(&page).await;
    take(&browser, into, "build-phone").await;
}

#[test]
#[ignore = "makes pictures; dev/screenshots runs it"]
fn pictures_of_the_main_pages() {
    // Not `SHIPMATE_…`: the server refuses settings that it does not know.
    let into = std::env::var("PICTURES_DIR").expect("run dev/screenshots");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(all(Path::new(&into)));
}
