//! What an error of the database means for the caller: try again later,
//! somebody was faster, or a fault of ours.

use crate::error::Error;

impl From<sqlx::Error> for Error {
    fn from(cause: sqlx::Error) -> Self {
        match &cause {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => {
                Error::Conflict(format!("already exists: {}", inner.message()))
            }
            sqlx::Error::Database(inner)
                if is_away(inner.code().as_deref().unwrap_or_default(), inner.message()) =>
            {
                away(cause)
            }
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => away(cause),
            _ => Error::internal("database query", cause),
        }
    }
}

/// Whatever keeps us from a connection, the database is away.
#[expect(clippy::needless_pass_by_value, reason = "used as the function of `map_err`")]
pub(super) fn away(cause: sqlx::Error) -> Error {
    Error::Unavailable(format!("the database does not answer: {cause}"))
}

/// Errors that go away without a change of this program: the database is busy,
/// out of room, read-only, restarting, or its schema is not yet (or no longer)
/// the one this version expects.
fn is_away(code: &str, message: &str) -> bool {
    // SQLSTATE has five characters (postgresql.org/docs, appendix A).
    if code.len() == 5 {
        return ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
            || matches!(code, "25006" | "40001" | "40P01" | "42P01" | "42703");
    }
    // The extended codes keep the primary one in their low byte
    // (sqlite.org/rescode.html).
    match code.parse::<u32>().map(|code| code & 0xff) {
        // ERROR says only in words what is wrong.
        Ok(1) => message.starts_with("no such table") || message.starts_with("no such column"),
        // BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
        Ok(code) => matches!(code, 5 | 6 | 8 | 10 | 13 | 14 | 15),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_away_by_itself() {
        for code in ["5", "6", "517", "261", "8", "10", "3850", "13", "14", "15"] {
            assert!(is_away(code, ""), "SQLite {code}");
        }
        for code in ["08006", "53300", "57P01", "57P03", "58030", "25006", "40001", "42P01"] {
            assert!(is_away(code, ""), "PostgreSQL {code}");
        }
        assert!(is_away("1", "no such table: builds"));
        for code in ["1", "11", "19", "787", "26", "23505", "42601", "22P02", "00005", ""] {
            assert!(!is_away(code, "near \"SELEC\": syntax error"), "{code}");
        }
    }
}
