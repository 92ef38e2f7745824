//! How a row of a build is read: one list of columns, for the query texts and
//! for the reader. Lists of builds are what clients ask for most, so the reader
//! goes by position and parses borrowed text, instead of looking up each name
//! and copying each word.

use std::str::FromStr;

use sqlx::{ColumnIndex, Decode, FromRow, Row};

use crate::model::build::Build;

/// The columns of `Build` of a table called `b`, first in a query.
///
/// The list stands here once, each column with the way it is read; the rules
/// with an `@` make the query text and the reader of it.
macro_rules! build_columns {
    () => {
        $crate::db::build_row::build_columns! { @list join }
    };
    (@list $then:ident) => {
        $crate::db::build_row::build_columns! {
            @$then id plain, app_id plain, number plain, status parsed, phase parsed,
            failure_kind plain, failure_message plain, scheme plain, repo_url plain,
            branch plain, wanted_commit plain, commit_sha plain, commit_author plain,
            commit_message plain, triggered_by parsed, created_at plain, started_at plain,
            finished_at plain, attempt plain, agent_id plain, lease_until plain,
            tests_count plain, tests_passed plain, coverage plain, disabled plain,
            downloads plain, origin plain, base plain
        }
    };
    (@join $first:ident $_first:ident, $($name:ident $_how:ident),+) => {
        concat!("b.", stringify!($first), $(", b.", stringify!($name)),+)
    };
    (@read $($name:ident $how:ident),+) => {
        fn read<'r, R: Row>(mut columns: Columns<'r, R>) -> Result<Build, sqlx::Error>
        where
            usize: ColumnIndex<R>,
            bool: Decode<'r, R::Database>,
            f64: Decode<'r, R::Database>,
            i64: Decode<'r, R::Database>,
            String: Decode<'r, R::Database>,
            &'r str: Decode<'r, R::Database>,
        {
            Ok(Build { $($name: columns.$how()?),+ })
        }
    };
}

pub(super) use build_columns;

build_columns! { @list read }

/// The columns of one row, one after the other.
struct Columns<'r, R> {
    row: &'r R,
    next: usize,
}

impl<'r, R: Row> Columns<'r, R>
where
    usize: ColumnIndex<R>,
{
    fn plain<T: Decode<'r, R::Database>>(&mut self) -> Result<T, sqlx::Error> {
        let at = self.next;
        self.next += 1;
        self.row.try_get_unchecked(at)
    }

    fn parsed<T: FromStr<Err = String>>(&mut self) -> Result<T, sqlx::Error>
    where
        &'r str: Decode<'r, R::Database>,
    {
        let index = self.next.to_string();
        let text: &str = self.plain()?;
        text.parse()
            .map_err(|error: String| sqlx::Error::ColumnDecode { index, source: error.into() })
    }
}

impl<'r, R: Row> FromRow<'r, R> for Build
where
    usize: ColumnIndex<R>,
    bool: Decode<'r, R::Database>,
    f64: Decode<'r, R::Database>,
    i64: Decode<'r, R::Database>,
    String: Decode<'r, R::Database>,
    &'r str: Decode<'r, R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        read(Columns { row, next: 0 })
    }
}
