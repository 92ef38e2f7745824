//! The real server on a free port, and a plain HTTP client.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use shipmate::app::App;
use tokio::net::TcpListener;

/// Serves until it is dropped.
pub struct TestServer {
    /// Origin, without a slash at the end.
    pub url: String,
    pub client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl TestServer {
    pub async fn start(app: &Arc<App>) -> Self {
        let door = shipmate::router::door(app.clone()).expect("the router is built");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let make =
            axum::ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(door);
        let task = tokio::spawn(async move {
            axum::serve(listener, make).await.expect("serving does not fail");
        });
        Self { url, client: client(), task }
    }

    /// One call; `token` goes into the `Authorization` header.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that trusts no proxy of the environment.
pub fn client() -> Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    });
    Client::builder().no_proxy().build().expect("a client")
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("a whole body").to_vec(),
        }
    }

    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// The message of an error answer, which is always JSON.
    pub fn error(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/json; charset=utf-8");
        let body: serde_json::Value = self.json();
        body["error"].as_str().expect("an error has a text").to_owned()
    }

    /// Holds the answer to a status; shows the body when it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "the body is: {text}");
        if status >= 400 {
            self.error();
        }
        self
    }
}
