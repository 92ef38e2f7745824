//! Identity providers: added, tried, changed, disabled and deleted (SSO).

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Frame, Tab, enter};
use crate::accounts::audit::{self, Change};
use crate::accounts::oidc::Trial;
use crate::accounts::sso::providers::{self as product, Draft};
use crate::accounts::sso::redirect_uri;
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::identity::{IdentityProvider, ProviderKind};
use crate::model::ids::IdentityProviderId;
use crate::model::secret::Secret;

const PATH: &str = "/operations/sign-in";
/// A hundred domains fit.
const MAX_DOMAINS_TEXT: usize = 32 << 10;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/operations/sign-in", get(list).post(add))
        .route("/operations/sign-in/new", get(fresh))
        .route("/operations/sign-in/{provider_id}", get(show).post(change))
        .route("/operations/sign-in/{provider_id}/test", post(try_out))
        .route("/operations/sign-in/{provider_id}/enable", post(enable))
        .route("/operations/sign-in/{provider_id}/disable", post(disable))
        .route("/operations/sign-in/{provider_id}/delete", post(delete))
}

fn kind_name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Oidc => "OpenID Connect",
        ProviderKind::Gitlab => "GitLab",
        ProviderKind::Github => "GitHub",
    }
}

#[derive(Template)]
#[template(path = "operations/sign_in.html")]
struct List {
    shell: Shell,
    frame: Frame,
    said: Said,
    redirect_uri: String,
    providers: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    base_url: String,
    domains: String,
    require_sso: bool,
    enabled: bool,
    people: i64,
}

async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::SignIn)?;
    let said = match params.opt_str("done")?.as_deref() {
        Some("deleted") => Said::done("The provider is deleted and its sessions have ended."),
        _ => Said::default(),
    };
    let mut tx = app.db.read().await?;
    let found = db::identity_providers::list(&mut tx).await?;
    let people: HashMap<_, _> =
        db::identities::count_by_provider(&mut tx).await?.into_iter().collect();
    drop(tx);
    let rows = found.into_iter().map(|provider| Row {
        people: people.get(&provider.id).copied().unwrap_or(0),
        id: provider.id.to_string(),
        kind: kind_name(provider.kind),
        domains: provider.domains.join(", "),
        name: provider.name,
        base_url: provider.base_url,
        require_sso: provider.require_sso,
        enabled: provider.enabled,
    });
    let (redirect_uri, providers) = (redirect_uri(&app), rows.collect());
    page::ok(&List { shell: visit.shell(), frame, said, redirect_uri, providers })
}

/// The form of one provider, new or known.
#[derive(Template)]
#[template(path = "operations/sign_in_provider.html")]
struct Form {
    shell: Shell,
    frame: Frame,
    said: Said,
    typed: Typed,
    redirect_uri: String,
    kind: &'static str,
    kind_name: &'static str,
    /// Where it is unless somebody says otherwise.
    home: &'static str,
    known: Option<Known>,
    trial: Option<Tried>,
}

/// A provider that is there already.
struct Known {
    id: String,
    name: String,
    base_url: String,
    enabled: bool,
}

/// What came of trying it.
struct Tried {
    good: Vec<String>,
    fault: Option<String>,
}

impl From<Trial> for Tried {
    fn from(trial: Trial) -> Self {
        Self { good: trial.good, fault: trial.fault.map(|fault| fault.to_string()) }
    }
}

impl Form {
    fn of(app: &App, visit: &Visit, kind: ProviderKind) -> Result<Self> {
        Ok(Self {
            shell: visit.shell(),
            frame: enter(visit, Tab::SignIn)?,
            said: Said::default(),
            typed: Typed::default(),
            redirect_uri: redirect_uri(app),
            kind: kind.as_str(),
            kind_name: kind_name(kind),
            home: kind.home().unwrap_or_default(),
            known: None,
            trial: None,
        })
    }

    fn of_known(app: &App, visit: &Visit, provider: IdentityProvider) -> Result<Self> {
        let on = |flag: bool| if flag { "1" } else { "" };
        let typed = Typed::default()
            .with("name", provider.name.as_str())
            .with("client_id", provider.client_id)
            .with("domains", provider.domains.join("\n"))
            .with("require_sso", on(provider.require_sso))
            .with("trusts_emails", on(provider.trusts_emails));
        let known = Known {
            id: provider.id.to_string(),
            name: provider.name,
            base_url: provider.base_url,
            enabled: provider.enabled,
        };
        Ok(Self { typed, known: Some(known), ..Self::of(app, visit, provider.kind)? })
    }
}

async fn fresh(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let kind: ProviderKind = params.opt("kind")?.unwrap_or(ProviderKind::Oidc);
    let name = if kind == ProviderKind::Oidc { "" } else { kind_name(kind) };
    let typed = Typed::default().with("name", name);
    page::ok(&Form { typed, ..Form::of(&app, &visit, kind)? })
}

/// What was typed, for a form that is shown again: all but the secret.
fn typed(params: &Params) -> Result<Typed> {
    Typed::of(params, &["name", "base_url", "client_id", "domains", "require_sso", "trusts_emails"])
}

/// The fields of a form, before the product looks at them.
struct Given {
    name: String,
    client_id: String,
    client_secret: Option<Secret>,
    domains: Vec<String>,
    require_sso: bool,
    trusts_emails: bool,
}

impl Given {
    fn read(params: &Params) -> Result<Self> {
        let domains = params.opt_text("domains", MAX_DOMAINS_TEXT)?.unwrap_or_default();
        let domains = domains.split([',', ';', ' ', '\t', '\r', '\n']);
        let secret = text(params, "client_secret")?;
        Ok(Self {
            name: text(params, "name")?,
            client_id: text(params, "client_id")?,
            client_secret: Some(secret.trim()).filter(|secret| !secret.is_empty()).map(Secret::new),
            domains: domains.filter(|one| !one.is_empty()).map(str::to_owned).collect(),
            require_sso: params.opt_bool("require_sso")?.unwrap_or(false),
            trusts_emails: params.opt_bool("trusts_emails")?.unwrap_or(false),
        })
    }

    fn draft(&self) -> Draft<'_> {
        Draft {
            name: &self.name,
            client_id: &self.client_id,
            client_secret: self.client_secret.clone(),
            domains: &self.domains,
            require_sso: self.require_sso,
            trusts_emails: self.trusts_emails,
        }
    }
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::SignIn)?;
    let kind: ProviderKind = params.opt("kind")?.ok_or_else(|| Error::invalid_parameter("kind"))?;
    let (given, base_url) = (Given::read(&params)?, text(&params, "base_url")?);
    let mut tx = app.db.write().await?;
    match product::add(&app, &mut tx, (kind, &base_url), given.draft()).await {
        Ok(provider) => {
            record(&app, &mut tx, &visit, ("identity_provider.add", &provider)).await?;
            tx.commit().await?;
            page::redirect(&format!("{PATH}/{}?done=added", provider.id))
        }
        Err(error) => {
            drop(tx);
            let (said, typed) = (Said::problem(error)?, typed(&params)?);
            let form = Form { said, typed, ..Form::of(&app, &visit, kind)? };
            page::show(form.said.status(), &form)
        }
    }
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    enter(&visit, Tab::SignIn)?;
    let said = match params.opt_str("done")?.as_deref() {
        Some("added") => {
            Said::done("The provider is added, and its button is on the sign-in page. Try it now.")
        }
        Some("changed") => Said::done("The provider is changed."),
        Some("enabled") => Said::done("People can sign in by it again."),
        Some("disabled") => {
            Said::done("Nobody signs in by it any more, and its sessions have ended.")
        }
        _ => Said::default(),
    };
    let mut tx = app.db.read().await?;
    let provider = product::find(&mut tx, &id).await?;
    drop(tx);
    page::ok(&Form { said, ..Form::of_known(&app, &visit, provider)? })
}

async fn change(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::SignIn)?;
    let given = Given::read(&params)?;
    let mut tx = app.db.write().await?;
    match product::change(&app, &mut tx, &id, given.draft()).await {
        Ok(provider) => {
            record(&app, &mut tx, &visit, ("identity_provider.change", &provider)).await?;
            tx.commit().await?;
            page::redirect(&format!("{PATH}/{id}?done=changed"))
        }
        Err(error) => {
            drop(tx);
            let (said, typed) = (Said::problem(error)?, typed(&params)?);
            let mut tx = app.db.read().await?;
            let provider = product::find(&mut tx, &id).await?;
            let form = Form { said, typed, ..Form::of_known(&app, &visit, provider)? };
            page::show(form.said.status(), &form)
        }
    }
}

/// Asks the provider what can be asked without a person.
async fn try_out(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::SignIn)?;
    let trial = product::try_out(&app, &id).await?;
    let mut tx = app.db.read().await?;
    let provider = product::find(&mut tx, &id).await?;
    drop(tx);
    page::ok(&Form { trial: Some(trial.into()), ..Form::of_known(&app, &visit, provider)? })
}

async fn enable(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    set_enabled((&app, &visit), &id, true, &params).await
}

async fn disable(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    set_enabled((&app, &visit), &id, false, &params).await
}

async fn set_enabled(
    (app, visit): (&App, &Visit),
    id: &IdentityProviderId,
    enabled: bool,
    params: &Params,
) -> Result<Response, PageFault> {
    visit.check_form(app, params)?;
    enter(visit, Tab::SignIn)?;
    let (action, done) = match enabled {
        true => ("identity_provider.enable", "enabled"),
        false => ("identity_provider.disable", "disabled"),
    };
    let mut tx = app.db.write().await?;
    let provider = product::set_enabled(&mut tx, id, enabled).await?;
    record(app, &mut tx, visit, (action, &provider)).await?;
    tx.commit().await?;
    page::redirect(&format!("{PATH}/{id}?done={done}"))
}

async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::SignIn)?;
    let mut tx = app.db.write().await?;
    let provider = product::delete(&mut tx, &id).await?;
    record(&app, &mut tx, &visit, ("identity_provider.delete", &provider)).await?;
    tx.commit().await?;
    page::redirect(&format!("{PATH}?done=deleted"))
}

async fn record(
    app: &App,
    tx: &mut Tx,
    visit: &Visit,
    (action, provider): (&str, &IdentityProvider),
) -> Result<()> {
    let required = if provider.require_sso { ", required" } else { "" };
    let detail = format!("{}{required}", provider.domains.join(" "));
    let change = Change::of_account(action, &provider.name).detail(&detail);
    audit::record(tx, &visit.actor, change, app.clock.now()).await
}
