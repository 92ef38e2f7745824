//! Source files that reports name, found in the workspace: never outside of it,
//! never a link, a pipe or a picture, never more than a given size. Reports
//! spell paths in many ways and are as hostile as the build.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use walkdir::WalkDir;

use crate::protocol::sources::MAX_SOURCE_BYTES;

/// Files looked at to find those that a report names by the end of their path.
const MAX_FILES: usize = 200_000;
const MAX_DEPTH: usize = 32;
/// Folders that hold no code of the project.
const FOREIGN: [&str; 2] = [".git", "node_modules"];

/// The sources of a workspace.
pub struct Sources {
    /// Free of links.
    root: PathBuf,
    index: OnceLock<Index>,
}

/// Files by the last part of their path.
struct Index {
    by_name: HashMap<String, Vec<String>>,
    /// Not all files were looked at, so that none is known to be the only one.
    is_cut: bool,
}

impl Sources {
    /// `workspace` is free of links.
    pub fn new(workspace: &Path) -> Self {
        Self { root: workspace.to_owned(), index: OnceLock::new() }
    }

    /// The file that a report calls `path`, below the workspace: at that very
    /// place, or else the only one whose path ends most alike. Reports are
    /// written in other folders, containers and with the path of a package.
    pub fn find(&self, path: &str) -> Option<String> {
        let path = path.trim();
        if path.is_empty() || path.contains('\0') {
            return None;
        }
        self.at(path).or_else(|| self.ending_in(path))
    }

    fn at(&self, path: &str) -> Option<String> {
        // Joining an absolute path gives that path.
        let real = self.root.join(path).canonicalize().ok()?;
        let relative = real.strip_prefix(&self.root).ok()?;
        let is_ours = relative.components().all(|part| match part {
            Component::Normal(name) => !FOREIGN.iter().any(|foreign| name == *foreign),
            _ => false,
        });
        (is_ours && real.is_file()).then(|| relative.to_str().map(str::to_owned))?
    }

    fn ending_in(&self, path: &str) -> Option<String> {
        let index = self.index.get_or_init(|| Index::of(&self.root));
        let wanted: Vec<&str> = parts_from_end(path).collect();
        let candidates = index.by_name.get(*wanted.first()?)?;
        let likeness = |file: &str| {
            wanted.iter().zip(parts_from_end(file)).take_while(|(a, b)| **a == *b).count()
        };
        let best = candidates.iter().map(|file| likeness(file)).max()?;
        let mut alike = candidates.iter().filter(|file| likeness(file) == best);
        let found = alike.next()?;
        (!index.is_cut && alike.next().is_none()).then(|| found.clone())
    }

    /// The text of a file that `find` named. `None` if it is none, or large.
    pub fn read(&self, relative: &str) -> Option<String> {
        // Looked up again: a process of the build may still be at work.
        let relative = self.at(relative)?;
        let mut bytes = Vec::new();
        let file = File::open(self.root.join(relative)).ok()?;
        file.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() > MAX_SOURCE_BYTES || bytes.contains(&0) {
            return None;
        }
        String::from_utf8(bytes).ok()
    }
}

impl Index {
    fn of(root: &Path) -> Self {
        let walk = WalkDir::new(root).min_depth(1).max_depth(MAX_DEPTH).into_iter();
        let is_ours = |entry: &walkdir::DirEntry| {
            !FOREIGN.iter().any(|foreign| entry.file_name() == *foreign)
        };
        let mut index = Self { by_name: HashMap::new(), is_cut: false };
        for (seen, entry) in walk.filter_entry(is_ours).flatten().enumerate() {
            if seen == MAX_FILES {
                index.is_cut = true;
                break;
            }
            // Of a link this is not true: it is not followed.
            if !entry.file_type().is_file() {
                continue;
            }
            let relative = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            if let (Some(relative), Some(name)) = (relative, entry.file_name().to_str()) {
                index.by_name.entry(name.to_owned()).or_default().push(relative.to_owned());
            }
        }
        index
    }
}

fn parts_from_end(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit(['/', '\\']).filter(|part| !matches!(*part, "" | "."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn workspace(files: &[&str]) -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("workspace");
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("text of {file}\n")).unwrap();
        }
        (folder, Sources::new(&root))
    }

    #[test]
    fn files_are_found_however_they_are_spelt() {
        let (_folder, sources) = workspace(&[
            "app/src/main/java/com/example/Cart.kt",
            "app/src/main/java/com/example/Tests.kt",
            "lib/src/com/other/Tests.kt",
            "web/src/index.js",
            "shop/src/index.js",
            "web/node_modules/left/pad.js",
        ]);
        let root = sources.root.display().to_string();
        let cart = "app/src/main/java/com/example/Cart.kt";
        for spelt in [
            cart,
            "com/example/Cart.kt",
            "Cart.kt",
            "./app/src/main/java/com/example/Cart.kt",
            "/builds/elsewhere/src/main/java/com/example/Cart.kt",
            r"C:\work\com\example\Cart.kt",
            &format!("{root}/{cart}"),
        ] {
            assert_eq!(sources.find(spelt).as_deref(), Some(cart), "{spelt}");
        }
        assert_eq!(sources.find("other/Tests.kt").as_deref(), Some("lib/src/com/other/Tests.kt"));
        // Two are as good.
        for unknown in ["Tests.kt", "src/index.js", "pad.js", "Nothing.kt", "", "/", "app"] {
            assert_eq!(sources.find(unknown), None, "{unknown}");
        }
        assert_eq!(sources.read(cart).unwrap(), format!("text of {cart}\n"));
    }

    #[test]
    fn nothing_leads_out_and_nothing_but_text_is_read() {
        let (folder, sources) = workspace(&["src/a.kt", "src/.git/config"]);
        let root = &sources.root;
        fs::write(folder.path().join("secret.kt"), "secret").unwrap();
        symlink("../secret.kt", root.join("link.kt")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        fs::write(root.join("binary.kt"), b"\xff\xfe").unwrap();
        fs::write(root.join("nul.kt"), b"a\0b").unwrap();
        fs::write(root.join("large.kt"), vec![b'x'; MAX_SOURCE_BYTES + 1]).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe.kt"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let outside = folder.path().join("secret.kt").display().to_string();
        for path in [
            "../secret.kt",
            "src/../../secret.kt",
            &outside,
            "link.kt",
            "up/secret.kt",
            "etc/hostname",
            "/etc/hostname",
            "src/.git/config",
            "pipe.kt",
            "src",
            "a\0b",
        ] {
            assert_eq!(sources.find(path), None, "{path}");
            assert_eq!(sources.read(path), None, "{path}");
        }
        for path in ["binary.kt", "nul.kt", "large.kt"] {
            assert_eq!(sources.find(path).as_deref(), Some(path));
            assert_eq!(sources.read(path), None, "{path}");
        }
        // A link that stays inside is the file it leads to.
        symlink("src/a.kt", root.join("again.kt")).unwrap();
        assert_eq!(sources.find("again.kt").as_deref(), Some("src/a.kt"));
    }
}
