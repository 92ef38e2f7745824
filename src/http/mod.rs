//! Shared tools of the doors: who is calling, what they sent, how an answer
//! and an error look on the wire. No rules of the product, no SQL, no routes.
//!
//! The conventions of api.md section 1 are kept here once: `middleware` wraps
//! the whole router, `params` reads what a caller sent, `reply` and `error`
//! write what they get.

pub mod auth;
pub mod body;
pub mod cors;
pub mod error;
pub mod etag;
pub mod extract;
pub mod idempotency;
pub mod json;
pub mod markup;
pub mod metrics;
pub mod middleware;
pub mod page;
pub mod params;
pub mod path;
pub mod range;
pub mod rate;
pub mod reply;
pub mod request_id;

#[cfg(test)]
mod tests;
