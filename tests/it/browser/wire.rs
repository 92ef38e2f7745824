//! The few commands of WebDriver (W3C) that the stories need. The crates for it
//! bring thirty others, or change what `serde_json` does in the whole build.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// `chromedriver` and what it starts.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed (dev/install-tools does it)");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // "ChromeDriver was started successfully on port 40123."
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver names its port");
        // It ends when nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    // Fails when something installed it already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}

/// One browser, until it is dropped.
pub struct Session {
    http: Client,
    url: String,
    _driver: Driver,
}

/// An element of the page that is shown.
#[derive(Debug, Clone)]
pub struct Element(String);

/// Why the browser did not do it: `no such element: …`.
pub type Refusal = String;

impl Session {
    /// Starts Chromium with these arguments.
    pub async fn start(arguments: &[String]) -> Self {
        let driver = Driver::start();
        let mut session = Self { http: client(), url: driver.url.clone(), _driver: driver };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let made = session.post("session", wanted).await.expect("Chromium starts");
        session.url.push_str("/session/");
        session.url.push_str(made["sessionId"].as_str().expect("a session has an id"));
        session
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Refusal> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.send(Method::GET, path, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Refusal> {
        let mut request = self.http.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let good = answer.status().is_success();
        let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if good { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }

    /// All elements that a CSS selector or an XPath (`//…`) finds.
    pub async fn find_all(&self, what: &str) -> Result<Vec<Element>, Refusal> {
        let using = if what.starts_with("//") { "xpath" } else { "css selector" };
        let found = self.post("elements", json!({ "using": using, "value": what })).await?;
        let ids = found.as_array().into_iter().flatten().filter_map(|one| one[ELEMENT].as_str());
        Ok(ids.map(|id| Element(id.to_owned())).collect())
    }

    /// `click`, `clear`, `value` of an element.
    pub async fn act(&self, on: &Element, command: &str, body: Value) -> Result<Value, Refusal> {
        self.post(&format!("element/{}/{command}", on.0), body).await
    }

    pub async fn property(&self, of: &Element, name: &str) -> Result<Value, Refusal> {
        self.get(&format!("element/{}/property/{name}", of.0)).await
    }

    pub async fn is_shown(&self, element: &Element) -> bool {
        let shown = self.get(&format!("element/{}/displayed", element.0)).await;
        shown.is_ok_and(|shown| shown == true)
    }
}
