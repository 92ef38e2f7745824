//! Runs one command of a build as a process group of this machine, reads what
//! it says, and leaves nothing of the group behind.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::agent::executor::orphans;
use crate::agent::report::Report;
use crate::model::log::Stream;

/// One read of output; also the least a pipe holds.
const READ_BYTES: usize = 64 << 10;
/// Capacity asked for a pipe: a program that prints much is woken less often.
const PIPE_BYTES: usize = 1 << 20;
/// Output is awaited this long after the command's first process has ended:
/// enough for `tee`, short for a daemon that inherited the pipe.
const DRAIN: Duration = Duration::from_secs(1);
/// For what is in the pipe after the group was killed.
const LAST_DRAIN: Duration = Duration::from_millis(250);
/// A killed process that is stuck in the kernel is not awaited for ever.
const REAP: Duration = Duration::from_secs(5);

/// What to start.
pub struct Program<'a> {
    pub path: &'a Path,
    pub args: Vec<OsString>,
    pub dir: &'a Path,
    /// All that the process sees; nothing is inherited.
    pub env: &'a [(String, String)],
    /// Where the running group is written down for a restarted agent.
    pub record: &'a Path,
}

/// When a command has to end.
#[derive(Debug, Clone)]
pub struct Stop {
    pub cancel: CancellationToken,
    pub deadline: Instant,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    /// By a signal that was not ours.
    Killed(i32),
    Cancelled,
    TimedOut,
}

/// Runs `program`; its output goes to `report` under `step`.
///
/// # Errors
/// When it cannot be started.
pub async fn execute(
    program: &Program<'_>,
    step: &str,
    report: &Report,
    stop: &Stop,
) -> io::Result<Ended> {
    let mut child = Command::new(program.path)
        .args(&program.args)
        .current_dir(program.dir)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = Group::of(&child, program.record);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    if let Some(pipe) = &stdout {
        enlarge(pipe);
    }
    let output = async {
        tokio::join!(
            pump(stdout, step, Stream::Stdout, report),
            pump(stderr, step, Stream::Stderr, report)
        );
    };
    tokio::pin!(output);
    let mut drained = false;
    let ended = loop {
        tokio::select! {
            status = child.wait() => break of_status(status?),
            () = &mut output, if !drained => drained = true,
            () = stop.cancel.cancelled() => break Ended::Cancelled,
            () = sleep_until(stop.deadline) => break Ended::TimedOut,
        }
    };
    if matches!(ended, Ended::Cancelled | Ended::TimedOut) {
        group.signal(Signal::TERM);
        let leave = async {
            // Its result is known already; only its end counts.
            let _ = child.wait().await;
            while group.is_alive() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        drained |= drain_beside(leave, &mut output, drained, stop.grace).await;
    } else if !drained {
        drained = timeout(DRAIN, &mut output).await.is_ok();
    }
    group.signal(Signal::KILL);
    let _ = timeout(REAP, child.wait()).await;
    if !drained {
        let _ = timeout(LAST_DRAIN, &mut output).await;
    }
    Ok(ended)
}

/// Waits for `leave` at most `limit` while output is still read: a process
/// that cannot write cannot end. Returns whether the output ended.
async fn drain_beside(
    leave: impl Future<Output = ()>,
    mut output: impl Future<Output = ()> + Unpin,
    mut drained: bool,
    limit: Duration,
) -> bool {
    tokio::pin!(leave);
    let end = Instant::now() + limit;
    loop {
        tokio::select! {
            () = &mut leave => return drained,
            () = &mut output, if !drained => drained = true,
            () = sleep_until(end) => return drained,
        }
    }
}

fn of_status(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Killed(signal.unwrap_or_default()),
    }
}

async fn pump(from: Option<impl AsyncRead + Unpin>, step: &str, stream: Stream, report: &Report) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        report.write(step, stream, &buffer[..count]).await;
    }
}

#[cfg(target_os = "linux")]
fn enlarge(pipe: &impl std::os::fd::AsFd) {
    // The machine may allow less; the pipe works at any size.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn enlarge(_: &impl std::os::fd::AsFd) {}

/// All processes a command started, unless they left its group.
struct Group<'a> {
    leader: Option<Pid>,
    record: &'a Path,
}

impl<'a> Group<'a> {
    fn of(child: &Child, record: &'a Path) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            orphans::remember(record, leader);
        }
        Self { leader, record }
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Fails only when the group is gone.
            let _ = kill_process_group(leader, signal);
        }
    }

    fn is_alive(&self) -> bool {
        self.leader.is_some_and(|leader| test_kill_process_group(leader).is_ok())
    }
}

impl Drop for Group<'_> {
    /// Also when the caller stops waiting.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = std::fs::remove_file(self.record);
    }
}

#[cfg(test)]
mod tests;
