//! The folders of one run: fresh, its own, and deleted afterwards (EXE-2,
//! EXE-3). Knows names and places only.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::ids::{AppId, BuildId};

/// Folder of an agent's work directory that holds the runs.
pub const RUNS: &str = "runs";

static REMOVED: AtomicU64 = AtomicU64::new(0);

/// Where one run may work.
#[derive(Debug, Clone)]
pub struct WorkDirs {
    /// For this run alone; made by the run and deleted after it.
    pub root: PathBuf,
    /// Mirrors of repositories, shared by all runs.
    pub cache: PathBuf,
    /// Leave `root` for a person to look at.
    pub keep: bool,
}

impl WorkDirs {
    /// The places for one attempt of a build in an agent's work directory.
    pub fn of_run(work_dir: &Path, build: &BuildId, attempt: i64) -> Self {
        Self {
            root: work_dir.join(RUNS).join(format!("{build}-{attempt}")),
            cache: work_dir.join("mirrors"),
            keep: false,
        }
    }
}

/// The folders of a run. All paths are absolute and free of links, except
/// `workspace_link`.
#[derive(Debug, Clone)]
pub struct Layout {
    pub root: PathBuf,
    pub home: PathBuf,
    /// `$HOME/workspace`, which leads to `workspace`.
    pub workspace_link: PathBuf,
    pub workspace: PathBuf,
    pub secure_files: PathBuf,
    /// JSON, for scripts that build an app; there only if there are any.
    pub device_variables: PathBuf,
    pub bin: PathBuf,
    pub products: PathBuf,
    pub apks: PathBuf,
    pub test_products: PathBuf,
    pub tmp: PathBuf,
    /// Credentials and step files; not named to scripts.
    pub private: PathBuf,
}

impl Layout {
    /// Makes the folders of a run. `checkout` is a folder to use in place of a
    /// fresh workspace.
    ///
    /// # Errors
    /// When a folder cannot be made, or `root` is left from another run.
    pub fn create(
        root: &Path,
        app: &AppId,
        build: &BuildId,
        checkout: Option<&Path>,
    ) -> io::Result<Self> {
        if let Some(parent) = root.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::DirBuilder::new().mode(0o700).create(root)?;
        let root = root.canonicalize()?;
        let (home, sandbox) = (root.join("home"), root.join("sandbox"));
        let workspace = match checkout {
            Some(folder) => folder.canonicalize()?,
            None => sandbox.join("workspace"),
        };
        let layout = Self {
            workspace_link: home.join("workspace"),
            workspace,
            secure_files: home.join("secure_files"),
            device_variables: home.join("device_variables.json"),
            bin: home.join("bin"),
            products: sandbox.join("products"),
            apks: sandbox.join("app").join("apks"),
            test_products: sandbox.join("test"),
            tmp: root.join("tmp"),
            private: root.join("private"),
            home,
            root,
        };
        layout.fill(&sandbox, app, build)?;
        Ok(layout)
    }

    fn fill(&self, sandbox: &Path, app: &AppId, build: &BuildId) -> io::Result<()> {
        let folders = [
            &self.home,
            &self.secure_files,
            &self.bin,
            &self.products,
            &self.apks,
            &self.test_products,
            &self.tmp,
            &self.workspace,
        ];
        for folder in folders {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::DirBuilder::new().mode(0o700).create(&self.private)?;
        symlink(&self.workspace, &self.workspace_link)?;
        if !self.workspace.starts_with(sandbox) {
            symlink(&self.workspace, sandbox.join("workspace"))?;
        }
        // Scripts spell the sandbox with either id (EXE-3).
        symlink(sandbox, sandbox.join(app.as_str()))?;
        if app.as_str() != build.as_str() {
            symlink(sandbox, sandbox.join(build.as_str()))?;
        }
        Ok(())
    }

    /// The running process group.
    pub fn process_record(&self) -> PathBuf {
        self.root.join("process.json")
    }
}

/// Deletes a run's folder, also one with folders that may not be written to.
/// Moves it away first, so that its place is free at once.
pub async fn remove(folder: PathBuf) {
    let number = REMOVED.fetch_add(1, Ordering::Relaxed);
    let name = format!(".removed-{}-{number}", std::process::id());
    let moved = folder.with_file_name(name);
    let place = if std::fs::rename(&folder, &moved).is_ok() { moved } else { folder };
    let done = tokio::task::spawn_blocking(move || {
        std::fs::remove_dir_all(&place).or_else(|_| {
            make_writable(&place);
            std::fs::remove_dir_all(&place)
        })
    });
    if let Ok(Err(error)) = done.await {
        tracing::warn!(%error, "a run's folder is left behind");
    }
}

/// Package managers write-protect folders; their owner cannot delete from them
/// before that is undone.
fn make_writable(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if entry.file_type().is_dir() {
            let all = std::fs::Permissions::from_mode(0o700);
            let _ = std::fs::set_permissions(entry.path(), all);
        }
    }
}

#[cfg(test)]
mod tests;
