//! Files a build leaves behind (ART-1, ART-3).

use crate::model::app::Platform;
use crate::model::ids::{ArtifactId, BuildId};
use crate::model::time::Millis;

/// One stored file of a build.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Artifact {
    pub id: ArtifactId,
    pub build_id: BuildId,
    #[sqlx(try_from = "String")]
    pub kind: ArtifactKind,
    /// File name without folders, as offered for download.
    pub name: String,
    /// Path relative to the folder it was collected from.
    pub path: String,
    pub bytes: i64,
    /// 64 lowercase hex.
    pub sha256: String,
    /// Where `blobs/` keeps it.
    pub blob_key: String,
    pub created_at: Millis,
}

/// Which rule collected an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// From `$BUDDYBUILD_PRODUCT_DIR`.
    Product,
    /// From `$BUDDYBUILD_APKS_DIR`.
    Apk,
    /// From an artifact glob of `shipmate.yml`.
    File,
}

impl ArtifactKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Apk => "apk",
            Self::File => "file",
        }
    }
}

impl TryFrom<String> for ArtifactKind {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "product" => Ok(Self::Product),
            "apk" => Ok(Self::Apk),
            "file" => Ok(Self::File),
            other => Err(format!("unknown artifact kind \"{other}\"")),
        }
    }
}

/// One entry of a finished build's `links` (api.md 2.1), without the signature
/// that the API adds when it shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Download {
    pub name: String,
    pub artifact_id: ArtifactId,
    /// An app package that a device can install (APK or IPA).
    pub installable: bool,
    /// What it is installed on; builds from before this was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}
