//! Looks at the machine as a build would find it: the tools that the agent
//! itself needs, the disk it works on, and the tools that builds of apps often
//! call. Starts programs only to ask for their version, with nothing of the
//! agent's environment.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::git::command::SEARCH_PATH;
use crate::model::agent::{Finding, FindingState};
use crate::model::text::cut;

/// A tool that does not tell its version by then is broken. Java needs a
/// second on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer that is shown, in bytes.
const MAX_SAYS: usize = 200;
/// Less free space, in bytes, and checkouts fail; half of it is for logs that
/// wait while the server is away.
const LEAST_FREE: u64 = 4 << 30;

/// A program, how it is asked for its version, and what is said without it.
struct Tool {
    name: &'static str,
    args: &'static [&'static str],
    without: FindingState,
    hint: &'static str,
}

const TOOLS: [Tool; 7] = [
    Tool {
        name: "git",
        args: &["--version"],
        without: FindingState::Bad,
        hint: "no repository can be cloned; install git",
    },
    Tool {
        name: "ssh",
        args: &["-V"],
        without: FindingState::Absent,
        hint: "repositories over SSH cannot be cloned (Debian: openssh-client)",
    },
    Tool {
        name: "git-lfs",
        args: &["version"],
        without: FindingState::Absent,
        hint: "files in Git LFS stay pointers",
    },
    Tool {
        name: "xcodebuild",
        args: &["-version"],
        without: FindingState::Absent,
        hint: "no Xcode: iOS apps cannot be compiled here",
    },
    Tool {
        name: "java",
        args: &["-version"],
        without: FindingState::Absent,
        hint: "Gradle needs one",
    },
    Tool {
        name: "node",
        args: &["--version"],
        without: FindingState::Absent,
        hint: "React Native, Ionic and Cordova need it",
    },
    Tool {
        name: "docker",
        args: &["--version"],
        without: FindingState::Absent,
        hint: "only for scripts that call it",
    },
];

/// Everything, the agent's own needs first.
pub async fn examine(work_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![disk(work_dir)];
    for tool in &TOOLS {
        findings.push(look_at(tool, SEARCH_PATH).await);
    }
    findings
}

async fn look_at(tool: &Tool, path: &str) -> Finding {
    let finding = |state, says: &str| Finding {
        subject: tool.name.to_owned(),
        state,
        says: cut(says, MAX_SAYS),
    };
    // Looked up here: a command searches the PATH of its parent.
    let Some(program) =
        path.split(':').map(|dir| Path::new(dir).join(tool.name)).find(|p| p.is_file())
    else {
        return finding(tool.without, &format!("not found: {}", tool.hint));
    };
    let mut command = Command::new(program);
    command
        .args(tool.args)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            finding(FindingState::Good, &first_line(&output))
        }
        // macOS has a `java` and an `xcodebuild` that only say what to install.
        Ok(Ok(output)) => finding(tool.without, &format!("does not work: {}", first_line(&output))),
        Ok(Err(error)) => finding(tool.without, &format!("cannot be started: {error}")),
        Err(_) => finding(tool.without, "does not answer"),
    }
}

/// ssh and java tell their version on stderr.
fn first_line(output: &Output) -> String {
    let lines = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    let mut lines = lines.iter().flat_map(|said| said.lines()).map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn disk(work_dir: &Path) -> Finding {
    let (state, says) = match rustix::fs::statvfs(work_dir) {
        Ok(asked) => {
            let free = asked.f_bavail.saturating_mul(asked.f_frsize);
            let state = if free < LEAST_FREE { FindingState::Bad } else { FindingState::Good };
            let gib = free as f64 / f64::from(1 << 30);
            (state, format!("{gib:.1} GiB free in the work folder"))
        }
        Err(error) => (FindingState::Bad, format!("the work folder cannot be looked at: {error}")),
    };
    Finding { subject: "disk".to_owned(), state, says }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TOOL: Tool =
        Tool { name: "tool", args: &["-v"], without: FindingState::Absent, hint: "needed by some" };

    fn script(dir: &Path, text: &str) {
        let path = dir.join("tool");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn a_tool_tells_its_version_or_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let seen = async || look_at(&TOOL, &path).await;
        assert_eq!(
            (seen().await.state, &*seen().await.says),
            (FindingState::Absent, "not found: needed by some")
        );
        for (text, state, says) in [
            ("echo; echo \" tool 1.2 $1\"; echo more", FindingState::Good, "tool 1.2 -v"),
            ("echo 9 >&2", FindingState::Good, "9"),
            ("echo install me >&2; exit 1", FindingState::Absent, "does not work: install me"),
            ("echo \"[$HOME$CARGO_MANIFEST_DIR]\"", FindingState::Good, "[]"),
        ] {
            script(dir.path(), text);
            assert_eq!((seen().await.state, &*seen().await.says), (state, says), "{text}");
        }
        script(dir.path(), "printf '%5000s' x | tr ' ' y");
        assert!(seen().await.says.len() <= MAX_SAYS);
    }

    #[tokio::test]
    async fn this_machine_has_git_and_a_disk() {
        let findings = examine(Path::new("/")).await;
        let named = |name: &str| findings.iter().find(|one| one.subject == name).unwrap();
        assert!(named("git").says.starts_with("git version "), "{findings:?}");
        assert!(named("disk").says.ends_with("GiB free in the work folder"));
        assert_eq!(disk(Path::new("/nothing/here")).state, FindingState::Bad);
    }
}
