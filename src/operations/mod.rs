//! How the installation itself fares: the health of its parts, and the
//! incidents that an administrator tells of (OPS-1). Touches `db`, `blobs` and
//! `notify`; changes nothing of apps and builds.

pub mod health;
pub mod incidents;
