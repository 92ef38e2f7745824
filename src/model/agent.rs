//! What a build machine says of itself beside its name. Pure.

use serde::{Deserialize, Serialize};

use crate::model::build::text_enum;

text_enum! {
    FindingState {
        Good = "good",
        /// Not there, and only some builds need it.
        Absent = "absent",
        /// Builds will fail because of it.
        Bad = "bad",
    }
}

/// One thing that an agent looked at on its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Such as `git`.
    pub subject: String,
    pub state: FindingState,
    /// A version, or what is wrong and what to do.
    pub says: String,
}
