//! Errors of the product, named for what the caller does next. They know no
//! status codes; each door renders them once.

use std::fmt;

/// What went wrong, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(String),
    /// The caller may see the thing but not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Somebody else was faster, or the caller lost what it held; read again.
    #[error("{0}")]
    Conflict(String),
    /// The input is wrong; the text names the parameter.
    #[error("{0}")]
    Invalid(String),
    /// Overloaded, in maintenance, or the database is away: try again later.
    #[error("{0}")]
    Unavailable(String),
    /// A remote we had to ask did not answer in time.
    #[error("{0}")]
    Timeout(String),
    /// A fault of ours; the cause goes to the log, never to the caller.
    #[error("{context}: {cause}")]
    Internal { context: &'static str, cause: Box<dyn std::error::Error + Send + Sync> },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An object that does not exist, with the constant text of api.md 1.5.
    pub fn not_found() -> Self {
        Self::NotFound("Not Found".into())
    }

    /// A parameter whose value cannot be used.
    pub fn invalid_parameter(name: &str) -> Self {
        Self::Invalid(format!("Invalid value for parameter \"{name}\""))
    }

    /// A fault of ours.
    pub fn internal(
        context: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal { context, cause: cause.into() }
    }

    /// A fault of ours without an underlying error.
    pub fn bug(context: &'static str, detail: impl fmt::Display) -> Self {
        Self::internal(context, detail.to_string())
    }
}
