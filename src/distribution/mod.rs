//! Who gets which builds: groups and their testers, deployments and what came
//! of them, install pages' facts and signed links (product.md 13). Touches
//! `db` and `secrets`; sees no agents and starts no builds.

pub mod deploy;
pub mod devices;
pub mod failures;
pub mod groups;
pub mod install;
pub mod links;
pub mod mail;
pub mod notes;
pub mod preflight;
pub mod progress;
pub mod signing;

use crate::model::app::Platform;

pub use progress::{launched, newer_for};

/// How people call a platform.
pub fn shown_platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios => "iOS",
        Platform::Android => "Android",
    }
}
