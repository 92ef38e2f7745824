//! How a command ends when it does not succeed, and with which exit code:
//! 1 failure, 2 usage or settings, 3 the watched build was cancelled.

use std::io;

/// Why a command ends early. The text is one sentence that says what to do.
#[derive(Debug)]
pub enum Failure {
    /// Something did not work: exit code 1.
    Failed(String),
    /// The server does not answer or cannot now, the same again may work:
    /// exit code 1.
    Away(String),
    /// The command or the settings are wrong: exit code 2.
    Usage(String),
    /// All is said already; only the exit code matters.
    Exit(u8),
    /// Whoever read our output has enough (`| head`): not an error.
    OutputClosed,
}

pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }
}

/// Only writes to the console end as a bare `io::Error`; everything else says
/// which file or address it is about.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}
