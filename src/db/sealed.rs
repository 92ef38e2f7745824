//! Every column whose values are sealed, whatever they are of: what a change
//! of the master key has to go through.

use crate::db::sql::{Tx, sql};
use crate::error::Result;

/// A sealed value that another key than the newest has sealed. `a` to `d` are
/// the parts of the row's key in their order, empty where it has fewer.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sealed {
    pub a: String,
    pub b: String,
    pub c: String,
    pub d: String,
    pub sealed: String,
}

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident = $table:literal . $column:literal
        by $a:literal, $b:literal, $c:literal, $d:literal;)+) => {
        /// A column of sealed values.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Column { $($(#[$doc])* $name),+ }

        impl Column {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Table and column.
            pub fn names(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($table, $column)),+ }
            }

            fn count(self) -> &'static str {
                match self { $(Self::$name => concat!(
                    "SELECT COUNT(*) FROM ", $table, " WHERE ", $column, " NOT LIKE $1"
                )),+ }
            }

            fn list(self) -> &'static str {
                match self { $(Self::$name => concat!(
                    "SELECT ", $a, " AS a, ", $b, " AS b, ", $c, " AS c, ", $d, " AS d, ",
                    $column, " AS sealed FROM ", $table, " WHERE ", $column, " NOT LIKE $1 ",
                    "ORDER BY a, b, c, d LIMIT CAST($2 AS BIGINT) OFFSET $3"
                )),+ }
            }

            fn replace(self) -> &'static str {
                match self { $(Self::$name => concat!(
                    "UPDATE ", $table, " SET ", $column, " = $5 WHERE ", $a, " = $1 AND ", $b,
                    " = $2 AND ", $c, " = $3 AND ", $d, " = $4 AND ", $column, " = $6"
                )),+ }
            }
        }
    };
}

columns! {
    RepoCredential = "apps"."repo_credential_sealed" by "id", "''", "''", "''";
    Variable = "variables"."value_sealed" by "owner_id", "branch", "kind", "name";
    /// The key of a file; the file itself is not written anew.
    SecureFile = "secure_files"."key_sealed" by "id", "''", "''", "''";
    SshKey = "ssh_keys"."private_sealed" by "org_id", "''", "''", "''";
    ProviderToken = "app_providers"."token_sealed" by "app_id", "''", "''", "''";
    ConnectionToken = "provider_connections"."token_sealed" by "id", "''", "''", "''";
    WebhookSecret = "webhook_secrets"."secret_sealed" by "app_id", "''", "''", "''";
    TokenCopy = "tokens"."copy_sealed" by "id", "''", "''", "''";
    LetterKey = "invitations"."key_sealed" by "id", "''", "''", "''";
    SecondFactor = "users"."totp_sealed" by "id", "''", "''", "''";
    ClientSecret = "identity_providers"."client_secret_sealed" by "id", "''", "''", "''";
    KeptAnswer = "idempotency_keys"."body_sealed" by "token_id", "idempotency_key", "''", "''";
}

/// How many values do not start with `prefix`.
pub async fn count(tx: &mut Tx, column: Column, prefix: &str) -> Result<i64> {
    let (count,): (i64,) = sql(column.count()).bind(format!("{prefix}%")).one(tx).await?;
    Ok(count)
}

/// Up to `limit` values that do not start with `prefix`, by key, after the
/// first `skip` of them.
pub async fn list(
    tx: &mut Tx,
    column: Column,
    prefix: &str,
    skip: i64,
    limit: i64,
) -> Result<Vec<Sealed>> {
    sql(column.list()).bind(format!("{prefix}%")).bind(limit).bind(skip).all(tx).await
}

/// Puts `new` in the place of a value; 0 rows if that was changed meanwhile.
pub async fn replace(tx: &mut Tx, column: Column, old: &Sealed, new: &str) -> Result<u64> {
    let Sealed { a, b, c, d, sealed } = old;
    sql(column.replace()).bind(a).bind(b).bind(c).bind(d).bind(new).bind(sealed).exec(tx).await
}
