//! The folders of an export, taken for hostile: links are not followed, only
//! plain files are read, and none beyond its limit.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::cli::render::plain;
use crate::cli::{Failure, Result};

/// Entries of one folder; an app of years has some ten thousand.
const MAX_ENTRIES: usize = 500_000;
/// What an app's folder may hold.
const TOPICS: [&str; 3] = ["build-metadata", "feedback", "crash-report"];

/// A folder.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    path: PathBuf,
}

/// Why a file of an item was not read; one phrase for the summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Missing,
    Bad(String),
}

impl Tree {
    /// The folder that the caller named; it may be behind a link.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Err(Failure::usage(format!("{} is not a folder", path.display())));
        }
        Ok(Self { path: path.to_owned() })
    }

    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        plain(&name.to_string_lossy())
    }

    pub(super) fn shown(&self) -> String {
        plain(&self.path.display().to_string())
    }

    pub(super) fn is_app(&self) -> bool {
        TOPICS.iter().any(|topic| self.folder(topic).is_some())
    }

    /// A folder inside; `None` if it is not there, or is a link.
    pub(super) fn folder(&self, name: &str) -> Option<Self> {
        let path = self.path.join(name);
        let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
        is_folder.then_some(Self { path })
    }

    /// Is there anything of this name, whatever it is?
    pub(super) fn has(&self, name: &str) -> bool {
        self.path.join(name).symlink_metadata().is_ok()
    }

    /// The folders inside by name. Links and files are no folders.
    pub(super) fn folders(&self) -> Result<Vec<Self>> {
        let fault = |error| Failure::failed(format!("cannot read {}: {error}", self.shown()));
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if folders.len() == MAX_ENTRIES {
                return Err(Failure::failed(format!(
                    "{} holds more than {MAX_ENTRIES} folders",
                    self.shown()
                )));
            }
            // Does not follow links.
            if entry.file_type().map_err(fault)?.is_dir() {
                folders.push(Self { path: entry.path() });
            }
        }
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(folders)
    }

    /// A plain file inside, of at most `max` bytes.
    pub(super) fn read(&self, name: &str, max: usize) -> std::result::Result<Vec<u8>, Unread> {
        let bad = |reason: String| Unread::Bad(format!("{}: {reason}", plain(name)));
        if name.is_empty() || name.contains(['/', '\0']) || matches!(name, "." | "..") {
            return Err(bad("not a file name".into()));
        }
        let file = match open(&self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Unread::Missing);
            }
            Err(error) => return Err(bad(format!("cannot open it: {error}"))),
        };
        let is_file = file.metadata().is_ok_and(|found| found.is_file());
        if !is_file {
            return Err(bad("not a plain file".into()));
        }
        let mut bytes = Vec::new();
        file.take(max as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| bad(format!("cannot read it: {error}")))?;
        if bytes.len() > max {
            return Err(bad(format!("larger than {max} bytes")));
        }
        Ok(bytes)
    }
}

/// Neither follows a link nor waits for whoever writes into a pipe.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_within_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a"), b"12345").unwrap();
        std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), at("folder-link")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, mode, 0)
            .unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert_eq!(tree.read("a", 5).unwrap(), b"12345");
        assert_eq!(tree.read("gone", 5), Err(Unread::Missing));
        for (name, max) in
            [("a", 4), ("link", 9), ("folder", 9), ("pipe", 9), ("../a", 9), ("..", 9), ("", 9)]
        {
            assert!(matches!(tree.read(name, max), Err(Unread::Bad(_))), "{name}");
        }
        let names: Vec<String> = tree.folders().unwrap().iter().map(Tree::name).collect();
        assert_eq!(names, ["folder"]);
        assert!(tree.folder("folder-link").is_none() && tree.folder("a").is_none());
        assert!(Tree::open(&at("a")).is_err());
    }
}
