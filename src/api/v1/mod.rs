//! Version 1 of the API (api.md): parses, authorises, calls one use case and
//! shapes JSON. Reads may go to the database; writes only through the product.

pub mod docs;
pub mod openapi;
pub mod wire;

#[cfg(test)]
mod tests;
