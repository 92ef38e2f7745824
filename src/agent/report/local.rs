//! The receiver of `shipmate build`: output goes to the terminal as it comes,
//! with secrets masked, and results are kept for the summary. No server.

use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::agent::collect::packages::PackageRead;
use crate::agent::log::lane::Lane;
use crate::agent::log::mask::Masks;
use crate::agent::report::ReportError;
use crate::model::artifact::ArtifactKind;
use crate::model::log::Stream;
use crate::model::package::PackageFacts;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::Secret;

/// Where text is shown; a terminal, or a buffer.
pub type Sink = Box<dyn Write + Send>;

/// A file that the build left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalArtifact {
    pub kind: ArtifactKind,
    pub path: String,
    pub bytes: u64,
    /// Its copy, where one was asked for.
    pub kept: Option<PathBuf>,
    /// Set for an app package that could be read.
    pub package: Option<PackageFacts>,
}

/// What a local build reported.
#[derive(Debug, Clone, Default)]
pub struct LocalResults {
    pub tests: Vec<TestResult>,
    pub coverage: Vec<TargetCoverage>,
    pub artifacts: Vec<LocalArtifact>,
}

/// See the module.
pub struct LocalReport {
    screen: Mutex<Screen>,
    results: Mutex<LocalResults>,
    /// Artifacts are copied here.
    keep_in: Option<PathBuf>,
}

struct Screen {
    masks: Masks,
    stdout: Channel,
    stderr: Channel,
}

struct Channel {
    lane: Lane,
    sink: Sink,
    /// The last byte shown ended a line.
    at_start: bool,
}

impl LocalReport {
    /// Shows on `stdout` and `stderr`; copies artifacts to `keep_in`.
    pub fn new(stdout: Sink, stderr: Sink, keep_in: Option<PathBuf>) -> Self {
        let channel = |sink| Channel { lane: Lane::default(), sink, at_start: true };
        Self {
            screen: Mutex::new(Screen {
                masks: Masks::default(),
                stdout: channel(stdout),
                stderr: channel(stderr),
            }),
            results: Mutex::default(),
            keep_in,
        }
    }

    /// What has been reported so far; leaves nothing behind.
    pub fn take_results(&self) -> LocalResults {
        std::mem::take(&mut lock(&self.results))
    }

    pub(super) fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut screen = lock(&self.screen);
        let Screen { masks, stdout, stderr } = &mut *screen;
        let channel = if stream == Stream::Stderr { stderr } else { stdout };
        channel.show(masks, |lane, masks, mut out| {
            lane.push(bytes, Instant::now(), masks, &mut out);
            // Whoever looks on wants the prompt and the dots at once.
            lane.release(masks, &mut out);
        });
    }

    pub(super) fn system(&self, line: &str) {
        let mut screen = lock(&self.screen);
        let Screen { masks, stdout, stderr } = &mut *screen;
        // A step has ended or begins: what is held back belongs before it.
        stderr.show(masks, |lane, masks, mut out| lane.finish(masks, &mut out));
        stdout.show(masks, |lane, masks, mut out| lane.finish(masks, &mut out));
        let start = if stdout.at_start { "" } else { "\n" };
        let text = format!("{start}{line}\n");
        stdout.show(masks, |lane, masks, mut out| {
            lane.push(text.as_bytes(), Instant::now(), masks, &mut out);
            lane.finish(masks, &mut out);
        });
    }

    pub(super) fn mask(&self, secret: &Secret) {
        lock(&self.screen).masks.add(secret);
    }

    pub(super) fn mask_file(&self, bytes: &[u8]) {
        lock(&self.screen).masks.add_file(bytes);
    }

    pub(super) fn clean(&self, text: &str) -> String {
        lock(&self.screen).masks.clean(text).into_owned()
    }

    pub(super) fn tests(&self, tests: Vec<TestResult>) {
        lock(&self.results).tests.extend(tests);
    }

    pub(super) fn coverage(&self, target: TargetCoverage) {
        lock(&self.results).coverage.push(target);
    }

    pub(super) async fn artifact(
        &self,
        kind: ArtifactKind,
        relative: &str,
        file: &Path,
    ) -> Result<(), ReportError> {
        let bytes = tokio::fs::metadata(file).await?.len();
        let kept = match &self.keep_in {
            Some(folder) => Some(copy_into(folder, relative, file).await?),
            None => None,
        };
        let artifact =
            LocalArtifact { kind, path: relative.to_owned(), bytes, kept, package: None };
        lock(&self.results).artifacts.push(artifact);
        Ok(())
    }
}

impl LocalReport {
    pub(super) fn package(&self, relative: &str, read: PackageRead) {
        let mut results = lock(&self.results);
        let known = results.artifacts.iter_mut().rev().find(|known| known.path == relative);
        if let Some(artifact) = known {
            artifact.package = read.facts.ok();
        }
    }
}

impl Channel {
    fn show(
        &mut self,
        masks: &mut Masks,
        act: impl FnOnce(&mut Lane, &mut Masks, &mut dyn FnMut(&str)),
    ) {
        let Self { lane, sink, at_start } = self;
        // A closed terminal must not stop the build.
        act(lane, masks, &mut |text| {
            let _ = sink.write_all(text.as_bytes());
            *at_start = text.ends_with('\n');
        });
        let _ = sink.flush();
    }
}

async fn copy_into(folder: &Path, relative: &str, file: &Path) -> std::io::Result<PathBuf> {
    let inside = Path::new(relative).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(std::io::Error::other(format!("\"{relative}\" leaves the folder")));
    }
    let target = folder.join(relative);
    if let Some(parent) = target.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    tokio::fs::copy(file, &target).await?;
    Ok(target)
}

/// A panic while printing leaves the state usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
