//! How the installation itself fares: the health of its parts, what agents find
//! on their machines, and the incidents that an administrator tells of (OPS-1). Touches `db`, `blobs` and
//! `notify`; changes nothing of apps and builds.

pub mod agents;
pub mod health;
pub mod incidents;
