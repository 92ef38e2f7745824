//! Custom scripts: which one is meant, and how it is started (EXE-12 to
//! EXE-14). Starts nothing itself.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::git::command::SEARCH_PATH;

pub const POST_CLONE: &str = "buddybuild_postclone.sh";
pub const PRE_BUILD: &str = "buddybuild_prebuild.sh";
pub const POST_BUILD: &str = "buddybuild_postbuild.sh";
pub const FINALLY: &str = "buddybuild_finally.sh";

/// The kernel reads no more of a first line.
const FIRST_LINE: usize = 256;

/// A script, ready to be started in its own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub dir: PathBuf,
    /// Named in the script's first line; empty without one.
    pub interpreter: String,
}

/// The script is there but cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("it is a link that leads out of the workspace")]
    Outside,
    #[error("it is not a file")]
    NotAFile,
    #[error("its first line ends in a carriage return; save it with Unix line ends")]
    CarriageReturn,
    #[error("the interpreter {0:?} of its first line is not on this machine")]
    NoInterpreter(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The copy next to a project file, else the one in the root (EXE-13).
pub fn find(name: &str, workspace: &Path, projects: &[PathBuf]) -> Option<PathBuf> {
    projects
        .iter()
        .map(PathBuf::as_path)
        .chain([workspace])
        .map(|folder| folder.join(name))
        .find(|path| path.symlink_metadata().is_ok())
}

/// Makes a script startable: by its first line, or by the shell without one.
///
/// # Errors
/// See `ScriptError`.
pub fn prepare(path: &Path, workspace: &Path) -> Result<Script, ScriptError> {
    let real = path.canonicalize()?;
    if !real.starts_with(workspace) {
        return Err(ScriptError::Outside);
    }
    let meta = real.metadata()?;
    if !meta.is_file() {
        return Err(ScriptError::NotAFile);
    }
    let dir = path.parent().unwrap_or(workspace).to_owned();
    let mut start = Vec::new();
    fs::File::open(&real)?.take(FIRST_LINE as u64).read_to_end(&mut start)?;
    let Some(line) = start.strip_prefix(b"#!") else {
        let (program, _) = shell();
        let args = vec![path.as_os_str().to_owned()];
        return Ok(Script { program, args, dir, interpreter: String::new() });
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") {
        return Err(ScriptError::CarriageReturn);
    }
    let line = String::from_utf8_lossy(line);
    let interpreter = line.split_whitespace().next().unwrap_or_default().to_owned();
    if !Path::new(&interpreter).exists() {
        return Err(ScriptError::NoInterpreter(interpreter));
    }
    let mode = meta.permissions().mode();
    // Every bit that may read may also start it.
    let wanted = mode | ((mode & 0o444) >> 2) | 0o100;
    if wanted != mode {
        fs::set_permissions(&real, fs::Permissions::from_mode(wanted))?;
    }
    Ok(Script { program: path.to_owned(), args: Vec::new(), dir, interpreter })
}

/// The shell for text without a first line, and the options that make it stop
/// at the first command that fails.
pub fn shell() -> (PathBuf, &'static [&'static str]) {
    let bash = SEARCH_PATH
        .split(':')
        .map(|folder| Path::new(folder).join("bash"))
        .find(|path| path.is_file());
    match bash {
        Some(bash) => (bash, &["-e", "-o", "pipefail"]),
        None => (PathBuf::from("/bin/sh"), &["-e"]),
    }
}

#[cfg(test)]
mod tests;
