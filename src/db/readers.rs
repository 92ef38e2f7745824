//! SQLite connections for reading. sqlx's own pool asks each connection that
//! comes back whether it still works, in a task of its own: a second trip to
//! the connection's thread for every query. A file next to us needs no such
//! question, so a connection goes straight back, unless its query failed or
//! was given up half-way; then it is closed and another one opened.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::db::fault::away;
use crate::error::{Error, Result};

#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    free: Arc<Semaphore>,
}

/// A connection of our own until it is dropped.
pub(super) struct Reader {
    connection: Option<SqliteConnection>,
    /// A query has begun and not ended.
    busy: bool,
    home: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// At most `most` connections, each opened when it is first needed.
    pub fn new(options: SqliteConnectOptions, most: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most));
        Arc::new(Self { options, idle: Mutex::default(), free })
    }

    /// A connection; `Unavailable` when none gets free in time.
    pub(super) async fn acquire(self: &Arc<Self>, wait: Duration) -> Result<Reader> {
        let closed = || Error::Unavailable("the database is closed".into());
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {
                let waiting = self.free.clone().acquire_owned();
                tokio::time::timeout(wait, waiting)
                    .await
                    .map_err(|_| Error::Unavailable("all readers are busy".into()))?
                    .map_err(|_| closed())?
            }
        };
        let kept = self.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.options).await.map_err(away)?,
        };
        let home = self.clone();
        Ok(Reader { connection: Some(connection), busy: false, home, _permit: permit })
    }

    pub(super) async fn close(&self) {
        self.free.close();
        let idle = std::mem::take(&mut *self.lock());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a reader of the database did not close well");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// For one query; call `end` when it is over and went well.
    pub fn begin(&mut self) -> &mut SqliteConnection {
        self.busy = true;
        self.connection.as_mut().expect("a reader has its connection until it is dropped")
    }

    pub fn end(&mut self) {
        self.busy = false;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let connection = self.connection.take();
        if let (Some(connection), false, false) =
            (connection, self.busy, self.home.free.is_closed())
        {
            self.home.lock().push(connection);
        }
    }
}
