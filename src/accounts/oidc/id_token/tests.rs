//! Good tokens, and every way in which one can be bad.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::*;

const RSA: &[u8] = include_bytes!("../../../../tests/fixtures/identity/rsa.p8");
const OTHER: &[u8] = include_bytes!("../../../../tests/fixtures/identity/other-rsa.p8");
const EC: &[u8] = include_bytes!("../../../../tests/fixtures/identity/ec.p8");
const NOW: i64 = 1_710_000_000;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_key(kid: &str, der: &[u8]) -> Value {
    let pair = RsaKeyPair::from_pkcs8(der).unwrap();
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
        "n": encode(public.n), "e": encode(public.e) })
}

fn ec_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, EC, &random).unwrap()
}

fn ec_key(kid: &str) -> Value {
    let point = ec_pair().public_key().as_ref().to_vec();
    json!({ "kty": "EC", "crv": "P-256", "kid": kid,
        "x": encode(&point[1..33]), "y": encode(&point[33..]) })
}

fn set(keys: &[Value]) -> KeySet {
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn rs256(message: &[u8], der: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(der).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn claims() -> Value {
    json!({ "iss": "https://id.example.org", "sub": "s1", "aud": "shipmate", "exp": NOW + 300,
        "iat": NOW, "nonce": "n1", "email": "ann@example.org", "email_verified": true,
        "name": "Ann", "unknown": { "deep": [1, 2] } })
}

fn sign(header: &Value, claims: &Value, der: &[u8]) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = encode(rs256(message.as_bytes(), der));
    format!("{message}.{signature}")
}

fn rs_header() -> Value {
    json!({ "alg": "RS256", "kid": "r", "typ": "JWT" })
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example.org",
        client_id: "shipmate",
        nonce: "n1",
        now: Millis(NOW * 1000),
    }
}

fn keys() -> KeySet {
    set(&[rsa_key("r", RSA), ec_key("e")])
}

#[track_caller]
fn refused(token: &str, keys: &KeySet, says: &str) {
    let error = read(token, keys, &expected()).unwrap_err();
    assert!(error.contains(says), "{error}");
}

#[test]
fn good_tokens_are_believed() {
    let read_claims = read(&sign(&rs_header(), &claims(), RSA), &keys(), &expected()).unwrap();
    assert_eq!((read_claims.sub.as_str(), read_claims.name.as_deref()), ("s1", Some("Ann")));
    assert!(read_claims.email_verified.unwrap().is_true());

    let header = json!({ "alg": "ES256", "kid": "e" });
    let message = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
    let signature = ec_pair().sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let token = format!("{message}.{}", encode(signature));
    assert!(read(&token, &keys(), &expected()).is_ok());
    // The same bytes under the other algorithm are nothing.
    refused(&sign(&json!({ "alg": "ES256", "kid": "r" }), &claims(), RSA), &keys(), "no key");
    refused(&sign(&json!({ "alg": "RS256", "kid": "e" }), &claims(), RSA), &keys(), "no key");

    // Without a name, the only key that fits; with a sign byte before its number.
    let nameless = sign(&json!({ "alg": "RS256" }), &claims(), RSA);
    assert!(read(&nameless, &keys(), &expected()).is_ok());
    let mut padded = rsa_key("r", RSA);
    let n = URL_SAFE_NO_PAD.decode(padded["n"].as_str().unwrap()).unwrap();
    padded["n"] = json!(encode([&[0][..], &n].concat()));
    assert!(read(&nameless, &set(&[padded]), &expected()).is_ok());
    for claims in [
        json!({ "aud": ["shipmate"], "azp": "shipmate" }),
        json!({ "aud": ["other", "shipmate"], "azp": "shipmate" }),
        json!({ "exp": NOW as f64 + 0.5, "email_verified": "true", "name": null }),
        json!({ "exp": NOW - 119, "iat": NOW - 500 }),
        json!({ "iat": NOW + 119 }),
    ] {
        let token = sign(&rs_header(), &with(&claims), RSA);
        assert!(read(&token, &keys(), &expected()).is_ok(), "{claims}");
    }
}

/// The good claims, some of them others; `null` takes one away.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

#[test]
fn claims_that_are_not_as_expected_are_refused() {
    for (changes, says) in [
        (json!({ "iss": "https://id.example.org/" }), "another issuer"),
        (json!({ "iss": null }), "cannot be read"),
        (json!({ "sub": null }), "cannot be read"),
        (json!({ "sub": 7 }), "cannot be read"),
        (json!({ "aud": "other" }), "another client"),
        (json!({ "aud": [] }), "another client"),
        (json!({ "aud": null }), "cannot be read"),
        (json!({ "aud": ["shipmate", "other"] }), "several clients"),
        (json!({ "azp": "other" }), "asked for by another"),
        (json!({ "exp": NOW - 120 }), "expired"),
        (json!({ "exp": "tomorrow" }), "cannot be read"),
        (json!({ "exp": null }), "cannot be read"),
        (json!({ "exp": -1e300 }), "expired"),
        (json!({ "exp": i64::MIN }), "expired"),
        (json!({ "iat": NOW + 121 }), "future"),
        (json!({ "iat": 1e300 }), "future"),
        (json!({ "iat": NOW - 721 }), "too old"),
        (json!({ "nonce": "n2" }), "nonce"),
        (json!({ "nonce": null }), "nonce"),
        (json!({ "email_verified": 1 }), "cannot be read"),
    ] {
        refused(&sign(&rs_header(), &with(&changes), RSA), &keys(), says);
    }
    // Twice the same claim: two readers might not agree which counts.
    let body = claims().to_string().replacen('{', "{\"sub\":\"s2\",", 1);
    let message = format!("{}.{}", encode(rs_header().to_string()), encode(body));
    let token = format!("{message}.{}", encode(rs256(message.as_bytes(), RSA)));
    refused(&token, &keys(), "cannot be read");
}

#[test]
fn signatures_that_prove_nothing_are_refused() {
    let message =
        |header: &Value| format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
    for alg in ["none", "None", "HS256", "RS384", "PS256", "EdDSA", "", "rs256"] {
        let header = json!({ "alg": alg, "kid": "r" });
        refused(&format!("{}.", message(&header)), &keys(), "only RS256 and ES256");
    }
    // The public key as the shared secret of an HMAC.
    let header = json!({ "alg": "HS256", "kid": "r" });
    let n = rsa_key("r", RSA)["n"].as_str().unwrap().to_owned();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, n.as_bytes());
    let tag = ring::hmac::sign(&key, message(&header).as_bytes());
    refused(&format!("{}.{}", message(&header), encode(tag)), &keys(), "only RS256 and ES256");

    refused(&sign(&rs_header(), &claims(), OTHER), &keys(), "signature is wrong");
    refused(&format!("{}.", message(&rs_header())), &keys(), "signature is wrong");
    let good = sign(&rs_header(), &claims(), RSA);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = encode(with(&json!({ "sub": "s2" })).to_string());
    let moved = format!("{}.{other}.{signature}", head.split('.').next().unwrap());
    refused(&moved, &keys(), "signature is wrong");
    refused(&sign(&json!({ "alg": "RS256", "kid": "x" }), &claims(), RSA), &keys(), "no key");
    let crit = json!({ "alg": "RS256", "kid": "r", "crit": ["b64"], "b64": false });
    refused(&sign(&crit, &claims(), RSA), &keys(), "extension");
    // A key in the header itself is not looked at.
    let own = json!({ "alg": "RS256", "kid": "r", "jwk": rsa_key("r", OTHER) });
    refused(&sign(&own, &claims(), OTHER), &keys(), "signature is wrong");
}

#[test]
fn keys_count_for_what_they_say_they_are() {
    let good = sign(&rs_header(), &claims(), RSA);
    let changed = |name: &str, value: Value| {
        let mut key = rsa_key("r", RSA);
        key[name] = value;
        set(&[key])
    };
    for (keys, says) in [
        (changed("use", json!("enc")), "no key"),
        (changed("alg", json!("RS512")), "no key"),
        (changed("kty", json!("oct")), "no key"),
        (changed("kid", json!(7)), "no key"),
        (changed("n", json!("")), "signature is wrong"),
        (changed("n", json!("AAAA")), "signature is wrong"),
        (changed("n", json!("!")), "signature is wrong"),
        (changed("e", json!("AQ")), "signature is wrong"),
        (changed("e", Value::Null), "signature is wrong"),
        (set(&[]), "no key"),
        (set(&[json!(7), json!(null), json!({ "kty": [] })]), "no key"),
    ] {
        refused(&good, &keys, says);
    }
    let nameless = sign(&json!({ "alg": "RS256" }), &claims(), RSA);
    let two = set(&[rsa_key("a", RSA), rsa_key("b", OTHER)]);
    refused(&nameless, &two, "names no key");
    // While keys are replaced two may have one name.
    let same = set(&[rsa_key("r", OTHER), rsa_key("r", RSA)]);
    assert!(read(&good, &same, &expected()).is_ok());
    // Beyond the limit nothing is looked at.
    let mut many: Vec<Value> = (0..MAX_KEYS).map(|at| rsa_key(&at.to_string(), OTHER)).collect();
    many.push(rsa_key("r", RSA));
    refused(&good, &set(&many), "no key");
    assert_eq!(set(&[rsa_key("r", RSA), ec_key("e"), json!({ "kty": "oct" })]).count_usable(), 2);
}

#[test]
fn a_point_off_the_curve_verifies_nothing() {
    let header = json!({ "alg": "ES256", "kid": "e" });
    let message = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
    let signature = ec_pair().sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let token = format!("{message}.{}", encode(signature.as_ref()));
    for (name, value) in [
        ("x", encode([7; 32])),
        ("y", encode([0; 32])),
        ("x", encode([7; 31])),
        ("y", String::new()),
    ] {
        let mut key = ec_key("e");
        key[name] = json!(value);
        refused(&token, &set(&[key]), "signature is wrong");
    }
    let mut other = ec_key("e");
    other["crv"] = json!("P-384");
    refused(&token, &set(&[other]), "no key");
    // All zero, which a careless verifier takes for any message.
    refused(&format!("{message}.{}", encode([0; 64])), &keys(), "signature is wrong");
}

#[test]
fn noise_is_refused_and_never_panics() {
    for noise in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "=.=.=",
        "e30.e30.",
        "bnVsbA.bnVsbA.AA",
    ] {
        assert!(read(noise, &keys(), &expected()).is_err(), "{noise}");
    }
    refused(&"a".repeat(MAX_TOKEN + 1), &keys(), "longer than");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(read(&format!("{}.e30.AA", encode(deep)), &keys(), &expected()).is_err());
    let good = sign(&rs_header(), &claims(), RSA);
    let keys = keys();
    // Every cut, and one flipped bit in every byte.
    for at in 0..good.len() {
        assert!(read(&good[..at], &keys, &expected()).is_err(), "cut at {at}");
    }
    let signature_end = good.len() - 1;
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        // The last character has bits that are no part of any byte.
        assert!(at == signature_end || read(&text, &keys, &expected()).is_err(), "flip at {at}");
    }
}
