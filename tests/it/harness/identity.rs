//! An identity provider that speaks OpenID Connect and GitHub's OAuth over a
//! socket, signs with real keys, checks what it is sent as real ones do, and
//! lies as the story says.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::app::START;

const RSA: &[u8] = include_bytes!("../../fixtures/identity/rsa.p8");
const OTHER_RSA: &[u8] = include_bytes!("../../fixtures/identity/other-rsa.p8");
const EC: &[u8] = include_bytes!("../../fixtures/identity/ec.p8");

pub const CLIENT_ID: &str = "shipmate at example";
pub const CLIENT_SECRET: &str = "s3cret: & more";
const REDIRECT_URI: &str = "http://ci.example.org/sign-in/callback";

/// How ID tokens are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signing {
    #[default]
    Rs256,
    Es256,
    /// With a key that is not published, under the name of one that is.
    Forged,
    /// Not at all, and honest about it.
    None,
}

/// What else it does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// 503 at the token endpoint.
    Busy,
    /// The token endpoint answers with a redirect to itself.
    Redirects,
    /// A description of a megabyte.
    Endless,
    /// Calls itself another issuer.
    Misnamed,
    /// Sends people's browsers to plain http elsewhere.
    Insecure,
    /// Leaves the address to the userinfo endpoint.
    Brief,
    /// And that one answers about somebody else.
    Confused,
}

/// Serves until it is dropped.
pub struct IdentityServer {
    pub url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    url: String,
    script: Mutex<Script>,
}

struct Script {
    person: Value,
    /// Claims that are put in the place of the right ones; `null` takes away.
    lies: Value,
    addresses: Value,
    signing: Signing,
    trouble: Trouble,
    /// Where browsers are sent back to in place of the redirect URI.
    origin: Option<String>,
    codes: HashMap<String, BTreeMap<String, String>>,
    count: usize,
}

impl IdentityServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Script {
            person: json!({ "sub": "s-1", "email": "ann@example.org", "email_verified": true,
                "name": "Ann Author" }),
            lies: json!({}),
            addresses: json!([]),
            signing: Signing::default(),
            trouble: Trouble::default(),
            origin: None,
            codes: HashMap::new(),
            count: 0,
        };
        let shared = Arc::new(Shared { url: url.clone(), script: Mutex::new(script) });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .route("/userinfo", get(userinfo))
            .route("/login/oauth/authorize", get(authorize))
            .route("/login/oauth/access_token", post(github_token))
            .route("/api/v3/user", get(github_user))
            .route("/api/v3/user/emails", get(github_emails))
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving does not fail");
        });
        Self { url, shared, task }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }

    /// Who signs in next: claims of an ID token, or GitHub's profile.
    pub fn person(&self, person: Value) {
        self.script().person = person;
    }

    pub fn addresses(&self, addresses: Value) {
        self.script().addresses = addresses;
    }

    pub fn lie(&self, claims: Value) {
        self.script().lies = claims;
    }

    pub fn sign(&self, signing: Signing) {
        self.script().signing = signing;
    }

    pub fn trouble(&self, trouble: Trouble) {
        self.script().trouble = trouble;
    }

    /// Stands in for the name server that would know the server's own name.
    pub fn send_back_to(&self, origin: &str) {
        self.script().origin = Some(origin.to_owned());
    }
}

impl Drop for IdentityServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Provider = State<Arc<Shared>>;

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn describe(State(it): Provider) -> Response {
    let trouble = it.script.lock().unwrap().trouble;
    let url = &it.url;
    let mut description = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    match trouble {
        Trouble::Endless => description["filler"] = json!("x".repeat(1 << 20)),
        Trouble::Misnamed => description["issuer"] = json!("https://other.example.org"),
        Trouble::Insecure => {
            description["token_endpoint"] = json!("http://id.example.org/token");
        }
        _ => {}
    }
    answer(200, &description)
}

/// Signs its person in at once and sends the browser back.
async fn authorize(State(it): Provider, RawQuery(query): RawQuery) -> Response {
    let query = read_form(&query.unwrap_or_default());
    let mut script = it.script.lock().unwrap();
    let says = |name: &str, value: &str| query.get(name).is_some_and(|found| found == value);
    let right = says("response_type", "code")
        && says("client_id", CLIENT_ID)
        && says("redirect_uri", REDIRECT_URI)
        && says("code_challenge_method", "S256")
        && query.get("state").is_some_and(|state| state.len() >= 43);
    if !right {
        return answer(400, &json!({ "error": "invalid_request" }));
    }
    script.count += 1;
    let code = format!("code-{}", script.count);
    let state = query["state"].clone();
    script.codes.insert(code.clone(), query);
    let origin = script.origin.as_deref().unwrap_or("http://ci.example.org");
    let to = format!("{origin}/sign-in/callback?code={code}&state={state}");
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

type Form = BTreeMap<String, String>;

fn read_form(body: &str) -> Form {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// The request behind a code, once, if the verifier and the address are right.
fn redeem(script: &mut Script, form: &Form) -> Option<BTreeMap<String, String>> {
    let request = script.codes.remove(form.get("code")?)?;
    let verifier = form.get("code_verifier")?;
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    let right = URL_SAFE_NO_PAD.encode(digest) == request["code_challenge"]
        && form.get("redirect_uri") == request.get("redirect_uri");
    right.then_some(request)
}

async fn token(State(it): Provider, headers: HeaderMap, body: String) -> Response {
    let mut script = it.script.lock().unwrap();
    match script.trouble {
        Trouble::Busy => return answer(503, &json!({})),
        Trouble::Redirects => {
            let to = format!("{}/token", it.url);
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
        }
        _ => {}
    }
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let basic = STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET)));
    let authorized = headers
        .get("authorization")
        .is_some_and(|value| value.to_str().is_ok_and(|text| text == format!("Basic {basic}")));
    if !authorized {
        return answer(401, &json!({ "error": "invalid_client" }));
    }
    let form = read_form(&body);
    let Some(request) = redeem(&mut script, &form) else {
        return answer(400, &json!({ "error": "invalid_grant", "error_description": "gone" }));
    };
    let id_token = sign(&it.url, &script, &request["nonce"]);
    answer(200, &json!({ "access_token": "at", "token_type": "Bearer", "id_token": id_token }))
}

fn sign(issuer: &str, script: &Script, nonce: &str) -> String {
    let now = START / 1000;
    let mut claims = json!({ "iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300,
        "nonce": nonce });
    let brief = matches!(script.trouble, Trouble::Brief | Trouble::Confused);
    let person = script.person.as_object().unwrap();
    for (name, value) in person.iter().filter(|(name, _)| !brief || *name == "sub") {
        claims[name] = value.clone();
    }
    for (name, value) in script.lies.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let header = match script.signing {
        Signing::Rs256 | Signing::Forged => json!({ "alg": "RS256", "kid": "rsa" }),
        Signing::Es256 => json!({ "alg": "ES256", "kid": "ec" }),
        Signing::None => json!({ "alg": "none" }),
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let signature = match script.signing {
        Signing::Rs256 => rs256(message.as_bytes(), RSA),
        Signing::Forged => rs256(message.as_bytes(), OTHER_RSA),
        Signing::Es256 => {
            let signature = ec_pair().sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            signature.as_ref().to_vec()
        }
        Signing::None => Vec::new(),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn rs256(message: &[u8], der: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(der).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn ec_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, EC, &random).unwrap()
}

async fn keys() -> Response {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let pair = RsaKeyPair::from_pkcs8(RSA).unwrap();
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    let ec = ec_pair();
    let point = ec.public_key().as_ref();
    answer(
        200,
        &json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(&public.n), "e": encode(&public.e) },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AA" },
        ] }),
    )
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == "Bearer at")
}

async fn userinfo(State(it): Provider, headers: HeaderMap) -> Response {
    let script = it.script.lock().unwrap();
    if !has_token(&headers) {
        return answer(401, &json!({ "error": "invalid_token" }));
    }
    let mut person = script.person.clone();
    if script.trouble == Trouble::Confused {
        person["sub"] = json!("somebody else");
    }
    answer(200, &person)
}

/// GitHub refuses with 200.
async fn github_token(State(it): Provider, body: String) -> Response {
    let mut script = it.script.lock().unwrap();
    let form = read_form(&body);
    let is = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
    if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
        return answer(200, &json!({ "error": "incorrect_client_credentials" }));
    }
    match redeem(&mut script, &form) {
        None => answer(200, &json!({ "error": "bad_verification_code" })),
        Some(_) => {
            let scope = "read:user,user:email";
            answer(200, &json!({ "access_token": "at", "scope": scope, "token_type": "bearer" }))
        }
    }
}

async fn github_user(State(it): Provider, headers: HeaderMap) -> Response {
    let script = it.script.lock().unwrap();
    // GitHub answers nobody who does not say who asks.
    if !has_token(&headers) || !headers.contains_key("user-agent") {
        return answer(403, &json!({ "message": "no" }));
    }
    answer(200, &script.person)
}

async fn github_emails(State(it): Provider, headers: HeaderMap) -> Response {
    let script = it.script.lock().unwrap();
    if !has_token(&headers) {
        return answer(401, &json!({ "message": "no" }));
    }
    answer(200, &script.addresses)
}
