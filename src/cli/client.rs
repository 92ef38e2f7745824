//! A small client of the HTTP API (api.md): one server, one token. The token
//! goes to that server only; redirects are not followed with it. Answers are
//! bounded, and every refusal becomes one sentence with its remedy.

use std::sync::Once;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, LINK};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::arguments::ServerArgs;
use super::console::Console;
use super::credentials;
use super::failure::{Failure, Result};
use super::render::plain;
use crate::model::secret::Secret;

/// Largest JSON answer: all tests of one build fit several times.
const MAX_ANSWER: usize = 256 << 20;
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence inside an answer; a followed log reconnects after it.
const SILENCE: Duration = Duration::from_secs(75);
/// Pages of one list, so that a server cannot keep us for ever.
const MAX_PAGES: usize = 10_000;

/// How often and how patiently a cut transfer is taken up again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts in a row that bring nothing new.
    pub attempts: u32,
    /// Pause before the first of them; doubles up to 20 times as much.
    pub pause: Duration,
}

impl Patience {
    /// The pause before attempt `number`, counted from 1.
    pub async fn wait(self, number: u32) {
        let factor = 1_u32.checked_shl(number.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
        tokio::time::sleep(self.pause * factor).await;
    }
}

pub struct Client {
    api: reqwest::Client,
    files: reqwest::Client,
    /// Origin without a slash at the end.
    server: String,
    token: Secret,
    pub patience: Patience,
}

/// One JSON answer.
pub struct Reply {
    /// Exactly what the server sent.
    pub text: String,
    /// Path and query of the next page.
    pub next: Option<String>,
    /// The server's clock: ages are counted by the clock that stamped them.
    pub now: Option<DateTime<Utc>>,
}

impl Reply {
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text).map_err(|error| {
            Failure::failed(format!(
                "the server's answer is not what API v1 describes ({error}); is this a Shipmate \
                 server?"
            ))
        })
    }
}

/// What the caller asks about, for the sentence that answers a 404.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// "build 5f..." or "app 5f...".
    pub what: &'a str,
    pub hint: &'a str,
}

impl Client {
    /// The client for the flags, else the environment, else the stored login.
    pub fn connect(args: &ServerArgs, console: &Console) -> Result<Self> {
        let text = |name| console.env.text(name).map_err(Failure::Usage);
        let named = args.server.as_deref().or(text("SHIPMATE_SERVER")?);
        let named = named.map(origin).transpose()?;
        let token = match &args.token {
            Some(token) => Some(credentials::check_token(token.expose())?),
            None => text("SHIPMATE_TOKEN")?.map(credentials::check_token).transpose()?,
        };
        // With both given there is no need to look at the file, nor for one.
        if let (Some(server), Some(token)) = (&named, &token) {
            return Self::new(server.clone(), token.clone());
        }
        let stored = credentials::read(&credentials::path(&console.env)?)?;
        let server = named.or_else(|| stored.as_ref().map(|stored| stored.server.clone()));
        let server = server.ok_or_else(|| {
            Failure::failed("no server is known; run `shipmate login --server URL` first")
        })?;
        let server = origin(&server)?;
        // A stored token is for the server it was stored with, no other.
        let stored = stored.filter(|stored| stored.server == server).map(|stored| stored.token);
        let token = token.or(stored).ok_or_else(|| {
            Failure::failed(format!(
                "no token for {server} is known; run `shipmate login --server {server}` or set \
                 SHIPMATE_TOKEN"
            ))
        })?;
        Self::new(server, token)
    }

    /// `server` comes from `origin`.
    pub fn new(server: String, token: Secret) -> Result<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error means that the process has one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let build = |redirects| {
            reqwest::Client::builder()
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                .redirect(redirects)
                .user_agent(concat!("shipmate/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| Failure::failed(format!("cannot set up HTTP: {error}")))
        };
        Ok(Self {
            api: build(reqwest::redirect::Policy::none())?,
            files: build(reqwest::redirect::Policy::limited(5))?,
            server,
            token,
            patience: Patience { attempts: 8, pause: Duration::from_millis(500) },
        })
    }

    /// Asks for JSON at `path`, which starts with a slash.
    pub async fn get(&self, path: &str, about: About<'_>) -> Result<Reply> {
        let response = self.send(self.api(Method::GET, path), about).await?;
        self.read(response).await
    }

    /// Sends `body`, or nothing, and reads the answer, which may be empty.
    pub async fn post(
        &self,
        path: &str,
        body: Option<&serde_json::Value>,
        about: About<'_>,
    ) -> Result<Reply> {
        let request = self.api(Method::POST, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = self.send(request, about).await?;
        self.read(response).await
    }

    /// Follows `Link` from page to page; every page is a JSON array.
    pub async fn pages(&self, path: &str, about: About<'_>) -> Result<Vec<Reply>> {
        let mut pages = vec![self.get(path, about).await?];
        while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
            if pages.len() >= MAX_PAGES {
                return Err(Failure::failed(format!(
                    "the list has more than {MAX_PAGES} pages; narrow it with filters"
                )));
            }
            pages.push(self.get(&next, about).await?);
        }
        Ok(pages)
    }

    /// Starts a streamed answer with extra headers.
    pub async fn stream(
        &self,
        path: &str,
        headers: HeaderMap,
        about: About<'_>,
    ) -> Result<Response> {
        self.send(self.api(Method::GET, path).headers(headers), about).await
    }

    /// Starts a download from a signed URL, without our token.
    pub async fn file(&self, url: &str, headers: HeaderMap) -> Result<Response> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Failure::failed("the server gave a download address that is no URL"))?;
        let origin = url.origin().ascii_serialization();
        let sent = self.files.get(url).headers(headers).send().await;
        sent.map_err(|error| unreachable(&origin, error))
    }

    fn api(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server);
        self.api.request(method, url).bearer_auth(self.token.expose())
    }

    async fn send(&self, request: RequestBuilder, about: About<'_>) -> Result<Response> {
        let response = request.send().await.map_err(|error| unreachable(&self.server, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let place = response.headers().get(reqwest::header::LOCATION);
        let place = place.and_then(|value| value.to_str().ok()).map(plain);
        if let (true, Some(place)) = (status.is_redirection(), place) {
            return Err(Failure::failed(format!(
                "{} redirects to {place}; give the final address with --server",
                self.server
            )));
        }
        let body = limited(response, 64 << 10).await.unwrap_or_default();
        Err(self.refusal(status, &body, about))
    }

    fn refusal(&self, status: StatusCode, body: &[u8], about: About<'_>) -> Failure {
        #[derive(serde::Deserialize)]
        struct Body {
            error: String,
        }
        let said = match serde_json::from_slice::<Body>(body) {
            Ok(body) => plain(&body.error),
            Err(_) => format!("HTTP {status}"),
        };
        let server = &self.server;
        let text = match status {
            StatusCode::UNAUTHORIZED => format!(
                "{server} refused the token ({said}); run `shipmate login --server {server}` with \
                 a current one"
            ),
            StatusCode::FORBIDDEN => {
                format!("{said}: ask an administrator for full access to {}", about.what)
            }
            StatusCode::NOT_FOUND => {
                format!("{} on {server}: {said}; {}", about.what, about.hint)
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                format!("{server} cannot answer now ({said}); try again in a moment")
            }
            status if status.is_server_error() => {
                format!("{server} failed ({said}); the server's log says why")
            }
            _ => format!("{server} refused the request: {said}"),
        };
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Failure::Away(text)
        } else {
            Failure::Failed(text)
        }
    }

    async fn read(&self, response: Response) -> Result<Reply> {
        let next = next_page(response.headers(), &self.server)?;
        let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
        let now = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let bytes = limited(response, MAX_ANSWER).await?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::failed("the server's answer is not valid UTF-8"))?;
        Ok(Reply { text, next, now: now.map(|now| now.to_utc()) })
    }
}

/// `scheme://host[:port]` of a server address as a person types it.
pub fn origin(text: &str) -> Result<String> {
    let fault = || {
        Failure::usage(format!(
            "\"{}\" is not a server address; give it like https://ci.example.com",
            plain(text)
        ))
    };
    let url = Url::parse(text).map_err(|_| fault())?;
    let plain_origin = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain_origin { Ok(url.origin().ascii_serialization()) } else { Err(fault()) }
}

/// `path?name=value&...` with the given parameters, encoded.
pub fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The `rel="next"` address as path and query, refused if it leaves `server`.
fn next_page(headers: &HeaderMap, server: &str) -> Result<Option<String>> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let Some(target) = links.flat_map(split_links).find_map(next_target) else {
        return Ok(None);
    };
    let fault =
        || Failure::failed(format!("{server} announces a next page elsewhere: {}", plain(target)));
    let base = Url::parse(server).map_err(|_| fault())?;
    let url = base.join(target).map_err(|_| fault())?;
    if url.origin() != base.origin() {
        return Err(fault());
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Some(format!("{}{query}", url.path())))
}

/// Splits a `Link` header at the commas outside `<...>` (RFC 8288).
fn split_links(header: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    header.split(move |c| {
        inside = if inside { c != '>' } else { c == '<' };
        c == ',' && !inside
    })
}

fn next_target(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        })
    });
    is_next.then_some(target)
}

/// Reads a body up to `limit` bytes.
async fn limited(mut response: Response, limit: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            Failure::failed(format!("the answer broke off: {}", root_cause(&error)))
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > limit {
            return Err(Failure::failed(format!("the answer is larger than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
}

fn unreachable(server: &str, error: reqwest::Error) -> Failure {
    let cause = if error.is_timeout() { "no answer in time".into() } else { root_cause(&error) };
    Failure::Away(format!("cannot reach {server}: {cause}; is the server running there?"))
}

/// The innermost cause; the outer ones only repeat the address, which for a
/// signed link is a secret.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
