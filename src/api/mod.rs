//! The door for API clients: one room per version, and what an old client asks
//! of the dashboard's origin.

mod caller;
pub mod internal;
pub mod v1;
