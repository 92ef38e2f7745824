//! The way to a provider and back. The browser keeps one secret for it, from
//! which state, nonce and PKCE verifier are made; the row behind its hash is
//! taken by the first who comes back, so a callback works once.

use crate::accounts::audit::{self, Change};
use crate::accounts::oidc::{self, Client, Fault, Person, Proof};
use crate::accounts::sessions::{self, Began, Visitor};
use crate::accounts::sso::{self, providers};
use crate::accounts::{add_user, check_name, normalise_email};
use crate::app::App;
use crate::db::identities as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::User;
use crate::model::identity::{Flow, Identity, IdentityProvider, domain_of};
use crate::model::ids::{IdentityId, IdentityProviderId, UserId};
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::secrets;

/// Prefix of the secret that the browser keeps.
const PREFIX: &str = "smf_";
/// From leaving to coming back: long enough for a second factor there.
pub const LIFE_MS: i64 = 10 * 60_000;
/// Sign-ins under way: strangers begin them, and each is a row.
const MAX_FLOWS: i64 = 10_000;
/// Longest code and state that are looked at, in bytes.
const MAX_ANSWER: usize = 4_096;

/// Why nobody was signed in, by what the person does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Too old, used, of another browser, or forged.
    StartAgain,
    /// The provider says that the person, or it itself, did not want to.
    Declined(String),
    /// The provider cannot be asked.
    Away(String),
    /// The provider's answer is not believed.
    Distrusted(String),
    /// The provider does not vouch for the address.
    Unverified(String),
    /// Nobody here has this address, and its domain is not let in.
    Stranger(String),
    /// Somebody has linked this account to theirs already.
    Taken(String),
    /// People of this domain must come by another provider.
    Elsewhere(String),
}

impl Refusal {
    /// What to say to the person.
    pub fn text(&self) -> String {
        match self {
            Self::StartAgain => {
                "That sign-in took too long, was used already or began in another browser. Start \
                 again."
                    .into()
            }
            Self::Declined(by) => {
                format!("{by} did not sign you in. Try again, or sign in another way.")
            }
            Self::Away(by) => format!(
                "{by} cannot be asked at the moment. Try again soon. If it stays so, tell an \
                 administrator of this server."
            ),
            Self::Distrusted(by) => format!(
                "The answer of {by} could not be trusted, so you were not signed in. Tell an \
                 administrator of this server: its log says why."
            ),
            Self::Unverified(by) => format!(
                "{by} does not say that your email address is verified. Verify it there, then \
                 try again."
            ),
            Self::Stranger(by) => format!(
                "You signed in at {by}, but have no account here. Ask an owner of your \
                 organisation for an invitation, or an administrator of this server to let your \
                 mail domain in. If you do have an account, sign in as usual and connect {by} on \
                 your profile."
            ),
            Self::Taken(by) => {
                format!("That account at {by} is connected to somebody else here already.")
            }
            Self::Elsewhere(to) => format!("Sign in with {to}: people of your mail domain must."),
        }
    }
}

/// Where to send the browser, and what it must keep.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    pub cookie: Secret,
    pub provider: IdentityProvider,
}

/// Leads to a provider: to sign in, or to link to `link`.
///
/// # Errors
/// `NotFound` for a provider that is unknown or disabled; `Unavailable` while
/// too many sign-ins are under way. The inner one when the provider fails.
pub async fn begin(
    app: &App,
    id: &IdentityProviderId,
    next: &str,
    link: Option<&UserId>,
) -> Result<Result<Begun, Refusal>> {
    let mut tx = app.db.read().await?;
    let (provider, secret) = providers::open(app, &mut tx, id).await?;
    drop(tx);
    if !provider.enabled {
        return Err(Error::not_found());
    }
    let cookie = secrets::generate_token(PREFIX);
    let redirect_uri = sso::redirect_uri(app);
    let client = Client { provider: &provider, secret: &secret, redirect_uri: &redirect_uri };
    let url = match oidc::authorization_url(&client, &Proof::of(&cookie)).await {
        Ok(url) => url,
        Err(fault) => return Ok(Err(told(&provider, fault))),
    };
    let now = app.clock.now();
    let flow = Flow {
        provider_id: provider.id.clone(),
        user_id: link.cloned(),
        next: next.to_owned(),
        expires_at: now.plus(LIFE_MS),
    };
    let mut tx = app.db.write().await?;
    if rows::sweep_flows(&mut tx, now).await? >= MAX_FLOWS {
        return Err(Error::Unavailable("too many sign-ins are under way".into()));
    }
    rows::insert_flow(&mut tx, &flow, &secrets::hash_token(cookie.expose())).await?;
    tx.commit().await?;
    Ok(Ok(Begun { url, cookie, provider }))
}

/// Logs the cause; the person gets what to do.
fn told(provider: &IdentityProvider, fault: Fault) -> Refusal {
    tracing::warn!(provider = %provider.name, cause = %fault, "signing in by a provider failed");
    let name = provider.name.clone();
    match fault {
        Fault::Away(_) => Refusal::Away(name),
        Fault::Stale(_) => Refusal::StartAgain,
        Fault::Distrusted(_) => Refusal::Distrusted(name),
    }
}

/// What a browser came back with.
#[derive(Debug, Default)]
pub struct Callback<'a> {
    /// The secret that it kept.
    pub cookie: Option<&'a str>,
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    /// Of RFC 6749 4.1.2.1.
    pub error: Option<&'a str>,
    /// Who answers, where the provider says so (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// How coming back ended.
#[derive(Debug)]
pub enum Return {
    /// The cookie's value of a fresh session, and where to go.
    SignedIn(Secret, String),
    /// The account is linked.
    Linked,
    Refused(Refusal),
}

/// Judges who comes back from a provider. `signed_in` is the person of this
/// browser's session.
///
/// # Errors
/// Only what is not the person's or the provider's doing.
pub async fn finish(
    app: &App,
    callback: &Callback<'_>,
    from: Visitor<'_>,
    signed_in: Option<&User>,
) -> Result<Return> {
    let again = Ok(Return::Refused(Refusal::StartAgain));
    let Some((flow, proof)) = take(app, callback).await? else { return again };
    // A sign-in that links is of the session that began it.
    let owner = match &flow.user_id {
        None => None,
        Some(id) => match signed_in.filter(|user| user.id == *id) {
            None => return again,
            found => found,
        },
    };
    let mut tx = app.db.read().await?;
    let (provider, secret) = match providers::open(app, &mut tx, &flow.provider_id).await {
        Err(Error::NotFound(_)) => return again,
        other => other?,
    };
    drop(tx);
    let redirect_uri = sso::redirect_uri(app);
    let client = Client { provider: &provider, secret: &secret, redirect_uri: &redirect_uri };
    let person = match ask(&client, callback, &proof, app.clock.now()).await {
        Ok(person) => person,
        Err(refusal) => return Ok(Return::Refused(refusal)),
    };
    let mut tx = app.db.write().await?;
    // It may have been disabled while it was asked.
    db::identity_providers::hold(&mut tx, &flow.provider_id).await?;
    let provider = match providers::find(&mut tx, &flow.provider_id).await {
        Ok(provider) if provider.enabled => provider,
        Ok(_) | Err(Error::NotFound(_)) => return again,
        Err(error) => return Err(error),
    };
    let entry = Entry { provider, person, now: app.clock.now() };
    let done = match owner {
        Some(user) => entry.link(&mut tx, user).await?,
        None => entry.sign_in(&mut tx, flow.next, from).await?,
    };
    if let Return::Refused(refusal) = &done {
        tracing::info!(provider = %client.provider.name, ?refusal, "a sign-in was refused");
        // Not committed: who is refused leaves nothing behind.
        return Ok(done);
    }
    tx.commit().await?;
    Ok(done)
}

/// Who came back, as the provider says.
async fn ask(
    client: &Client<'_>,
    callback: &Callback<'_>,
    proof: &Proof,
    now: Millis,
) -> Result<Person, Refusal> {
    let provider = client.provider;
    if let Some(error) = callback.error {
        let error: String = error.chars().filter(|c| !c.is_control()).take(100).collect();
        tracing::warn!(provider = %provider.name, error, "a provider declined a sign-in");
        return Err(Refusal::Declined(provider.name.clone()));
    }
    if let Some(issuer) = callback.issuer
        && issuer.trim_end_matches('/') != provider.base_url.trim_end_matches('/')
    {
        let fault = Fault::Distrusted("the answer came from another issuer".into());
        return Err(told(provider, fault));
    }
    let code = callback.code.filter(|code| code.len() <= MAX_ANSWER).ok_or(Refusal::StartAgain)?;
    oidc::redeem(client, code, proof, now).await.map_err(|fault| told(provider, fault))
}

/// Takes the sign-in that this browser began; `None` for any other.
async fn take(app: &App, callback: &Callback<'_>) -> Result<Option<(Flow, Proof)>> {
    let Some(cookie) = callback.cookie.filter(|cookie| cookie.starts_with(PREFIX)) else {
        return Ok(None);
    };
    let proof = Proof::of(&Secret::new(cookie));
    // Hashes are compared, so that time tells nothing about the state.
    let given = secrets::hash_token(callback.state.unwrap_or_default());
    if given != secrets::hash_token(&proof.state) {
        return Ok(None);
    }
    let mut tx = app.db.write().await?;
    let flow = rows::take_flow(&mut tx, &secrets::hash_token(cookie), app.clock.now()).await?;
    tx.commit().await?;
    Ok(flow.map(|flow| (flow, proof)))
}

/// Somebody whom a provider vouches for, at the door.
struct Entry {
    provider: IdentityProvider,
    person: Person,
    now: Millis,
}

impl Entry {
    fn name(&self) -> String {
        self.provider.name.clone()
    }

    /// What people recognise this identity by.
    fn label(&self) -> String {
        let Person { email, name, subject, .. } = &self.person;
        let label = email.as_ref().or(name.as_ref()).unwrap_or(subject);
        label.chars().filter(|c| !c.is_control()).take(200).collect()
    }

    /// The address, if the provider vouches for it.
    fn verified_email(&self) -> Option<String> {
        let verified = self.person.email_verified.unwrap_or(self.provider.trusts_emails);
        let email = self.person.email.as_deref().filter(|_| verified)?;
        normalise_email(email).ok()
    }

    async fn insert(&self, tx: &mut Tx, user: &User, by_hand: bool) -> Result<()> {
        let identity = Identity {
            id: IdentityId::generate(self.now),
            provider_id: self.provider.id.clone(),
            subject: self.person.subject.clone(),
            user_id: user.id.clone(),
            label: self.label(),
            by_hand,
            linked_at: self.now,
            seen_at: self.now,
        };
        rows::insert(tx, &identity).await?;
        let detail = self.label();
        let change = Change::of_account("identity.link", &self.provider.name).detail(&detail);
        audit::record_as(tx, user, change, self.now).await
    }

    /// Links to the account of somebody who is signed in.
    async fn link(self, tx: &mut Tx, user: &User) -> Result<Return> {
        match rows::find(tx, &self.provider.id, &self.person.subject).await? {
            Some(known) if known.user_id != user.id => {
                return Ok(Return::Refused(Refusal::Taken(self.name())));
            }
            Some(known) => rows::touch(tx, &known.id, &self.label(), self.now).await?,
            None => self.insert(tx, user, true).await?,
        }
        Ok(Return::Linked)
    }

    async fn sign_in(self, tx: &mut Tx, next: String, from: Visitor<'_>) -> Result<Return> {
        let user = match self.recognise(tx).await? {
            Ok(user) => user,
            Err(refusal) => return Ok(Return::Refused(refusal)),
        };
        let began = Began::by_provider(&self.provider.id);
        let session = sessions::start(tx, &user.id, from, began, self.now).await?;
        Ok(Return::SignedIn(session, next))
    }

    /// Whose identity this is: by its subject, else by the verified address.
    async fn recognise(&self, tx: &mut Tx) -> Result<Result<User, Refusal>> {
        let known = rows::find(tx, &self.provider.id, &self.person.subject).await?;
        let (user, known) = match known {
            Some(known) => {
                let user = db::accounts::find_user(tx, &known.user_id).await?;
                let user = user.ok_or_else(|| Error::bug("an identity", "its user is gone"))?;
                // A domain that was taken from the provider closes this way,
                // but not for whom linked it while signed in.
                if !known.by_hand && !self.provider.covers(domain_of(&user.email)) {
                    return Ok(Err(Refusal::Stranger(self.name())));
                }
                (user, Some(known))
            }
            None => {
                let Some(email) = self.verified_email() else {
                    return Ok(Err(Refusal::Unverified(self.name())));
                };
                if !self.provider.covers(domain_of(&email)) {
                    return Ok(Err(Refusal::Stranger(self.name())));
                }
                (self.user_of(tx, &email).await?, None)
            }
        };
        if let Some(elsewhere) = self.must_go_elsewhere(tx, &user).await? {
            return Ok(Err(Refusal::Elsewhere(elsewhere)));
        }
        match known {
            Some(known) => rows::touch(tx, &known.id, &self.label(), self.now).await?,
            None => self.insert(tx, &user, false).await?,
        }
        Ok(Ok(user))
    }

    /// The providers that this person must use, if this is none of them.
    async fn must_go_elsewhere(&self, tx: &mut Tx, user: &User) -> Result<Option<String>> {
        let required = db::identity_providers::list_required(tx, domain_of(&user.email)).await?;
        let is_one = required.iter().any(|one| one.id == self.provider.id);
        Ok(if is_one || user.is_admin { None } else { sso::names(&required) })
    }

    /// The account with this address, or a fresh one without any app: what it
    /// may see is for others to say.
    async fn user_of(&self, tx: &mut Tx, email: &str) -> Result<User> {
        if let Some(user) = db::accounts::find_user_by_email(tx, email).await? {
            return Ok(user);
        }
        let name = self.person.name.as_deref().and_then(|name| check_name(name).ok());
        // Its token is shown to nobody; its owner makes another when it is wanted.
        let (user, _) = add_user(tx, email, name, false, self.now).await?;
        let change = Change::of_account("account.add", email).detail(&self.provider.name);
        audit::record_as(tx, &user, change, self.now).await?;
        Ok(user)
    }
}
