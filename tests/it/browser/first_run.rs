//! From an empty machine to a finished build, by clicks only: the real binary,
//! its own agent, real git.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::driver::{Browser, Screen};
use crate::harness::app::Repository;
use crate::harness::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server on an empty folder; killed when it is dropped.
pub struct Fresh {
    child: Child,
    port: u16,
}

impl Fresh {
    /// What it prints goes to `dir/said`.
    pub fn start(dir: &Path, more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let said = std::fs::File::create(dir.join("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_shipmate"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(dir.join("data"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The link that the server prints for its owner.
async fn printed_link(dir: &Path) -> String {
    eventually(PATIENCE, "the server prints the owner's link", async || {
        let said = std::fs::read_to_string(dir.join("said")).ok()?;
        let start = said.find("/first-run?key=")?;
        let link = said[start..].split_whitespace().next()?.to_owned();
        said[start..].contains('\n').then_some(link)
    })
    .await
}

async fn go(dir: &Path) {
    let repo = Repository::create(dir.join("repository"));
    repo.commit("buddybuild_postclone.sh", "#!/bin/sh\necho hello from the script\n", "Greet");
    repo.commit("settings.gradle.kts", "include(\":app\")\n", "Begin");
    repo.commit("app/src/main/AndroidManifest.xml", "<manifest/>\n", "Declare");
    repo.commit(
        "app/build.gradle.kts",
        "plugins { id(\"com.android.application\") }\n",
        "Begin the app",
    );
    let server = Fresh::start(dir, &[]);
    let link = printed_link(dir).await;
    let browser = Browser::open(&server.url()).await;
    browser.screen(Screen::Desktop).await;
    browser.go(&link).await;
    browser.fill("Email", "ann@example.org").await;
    browser.fill("Name", "Ann").await;
    browser.fill("Password", "correct horse battery").await;
    browser.click("Become the owner").await;
    browser.sees("Sign out").await;
    browser.click("Add an app").await;
    browser.fill("Repository URL", "/nonexistent/repository.git").await;
    browser.click("Test the connection").await;
    browser.find("[role=alert]").await;
    browser.fill("Repository URL", &repo.url()).await;
    browser.find("//button[normalize-space()='Test again']").await;
    browser.click("Test again").await;
    browser.sees("The repository answers").await;
    // What was seen in the repository is chosen already.
    browser.sees("Seen: ").await;
    browser.fill("Name", "Shop").await;
    browser.click("Add the app").await;
    browser.sees("Waiting for the first delivery").await;
    browser.click("Watch build #1").await;
    browser.sees_within(PATIENCE, "success").await;
    browser.click("Log").await;
    browser.sees("hello from the script").await;
    // The link has done its work.
    browser.go(&link).await;
    browser.sees("Nothing here").await;
}

#[test]
fn an_empty_machine_builds_after_some_clicks() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(go(dir.path()));
}
