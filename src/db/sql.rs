//! The seam: one set of query texts on SQLite and PostgreSQL.
//!
//! `sql("SELECT .. $1").bind(x).opt::<Row>(&mut tx)` runs on whichever database
//! `tx` belongs to. Reads run on their own connection without a transaction;
//! writes start with `BEGIN IMMEDIATE` on SQLite, one at a time, so that a
//! writer waits in our queue and not in SQLite's busy loop.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::db::accounts::{self, AccessRow};
use crate::db::apps;
use crate::db::fault::away;
use crate::db::memo::{Memo, Stamp};
use crate::db::readers::{Reader, Readers};
use crate::db::tokens::{self, TokenOwner};
use crate::db::value::{Value, postgres_arguments, sqlite_arguments};
use crate::db::wake::{Topic, Wake};
use crate::error::{Error, Result};
use crate::model::app::App;
use crate::model::ids::{AppId, UserId};

/// How long a call waits for a connection before it answers "unavailable".
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Another process (the admin command) may hold SQLite's write lock this long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const SQLITE_READERS: usize = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

/// The database of this installation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
    wake: Arc<Wake>,
    memos: Arc<Memos>,
}

/// What every request asks (see `memo`).
#[derive(Debug, Default)]
struct Memos {
    owners: Memo<String, TokenOwner>,
    apps: Memo<(UserId, AppId), (App, AccessRow)>,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { read: Arc<Readers>, write: SqlitePool, log: PathBuf },
    Postgres(PgPool),
}

/// A connection with or without an open transaction. Dropping it rolls back.
pub struct Tx {
    inner: Inner,
    topics: Vec<Topic>,
    wake: Arc<Wake>,
}

enum Inner {
    SqliteRead(Reader),
    SqliteWrite(Transaction<'static, Sqlite>),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens (and creates) the SQLite file `path`.
    pub async fn open_sqlite(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: an acknowledged build or log line survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let read = Readers::new(options, SQLITE_READERS);
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let pools = Pools::Sqlite { read, write, log: log.into() };
        Ok(Self { pools, wake: Arc::default(), memos: Arc::default() })
    }

    /// Connects to PostgreSQL at `url` (`postgres://..`) and listens for the
    /// wake-ups of other servers on the same database.
    pub async fn open_postgres(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect(url)
            .await?;
        let wake = Arc::<Wake>::default();
        crate::db::wake::listen(pool.clone(), Arc::downgrade(&wake));
        Ok(Self { pools: Pools::Postgres(pool), wake, memos: Arc::default() })
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { read, .. } => Inner::SqliteRead(read.acquire(ACQUIRE_TIMEOUT).await?),
            Pools::Postgres(pool) => Inner::PostgresRead(pool.acquire().await.map_err(away)?),
        };
        Ok(self.tx(inner))
    }

    /// A transaction for writing; `commit` it or it did not happen.
    pub async fn write(&self) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { write, .. } => {
                Inner::SqliteWrite(write.begin_with("BEGIN IMMEDIATE").await.map_err(away)?)
            }
            Pools::Postgres(pool) => Inner::PostgresWrite(pool.begin().await.map_err(away)?),
        };
        Ok(self.tx(inner))
    }

    /// The state of the database, where it can be known without a query.
    fn stamp(&self) -> Option<Stamp> {
        let Pools::Sqlite { log, .. } = &self.pools else { return None };
        let file = std::fs::metadata(log).ok()?;
        Some(Stamp { bytes: file.len(), seconds: file.mtime(), nanoseconds: file.mtime_nsec() })
    }

    /// `tokens::find_owner`, remembered until something is committed.
    pub async fn recall_token(&self, hash: &str) -> Result<Option<TokenOwner>> {
        let (stamp, key) = (self.stamp(), hash.to_owned());
        if let Some(owner) = self.memos.owners.recall(stamp, &key) {
            return Ok(Some(owner));
        }
        let found = tokens::find_owner(&mut self.read().await?, hash).await?;
        if let Some(owner) = &found {
            self.memos.owners.remember(stamp, key, owner.clone());
        }
        Ok(found)
    }

    /// An app and what is said of the user's access, remembered likewise.
    pub async fn recall_app(&self, user: &UserId, id: &AppId) -> Result<Option<(App, AccessRow)>> {
        let (stamp, key) = (self.stamp(), (user.clone(), id.clone()));
        if let Some(answer) = self.memos.apps.recall(stamp, &key) {
            return Ok(Some(answer));
        }
        let mut tx = self.read().await?;
        let Some(app) = apps::find(&mut tx, id).await? else { return Ok(None) };
        let answer = (app, accounts::find_access(&mut tx, id, user).await?);
        self.memos.apps.remember(stamp, key, answer.clone());
        Ok(Some(answer))
    }

    fn tx(&self, inner: Inner) -> Tx {
        Tx { inner, topics: Vec::new(), wake: self.wake.clone() }
    }

    /// Where waiting calls register before they look at the rows.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// "sqlite" or "postgres", for logs and the health page.
    pub fn kind(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgres",
        }
    }

    /// Closes all connections; SQLite folds its write-ahead log.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Brings the schema up to date; safe with several servers starting at once.
    pub async fn migrate(&self) -> Result<()> {
        let migrator = crate::db::migrate::migrator();
        match &self.pools {
            Pools::Sqlite { write, .. } => migrator.run(write).await,
            Pools::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(|cause| Error::internal("migrating the database", cause))
    }
}

impl Tx {
    /// Wakes the waiters of `topic` once this transaction is committed.
    pub fn wake_on_commit(&mut self, topic: Topic) {
        self.topics.push(topic);
    }

    pub async fn commit(mut self) -> Result<()> {
        if matches!(self.inner, Inner::PostgresWrite(_)) {
            for topic in std::mem::take(&mut self.topics) {
                sql("SELECT pg_notify('shipmate', $1)")
                    .bind(topic.to_string())
                    .exec(&mut self)
                    .await?;
                self.topics.push(topic);
            }
        }
        match self.inner {
            Inner::SqliteWrite(tx) => tx.commit().await?,
            Inner::PostgresWrite(tx) => tx.commit().await?,
            Inner::SqliteRead(_) | Inner::PostgresRead(_) => {}
        }
        for topic in &self.topics {
            self.wake.fire(topic);
        }
        Ok(())
    }

    /// True on PostgreSQL, for the one query text that differs.
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::PostgresRead(_) | Inner::PostgresWrite(_))
    }
}

/// A query text and the values bound to `$1`, `$2`, ..
pub struct Sql {
    text: &'static str,
    values: Vec<Value>,
}

/// A bound limit is written `LIMIT CAST($1 AS BIGINT)`: SQLite looks at the value
/// of a bare one to plan for it, and so parses the statement anew at every call.
pub fn sql(text: &'static str) -> Sql {
    Sql { text, values: Vec::new() }
}

/// A row type that can be read from both databases.
pub trait FromBoth:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<T> FromBoth for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// Runs one query on whichever connection the transaction holds. A macro,
/// because the four arms differ in type only.
macro_rules! on_connection {
    ($self:ident, $tx:ident, $query:path, $method:ident) => {
        match &mut $tx.inner {
            Inner::SqliteRead(c) => {
                let query = $query($self.text, sqlite_arguments($self.values)?);
                let found = query.$method(c.begin()).await?;
                c.end();
                found.into()
            }
            Inner::SqliteWrite(c) => {
                $query($self.text, sqlite_arguments($self.values)?).$method(&mut **c).await?.into()
            }
            Inner::PostgresRead(c) => $query($self.text, postgres_arguments($self.values)?)
                .$method(&mut **c)
                .await?
                .into(),
            Inner::PostgresWrite(c) => $query($self.text, postgres_arguments($self.values)?)
                .$method(&mut **c)
                .await?
                .into(),
        }
    };
}

impl Sql {
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The first row, if any.
    pub async fn opt<T: FromBoth>(self, tx: &mut Tx) -> Result<Option<T>> {
        Ok(on_connection!(self, tx, sqlx::query_as_with, fetch_optional))
    }

    /// The row that must be there; its absence is a fault of ours.
    pub async fn one<T: FromBoth>(self, tx: &mut Tx) -> Result<T> {
        let text = self.text;
        self.opt(tx).await?.ok_or_else(|| Error::bug("reading a row that must exist", text))
    }

    /// All rows.
    pub async fn all<T: FromBoth>(self, tx: &mut Tx) -> Result<Vec<T>> {
        Ok(on_connection!(self, tx, sqlx::query_as_with, fetch_all))
    }

    /// Number of rows changed.
    pub async fn exec(self, tx: &mut Tx) -> Result<u64> {
        let changed: Changed = on_connection!(self, tx, sqlx::query_with, execute);
        Ok(changed.0)
    }
}

struct Changed(u64);

impl From<sqlx::sqlite::SqliteQueryResult> for Changed {
    fn from(result: sqlx::sqlite::SqliteQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl From<sqlx::postgres::PgQueryResult> for Changed {
    fn from(result: sqlx::postgres::PgQueryResult) -> Self {
        Self(result.rows_affected())
    }
}
