//! Who gets which builds: groups and their testers, deployments and what came
//! of them, install pages' facts and signed links (product.md 13). Touches
//! `db` and `secrets`; sees no agents and starts no builds.

pub mod deploy;
pub mod groups;
pub mod links;
pub mod notes;
pub mod progress;

pub use progress::{launched, newer_for};
