//! What every page is held to: axe-core finds nothing serious in either theme,
//! html-validate nothing at all, nothing is wider than a phone, nothing moves
//! after it was shown, it is small, and the page asks no other host and breaks
//! no rule of its own policy.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::driver::{Browser, Screen};

/// Where `dev/install-tools` puts axe-core and html-validate.
fn tools() -> PathBuf {
    let target = option_env!("CARGO_TARGET_DIR").map_or("target", |dir| dir);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(target).join("web-tools")
}

/// Most that a page and what it loads may be, in bytes as they are sent.
const MAX_SENT: u64 = 150_000;

/// Collects what is wrong, page after page, so that one run names everything.
pub struct Checks {
    axe: String,
    /// HTML as the server sent it.
    sources: tempfile::TempDir,
    seen: Vec<String>,
    wrong: Vec<String>,
}

impl Checks {
    pub fn new() -> Self {
        let axe = tools().join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .unwrap_or_else(|error| panic!("{}: {error} (run dev/install-tools)", axe.display()));
        let sources = tempfile::tempdir().unwrap();
        Self { axe, sources, seen: Vec::new(), wrong: Vec::new() }
    }

    /// Opens a page and looks at it in every way.
    pub async fn look(&mut self, browser: &Browser, path: &str) {
        browser.screen(Screen::Desktop).await;
        browser.dark(false).await;
        browser.go(path).await;
        self.weight(browser, path).await;
        self.keep_source(browser, path).await;
        self.axe(browser, path, "light").await;
        browser.dark(true).await;
        self.axe(browser, path, "dark").await;
        browser.screen(Screen::Phone).await;
        self.width(browser, path).await;
        self.loaded(browser, path).await;
        self.seen.push(path.to_owned());
    }

    async fn keep_source(&mut self, browser: &Browser, path: &str) {
        let script = "const done = arguments[arguments.length - 1];
            fetch(location.href).then((answer) => answer.text()).then(done, (error) => done('' + error));";
        let html = browser.script_later(script).await;
        let name = format!("{:03}.html", self.seen.len());
        std::fs::write(self.sources.path().join(name), html.as_str().unwrap_or_default()).unwrap();
        let title = browser.script("return document.querySelectorAll('h1').length").await;
        if title != 1 {
            self.wrong.push(format!("{path}: {title} headings of level 1"));
        }
    }

    /// Right after the page was opened: what it took to show it, and whether
    /// anything in it moved meanwhile.
    async fn weight(&mut self, browser: &Browser, path: &str) {
        let sent = browser
            .script(
                "return ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
                   .reduce((sum, one) => sum + one.encodedBodySize, 0)",
            )
            .await;
        if sent.as_u64().is_none_or(|sent| !(1..=MAX_SENT).contains(&sent)) {
            self.wrong.push(format!("{path}: {sent} bytes are sent"));
        }
        self.stillness(browser, path).await;
    }

    /// Nothing that was shown moves, while the page loads and its scripts begin.
    pub async fn stillness(&mut self, browser: &Browser, path: &str) {
        let moved = browser
            .script_later(
                "const done = arguments[arguments.length - 1];
                 const moved = [];
                 const name = (one) => one.node?.outerHTML?.slice(0, 120) ?? 'something';
                 new PerformanceObserver((list) => {
                   for (const one of list.getEntries()) moved.push(...one.sources.map(name));
                 }).observe({ type: 'layout-shift', buffered: true });
                 requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moved), 0)));",
            )
            .await;
        if moved.as_array().is_none_or(|moved| !moved.is_empty()) {
            self.wrong.push(format!("{path}: moves while it loads: {moved}"));
        }
    }

    async fn axe(&mut self, browser: &Browser, path: &str, theme: &str) {
        let script = format!(
            "{}; const done = arguments[arguments.length - 1];
             axe.run(document, {{ resultTypes: ['violations'] }}).then(
               (found) => done(found.violations
                 .filter((one) => one.impact !== 'minor')
                 .map((one) => one.id + ' (' + one.impact + '): ' + one.nodes.slice(0, 3)
                   .map((node) => node.html.slice(0, 160) + ' :: ' + node.failureSummary)
                   .join(' | '))),
               (error) => done(['axe failed: ' + error]));",
            self.axe
        );
        let found = browser.script_later(&script).await;
        let Value::Array(found) = found else { panic!("axe answered {found}") };
        self.wrong.extend(found.iter().map(|one| format!("{path} ({theme}): {one}")));
    }

    async fn width(&mut self, browser: &Browser, path: &str) {
        let over = browser
            .script(
                "const root = document.documentElement; return root.scrollWidth - root.clientWidth",
            )
            .await;
        if over.as_i64().is_none_or(|over| over > 0) {
            let who = browser
                .script(
                    "const wide = document.documentElement.clientWidth;
                     return [...document.querySelectorAll('body *')]
                       .filter((one) => one.getBoundingClientRect().right > wide + 1)
                       .slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(' | ')",
                )
                .await;
            self.wrong.push(format!("{path}: {over} pixels too wide for a phone: {who}"));
        }
    }

    /// Everything came from this server, and the console is silent.
    async fn loaded(&mut self, browser: &Browser, path: &str) {
        let foreign = browser
            .script(
                "return performance.getEntriesByType('resource').map((one) => one.name)
                   .filter((name) => !name.startsWith(location.origin))",
            )
            .await;
        if foreign.as_array().is_none_or(|list| !list.is_empty()) {
            self.wrong.push(format!("{path} asks others: {foreign}"));
        }
        let ran = browser
            .script(
                "return window.hit !== undefined || !!document.querySelector(
                   'script:not([src]), [onerror], [onload], [onfocus], iframe, a[href^=\"javascript:\" i]')",
            )
            .await;
        if ran != false {
            self.wrong.push(format!("{path} takes text for markup"));
        }
        // That the page itself is an error is its status, and no complaint.
        let page = browser.script("return location.href").await;
        let page = page.as_str().unwrap_or_default();
        for line in browser.complaints().await {
            if line.starts_with(page) && line.contains("the server responded with a status of 4") {
                continue;
            }
            self.wrong.push(format!("{path}: the console says: {line}"));
        }
    }

    /// Fails the test with everything that is wrong.
    pub fn finish(mut self) {
        let binary = tools().join("node_modules/.bin/html-validate");
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/web-tools/htmlvalidate.json");
        let output = Command::new(binary)
            .arg("--config")
            .arg(config)
            .args(["--formatter", "text"])
            .arg(self.sources.path().join("*.html"))
            .output()
            .expect("html-validate is installed (dev/install-tools does it)");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            let names: Vec<_> = self.seen.iter().enumerate().collect();
            for line in said.lines().filter(|line| !line.trim().is_empty()) {
                let page = names.iter().find(|(at, _)| line.contains(&format!("{at:03}.html")));
                self.wrong.push(format!("{}: {line}", page.map_or("html", |(_, path)| path)));
            }
            let errors = String::from_utf8_lossy(&output.stderr);
            if !errors.trim().is_empty() {
                self.wrong.push(errors.into_owned());
            }
        }
        assert!(self.wrong.is_empty(), "{} faults:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}
