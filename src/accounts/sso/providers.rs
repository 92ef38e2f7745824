//! Identity providers as administrators manage them. What a change takes from
//! people ends at once: their sessions are gone in the same transaction
//! (SSO-2, SSO-3).

use crate::accounts::oidc::{self, Client, Trial, secure_url};
use crate::accounts::sso::redirect_uri;
use crate::app::App;
use crate::db::identity_providers as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::email::Email;
use crate::model::identity::{IdentityProvider, ProviderKind};
use crate::model::ids::IdentityProviderId;
use crate::model::secret::Secret;

/// Longest name, in characters.
const MAX_NAME: usize = 60;
/// Longest URL, client id and secret, in bytes.
const MAX_TEXT: usize = 1_000;
/// Mail domains of one provider.
const MAX_DOMAINS: usize = 100;
/// Each is a button on the sign-in page.
const MAX_PROVIDERS: usize = 20;

/// What seals the client secret to its row.
pub fn sealing_place(id: &IdentityProviderId) -> String {
    format!("identity_providers/{id}")
}

/// What an administrator typed.
#[derive(Debug)]
pub struct Draft<'a> {
    pub name: &'a str,
    pub client_id: &'a str,
    /// `None` keeps the one that is there.
    pub client_secret: Option<Secret>,
    pub domains: &'a [String],
    pub require_sso: bool,
    pub trusts_emails: bool,
}

/// A draft whose every part can be used.
struct Checked {
    name: String,
    client_id: String,
    domains: Vec<String>,
}

fn check(draft: &Draft<'_>) -> Result<Checked> {
    let wrong = |field: &str, why: &str| Err(Error::Invalid(format!("{field}: {why}")));
    let name = draft.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return wrong("name", "what the button calls it, at most 60 characters");
    }
    let client_id = draft.client_id.trim();
    let fits = |text: &str| {
        !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
    };
    if !fits(client_id) {
        return wrong("client_id", "what the provider calls this server");
    }
    if draft.client_secret.as_ref().is_some_and(|secret| !fits(secret.expose())) {
        return wrong("client_secret", "is too long or no plain text");
    }
    let mut domains = Vec::new();
    for domain in draft.domains {
        // As part of an address: so it is what an address ends with.
        let address: Email = format!("a@{}", domain.trim().trim_start_matches('@'))
            .parse()
            .map_err(|_| Error::Invalid(format!("domains: \"{domain}\" is no mail domain")))?;
        domains.push(address.key()[2..].to_owned());
    }
    domains.sort();
    domains.dedup();
    if domains.len() > MAX_DOMAINS {
        return wrong("domains", "at most 100");
    }
    if draft.require_sso && domains.is_empty() {
        return wrong("domains", "name the domains whose people must sign in here");
    }
    Ok(Checked { name: name.to_owned(), client_id: client_id.to_owned(), domains })
}

/// Where the provider is. An issuer keeps every letter, because tokens name it.
fn check_base_url(kind: ProviderKind, typed: &str) -> Result<String> {
    let typed = match typed.trim() {
        "" => kind.home().unwrap_or_default(),
        typed => typed,
    };
    let refuse = |why: &str| Error::Invalid(format!("base_url: {why}"));
    if typed.len() > MAX_TEXT {
        return Err(refuse("is too long"));
    }
    let url = secure_url(typed).map_err(refuse)?;
    if url.query().is_some() {
        return Err(refuse("must not have a query"));
    }
    Ok(match kind {
        ProviderKind::Oidc => typed.to_owned(),
        ProviderKind::Gitlab | ProviderKind::Github => typed.trim_end_matches('/').to_owned(),
    })
}

/// Adds a provider, enabled.
///
/// # Errors
/// `Invalid`, naming `name`, `base_url`, `client_id`, `client_secret` or
/// `domains`; `Conflict` for one too many.
pub async fn add(
    app: &App,
    tx: &mut Tx,
    (kind, base_url): (ProviderKind, &str),
    draft: Draft<'_>,
) -> Result<IdentityProvider> {
    let Checked { name, client_id, domains } = check(&draft)?;
    let base_url = check_base_url(kind, base_url)?;
    let Some(secret) = &draft.client_secret else {
        return Err(Error::Invalid("client_secret: what the provider gave with the id".into()));
    };
    if rows::list(tx).await?.len() >= MAX_PROVIDERS {
        return Err(Error::Conflict(format!("There are {MAX_PROVIDERS} providers already")));
    }
    let now = app.clock.now();
    let provider = IdentityProvider {
        id: IdentityProviderId::generate(now),
        kind,
        name,
        base_url,
        client_id,
        require_sso: draft.require_sso,
        trusts_emails: draft.trusts_emails,
        enabled: true,
        created_at: now,
        domains,
    };
    let sealed = app.keys.seal(&sealing_place(&provider.id), secret);
    rows::insert(tx, &provider, &sealed).await?;
    end_unvouched(tx, &provider).await?;
    Ok(provider)
}

/// Changes a provider. People whose domain it no longer covers, and those who
/// must now come by it and did not, are signed out.
///
/// # Errors
/// As `add`; `NotFound`.
pub async fn change(
    app: &App,
    tx: &mut Tx,
    id: &IdentityProviderId,
    draft: Draft<'_>,
) -> Result<IdentityProvider> {
    let old = find(tx, id).await?;
    let Checked { name, client_id, domains } = check(&draft)?;
    let provider = IdentityProvider {
        name,
        client_id,
        domains,
        require_sso: draft.require_sso,
        trusts_emails: draft.trusts_emails,
        ..old.clone()
    };
    rows::update(tx, &provider).await?;
    if let Some(secret) = &draft.client_secret {
        rows::set_secret(tx, id, &app.keys.seal(&sealing_place(id), secret)).await?;
    }
    for domain in old.domains.iter().filter(|domain| !provider.covers(domain)) {
        db::sessions::delete_of_domain(tx, id, domain).await?;
    }
    end_unvouched(tx, &provider).await?;
    Ok(provider)
}

/// Lets people sign in by it again, or stops that and ends their sessions.
///
/// # Errors
/// `NotFound`.
pub async fn set_enabled(
    tx: &mut Tx,
    id: &IdentityProviderId,
    enabled: bool,
) -> Result<IdentityProvider> {
    let provider = IdentityProvider { enabled, ..find(tx, id).await? };
    rows::update(tx, &provider).await?;
    if !enabled {
        db::sessions::delete_of_provider(tx, id).await?;
    }
    end_unvouched(tx, &provider).await?;
    Ok(provider)
}

/// Removes a provider; the sessions that it vouched for end, and what it knew
/// people as is forgotten.
///
/// # Errors
/// `NotFound`.
pub async fn delete(tx: &mut Tx, id: &IdentityProviderId) -> Result<IdentityProvider> {
    let provider = find(tx, id).await?;
    rows::delete(tx, id).await?;
    Ok(provider)
}

pub async fn find(tx: &mut Tx, id: &IdentityProviderId) -> Result<IdentityProvider> {
    rows::find(tx, id).await?.ok_or_else(Error::not_found)
}

async fn end_unvouched(tx: &mut Tx, provider: &IdentityProvider) -> Result<()> {
    if provider.enabled && provider.require_sso {
        for domain in &provider.domains {
            db::sessions::delete_unvouched(tx, domain).await?;
        }
    }
    Ok(())
}

/// A provider and its secret.
pub(super) async fn open(
    app: &App,
    tx: &mut Tx,
    id: &IdentityProviderId,
) -> Result<(IdentityProvider, Secret)> {
    let provider = find(tx, id).await?;
    let sealed = rows::find_secret(tx, id).await?.ok_or_else(Error::not_found)?;
    let secret = app.keys.open_sealed(&sealing_place(id), &sealed)?;
    Ok((provider, secret))
}

/// Asks the provider all that can be asked without a person.
///
/// # Errors
/// `NotFound`.
pub async fn try_out(app: &App, id: &IdentityProviderId) -> Result<Trial> {
    let mut tx = app.db.read().await?;
    let (provider, secret) = open(app, &mut tx, id).await?;
    // The provider can be slow; that must not hold a connection.
    drop(tx);
    let redirect_uri = redirect_uri(app);
    let client = Client { provider: &provider, secret: &secret, redirect_uri: &redirect_uri };
    Ok(oidc::try_out(&client).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft<'a>(domains: &'a [String], require_sso: bool) -> Draft<'a> {
        Draft {
            name: " Okta ",
            client_id: " id ",
            client_secret: None,
            domains,
            require_sso,
            trusts_emails: false,
        }
    }

    #[test]
    fn domains_are_what_addresses_end_with() {
        let typed = ["Example.org", "@example.org", " bücher.example "].map(str::to_owned);
        let checked = check(&draft(&typed, true)).unwrap();
        assert_eq!(checked.domains, ["bücher.example", "example.org"]);
        assert_eq!((checked.name.as_str(), checked.client_id.as_str()), ("Okta", "id"));
        for wrong in ["%", "a b", "x@y.example", "*.example.org", "", "a_b.example", "-a.example"] {
            let error = check(&draft(&[wrong.to_owned()], false)).err().unwrap().to_string();
            assert!(error.starts_with("domains: "), "{wrong}: {error}");
        }
        assert!(check(&draft(&[], true)).err().unwrap().to_string().starts_with("domains: "));
        assert!(check(&draft(&[], false)).is_ok());
    }

    #[test]
    fn an_issuer_is_https_and_kept_to_the_letter() {
        let of = check_base_url;
        let issuer = "https://id.example.org/tenant/";
        assert_eq!(of(ProviderKind::Oidc, issuer).unwrap(), issuer);
        assert_eq!(of(ProviderKind::Gitlab, "").unwrap(), "https://gitlab.com");
        assert_eq!(
            of(ProviderKind::Github, "https://git.example.org/").unwrap(),
            "https://git.example.org"
        );
        for near in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:9/x"] {
            assert_eq!(of(ProviderKind::Oidc, near).unwrap(), near);
        }
        for wrong in [
            "",
            "id.example.org",
            "http://id.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "https://a:b@id.example.org",
            "https://id.example.org/?a=b",
            "https://id.example.org/#x",
            "file:///etc/passwd",
        ] {
            let error = of(ProviderKind::Oidc, wrong).unwrap_err().to_string();
            assert!(error.starts_with("base_url: "), "{wrong}: {error}");
        }
    }
}
