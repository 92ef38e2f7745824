//! One fresh database per story, on SQLite always and on PostgreSQL when
//! `TEST_DATABASE_URL` names a server where databases may be created.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use shipmate::db::Db;
use shipmate::model::ids::JobId;
use shipmate::model::time::Millis;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};
use tempfile::TempDir;

/// A story that takes longer hangs.
const LONGEST_STORY: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// An empty database that vanishes after its story.
#[derive(Debug)]
pub struct TestDb {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite(TempDir),
    Postgres { server: String, url: String, name: String },
}

/// What a story starts with; `on_both!` makes it from an empty database.
pub trait Stage: Sized {
    async fn set(db: &Arc<TestDb>) -> Self;
}

impl Stage for Arc<TestDb> {
    async fn set(db: &Arc<TestDb>) -> Self {
        db.clone()
    }
}

impl Stage for Db {
    async fn set(db: &Arc<TestDb>) -> Self {
        db.open().await
    }
}

impl TestDb {
    /// `None` when there is no server of this kind to test with.
    async fn create(kind: Kind) -> Option<Self> {
        let place = match kind {
            Kind::Sqlite => Place::Sqlite(tempfile::tempdir().expect("a temporary folder")),
            Kind::Postgres => {
                let server = postgres_server()?;
                // Ids are unique within this process and random beside others.
                let name = format!("shipmate_test_{}", JobId::generate(Millis(0)));
                create_database(&server, &name).await;
                Place::Postgres { url: with_database(&server, &name), server, name }
            }
        };
        Some(Self { place })
    }

    pub fn kind(&self) -> Kind {
        match self.place {
            Place::Sqlite(_) => Kind::Sqlite,
            Place::Postgres { .. } => Kind::Postgres,
        }
    }

    /// Where the database is. PostgreSQL only.
    pub fn url(&self) -> &str {
        let Place::Postgres { url, .. } = &self.place else { panic!("SQLite has no URL") };
        url
    }

    /// As `--database-url` takes it.
    pub fn database_url(&self) -> String {
        match &self.place {
            Place::Sqlite(dir) => format!("sqlite:{}", dir.path().join("test.db").display()),
            Place::Postgres { url, .. } => url.clone(),
        }
    }

    /// The product's handle, with the schema of today.
    pub async fn open(&self) -> Db {
        let db = self.connect().await;
        db.migrate().await.expect("the migrations run");
        db
    }

    /// The product's handle on whatever is there.
    pub async fn connect(&self) -> Db {
        match &self.place {
            Place::Sqlite(dir) => Db::open_sqlite(&dir.path().join("test.db")).await,
            Place::Postgres { url, .. } => Db::open_postgres(url).await,
        }
        .expect("the database opens")
    }

    /// Runs statements beside the product, to arrange what it cannot.
    pub async fn run(&self, statements: &str) {
        match &self.place {
            Place::Sqlite(_) => {
                sqlx::raw_sql(own(statements)).execute(&mut self.sqlite().await).await.map(drop)
            }
            Place::Postgres { url, .. } => {
                sqlx::raw_sql(own(statements)).execute(&mut postgres(url).await).await.map(drop)
            }
        }
        .unwrap_or_else(|error| panic!("{error} in: {statements}"));
    }

    /// The rows of a query whose columns are all text, read beside the product.
    pub async fn rows(&self, query: &str) -> Vec<Vec<String>> {
        fn texts<R: Row>(rows: Vec<R>) -> Vec<Vec<String>>
        where
            usize: sqlx::ColumnIndex<R>,
            String: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        {
            let read = |row: &R| (0..row.len()).map(|at| row.get(at)).collect();
            rows.iter().map(read).collect()
        }
        match &self.place {
            Place::Sqlite(_) => {
                sqlx::raw_sql(own(query)).fetch_all(&mut self.sqlite().await).await.map(texts)
            }
            Place::Postgres { url, .. } => {
                sqlx::raw_sql(own(query)).fetch_all(&mut postgres(url).await).await.map(texts)
            }
        }
        .unwrap_or_else(|error| panic!("{error} in: {query}"))
    }

    /// The columns of every table.
    pub async fn tables(&self) -> BTreeMap<String, Vec<String>> {
        let query = match self.kind() {
            Kind::Sqlite => {
                "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' ORDER BY c.cid"
            }
            Kind::Postgres => {
                "SELECT table_name::text, column_name::text FROM information_schema.columns
                 WHERE table_schema = 'public' ORDER BY ordinal_position"
            }
        };
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(query).await {
            let [table, column] = row.try_into().expect("two columns");
            tables.entry(table).or_default().push(column);
        }
        tables
    }

    /// Each row of a table as one text, sorted.
    pub async fn texts(&self, table: &str, columns: &[String]) -> Vec<String> {
        let quoted = columns.iter().map(|column| match self.kind() {
            Kind::Sqlite => format!("quote(\"{column}\")"),
            Kind::Postgres => format!("quote_nullable(\"{column}\"::text)"),
        });
        let columns = quoted.collect::<Vec<_>>().join(" || ', ' || ");
        let mut rows = self.rows(&format!("SELECT {columns} FROM \"{table}\"")).await.concat();
        rows.sort();
        rows
    }

    /// Everything in the database, as text.
    pub async fn dump(&self) -> String {
        let mut all = String::new();
        for (table, columns) in self.tables().await {
            for row in self.texts(&table, &columns).await {
                all.push_str(&format!("{table}: {row}\n"));
            }
        }
        all
    }

    /// Runs statements on the server, outside of this database. PostgreSQL only.
    pub async fn run_on_server(&self, statements: &str) {
        let Place::Postgres { server, name, .. } = &self.place else {
            panic!("SQLite has no server");
        };
        let statements = statements.replace("{database}", name);
        run_on(server, &statements).await;
    }

    /// A connection beside the product's.
    pub async fn sqlite(&self) -> SqliteConnection {
        let Place::Sqlite(dir) = &self.place else { panic!("not a SQLite database") };
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(dir.path().join("test.db"))
            .create_if_missing(true);
        SqliteConnection::connect_with(&options).await.expect("a second connection")
    }

    /// A connection beside the product's.
    pub async fn postgres(&self) -> PgConnection {
        let Place::Postgres { url, .. } = &self.place else { panic!("not PostgreSQL") };
        postgres(url).await
    }

    async fn discard(&self) {
        if let Place::Postgres { server, name, .. } = &self.place {
            run_on(server, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test command says where PostgreSQL is")]
fn postgres_server() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Database names cannot be bound, and sample rows come from files.
#[expect(clippy::disallowed_types, reason = "the text comes from the tests themselves")]
fn own(statements: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(statements.to_owned())
}

async fn postgres(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("PostgreSQL at TEST_DATABASE_URL answers")
}

async fn run_on(server: &str, statements: &str) {
    sqlx::raw_sql(own(statements))
        .execute(&mut postgres(server).await)
        .await
        .unwrap_or_else(|error| panic!("{error} in: {statements}"));
}

/// Sorted by a language's rules, as most installations are: a query that
/// relies on bytewise order must fail here.
async fn create_database(server: &str, name: &str) {
    let statement = format!(
        "CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'
           LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    run_on(server, &statement).await;
}

/// `url` with another database name.
fn with_database(url: &str, name: &str) -> String {
    let (rest, query) = url.split_once('?').map_or((url, None), |(r, q)| (r, Some(q)));
    let (scheme, rest) = rest.split_once("://").expect("TEST_DATABASE_URL is a URL");
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|q| format!("?{q}")).unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

/// Tells one story on one kind of database and cleans up whatever happens.
pub fn tell<F, Fut>(name: &str, kind: Kind, story: F)
where
    F: FnOnce(Arc<TestDb>) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let outcome = runtime.block_on(async {
        let Some(db) = TestDb::create(kind).await.map(Arc::new) else {
            say_not_run(name);
            return Ok(());
        };
        let told =
            AssertUnwindSafe(tokio::time::timeout(LONGEST_STORY, Box::pin(story(db.clone()))));
        let outcome = told.catch_unwind().await;
        db.discard().await;
        outcome.map(|told| told.expect("the story ends in time"))
    });
    runtime.shutdown_background();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Past the capture of the test runner, which hides what a passing test says.
fn say_not_run(name: &str) {
    let text = format!("NOT RUN on PostgreSQL: {name} (TEST_DATABASE_URL is not set)\n");
    std::io::stderr().write_all(text.as_bytes()).expect("standard error takes a line");
}

/// Makes each story two tests, `name::sqlite` and `name::postgres`. The type
/// of its argument says what it starts with: `Arc<TestDb>` (empty), `Db` (with
/// the schema) or `TestApp`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($arg:ident: $stage:ty) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($arg: $stage) $body

            fn tell(kind: $crate::harness::database::Kind) {
                $crate::harness::database::tell(module_path!(), kind, |db| async move {
                    story(<$stage as $crate::harness::database::Stage>::set(&db).await).await;
                });
            }

            #[test]
            fn sqlite() {
                tell($crate::harness::database::Kind::Sqlite);
            }

            #[test]
            fn postgres() {
                tell($crate::harness::database::Kind::Postgres);
            }
        }
    )+};
}
