//! One call of a provider's API with bounded time and size. Redirects are not
//! followed, so that the token goes nowhere else. Knows no rows and retries
//! nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cut;
use crate::model::secret::Secret;
use crate::model::status::Provider;

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A page of repositories has some hundred KiB; what goes beyond is refused.
const MAX_ANSWER: usize = 4 << 20;
/// Characters of an answer that are shown.
const MAX_REASON: usize = 200;

/// Where calls go, and with whose token.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    pub provider: Provider,
    /// Of the API, without a slash at the end.
    pub base_url: &'a str,
    pub token: &'a Secret,
}

/// Why a question got no answer, by what helps. No text holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Another token.
    #[error("The provider does not take the token: {0}")]
    Token(String),
    /// A token that may do more.
    #[error("The token may not do this: {0}")]
    Scope(String),
    /// A token that sees more, or another base URL.
    #[error("Nothing is there, or the token may not see it: {0}")]
    Missing(String),
    /// Trying again later.
    #[error("The provider cannot be asked now: {0}")]
    Away(String),
    /// Another base URL, or another kind of provider.
    #[error("This does not look like the provider’s API: {0}")]
    Odd(String),
}

impl AskError {
    /// What a person does about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Token(_) => "Make a new token at the provider and replace the old one here.",
            Self::Scope(_) => "Give the token the scopes that the page of connections lists.",
            Self::Missing(_) => "Check the base URL, and the scopes of the token.",
            Self::Away(_) => "Try again in a while; check that this server reaches the provider.",
            Self::Odd(_) => "Check the kind of provider and its base URL.",
        }
    }
}

pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// More came than was read.
    pub is_cut: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, AskError> {
        let read = serde_json::from_slice(&self.body);
        read.map_err(|_| AskError::Odd("the answer cannot be read".into()))
    }

    /// Its beginning as one line. Some providers echo what they were called
    /// with.
    pub fn shown(&self, token: &Secret) -> String {
        let mut text = String::from_utf8_lossy(&self.body).into_owned();
        let password = token.expose().split_once(':').map(|(_, password)| password);
        for secret in [Some(token.expose()), password].into_iter().flatten() {
            if !secret.is_empty() {
                text = text.replace(secret, "********");
            }
        }
        cut(&text.replace(char::is_control, " "), MAX_REASON)
    }
}

/// Header with the credential.
pub(super) fn authorization(provider: Provider, token: &Secret) -> (&'static str, String) {
    let token = token.expose();
    match provider {
        Provider::Gitlab => ("private-token", token.to_owned()),
        Provider::Gitea => ("authorization", format!("token {token}")),
        // A password or an API token comes with the name of its user.
        Provider::Bitbucket | Provider::BitbucketServer if token.contains(':') => {
            ("authorization", format!("Basic {}", STANDARD.encode(token)))
        }
        _ => ("authorization", format!("Bearer {token}")),
    }
}

/// Makes one call, once, and reads up to `max` bytes of its answer.
///
/// # Errors
/// A sentence about a provider that gave no answer.
pub(super) async fn exchange(
    account: &Account<'_>,
    (method, path): (Method, &str),
    body: Option<&Value>,
    max: usize,
) -> Result<Answer, String> {
    // Fails when somebody in this process installed one before: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("shipmate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| format!("no HTTP client: {error}"))?;
    let (header, value) = authorization(account.provider, account.token);
    let mut request = client
        .request(method, format!("{}{path}", account.base_url))
        .header("accept", "application/json")
        .header(header, value);
    if let Some(body) = body {
        request = request.json(body);
    }
    let gone = |error: reqwest::Error| {
        let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        format!("the provider {what}")
    };
    let mut response = request.send().await.map_err(gone)?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let (mut body, mut is_cut) = (Vec::new(), false);
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            // Why it refused is worth less than that it did.
            Err(_) if !(200..300).contains(&status) => break,
            Err(error) => return Err(gone(error)),
        };
        let room = max - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Answer { status, headers, body, is_cut })
}

/// A call whose answer is wanted.
///
/// # Errors
/// See `AskError`.
pub(super) async fn ask(
    account: &Account<'_>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, AskError> {
    let answer =
        exchange(account, (method, path), body, MAX_ANSWER).await.map_err(AskError::Away)?;
    let status = answer.status;
    if (200..300).contains(&status) {
        return match answer.is_cut {
            true => Err(AskError::Odd("the answer is too large".into())),
            false => Ok(answer),
        };
    }
    let reason = format!("it answered {status}: {}", answer.shown(account.token));
    // GitHub answers 403, not 429, where a limit of calls is used up.
    let is_limited = answer.header("retry-after").is_some()
        || answer.header("x-ratelimit-remaining") == Some("0");
    Err(match status {
        401 => AskError::Token(reason),
        403 if is_limited => AskError::Away(reason),
        400 | 403 | 422 => AskError::Scope(reason),
        404 | 410 => AskError::Missing(reason),
        408 | 425 | 429 | 500..=599 => AskError::Away(reason),
        _ => AskError::Odd(reason),
    })
}
