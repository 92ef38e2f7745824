//! Keyset paging on (`created_at`, `_id`), newest first (api.md 1.6). Knows no
//! tables: a door fetches one row more than the page size and asks for a link.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;

use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::time::Millis;

const DEFAULT_SIZE: i64 = 10;
const MAX_SIZE: i64 = 100;
const CURSOR_VERSION: u8 = 1;

/// The last item of a page: the next one holds what is older.
///
/// On the wire it is opaque: base64url of a version byte, the milliseconds as
/// eight big-endian bytes and the twelve bytes of the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: Millis,
    id: [u8; 12],
}

/// The text is not a cursor that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed cursor")]
pub struct MalformedCursor;

impl Cursor {
    /// `id` is any id of the product: 24 hex characters.
    pub fn new(created_at: Millis, id: &str) -> Result<Self> {
        let id = bytes_of(id).ok_or_else(|| Error::bug("cursor", "not an id"))?;
        Ok(Self { created_at, id })
    }

    /// The id of the item. Malformed ids cannot occur, as every twelve bytes
    /// are one; `Invalid` is for types with further rules.
    pub fn id<T: FromStr>(&self) -> Result<T> {
        let text: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        text.parse().map_err(|_| Error::invalid_parameter("from"))
    }
}

fn bytes_of(hex: &str) -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    if hex.len() != 24 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [CURSOR_VERSION; 21];
        bytes[1..9].copy_from_slice(&self.created_at.0.to_be_bytes());
        bytes[9..].copy_from_slice(&self.id);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedCursor)?;
        let bytes: [u8; 21] = bytes.try_into().map_err(|_| MalformedCursor)?;
        let [version, a, b, c, d, e, f, g, h, id @ ..] = bytes;
        let created_at = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        if version != CURSOR_VERSION || created_at < 0 {
            return Err(MalformedCursor);
        }
        Ok(Self { created_at: Millis(created_at), id })
    }
}

/// The two names of the page size; either works on every paged list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeName {
    /// `limit`, the name builds use.
    Limit,
    /// `pageSize`, the name feedback and crash reports use.
    PageSize,
}

impl SizeName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::PageSize => "pageSize",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Limit => Self::PageSize,
            Self::PageSize => Self::Limit,
        }
    }
}

/// Which page a caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// 1..=100.
    pub size: i64,
    /// Show only what comes after this item.
    pub from: Option<Cursor>,
    name: SizeName,
}

impl PageRequest {
    /// Reads the page size, `own` name first, and `from`. `Invalid` when one of
    /// them cannot be used, also when both names are given and one is wrong.
    pub fn read(params: &Params, own: SizeName) -> Result<Self> {
        let mut chosen = None;
        for name in [own, own.other()] {
            let size = params.opt_int_in(name.as_str(), 1..=MAX_SIZE)?;
            chosen = chosen.or(size.map(|size| (name, size)));
        }
        let (name, size) = chosen.unwrap_or((own, DEFAULT_SIZE));
        Ok(Self { size, from: params.opt("from")?, name })
    }

    /// How many rows to fetch: one more than the page, to know if more exist.
    pub fn fetch(&self) -> i64 {
        self.size + 1
    }

    /// Cuts `rows` to the page and says whether more exist.
    pub fn cut<T>(&self, rows: &mut Vec<T>) -> bool {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        more
    }

    /// The item that the page comes after.
    pub fn item<I: FromStr>(&self) -> Result<Option<I>> {
        self.from.as_ref().map(Cursor::id).transpose()
    }

    /// Where a list goes on after `item`, which was found with this moment.
    ///
    /// # Errors
    /// `Invalid` for a cursor of an item that is not in the list.
    pub fn after<'a>(
        &self,
        item: Option<&'a str>,
        found: Option<Millis>,
    ) -> Result<Option<(Millis, &'a str)>> {
        let Some((cursor, item)) = self.from.as_ref().zip(item) else { return Ok(None) };
        if found != Some(cursor.created_at) {
            return Err(Error::invalid_parameter("from"));
        }
        Ok(Some((cursor.created_at, item)))
    }

    /// The same for a list whose items may be gone.
    pub fn after_any<'a>(&self, item: Option<&'a str>) -> Option<(Millis, &'a str)> {
        self.from.as_ref().map(|cursor| cursor.created_at).zip(item)
    }

    /// Announces the page after the one whose last item is `last`, if there is
    /// one. The parameters named in `filters` are repeated.
    pub fn announce(
        &self,
        response: &mut Response,
        params: &Params,
        filters: &[&str],
        last: Option<(Millis, &str)>,
    ) -> Result<()> {
        if let Some((created_at, id)) = last {
            let link = self.next_link(params, filters, &Cursor::new(created_at, id)?)?;
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(())
    }

    /// The `Link` header of a page whose last item is `last`. Repeats the
    /// parameters named in `filters` and the page size, under the name that the
    /// caller used.
    pub fn next_link(
        &self,
        params: &Params,
        filters: &[&str],
        last: &Cursor,
    ) -> Result<HeaderValue> {
        let mut query = Serializer::new(String::new());
        for name in filters {
            if let Some(value) = params.opt_str(name)? {
                query.append_pair(name, &value);
            }
        }
        query.append_pair(self.name.as_str(), &self.size.to_string());
        next_link(params.path(), query, last)
    }
}

/// `<path?query&from=cursor>; rel="next"`, relative to the origin: a known
/// client puts its base URL before whatever it finds (api.md 1.6). `path` must
/// have its slashes collapsed, or `//v1` would name a host.
pub fn next_link(
    path: &str,
    mut query: Serializer<'_, String>,
    cursor: &Cursor,
) -> Result<HeaderValue> {
    query.append_pair("from", &cursor.to_string());
    let link = format!("<{path}?{}>; rel=\"next\"", query.finish());
    HeaderValue::try_from(link).map_err(|e| Error::internal("Link header", e))
}
