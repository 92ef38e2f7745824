//! Headless Chromium as a person uses it: one browser for each test, with a
//! profile of its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::wire::{Element, Refusal, Session};
use crate::harness::{eventually, within_time};

/// For a page to show what it should.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Without the last ones Chromium asks hosts of its maker at every start.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// `Tab` and `Enter` in the alphabet of WebDriver.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// The sizes that pages are looked at in.
#[derive(Debug, Clone, Copy)]
pub enum Screen {
    Desktop,
    /// A small phone.
    Phone,
}

/// One browser with one window.
pub struct Browser {
    session: Session,
    /// Origin of the server, without a slash at the end.
    site: String,
    // Dropped last: Chromium writes to it until it ends.
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn open(site: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|&text| text.into()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let session = Session::start(&arguments).await;
        let browser = Self { session, site: site.to_owned(), _profile: profile };
        browser.screen(Screen::Desktop).await;
        browser.dark(false).await;
        browser
    }

    pub async fn screen(&self, screen: Screen) {
        let (width, height, mobile) = match screen {
            Screen::Desktop => (1280, 900, false),
            Screen::Phone => (360, 740, true),
        };
        let wanted = json!({
            "width": width, "height": height, "mobile": mobile, "deviceScaleFactor": 1,
        });
        self.tell("Emulation.setDeviceMetricsOverride", wanted).await;
    }

    /// Shows the page as somebody sees it who prefers a dark screen, or a light one.
    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        // A page that scrolls smoothly moves away under the click.
        let wanted = json!({ "features": [
            { "name": "prefers-color-scheme", "value": value },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.tell("Emulation.setEmulatedMedia", wanted).await;
    }

    /// A command of the DevTools protocol.
    pub async fn tell(&self, command: &str, params: Value) -> Value {
        let wanted = json!({ "cmd": command, "params": params });
        let answer = self.session.post("goog/cdp/execute", wanted).await;
        answer.unwrap_or_else(|refusal| panic!("{command}: {refusal}"))
    }

    /// Opens a path of the server, or a whole address.
    pub async fn go(&self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.site) } else { path.into() };
        let gone = self.session.post("url", json!({ "url": url })).await;
        gone.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
    }

    /// Path and query of where the window is.
    pub async fn path(&self) -> String {
        let url = self.session.get("url").await.unwrap();
        let url = url.as_str().unwrap_or_default();
        url.strip_prefix(&self.site).unwrap_or(url).to_owned()
    }

    /// The first element that a CSS selector or XPath finds and that can be seen.
    pub async fn find(&self, what: &str) -> Element {
        self.wait(what, async || {
            for element in self.session.find_all(what).await.ok()? {
                if self.session.is_shown(&element).await {
                    return Some(element);
                }
            }
            None
        })
        .await
    }

    pub async fn has(&self, css: &str) -> bool {
        !self.session.find_all(css).await.unwrap().is_empty()
    }

    /// Clicks a link or button with exactly this text, once it can be seen; of
    /// several the one in the page before the one in its header.
    pub async fn click(&self, text: &str) {
        let named =
            format!("[self::a or self::button or self::summary][normalize-space()='{text}']");
        let found = self
            .wait(&format!("a link or button “{text}”"), async || {
                for place in ["//main", "//body"] {
                    let path = format!("{place}//*{named}");
                    for element in self.session.find_all(&path).await.ok()? {
                        if self.session.is_shown(&element).await {
                            return Some(element);
                        }
                    }
                }
                None
            })
            .await;
        self.click_on(&found).await;
    }

    pub async fn click_on(&self, element: &Element) {
        self.session.act(element, "click", json!({})).await.unwrap();
    }

    /// Types into the field with this label, in place of what stands there.
    pub async fn fill(&self, label: &str, value: &str) {
        let field = self.field(label).await;
        self.session.act(&field, "clear", json!({})).await.unwrap();
        self.keys(&field, value).await;
    }

    /// Types into an element; for a file field, the path of the file.
    pub async fn keys(&self, element: &Element, text: &str) {
        self.session.act(element, "value", json!({ "text": text })).await.unwrap();
    }

    /// What stands in the field with this label.
    pub async fn field_value(&self, label: &str) -> String {
        let field = self.field(label).await;
        let value = self.session.property(&field, "value").await.unwrap();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// The control of a label, found as a person or a screen reader finds it.
    pub async fn field(&self, label: &str) -> Element {
        self.find(&format!("//*[@id=//label[normalize-space()='{label}']/@for]")).await
    }

    /// All text of the page that can be seen; empty between two pages.
    pub async fn text(&self) -> String {
        let script = "return document.body ? document.body.innerText : ''";
        let value = self.execute("sync", script).await;
        value.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until the page shows this text.
    pub async fn sees(&self, text: &str) {
        self.sees_within(PATIENCE, text).await;
    }

    pub async fn sees_within(&self, within: Duration, text: &str) {
        let shown = async || self.text().await.contains(text).then_some(());
        if within_time(within, shown).await.is_none() {
            let (path, shown) = (self.path().await, self.text().await);
            panic!("not within {within:?}: “{text}” on {path}, which shows:\n{shown}");
        }
    }

    /// The cookies of the page as a request sends them.
    pub async fn cookie(&self) -> String {
        let cookies = self.session.get("cookie").await.unwrap();
        let one = |cookie: &Value| {
            let part = |name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
            format!("{}={}", part("name"), part("value"))
        };
        cookies.as_array().into_iter().flatten().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Runs a script in the page; `return` gives its value.
    pub async fn script(&self, script: &str) -> Value {
        self.execute("sync", script).await.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// Runs a script that calls its last argument with its value.
    pub async fn script_later(&self, script: &str) -> Value {
        self.execute("async", script).await.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// `how` is `sync` or `async`.
    async fn execute(&self, how: &str, script: &str) -> Result<Value, Refusal> {
        let wanted = json!({ "script": script, "args": [] });
        self.session.post(&format!("execute/{how}"), wanted).await
    }

    /// What the console said since the last look: faults of scripts, refused
    /// resources, breaches of the policy.
    pub async fn complaints(&self) -> Vec<String> {
        let lines = self.session.post("se/log", json!({ "type": "browser" })).await.unwrap();
        let bad = |line: &&Value| line["level"] == "SEVERE" || line["level"] == "WARNING";
        let lines = lines.as_array().into_iter().flatten().filter(bad);
        lines.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        let press = |key: char| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        };
        let all: Vec<Value> = keys.chars().flat_map(press).collect();
        let wanted = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": all }] });
        self.session.post("actions", wanted).await.unwrap();
    }

    /// A picture of what the window shows, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let picture = self.session.get("screenshot").await.unwrap();
        let picture = picture.as_str().expect("a picture is text");
        base64::engine::general_purpose::STANDARD.decode(picture).unwrap()
    }

    /// Looks until `condition` gives a value.
    pub async fn wait<T>(&self, what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
        eventually(PATIENCE, what, condition).await
    }
}
