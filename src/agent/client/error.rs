//! How one call can fail, by what the agent does next.

use reqwest::StatusCode;

/// Longest text of an error answer that is shown.
const MAX_REASON: usize = 300;

/// One call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// 409 or 404: this agent does not hold the build (any more).
    #[error("the server no longer counts on this agent: {0}")]
    Lost(String),
    /// 401: the token is wrong or was revoked.
    #[error("the server does not accept this agent's token")]
    Unauthorised,
    /// 400 or 413: final for this call.
    #[error("the server refused the call: {0}")]
    Refused(String),
    /// Anything else may work later.
    #[error("{0}")]
    Retry(String),
}

/// The configuration does not make a client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the server's URL cannot be used: {0}")]
    Server(String),
    #[error("the token holds characters that no token has")]
    Token,
    #[error("no HTTP client: {0}")]
    Http(String),
}

/// The error that `status` stands for; `answer` gives the reason.
pub fn for_status(status: StatusCode, answer: &[u8]) -> Result<(), CallError> {
    match status.as_u16() {
        200..=299 => Ok(()),
        401 => Err(CallError::Unauthorised),
        404 | 409 => Err(CallError::Lost(reason(status, answer))),
        400 | 413 => Err(CallError::Refused(reason(status, answer))),
        300..=399 => Err(CallError::Retry(format!(
            "the server redirects ({status}); give the agent the final URL"
        ))),
        _ => Err(CallError::Retry(reason(status, answer))),
    }
}

/// What an error answer says, fit for one line of a log.
fn reason(status: StatusCode, answer: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        error: Text,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Text {
        Plain(String),
        Object { message: String },
    }
    let said = match serde_json::from_slice::<Body>(answer) {
        Ok(Body { error: Text::Plain(text) | Text::Object { message: text } }) => text,
        Err(_) => String::from_utf8_lossy(answer).into_owned(),
    };
    let said: String =
        said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect();
    match said.trim() {
        "" => status.to_string(),
        text => format!("{text} ({})", status.as_u16()),
    }
}

/// An error and what caused it, in one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
