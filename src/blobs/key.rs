//! Every object key in one place.

use object_store::path::Path;

use crate::model::ids::{ArtifactId, BuildId, MediaId, SecureFileId};

/// What a blob is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobKey {
    /// A file that a build left behind.
    Artifact(BuildId, ArtifactId),
    /// The icon of an app package, a PNG or WebP.
    Icon(BuildId, ArtifactId),
    /// A secure file, encrypted.
    SecureFile(SecureFileId),
    /// A finished log: concatenated zstd frames of plain text.
    Log(BuildId),
    /// A picture, video or device log that came with feedback or a crash.
    Media(MediaId),
    /// Lines that ran and their source, of one attempt of a build.
    Sources(BuildId, i64),
}

impl BlobKey {
    pub(super) fn path(&self) -> Path {
        Path::from(self.to_string())
    }
}

impl std::fmt::Display for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Artifact(build, artifact) => write!(f, "artifacts/{build}/{artifact}"),
            Self::Icon(build, artifact) => write!(f, "icons/{build}/{artifact}"),
            Self::SecureFile(id) => write!(f, "secure-files/{id}"),
            Self::Log(build) => write!(f, "logs/{build}.zst"),
            Self::Media(id) => write!(f, "media/{id}"),
            Self::Sources(build, attempt) => write!(f, "sources/{build}/{attempt}"),
        }
    }
}
