//! The door for API clients, one room per version.

pub mod v1;
