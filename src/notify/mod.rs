//! Messages to people outside. Given a rendered message and a target, each
//! file sends it once; when to try again is the business of `jobs`.

pub mod email;
