//! Values bound to a query, and how each Rust type becomes one.

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use crate::error::{Error, Result};
use crate::model::ids::{
    AgentId, AppId, ArtifactId, AuditId, BuildId, ConnectionId, CrashGroupId, CrashReportId,
    DeliveryId, DeploymentId, FeedbackId, GroupId, IdentityId, IdentityProviderId, IncidentId,
    InvitationId, JobId, MediaId, OrgId, RecipientId, ScheduleId, SecureFileId, SessionId,
    StatusId, TokenId, UserId,
};
use crate::model::time::Millis;

/// A bound value. The type is kept for NULL, which PostgreSQL wants typed.
pub enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(bool),
    Float(Option<f64>),
    Bytes(Vec<u8>),
}

macro_rules! arguments {
    ($name:ident, $type:ty) => {
        pub(super) fn $name(values: Vec<Value>) -> Result<$type> {
            let mut out = <$type>::default();
            for value in values {
                match value {
                    Value::Text(v) => out.add(v),
                    Value::Int(v) => out.add(v),
                    Value::Bool(v) => out.add(v),
                    Value::Float(v) => out.add(v),
                    Value::Bytes(v) => out.add(v),
                }
                .map_err(|cause| Error::internal("binding a query value", cause))?;
            }
            Ok(out)
        }
    };
}

arguments!(sqlite_arguments, SqliteArguments);
arguments!(postgres_arguments, PgArguments);

macro_rules! text_values {
    ($($id:ty),+) => {$(
        impl From<&$id> for Value {
            fn from(id: &$id) -> Self {
                Self::Text(Some(id.as_str().to_owned()))
            }
        }
        impl From<Option<&$id>> for Value {
            fn from(id: Option<&$id>) -> Self {
                Self::Text(id.map(|id| id.as_str().to_owned()))
            }
        }
    )+};
}

text_values!(
    AgentId,
    AppId,
    ArtifactId,
    AuditId,
    BuildId,
    ConnectionId,
    CrashGroupId,
    CrashReportId,
    DeliveryId,
    DeploymentId,
    FeedbackId,
    GroupId,
    IdentityId,
    IdentityProviderId,
    IncidentId,
    InvitationId,
    JobId,
    MediaId,
    OrgId,
    RecipientId,
    ScheduleId,
    SecureFileId,
    SessionId,
    StatusId,
    TokenId,
    UserId
);

macro_rules! plain_values {
    ($($type:ty => |$v:ident| $make:expr),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from($v: $type) -> Self {
                $make
            }
        }
    )+};
}

plain_values! {
    &str => |v| Self::Text(Some(v.to_owned())),
    String => |v| Self::Text(Some(v)),
    &String => |v| Self::Text(Some(v.clone())),
    Option<String> => |v| Self::Text(v),
    Option<&str> => |v| Self::Text(v.map(str::to_owned)),
    i64 => |v| Self::Int(Some(v)),
    Option<i64> => |v| Self::Int(v),
    bool => |v| Self::Bool(v),
    f64 => |v| Self::Float(Some(v)),
    Option<f64> => |v| Self::Float(v),
    Millis => |v| Self::Int(Some(v.0)),
    Option<Millis> => |v| Self::Int(v.map(|m| m.0)),
    Vec<u8> => |v| Self::Bytes(v),
}
