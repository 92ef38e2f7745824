//! What an administrator tells on the public status page (OPS-1).

use crate::model::build::text_enum;
use crate::model::ids::IncidentId;
use crate::model::time::Millis;

text_enum! {
    /// How much people notice of it.
    Impact {
        Minor = "minor",
        Major = "major",
        /// Announced beforehand.
        Maintenance = "maintenance",
    }
}

text_enum! {
    /// How far the work on it has come.
    IncidentState {
        Investigating = "investigating",
        Identified = "identified",
        Monitoring = "monitoring",
        Resolved = "resolved",
    }
}

/// One incident; what was said of it is in its updates.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Incident {
    pub id: IncidentId,
    pub title: String,
    #[sqlx(try_from = "String")]
    pub impact: Impact,
    #[sqlx(try_from = "String")]
    pub state: IncidentState,
    pub started_at: Millis,
    pub resolved_at: Option<Millis>,
}

/// What was said of an incident at one moment.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IncidentUpdate {
    pub id: IncidentId,
    pub incident_id: IncidentId,
    pub at: Millis,
    #[sqlx(try_from = "String")]
    pub state: IncidentState,
    pub text: String,
}
