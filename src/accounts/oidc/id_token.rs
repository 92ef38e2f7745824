//! Reads an ID token (OpenID Connect Core 2 and 3.1.3.7) and believes it only
//! when everything about it is as expected: compact JWS (RFC 7515), signed with
//! RS256 or ES256 by a key of the issuer. Pure; every input is hostile.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::model::time::Millis;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 32 << 10;
/// Keys of one issuer that are looked at.
const MAX_KEYS: usize = 100;
/// Clocks may differ by this much, in seconds.
const LENIENCY: i64 = 120;
/// The token was made when the code was redeemed, so it is never old.
const MAX_AGE: i64 = 600;

/// What the token must say.
#[derive(Debug)]
pub struct Expected<'a> {
    /// As the issuer calls itself.
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: Millis,
}

/// What is used of a token that is believed.
#[derive(Debug)]
pub struct Claims {
    pub sub: String,
    pub email: Option<String>,
    pub email_verified: Option<Flag>,
    pub name: Option<String>,
}

/// A truth value; some providers write it as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Flag {
    Bool(bool),
    Text(String),
}

impl Flag {
    pub fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Text(text) => text == "true",
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 4.1.11): none is.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Body {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Number,
    iat: Number,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Flag>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The keys of an issuer (RFC 7517). Kinds that are not known are passed over.
#[derive(Debug, Deserialize)]
pub struct KeySet {
    keys: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The signatures that are believed. `none` and those with a shared secret are
/// not among them: the public key would be that secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

impl Key {
    /// Whether it is a key for signatures of this kind.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_kind = match algorithm {
            Algorithm::Rs256 => self.kty == "RSA",
            Algorithm::Es256 => self.kty == "EC" && self.crv.as_deref() == Some("P-256"),
        };
        is_kind
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == algorithm.name())
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let bytes = |text: &Option<String>| {
            text.as_deref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        };
        match algorithm {
            Algorithm::Rs256 => {
                let (Some(n), Some(e)) = (bytes(&self.n), bytes(&self.e)) else { return false };
                let key = RsaPublicKeyComponents { n: without_zeros(&n), e: without_zeros(&e) };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Algorithm::Es256 => {
                let (Some(x), Some(y)) = (bytes(&self.x), bytes(&self.y)) else { return false };
                if (x.len(), y.len()) != (32, 32) {
                    return false;
                }
                let point = [&[4][..], &x, &y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

/// Some write a sign byte before the number, which `ring` refuses.
fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[start..]
}

impl KeySet {
    fn read(&self) -> impl Iterator<Item = Key> {
        let keys = self.keys.iter().take(MAX_KEYS);
        keys.filter_map(|key| Key::deserialize(key).ok())
    }

    /// How many keys could verify a token.
    pub fn count_usable(&self) -> usize {
        self.read().filter(|key| Algorithm::ALL.iter().any(|alg| key.fits(*alg))).count()
    }

    /// The keys that may have signed. A token that names none must leave no
    /// choice.
    fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Vec<Key>, String> {
        let fitting = self.read().filter(|key| key.fits(algorithm));
        let found: Vec<Key> = match kid {
            Some(kid) => fitting.filter(|key| key.kid.as_deref() == Some(kid)).collect(),
            None => fitting.collect(),
        };
        match (found.len(), kid) {
            (0, _) => Err(format!("no key of the issuer fits (alg {})", algorithm.name())),
            (1, _) | (_, Some(_)) => Ok(found),
            (_, None) => Err("it names no key, and several would fit".into()),
        }
    }
}

/// The claims of a token that is as expected.
///
/// # Errors
/// Why it is not believed, for the log.
pub fn read(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, String> {
    if token.len() > MAX_TOKEN {
        return Err(format!("is longer than {} KiB", MAX_TOKEN >> 10));
    }
    let (message, signature) = token.rsplit_once('.').ok_or("has no signature")?;
    let (header, body) = message.split_once('.').ok_or("has no body")?;
    // A fourth or fifth part would be an encrypted token.
    if body.contains('.') {
        return Err("has too many parts".into());
    }
    let part = |text: &str, what: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its {what} is not base64url"))
    };
    let header: Header = serde_json::from_slice(&part(header, "header")?)
        .map_err(|_| "its header cannot be read")?;
    let algorithm = Algorithm::ALL.into_iter().find(|known| known.name() == header.alg);
    let algorithm = algorithm.ok_or_else(|| {
        let alg: String = header.alg.chars().filter(|c| !c.is_control()).take(20).collect();
        format!("is signed with \"{alg}\"; only RS256 and ES256 are believed")
    })?;
    if header.crit.is_some() {
        return Err("asks for an extension that is not known".into());
    }
    let signature = part(signature, "signature")?;
    let candidates = keys.candidates(algorithm, header.kid.as_deref())?;
    if !candidates.iter().any(|key| key.verifies(algorithm, message.as_bytes(), &signature)) {
        return Err("its signature is wrong".into());
    }
    let body: Body = serde_json::from_slice(&part(body, "body")?)
        .map_err(|error| format!("its body cannot be read: {error}"))?;
    check(&body, expected)?;
    let Body { sub, email, email_verified, name, .. } = body;
    Ok(Claims { sub, email, email_verified, name })
}

/// Core 3.1.3.7, steps 2 to 11.
fn check(body: &Body, expected: &Expected<'_>) -> Result<(), String> {
    if body.iss != expected.issuer {
        return Err("is of another issuer".into());
    }
    let audiences = match &body.aud {
        Audience::One(one) => std::slice::from_ref(one),
        Audience::Many(many) => many,
    };
    if !audiences.iter().any(|audience| audience == expected.client_id) {
        return Err("is for another client".into());
    }
    match body.azp.as_deref() {
        Some(party) if party != expected.client_id => {
            return Err("was asked for by another client".into());
        }
        None if audiences.len() > 1 => {
            return Err("is for several clients and does not say who asked for it".into());
        }
        _ => {}
    }
    let now = expected.now.0.div_euclid(1000);
    let (expires, issued) = (seconds(&body.exp)?, seconds(&body.iat)?);
    if expires <= now.saturating_sub(LENIENCY) {
        return Err("has expired; is a clock wrong?".into());
    }
    if issued > now.saturating_add(LENIENCY) {
        return Err("is of the future; is a clock wrong?".into());
    }
    if issued < now.saturating_sub(LENIENCY + MAX_AGE) {
        return Err("is too old; is a clock wrong?".into());
    }
    if body.nonce.as_deref() != Some(expected.nonce) {
        return Err("is of another sign-in (nonce)".into());
    }
    Ok(())
}

/// Seconds since the epoch, which may have a fraction (RFC 7519 2).
fn seconds(date: &Number) -> Result<i64, String> {
    let whole = date.as_i64().or_else(|| date.as_f64().map(|float| float.floor() as i64));
    whole.ok_or_else(|| "has a date that is none".into())
}

#[cfg(test)]
mod tests;
