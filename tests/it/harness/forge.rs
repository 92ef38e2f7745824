//! A provider of repositories at the wire: answers what the story says, keeps
//! what it was asked, and hands everything else to git where there is one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A call that it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// `GET /user?page=1`.
    pub call: String,
    /// The header with the credential, and its value.
    pub credential: String,
    /// `null` if there was none.
    pub body: Value,
}

#[derive(Clone)]
struct Scripted {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Scripted>,
    asked: Vec<Asked>,
    /// Where git is served.
    git: Option<String>,
}

#[derive(Clone, Default)]
pub struct Forge {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Forge {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let forge = Self { url, script: Arc::default() };
        let router = Router::new().fallback(take).with_state(forge.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        forge
    }

    /// What no call asks for is git's.
    pub fn serve_git(&self, url: &str) {
        self.script.lock().unwrap().git = Some(url.to_owned());
    }

    /// Answers `call`, such as `GET /user`, with or without its query.
    pub fn on(&self, call: &str, status: u16, body: &Value) {
        self.on_text(call, status, &[], &body.to_string());
    }

    pub fn on_text(&self, call: &str, status: u16, headers: &[(&'static str, String)], body: &str) {
        let answer = Scripted { status, headers: headers.to_vec(), body: body.to_owned() };
        self.script.lock().unwrap().answers.insert(call.to_owned(), answer);
    }

    /// The calls since the last look.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }
}

fn credential(parts: &Parts) -> String {
    let given = ["authorization", "private-token"].into_iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().unwrap();
        Some(format!("{name}: {value}"))
    });
    given.collect::<Vec<_>>().join("\n")
}

async fn take(State(forge): State<Forge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let full = parts.uri.path_and_query().unwrap().as_str();
    let (call, plain) =
        (format!("{} {full}", parts.method), format!("{} {}", parts.method, parts.uri.path()));
    let (answer, git) = {
        let mut script = forge.script.lock().unwrap();
        let answer = script.answers.get(&call).or(script.answers.get(&plain)).cloned();
        let git = script.git.clone().filter(|_| answer.is_none());
        if git.is_none() {
            script.asked.push(Asked {
                call,
                credential: credential(&parts),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            });
        }
        (answer, git)
    };
    if let Some(git) = git {
        return pass_on(&format!("{git}{full}"), parts, body).await;
    }
    let Some(answer) = answer else {
        return (StatusCode::NOT_FOUND, "{\"message\": \"Not Found\"}").into_response();
    };
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    }
    response
}

async fn pass_on(url: &str, parts: Parts, body: Bytes) -> Response {
    let mut headers = parts.headers;
    headers.remove("host");
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = request.request(parts.method, url).headers(headers).body(body).send().await;
    let answer = answer.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = (status, answer.bytes().await.unwrap()).into_response();
    for name in ["content-type", "www-authenticate", "cache-control"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
