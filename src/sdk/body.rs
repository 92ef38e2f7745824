//! Bodies of SDKs: up to 25 MiB each, because a screenshot or a video is in
//! them, and bounded together, because anybody can send them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::http::body::{Media, media};
use crate::http::error::Fault;

/// Largest body (api.md 6.1).
const MAX_BODY: usize = 25 << 20;
/// A body that is too large is read on and thrown away up to this size: a
/// client that is still sending does not read our answer.
const MAX_DRAINED: usize = 32 << 20;
/// All bodies that are held at once, in units.
const MAX_UNITS: usize = 256;
const UNIT: usize = 1 << 20;

/// Memory for bodies.
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_UNITS)))
    }
}

/// A whole body; its memory counts until it is dropped.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    /// What the sender says it is, of the types that v1 reads too.
    pub(super) media: Option<Media>,
    _held: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// # Errors
    /// `BodyTooLarge`; `Unavailable` when too many bodies are held already;
    /// `Invalid` for a charset other than UTF-8 or a body that ends early.
    pub(super) async fn read(&self, request: Request) -> Result<Body, Fault> {
        let media = media(request.headers())?;
        let announced = request
            .headers()
            .get(axum::http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|announced| announced > MAX_DRAINED) {
            return Err(Fault::BodyTooLarge);
        }
        let mut stream = request.into_body().into_data_stream();
        let (mut kept, mut held, mut seen) = (Vec::new(), Vec::new(), 0_usize);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Error::Invalid("The body ended early".into()))?;
            seen += chunk.len();
            if seen > MAX_DRAINED {
                break;
            }
            if seen > MAX_BODY {
                (kept, held) = (Vec::new(), Vec::new());
                continue;
            }
            while held.len() * UNIT < seen {
                held.push(self.take()?);
            }
            kept.extend_from_slice(&chunk);
        }
        if seen > MAX_BODY {
            return Err(Fault::BodyTooLarge);
        }
        Ok(Body { bytes: kept.into(), media, _held: held })
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Error> {
        let busy = |_| Error::Unavailable("too many reports are being received".into());
        self.0.clone().try_acquire_owned().map_err(busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(parts: usize, size: usize) -> Request {
        let part = Bytes::from(vec![b'x'; size]);
        let parts = (0..parts).map(move |_| Ok::<_, std::io::Error>(part.clone()));
        Request::new(axum::body::Body::from_stream(futures_util::stream::iter(parts)))
    }

    #[tokio::test]
    async fn bodies_are_bounded_alone_and_together() {
        let budget = Budget::default();
        let whole = budget.read(request(25, UNIT)).await.map_err(|e| e.to_string()).unwrap();
        assert_eq!(whole.bytes.len(), MAX_BODY);
        for parts in [26, 40] {
            assert!(matches!(budget.read(request(parts, UNIT)).await, Err(Fault::BodyTooLarge)));
        }
        let mut bodies = vec![whole];
        let refused = loop {
            match budget.read(request(20, UNIT)).await {
                Ok(body) => bodies.push(body),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, Fault::Product(Error::Unavailable(_))));
        assert_eq!(bodies.len(), 1 + (MAX_UNITS - 25) / 20);
        bodies.clear();
        assert!(budget.read(request(25, UNIT)).await.is_ok());
    }
}
