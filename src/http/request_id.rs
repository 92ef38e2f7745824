//! The id that ties a response to its log lines. A caller's own id is kept if
//! it is harmless, so that one id can follow a call through a proxy.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ring::rand::{SecureRandom, SystemRandom};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 64;

static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
    let mut seed = [0; 8];
    SystemRandom::new().fill(&mut seed).expect("the operating system provides random bytes");
    AtomicU64::new(u64::from_be_bytes(seed))
});

/// At most 64 of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id if it is well-formed, else a fresh one.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(value) if is_well_formed(value) => Self(value.clone()),
            _ => Self::generate(),
        }
    }

    fn generate() -> Self {
        let id = mix(NEXT.fetch_add(1, Ordering::Relaxed));
        let text = format!("{id:016x}");
        Self(HeaderValue::try_from(text).expect("hex digits are valid in a header"))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_well_formed(value: &HeaderValue) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=MAX_LENGTH).contains(&value.len()) && value.as_bytes().iter().all(is_allowed)
}

/// The finalizer of splitmix64: a bijection, so ids of one process never
/// repeat, while neighbours look nothing alike.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
