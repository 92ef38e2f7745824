//! Extractors that every door shares: the signed-in caller, the browser that
//! calls, and ids in paths.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;

use crate::accounts::sessions::Visitor;
use crate::error::Error;
use crate::http::error::Fault;
use crate::model::account::Actor;

/// The caller that `middleware` found. Refuses with 401 on a route that it
/// does not guard, so a route moved out of `/v1` fails closed.
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or(Fault::NoToken)
    }
}

/// The browser, or other program, at the other end.
#[derive(Debug)]
pub struct Browser {
    name: String,
    address: String,
}

impl Browser {
    pub fn visitor(&self) -> Visitor<'_> {
        Visitor { browser: &self.name, address: &self.address }
    }
}

impl<S: Sync> FromRequestParts<S> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let name = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            name: name.unwrap_or("unknown").to_owned(),
            address: address.map_or_else(|| "unknown".into(), |info| info.0.ip().to_string()),
        })
    }
}

/// The one placeholder of a path such as `/v1/builds/{build_id}`. Text that
/// does not parse as `T` is answered as an unknown object: 404 (api.md 1.4).
#[derive(Debug, Clone)]
pub struct PathId<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let ids = placeholders(parts, state).await?;
        let mut values = ids.iter();
        match (values.next(), values.next()) {
            (Some((_, first)), None) => parse(first).map(Self),
            _ => Err(Error::bug("route", "PathId needs exactly one placeholder").into()),
        }
    }
}

/// Both placeholders of a path such as `/v1/builds/{build_id}/artifacts/{id}`,
/// in order; like [`PathId`].
#[derive(Debug, Clone)]
pub struct PathIds<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let ids = placeholders(parts, state).await?;
        let mut values = ids.iter();
        match (values.next(), values.next(), values.next()) {
            (Some((_, a)), Some((_, b)), None) => Ok(Self(parse(a)?, parse(b)?)),
            _ => Err(Error::bug("route", "PathIds needs exactly two placeholders").into()),
        }
    }
}

async fn placeholders<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<RawPathParams, Fault> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::not_found().into())
}

fn parse<T: FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Error::not_found().into())
}
