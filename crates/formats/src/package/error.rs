//! What can be wrong with a package, in words for the log of a build.

use thiserror::Error;

/// Why a package could not be read. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PackageError {
    #[error("the file cannot be read: {0}")]
    Io(String),
    #[error("this is not a readable ZIP archive: {0}")]
    Archive(String),
    /// The archive is whole, but a file that makes it a package is not there.
    #[error("there is no {0} in the archive")]
    Missing(&'static str),
    #[error("{what} is damaged: {reason}")]
    Malformed { what: &'static str, reason: &'static str },
    #[error("the package has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("{what} is packed in a way that phones do not read")]
    Packing { what: &'static str },
}

/// The error of one file: `malformed("AndroidManifest.xml")("it ends early")`.
pub(super) fn malformed(what: &'static str) -> impl Fn(&'static str) -> PackageError + Copy {
    move |reason| PackageError::Malformed { what, reason }
}
