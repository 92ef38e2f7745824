//! Finds files below a folder that a build wrote: never through a link out of
//! the build, never a pipe or device, never more than a given number.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::agent::plan::Globs;

/// Entries looked at in one folder.
const MAX_ENTRIES: usize = 500_000;
const MAX_DEPTH: usize = 32;
/// Lines about single files; a build may leave a million links.
const MAX_NOTES: usize = 100;

/// A regular file of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Free of links.
    pub path: PathBuf,
    /// Below the folder that was searched, with `/` between the parts.
    pub relative: String,
    pub bytes: u64,
}

/// One search over several folders with a common limit.
pub struct Sweep<'a> {
    workspace: &'a Path,
    left: usize,
    limit: usize,
    /// For the log: what was left out, and why.
    pub notes: Vec<String>,
}

impl<'a> Sweep<'a> {
    /// At most `limit` files in all.
    pub fn new(workspace: &'a Path, limit: usize) -> Self {
        Self { workspace, left: limit, limit, notes: Vec::new() }
    }

    /// Files below `folder` that one of `globs` matches, in the order of their
    /// names; all files when there are no `globs`.
    pub fn files_below(&mut self, folder: &Path, globs: &[&Globs]) -> Vec<Found> {
        let Ok(real) = folder.canonicalize() else { return Vec::new() };
        // The folder itself may have been replaced by a link.
        if real != folder && !real.starts_with(self.workspace) {
            self.note(format!("{} is left out: it leads elsewhere.", folder.display()));
            return Vec::new();
        }
        let walk = WalkDir::new(&real)
            .min_depth(1)
            .max_depth(MAX_DEPTH)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.file_name() != ".git");
        let mut files = Vec::new();
        for (seen, entry) in walk.flatten().enumerate() {
            if seen == MAX_ENTRIES {
                self.note(format!("The search ended after {MAX_ENTRIES} entries."));
                break;
            }
            let Ok(relative) = entry.path().strip_prefix(&real) else { continue };
            let wanted = globs.is_empty() || globs.iter().any(|globs| globs.matches(relative));
            if entry.file_type().is_dir() || !wanted {
                continue;
            }
            match self.judge(entry.path(), &real, relative.to_string_lossy().into_owned()) {
                Ok(_) if self.left == 0 => {
                    let limit = self.limit;
                    self.note(format!("More than {limit} files; the rest is left out."));
                    break;
                }
                Ok(file) => {
                    self.left -= 1;
                    files.push(file);
                }
                Err(note) => self.note(note),
            }
        }
        files
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }

    fn judge(&self, path: &Path, folder: &Path, relative: String) -> Result<Found, String> {
        let left_out = |why: &str| format!("{relative} is left out: {why}.");
        let real = path.canonicalize().map_err(|_| left_out("it leads nowhere"))?;
        if !real.starts_with(folder) && !real.starts_with(self.workspace) {
            return Err(left_out("it is a link out of the workspace"));
        }
        let meta = real.metadata().map_err(|_| left_out("it cannot be read"))?;
        if !meta.is_file() {
            return Err(left_out("it is not a file"));
        }
        Ok(Found { path: real, bytes: meta.len(), relative })
    }
}
