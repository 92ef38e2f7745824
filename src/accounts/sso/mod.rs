//! Single sign-on (SSO): which providers there are and for whom (`providers`),
//! the way to one and back (`flow`), the accounts that people have there
//! (`identities`), and who may enter in which way.

pub mod flow;
pub mod identities;
pub mod providers;

use crate::accounts::normalise_email;
use crate::app::App;
use crate::db::identity_providers as rows;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::account::User;
use crate::model::identity::{IdentityProvider, domain_of};

/// Where every provider sends browsers back to.
pub fn redirect_uri(app: &App) -> String {
    format!("{}/sign-in/callback", app.settings.dashboard_url)
}

/// The providers with a button on the sign-in page.
pub async fn buttons(tx: &mut Tx) -> Result<Vec<IdentityProvider>> {
    let all = rows::list(tx).await?;
    Ok(all.into_iter().filter(|provider| provider.enabled).collect())
}

/// Why `user` may not come in by password, token or a fresh password: the names
/// of the providers that people of their domain must use. `None` for whom no
/// provider is required, and for administrators, who must get in when the
/// provider is broken (SSO-5).
pub async fn barred(tx: &mut Tx, user: &User) -> Result<Option<String>> {
    match user.is_admin {
        true => Ok(None),
        false => barred_address(tx, &user.email).await,
    }
}

/// `barred` for an address that may be nobody's.
pub async fn barred_address(tx: &mut Tx, email: &str) -> Result<Option<String>> {
    if let Some(user) = db::accounts::find_user_by_email(tx, email).await?
        && user.is_admin
    {
        return Ok(None);
    }
    Ok(names(&rows::list_required(tx, domain_of(email)).await?))
}

/// The providers that people of this address's domain must use, whoever it is.
pub async fn required_of_domain(tx: &mut Tx, email: &str) -> Result<Option<String>> {
    let email = normalise_email(email).unwrap_or_default();
    Ok(names(&rows::list_required(tx, domain_of(&email)).await?))
}

/// `A or B`.
fn names(providers: &[IdentityProvider]) -> Option<String> {
    let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}
