//! What is asked of identity providers over the wire, and what is believed of
//! their answers: OpenID Connect, and the OAuth 2 of GitHub. Knows no rows and
//! no sessions. Every answer is bounded in size and time, no redirect is
//! followed, and nothing is kept between two sign-ins, so that keys that a
//! provider replaces are seen at once.

mod call;
mod connect;
mod github;
mod id_token;

pub use call::secure_url;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use ring::digest;

use crate::model::identity::{IdentityProvider, ProviderKind};
use crate::model::secret::Secret;
use crate::model::time::Millis;

/// Longest subject that the standard allows (OpenID Connect Core 8), in bytes.
const MAX_SUBJECT: usize = 255;
/// Longest name or address that is kept, in characters.
const MAX_TEXT: usize = 200;
/// A code that no provider has given, to try the credentials with.
const NO_CODE: &str = "shipmate-tries-its-credentials";

/// A provider and what this server is to it.
#[derive(Debug)]
pub struct Client<'a> {
    pub provider: &'a IdentityProvider,
    pub secret: &'a Secret,
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
}

/// How a provider failed, by what the person does next. The texts are for the
/// log and for administrators; no secret is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not to be reached, too slow, or broken: later it may work.
    #[error("{0}")]
    Away(String),
    /// The code was used already or is too old: start again.
    #[error("{0}")]
    Stale(String),
    /// An answer that is not believed: an administrator must look.
    #[error("{0}")]
    Distrusted(String),
}

type Result<T, E = Fault> = std::result::Result<T, E>;

fn distrusted(cause: impl Into<String>) -> Fault {
    Fault::Distrusted(cause.into())
}

/// What only the browser and this server know of one sign-in. All of it comes
/// from the one secret that the browser keeps, so nothing of it is stored.
#[derive(Debug)]
pub struct Proof {
    pub state: String,
    pub nonce: String,
    /// Of PKCE (RFC 7636): 43 characters.
    pub verifier: Secret,
}

impl Proof {
    pub fn of(secret: &Secret) -> Self {
        let derive = |what: &str| hashed(&format!("sign-in {what} {}", secret.expose()));
        Self {
            state: derive("state"),
            nonce: derive("nonce"),
            verifier: Secret::new(derive("verifier")),
        }
    }

    fn challenge(&self) -> String {
        hashed(self.verifier.expose())
    }
}

/// SHA-256 in base64url.
fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Whom a provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the provider calls them for ever.
    pub subject: String,
    pub email: Option<String>,
    /// Whether the provider says that the address is theirs; `None`: it does
    /// not say.
    pub email_verified: Option<bool>,
    pub name: Option<String>,
}

impl Person {
    /// # Errors
    /// `Distrusted` for a subject that is none.
    fn checked(self) -> Result<Self> {
        let subject = self.subject.as_str();
        let plain = subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if subject.is_empty() || subject.len() > MAX_SUBJECT || !plain {
            return Err(distrusted("the subject is empty, too long or no plain text"));
        }
        let short = |text: String| {
            let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Ok(Self { name: self.name.and_then(short), ..self })
    }
}

/// Where the browser goes to sign in.
///
/// # Errors
/// See `Fault`.
pub async fn authorization_url(client: &Client<'_>, proof: &Proof) -> Result<String> {
    let endpoint = match client.provider.kind {
        ProviderKind::Github => github::authorization_endpoint(client.provider),
        ProviderKind::Oidc | ProviderKind::Gitlab => {
            connect::discover(client.provider).await?.authorization_endpoint
        }
    };
    let mut url = Url::parse(&endpoint)
        .map_err(|error| distrusted(format!("the authorization endpoint is no URL: {error}")))?;
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.provider.client_id)
            .append_pair("redirect_uri", client.redirect_uri)
            .append_pair("state", &proof.state)
            .append_pair("code_challenge", &proof.challenge())
            .append_pair("code_challenge_method", "S256");
        match client.provider.kind {
            ProviderKind::Github => query.append_pair("scope", github::SCOPE),
            ProviderKind::Oidc | ProviderKind::Gitlab => query
                .append_pair("scope", "openid email profile")
                .append_pair("nonce", &proof.nonce),
        };
    }
    Ok(url.into())
}

/// Redeems the code that the browser came back with.
///
/// # Errors
/// See `Fault`.
pub async fn redeem(client: &Client<'_>, code: &str, proof: &Proof, now: Millis) -> Result<Person> {
    let person = match client.provider.kind {
        ProviderKind::Github => github::redeem(client, code, proof).await?,
        ProviderKind::Oidc | ProviderKind::Gitlab => {
            connect::redeem(client, code, proof, now).await?
        }
    };
    person.checked()
}

/// What an administrator learns when trying a provider: one line for each thing
/// that works, then the fault that stopped it, if one did.
#[derive(Debug, Default)]
pub struct Trial {
    pub good: Vec<String>,
    pub fault: Option<Fault>,
}

/// Tries everything that works without a person.
pub async fn try_out(client: &Client<'_>) -> Trial {
    let mut trial = Trial::default();
    let outcome = match client.provider.kind {
        ProviderKind::Github => github::try_out(client, &mut trial.good).await,
        ProviderKind::Oidc | ProviderKind::Gitlab => {
            connect::try_out(client, &mut trial.good).await
        }
    };
    trial.fault = outcome.err();
    trial
}

#[cfg(test)]
mod tests;
