//! One call to a provider: bounded in time and size, no redirect followed.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Fault, Result, distrusted};
use crate::model::secret::Secret;

/// For one whole exchange.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Descriptions and keys are some kilobytes; GitHub lists many addresses.
const MAX_ANSWER: usize = 256 << 10;
/// Characters of a provider's words that are shown.
const MAX_REASON: usize = 200;

/// A client for one sign-in.
pub fn client() -> Result<reqwest::Client> {
    // Fails when somebody in this process installed one before: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("shipmate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| Fault::Away(format!("no HTTP client: {error}")))
}

/// A URL that secrets may go to: https, or this machine.
///
/// # Errors
/// What is wrong with it.
pub fn secure_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    let host = url.host_str().ok_or("names no host")?;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback =
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        _ => return Err("must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a password");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    Ok(url)
}

/// Sends `request` to what people call `what`; the JSON of a good answer.
///
/// # Errors
/// `Away` when there was no answer, a server's fault or a limit; `Distrusted`
/// for everything else that is not 200 and JSON.
pub async fn json<T: DeserializeOwned>(request: RequestBuilder, what: &str) -> Result<T> {
    let (status, body) = send(request, what).await?;
    if !status.is_success() {
        return Err(refused(status, &body, what));
    }
    serde_json::from_slice(&body)
        .map_err(|error| distrusted(cut(&format!("{what} answered what cannot be read: {error}"))))
}

async fn send(request: RequestBuilder, what: &str) -> Result<(StatusCode, Vec<u8>)> {
    let away = |error: reqwest::Error| {
        let how = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        Fault::Away(format!("{what} {how}: {}", causes(&error.without_url())))
    };
    let request = request.header("accept", "application/json");
    let mut response = request.send().await.map_err(away)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(away)? {
        if body.len() + piece.len() > MAX_ANSWER {
            let text = format!("{what} answered more than {} KiB", MAX_ANSWER >> 10);
            return Err(distrusted(text));
        }
        body.extend_from_slice(&piece);
    }
    Ok((response.status(), body))
}

/// The chain of causes: the outermost alone says nothing.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    cut(&text)
}

fn refused(status: StatusCode, body: &[u8], what: &str) -> Fault {
    let said =
        serde_json::from_slice::<OauthError>(body).map_or_else(|_| String::new(), |e| e.text());
    let text = format!("{what} answered {}{said}", status.as_u16());
    match status.as_u16() {
        300..=399 => distrusted(format!("{text}, and redirects are not followed")),
        408 | 425 | 429 | 500..=599 => Fault::Away(text),
        _ => distrusted(text),
    }
}

/// A refusal in the words of RFC 6749 5.2, which GitHub sends with 200.
#[derive(Debug, Deserialize)]
pub struct OauthError {
    pub error: String,
    #[serde(default)]
    pub error_description: Option<String>,
}

impl OauthError {
    fn text(&self) -> String {
        let more = self.error_description.as_deref().unwrap_or_default();
        cut(&format!(": {} {more}", self.error))
    }
}

/// Without control characters, and short.
pub fn cut(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    text.trim_end().to_owned()
}

/// How a token endpoint answered.
#[derive(Debug)]
pub enum Exchange<T> {
    Tokens(T),
    Refused(OauthError),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused(OauthError),
    Tokens(T),
}

/// Redeems a code; `secret` is kept out of what is said of a failure.
///
/// # Errors
/// As `json`.
pub async fn exchange<T: DeserializeOwned>(
    request: RequestBuilder,
    secret: &Secret,
) -> Result<Exchange<T>> {
    let what = "the token endpoint";
    let (status, body) = send(request, what).await?;
    // Not 401 alone: providers differ, and GitHub refuses with 200.
    let read = serde_json::from_slice::<Answer<T>>(&body);
    match read {
        Ok(Answer::Refused(error)) if status.is_success() || status.is_client_error() => {
            let mask = |text: String| text.replace(secret.expose(), "********");
            Ok(Exchange::Refused(OauthError {
                error: mask(error.error),
                error_description: error.error_description.map(mask),
            }))
        }
        Ok(Answer::Tokens(tokens)) if status.is_success() => Ok(Exchange::Tokens(tokens)),
        // The text of the parser may show what it read: tokens.
        _ if status.is_success() => Err(distrusted("the token endpoint answered no tokens")),
        _ => Err(refused(status, b"", what)),
    }
}

/// The fault of a code that was refused.
pub fn refusal(error: &OauthError) -> Fault {
    let text = format!("the token endpoint refused the code{}", error.text());
    match error.error.as_str() {
        "invalid_grant" | "bad_verification_code" => Fault::Stale(text),
        "temporarily_unavailable" | "server_error" | "slow_down" => Fault::Away(text),
        _ => distrusted(text),
    }
}

/// What the answer to a code that nobody gave says about the credentials.
///
/// # Errors
/// `Distrusted` when they are wrong.
pub fn judge_trial<T>(answer: &Exchange<T>) -> Result<String> {
    match answer {
        Exchange::Tokens(_) => Err(distrusted("the token endpoint took a code that nobody gave")),
        Exchange::Refused(error) => match error.error.as_str() {
            "invalid_grant" | "bad_verification_code" => {
                Ok("The client id and secret are accepted.".into())
            }
            "invalid_client" | "unauthorized_client" | "incorrect_client_credentials" => {
                Err(distrusted(format!("the client id or secret is wrong{}", error.text())))
            }
            "redirect_uri_mismatch" => Err(distrusted(format!(
                "the redirect URI is not entered at the provider{}",
                error.text()
            ))),
            _ => Ok(format!(
                "The token endpoint answers; whether it takes the client id and secret shows at \
                 the first sign-in{}.",
                error.text()
            )),
        },
    }
}
