//! The accounts that a person has at providers (ACC-4): listed on the profile,
//! and unlinked as long as another way in is left.

use crate::accounts::sso;
use crate::db::identities as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::User;
use crate::model::identity::{Identity, IdentityProvider};
use crate::model::ids::{IdentityId, IdentityProviderId};

/// One identity and whose it is.
#[derive(Debug)]
pub struct Linked {
    pub identity: Identity,
    pub provider: IdentityProvider,
    /// Whether the person still comes in without it.
    pub may_unlink: bool,
}

/// The identities of `user`, oldest first.
pub async fn list(tx: &mut Tx, user: &User) -> Result<Vec<Linked>> {
    let found = rows::list(tx, &user.id).await?;
    let barred = sso::barred(tx, user).await?.is_some();
    let kept = db::sessions::find_credentials(tx, &user.id).await?;
    let by_password = !barred && kept.is_some_and(|kept| kept.password_hash.is_some());
    let providers = db::identity_providers::list(tx).await?;
    let provider_of = |id: &IdentityProviderId| providers.iter().find(|one| one.id == *id);
    let opens = |one: &Identity| {
        provider_of(&one.provider_id).is_some_and(|by| by.enabled && (!barred || by.require_sso))
    };
    let linked = found.iter().filter_map(|identity| {
        let provider = provider_of(&identity.provider_id)?.clone();
        let others = found.iter().any(|other| other.id != identity.id && opens(other));
        let may_unlink = by_password || others;
        Some(Linked { identity: identity.clone(), provider, may_unlink })
    });
    Ok(linked.collect())
}

/// Unlinks one identity of `user`; what it was.
///
/// # Errors
/// `NotFound` when it is not theirs, `Conflict` when it is the only way in.
pub async fn unlink(tx: &mut Tx, user: &User, id: &IdentityId) -> Result<Linked> {
    let found = list(tx, user).await?.into_iter().find(|one| one.identity.id == *id);
    let linked = found.ok_or_else(Error::not_found)?;
    if !linked.may_unlink {
        let text = "It is your only way in. Set a password, or connect another account, first";
        return Err(Error::Conflict(text.into()));
    }
    rows::delete(tx, &user.id, id).await?;
    Ok(linked)
}
