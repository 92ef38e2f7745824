//! Ids in the paths of pages: like `http::extract`, but what is malformed is
//! answered with a page.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::dashboard::page::PageFault;
use crate::http::extract::{PathId, PathIds};

/// The one id of a path.
#[derive(Debug)]
pub struct Place<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = PageFault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageFault> {
        let PathId(id) = PathId::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}

/// Both ids of a path.
#[derive(Debug)]
pub struct Places<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for Places<A, B> {
    type Rejection = PageFault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageFault> {
        let PathIds(a, b) = PathIds::from_request_parts(parts, state).await?;
        Ok(Self(a, b))
    }
}
