//! OpenID Connect: discovery, the code, the keys, the ID token, and the address
//! where the token leaves it out.

use serde::Deserialize;

use super::call::{self, Exchange, secure_url};
use super::id_token::{self, Claims, Expected, Flag, KeySet};
use super::{Client, Fault, NO_CODE, Person, Proof, Result, distrusted};
use crate::model::identity::IdentityProvider;
use crate::model::secret::Secret;
use crate::model::time::Millis;

/// What is used of a provider's description (OpenID Connect Discovery 3).
#[derive(Debug, Deserialize)]
pub struct Discovered {
    pub issuer: String,
    pub authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    /// `client_secret_basic` alone where it is left out.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Of the userinfo endpoint.
#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    email: Option<String>,
    email_verified: Option<Flag>,
    name: Option<String>,
}

/// Asks the issuer how it is spoken to.
///
/// # Errors
/// `Distrusted` for a description of another issuer, and for an endpoint that
/// is neither https nor on this machine.
pub async fn discover(provider: &IdentityProvider) -> Result<Discovered> {
    let issuer = provider.base_url.trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    let found: Discovered = call::json(call::client()?.get(url), "the issuer").await?;
    // A slash at its end is part of an issuer; people lose it when they type.
    if found.issuer.trim_end_matches('/') != issuer {
        let text = format!("the issuer calls itself {}, not {}", shown(&found.issuer), issuer);
        return Err(distrusted(text));
    }
    let endpoints = [
        ("authorization_endpoint", Some(&found.authorization_endpoint)),
        ("token_endpoint", Some(&found.token_endpoint)),
        ("jwks_uri", Some(&found.jwks_uri)),
        ("userinfo_endpoint", found.userinfo_endpoint.as_ref()),
    ];
    for (name, endpoint) in endpoints {
        let Some(endpoint) = endpoint else { continue };
        secure_url(endpoint)
            .map_err(|what| distrusted(format!("{name} {} {what}", shown(endpoint))))?;
    }
    Ok(found)
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

async fn exchange(
    client: &Client<'_>,
    endpoints: &Discovered,
    code: &str,
    verifier: &Secret,
) -> Result<Exchange<Tokens>> {
    let (id, secret) = (client.provider.client_id.as_str(), client.secret.expose());
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri),
        ("code_verifier", verifier.expose()),
    ];
    let methods = endpoints.token_endpoint_auth_methods_supported.as_deref();
    let by_post = methods.is_some_and(|methods| {
        let has = |name: &str| methods.iter().any(|method| method == name);
        !has("client_secret_basic") && has("client_secret_post")
    });
    let mut request = call::client()?.post(&endpoints.token_endpoint);
    if by_post {
        form.extend([("client_id", id), ("client_secret", secret)]);
    } else {
        // RFC 6749 2.3.1: both are encoded as in a form first.
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        request = request.basic_auth(encode(id), Some(encode(secret)));
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    call::exchange(request, client.secret).await
}

async fn keys(endpoints: &Discovered) -> Result<KeySet> {
    call::json(call::client()?.get(&endpoints.jwks_uri), "the keys’ address").await
}

/// Redeems a code and reads who it stands for.
///
/// # Errors
/// See `Fault`.
pub async fn redeem(client: &Client<'_>, code: &str, proof: &Proof, now: Millis) -> Result<Person> {
    let endpoints = discover(client.provider).await?;
    let tokens = match exchange(client, &endpoints, code, &proof.verifier).await? {
        Exchange::Tokens(tokens) => tokens,
        Exchange::Refused(error) => return Err(call::refusal(&error)),
    };
    let expected = Expected {
        issuer: &endpoints.issuer,
        client_id: &client.provider.client_id,
        nonce: &proof.nonce,
        now,
    };
    let keys = keys(&endpoints).await?;
    let claims = id_token::read(&tokens.id_token, &keys, &expected)
        .map_err(|cause| distrusted(call::cut(&format!("the ID token {cause}"))))?;
    let Claims { sub, email, email_verified, name } = claims;
    let mut person = Person {
        subject: sub,
        email,
        email_verified: email_verified.map(|flag| flag.is_true()),
        name,
    };
    if person.email.is_none()
        && let (Some(url), Some(token)) = (&endpoints.userinfo_endpoint, &tokens.access_token)
    {
        complete(&mut person, url, token).await?;
    }
    Ok(person)
}

/// Adds what the ID token left out (OpenID Connect Core 5.4).
async fn complete(person: &mut Person, url: &str, token: &str) -> Result<()> {
    let request = call::client()?.get(url).bearer_auth(token);
    let info: UserInfo = call::json(request, "the userinfo endpoint").await?;
    // Core 5.3.2: else somebody else's answer could take the place of theirs.
    if info.sub != person.subject {
        return Err(distrusted("the userinfo endpoint answered about somebody else"));
    }
    person.email = info.email;
    person.email_verified = info.email_verified.map(|flag| flag.is_true());
    person.name = person.name.take().or(info.name);
    Ok(())
}

/// Discovery, keys and credentials.
///
/// # Errors
/// See `Fault`.
pub async fn try_out(client: &Client<'_>, good: &mut Vec<String>) -> Result<()> {
    let endpoints = discover(client.provider).await?;
    good.push(format!("The issuer {} describes itself.", shown(&endpoints.issuer)));
    let usable = keys(&endpoints).await?.count_usable();
    if usable == 0 {
        return Err(distrusted("the issuer has no key for RS256 or ES256"));
    }
    good.push(format!("{usable} of its keys can be used (RS256, ES256)."));
    let pkce = endpoints.code_challenge_methods_supported.as_deref().unwrap_or_default();
    if !pkce.iter().any(|method| method == "S256") {
        good.push("It does not say that it checks PKCE; sign-in works all the same.".into());
    }
    let none = Secret::new("0".repeat(43));
    let answer = exchange(client, &endpoints, NO_CODE, &none).await;
    good.push(match answer {
        Ok(answer) => call::judge_trial(&answer)?,
        Err(Fault::Distrusted(cause)) if cause.contains("answered 401") => {
            return Err(distrusted(format!("the client id or secret is wrong: {cause}")));
        }
        Err(fault) => return Err(fault),
    });
    Ok(())
}
