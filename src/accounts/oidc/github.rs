//! GitHub, which signs people in by plain OAuth 2: the code buys a token, and
//! its API says whose it is and which address is theirs.

use serde::Deserialize;

use super::call::{self, Exchange};
use super::{Client, NO_CODE, Person, Proof, Result};
use crate::model::identity::IdentityProvider;
use crate::model::secret::Secret;

/// Reads the profile and the addresses, and nothing else.
pub const SCOPE: &str = "read:user user:email";

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

#[derive(Deserialize)]
struct User {
    /// Stays when the login changes, and is never given again.
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

pub fn authorization_endpoint(provider: &IdentityProvider) -> String {
    format!("{}/login/oauth/authorize", provider.base_url)
}

/// github.com has a host for its API, GitHub Enterprise a path.
pub fn api_url(provider: &IdentityProvider) -> String {
    match provider.base_url.as_str() {
        "https://github.com" => "https://api.github.com".into(),
        base => format!("{base}/api/v3"),
    }
}

async fn exchange(client: &Client<'_>, code: &str, verifier: &Secret) -> Result<Exchange<Tokens>> {
    let form = [
        ("client_id", client.provider.client_id.as_str()),
        ("client_secret", client.secret.expose()),
        ("code", code),
        ("redirect_uri", client.redirect_uri),
        ("code_verifier", verifier.expose()),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{}/login/oauth/access_token", client.provider.base_url);
    let request = call::client()?.post(url);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    call::exchange(request, client.secret).await
}

/// Redeems a code and asks whose it was.
///
/// # Errors
/// See `Fault`.
pub async fn redeem(client: &Client<'_>, code: &str, proof: &Proof) -> Result<Person> {
    let token = match exchange(client, code, &proof.verifier).await? {
        Exchange::Tokens(tokens) => tokens.access_token,
        Exchange::Refused(error) => return Err(call::refusal(&error)),
    };
    let api = api_url(client.provider);
    let http = call::client()?;
    let ask = |path: &str| http.get(format!("{api}{path}")).bearer_auth(&token);
    let user: User = call::json(ask("/user"), "GitHub’s /user").await?;
    let addresses: Vec<Address> = call::json(ask("/user/emails"), "GitHub’s /user/emails").await?;
    let primary = addresses.into_iter().find(|address| address.primary);
    Ok(Person {
        subject: user.id.to_string(),
        email_verified: primary.as_ref().map(|address| address.verified),
        email: primary.map(|address| address.email),
        name: user.name.filter(|name| !name.trim().is_empty()).or(Some(user.login)),
    })
}

/// The credentials: GitHub has nothing to discover.
///
/// # Errors
/// See `Fault`.
pub async fn try_out(client: &Client<'_>, good: &mut Vec<String>) -> Result<()> {
    let answer = exchange(client, NO_CODE, &Secret::new("0".repeat(43))).await?;
    good.push(format!("{} answers.", client.provider.base_url));
    good.push(call::judge_trial(&answer)?);
    Ok(())
}
