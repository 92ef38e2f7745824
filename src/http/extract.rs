//! Extractors that every door shares: the signed-in caller, the browser that
//! calls, and ids in paths.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

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
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = peer.map(|info| caller(info.0.ip().to_canonical(), &parts.headers));
        Ok(Self {
            name: name.unwrap_or("unknown").to_owned(),
            address: address.map_or_else(|| "unknown".into(), |ip| ip.to_string()),
        })
    }
}

/// Who calls. A proxy on this machine tells for whom: the last entry of
/// `X-Forwarded-For` is the one that it wrote itself, those before it are what
/// the caller claims. Without this everybody behind the proxy would be one
/// address, and five wrong passwords would lock all of them out.
fn caller(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !peer.is_loopback() {
        return peer;
    }
    let told = headers.get_all("x-forwarded-for").into_iter().next_back();
    let last = told.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or(peer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_tells_for_whom_it_calls() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("::1", &["198.51.100.1, 2001:db8::7"], "2001:db8::7"),
            // What the caller claims stands before what the proxy saw.
            ("127.0.0.1", &["10.0.0.1", "192.0.2.1, 203.0.113.7"], "203.0.113.7"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.7,"], "127.0.0.1"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.1.2.3", &["198.51.100.1"], "10.1.2.3"),
        ];
        for (peer, told, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in *told {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let found = caller(peer.parse().unwrap(), &headers);
            assert_eq!(found.to_string(), *expected, "{peer} {told:?}");
        }
    }
}
