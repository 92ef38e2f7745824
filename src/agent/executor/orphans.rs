//! Finds and kills what a run left running: processes that left their group,
//! and those of an agent that died. A run is known by its folder, which stands
//! in the environment of all its processes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::sleep;

use crate::agent::workspace::{RUNS, remove};

/// Killed processes may have started others meanwhile: look again, so often.
const ROUNDS: usize = 20;

/// A process group, in a form that survives the agent.
#[derive(serde::Serialize, serde::Deserialize)]
struct Record {
    pgid: i32,
    /// Ticks from boot to the leader's start: tells it from a later process
    /// with the same number.
    start: u64,
}

/// Writes down that the group of `leader` is running.
pub fn remember(record: &Path, leader: Pid) {
    let Some(start) = start_of(leader) else { return };
    let text = serde_json::to_string(&Record { pgid: leader.as_raw_nonzero().get(), start });
    // Without the record the search by environment still finds the processes.
    let _ = fs::write(record, text.unwrap_or_default());
}

/// Kills all processes of earlier runs under `work_dir` and deletes their
/// folders. For an agent that starts, before it takes work.
pub async fn kill_orphans(work_dir: &Path) {
    let runs = work_dir.join(RUNS);
    let Ok(runs) = runs.canonicalize() else { return };
    for run in fs::read_dir(&runs).into_iter().flatten().flatten() {
        kill_recorded(&run.path().join("process.json"));
    }
    sweep(&runs).await;
    for run in fs::read_dir(&runs).into_iter().flatten().flatten() {
        remove(run.path()).await;
    }
}

fn kill_recorded(record: &Path) {
    let Ok(text) = fs::read(record) else { return };
    let Ok(Record { pgid, start }) = serde_json::from_slice(&text) else { return };
    // 1 is every process, 0 and below are not numbers of processes.
    if pgid > 1
        && let Some(leader) = Pid::from_raw(pgid)
        && start_of(leader) == Some(start)
    {
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

/// Kills every process whose HOME or workspace lies in `folder`.
pub async fn sweep(folder: &Path) {
    let folder = folder.to_owned();
    for _ in 0..ROUNDS {
        let folder = folder.clone();
        let found = tokio::task::spawn_blocking(move || {
            let found = processes_of(&folder);
            for process in &found {
                let _ = kill_process(*process, Signal::KILL);
            }
            found.len()
        });
        if found.await.unwrap_or_default() == 0 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn processes_of(folder: &Path) -> Vec<Pid> {
    let own = rustix::process::getpid();
    let marks = ["HOME", "BUDDYBUILD_WORKSPACE"]
        .map(|name| format!("{name}={}/", folder.display()).into_bytes());
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let process = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let marked = environment
                .split(|byte| *byte == 0)
                .any(|variable| marks.iter().any(|mark| variable.starts_with(mark)));
            (marked && process != own).then_some(process)
        })
        .collect()
}

/// Field 22 of `/proc/<pid>/stat`; the name in field 2 may hold anything.
fn start_of(process: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests;
