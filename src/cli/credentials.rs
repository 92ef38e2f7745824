//! The server and token that `shipmate login` stores, and which token goes to
//! which server.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::failure::{Failure, Result};
use crate::config::Environment;
use crate::model::secret::{Secret, on_wire};

const MAX_BYTES: u64 = 64 << 10;

#[derive(Debug, Clone, serde::Deserialize)]
pub struct Credentials {
    /// Origin, without a slash at the end.
    pub server: String,
    #[serde(with = "on_wire_read")]
    pub token: Secret,
}

/// The file is written by hand below, so only reading needs serde.
mod on_wire_read {
    pub use super::on_wire::deserialize;
}

/// `$XDG_CONFIG_HOME/shipmate/credentials.toml`, else below `~/.config`.
pub fn path(env: &Environment) -> Result<PathBuf> {
    // The base directory specification says to ignore a relative path.
    let base = env.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| env.get("HOME").map(|home| Path::new(home).join(".config")));
    let base = base.ok_or_else(|| {
        Failure::failed("there is no place for credentials: set HOME or XDG_CONFIG_HOME")
    })?;
    Ok(base.join("shipmate").join("credentials.toml"))
}

/// What `login` stored, if it ever did.
pub fn read(path: &Path) -> Result<Option<Credentials>> {
    let fault = |problem: String| {
        Failure::failed(format!("{}: {problem}; run `shipmate login` again", path.display()))
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(fault("the file is too large".into())),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    // The parser's message would show the line, and with it the token.
    toml::from_str(&text).map(Some).map_err(|_| fault("not a credentials file".into()))
}

/// Replaces the file, readable by its owner only.
pub fn write(path: &Path, credentials: &Credentials) -> Result {
    let fault = |error: std::io::Error| {
        Failure::failed(format!("cannot write {}: {error}", path.display()))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
    // A new file beside it: an existing one may have a wider mode, and a
    // reader must never see half of it.
    let fresh = path.with_extension(format!("toml.{}", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&fresh).map_err(fault)?;
    // JSON strings of printable ASCII are TOML strings too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let text = format!(
        "server = {}\ntoken = {}\n",
        quoted(&credentials.server),
        quoted(credentials.token.expose())
    );
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
    std::fs::rename(&fresh, path).map_err(fault)
}

/// Refuses what cannot travel in a header or would break the file.
pub fn check_token(token: &str) -> Result<Secret> {
    let token = token.trim();
    if token.is_empty() {
        return Err(Failure::usage(
            "the token is empty; give --token or pipe it to standard input",
        ));
    }
    if token.len() > 4096 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage("the token holds characters that no token has; copy it again"));
    }
    Ok(Secret::new(token))
}
