//! Wake-ups: a hint that rows changed. Losing one costs a poll interval, never
//! data. Register (`Wake::on`) before you look at the rows, then wait.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Weak;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::model::ids::BuildId;

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A build was queued.
    Queue,
    /// A build's status or log changed.
    Build(BuildId),
    /// A job is due.
    Jobs,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("queue"),
            Self::Build(id) => write!(f, "build {id}"),
            Self::Jobs => f.write_str("jobs"),
        }
    }
}

impl std::str::FromStr for Topic {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(' ') {
            None if text == "queue" => Ok(Self::Queue),
            None if text == "jobs" => Ok(Self::Jobs),
            Some(("build", id)) => id.parse().map(Self::Build).map_err(|_| ()),
            _ => Err(()),
        }
    }
}

/// Topics share this many bells; a collision costs one needless look.
const BELLS: usize = 64;

/// The bells of this process.
#[derive(Debug)]
pub struct Wake {
    bells: Vec<watch::Sender<()>>,
}

impl Default for Wake {
    fn default() -> Self {
        Self { bells: (0..BELLS).map(|_| watch::channel(()).0).collect() }
    }
}

impl Wake {
    fn bell(&self, topic: &Topic) -> &watch::Sender<()> {
        let mut hasher = std::hash::DefaultHasher::new();
        topic.hash(&mut hasher);
        &self.bells[(hasher.finish() as usize) % BELLS]
    }

    pub(super) fn fire(&self, topic: &Topic) {
        self.bell(topic).send_replace(());
    }

    /// Rings every bell, after notifications may have been missed.
    fn fire_all(&self) {
        for bell in &self.bells {
            bell.send_replace(());
        }
    }

    /// A waiter that notices every change from now on.
    pub fn on(&self, topic: &Topic) -> Waiter {
        let mut bell = self.bell(topic).subscribe();
        bell.mark_unchanged();
        Waiter { bell }
    }
}

/// Waits for one topic.
pub struct Waiter {
    bell: watch::Receiver<()>,
}

impl Waiter {
    /// Returns when the topic fired since the last call, or after `fallback`.
    pub async fn wait(&mut self, fallback: Duration) {
        // A closed bell (shutdown) must not turn the caller's loop into a spin.
        if let Ok(Err(_)) = tokio::time::timeout(fallback, self.bell.changed()).await {
            tokio::time::sleep(fallback).await;
        }
    }
}

/// Passes the notifications of other servers to this process's bells, until
/// the database handle is gone.
pub(super) fn listen(pool: PgPool, wake: Weak<Wake>) {
    tokio::spawn(async move {
        loop {
            if let Err(error) = pass_on(&pool, &wake).await {
                tracing::warn!(%error, "listening for wake-ups failed; polling until it works again");
            }
            if wake.strong_count() == 0 || pool.is_closed() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn pass_on(pool: &PgPool, wake: &Weak<Wake>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("shipmate").await?;
    loop {
        let notification = listener.try_recv().await?;
        let Some(wake) = wake.upgrade() else { return Ok(()) };
        match notification {
            Some(n) => {
                if let Ok(topic) = n.payload().parse() {
                    wake.fire(&topic);
                }
            }
            // The connection was replaced: anything may have been missed.
            None => wake.fire_all(),
        }
    }
}
