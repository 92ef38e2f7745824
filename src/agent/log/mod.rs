//! A build's output on its way to the server: streams are put together and
//! masked (`assemble`, `lane`, `mask`, `utf8`), cut into chunks (`chunk`),
//! packed and spooled (`pump`), and sent in order (`send`). Memory is bounded
//! by a few chunks; a server that is away costs disk, and a full disk makes
//! the build wait. No byte is dropped while the server wants the build.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::agent::client::lease::Lease;
use crate::agent::log::assemble::{Assembler, Now};
use crate::agent::log::chunk::Chunk;
use crate::agent::spool::Spool;
use crate::model::log::Stream;
use crate::model::secret::Secret;

pub mod assemble;
pub mod chunk;
pub mod lane;
pub mod mask;
mod pump;
mod send;
pub mod utf8;

/// Text waits at most this long for company while other chunks are under way.
const MAX_AGE: Duration = Duration::from_millis(200);

/// The same while `BACKLOG` chunks wait: then the server is slow or away, and
/// larger chunks are cheaper for everybody.
const MAX_AGE_BEHIND: Duration = Duration::from_secs(2);
const BACKLOG: usize = 16;

/// Least time between two chunks that are sent only because nothing else is.
const MIN_GAP: Duration = Duration::from_millis(20);

/// Output is taken in slices of this size, so that the two streams of a step
/// take turns and a huge write cannot fill more than one chunk.
const SLICE: usize = 128 << 10;

/// The log of one attempt. Ends, and forgets what is not sent, when dropped.
pub struct Log {
    shared: Arc<Shared>,
    tasks: Mutex<Option<Tasks>>,
    _stop: DropGuard,
}

struct Tasks {
    pump: JoinHandle<Option<String>>,
    sender: JoinHandle<Option<String>>,
}

/// How a log ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// Number of chunks that were made.
    pub chunks: i64,
    /// Why some of them are not stored, unless the lease was lost.
    pub fault: Option<String>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// There may be something for the pump to do.
    readable: Notify,
    /// There may be room for writers.
    writable: Notify,
}

#[derive(Default)]
struct State {
    assembler: Assembler,
    closing: bool,
    /// Nobody reads any more: writes vanish.
    stopped: bool,
    /// Chunks made so far.
    chunks: i64,
}

/// Wall time that never runs backwards: read once, then counted.
struct Clock {
    start: Instant,
    start_ms: i64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "log lines carry the build machine's own time")]
    fn new() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let start_ms = since_epoch.map_or(0, |age| age.as_millis() as i64);
        Self { start: Instant::now(), start_ms }
    }

    fn now(&self) -> Now {
        let instant = Instant::now();
        let passed = instant.duration_since(self.start).as_millis() as i64;
        Now { at: self.start_ms + passed, instant }
    }
}

impl Log {
    /// Starts the log of the attempt that `lease` holds.
    pub fn start(lease: &Lease, spool: Spool) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            clock: Clock::new(),
            readable: Notify::new(),
            writable: Notify::new(),
        });
        let spool = Arc::new(spool);
        let stop = tokio_util::sync::CancellationToken::new();
        let tasks = Tasks {
            pump: tokio::spawn(pump::pump(shared.clone(), spool.clone())),
            sender: tokio::spawn(send::send(lease.clone(), spool, shared.clone(), stop.clone())),
        };
        Self { shared, tasks: Mutex::new(Some(tasks)), _stop: stop.drop_guard() }
    }

    /// Adds output of a step, split anywhere. Waits while the log is behind.
    pub async fn write(&self, step: &str, stream: Stream, bytes: &[u8]) {
        for slice in bytes.chunks(SLICE) {
            self.add(|assembler, now| assembler.write(step, stream, slice, now)).await;
        }
    }

    /// Adds a line of Shipmate's own.
    pub async fn system(&self, step: &str, line: &str) {
        self.add(|assembler, now| assembler.system(step, line, now)).await;
    }

    async fn add(&self, add: impl FnOnce(&mut Assembler, Now)) {
        let shared = &*self.shared;
        loop {
            let mut room = std::pin::pin!(shared.writable.notified());
            // Before looking, so that room made in between is not missed.
            room.as_mut().enable();
            {
                let mut state = shared.lock();
                if state.stopped {
                    return;
                }
                if state.assembler.has_room() {
                    add(&mut state.assembler, shared.clock.now());
                    break;
                }
            }
            room.await;
        }
        shared.readable.notify_one();
    }

    /// Masks `secret` from now on, also in what is held back.
    pub fn mask(&self, secret: &Secret) {
        self.shared.lock().assembler.masks.add(secret);
    }

    /// Masks what a secure file holds.
    pub fn mask_file(&self, bytes: &[u8]) {
        self.shared.lock().assembler.masks.add_file(bytes);
    }

    /// `text` with the registered secrets masked.
    pub fn clean(&self, text: &str) -> String {
        self.shared.lock().assembler.masks.clean(text).into_owned()
    }

    /// Sends what is left, and waits until the server has all of it, or does
    /// not want it. Only the first call tells; later writes vanish.
    pub async fn close(&self) -> Option<LogEnd> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.shared.lock().closing = true;
        self.shared.readable.notify_one();
        let pumped = tasks.pump.await;
        let sent = tasks.sender.await;
        let fault = match (pumped, sent) {
            (Ok(packing), Ok(sending)) => packing.or(sending),
            (Err(error), _) | (_, Err(error)) => Some(format!("the log broke off: {error}")),
        };
        let chunks = self.shared.lock().chunks;
        Some(LogEnd { chunks, fault })
    }
}

/// What the pump does next.
enum Next {
    Pack(Chunk),
    /// Nothing to do before this moment, or before it is woken.
    Wait(Option<Instant>),
    Done,
}

impl Shared {
    /// `waiting`: chunks that the server does not have yet. `last`: when the
    /// last chunk was made.
    fn next(&self, waiting: usize, last: Option<Instant>) -> Next {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.stopped {
            return Next::Done;
        }
        let closing = state.closing;
        let assembler = &mut state.assembler;
        if let Some(chunk) = assembler.take_full() {
            return Next::Pack(chunk);
        }
        if closing {
            assembler.finish(now);
            let last = assembler.take_full().or_else(|| assembler.take_open());
            return last.map_or(Next::Done, Next::Pack);
        }
        assembler.release_due(now);
        if let Some(chunk) = assembler.take_full() {
            return Next::Pack(chunk);
        }
        let Some(since) = assembler.open_since() else {
            return Next::Wait(assembler.next_due());
        };
        let mut due = since + if waiting < BACKLOG { MAX_AGE } else { MAX_AGE_BEHIND };
        if waiting == 0 {
            due = due.min(last.map_or(now.instant, |last| last + MIN_GAP));
        }
        if due <= now.instant
            && let Some(chunk) = assembler.take_open()
        {
            return Next::Pack(chunk);
        }
        Next::Wait(assembler.next_due().into_iter().chain([due]).min())
    }

    /// Lets all writers go; what they write vanishes.
    fn stop(&self) {
        self.lock().stopped = true;
        self.writable.notify_waiters();
        self.readable.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
