//! Secure files of an app and of an organisation (SEC-3), uploaded by a form.
//! The file streams into its encryption; it is never whole in memory.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_org};
use crate::app::App;
use crate::apps::secure_files as product;
use crate::dashboard::forms::{Said, required};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::organisations;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::Tx;
use crate::db::secure_files::StoredFile;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::{Access, Role};
use crate::model::ids::{AppId, OrgId};
use crate::protocol::MAX_SECURE_FILE_BYTES;

const SECTION: &str = "/secure-files";
/// Beside the file: its frame and the form's proof.
const FRAME_BYTES: usize = 64 << 10;
/// Longest proof of a form.
const MAX_PROOF: usize = 1_024;

pub fn routes() -> Router<Arc<App>> {
    let largest = usize::try_from(MAX_SECURE_FILE_BYTES).unwrap_or(usize::MAX) + FRAME_BYTES;
    Router::new()
        .route("/apps/{app_id}/settings/secure-files", get(of_app).post(put_of_app))
        .route("/apps/{app_id}/settings/secure-files/remove", post(remove_of_app))
        .route("/organisations/{organisation_id}/secure-files", get(of_org).post(put_of_org))
        .route("/organisations/{organisation_id}/secure-files/remove", post(remove_of_org))
        .layer(DefaultBodyLimit::max(largest))
}

#[derive(Template)]
#[template(path = "settings/files.html")]
struct OfApp {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    action: String,
    rows: Vec<Row>,
    is_app: bool,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "organisation_files.html")]
struct OfOrg {
    shell: Shell,
    csrf: String,
    name: String,
    sections: Vec<Link>,
    said: Said,
    action: String,
    rows: Vec<Row>,
    is_app: bool,
    may_change: bool,
}

struct Row {
    name: String,
    size: String,
    added: String,
    is_own: bool,
}

fn rows(app: &App, files: Vec<StoredFile>, owner: &str) -> Vec<Row> {
    let now = app.clock.now();
    let row = |file: StoredFile| Row {
        is_own: file.owner_id == owner,
        name: file.name,
        size: words::size(file.bytes),
        added: words::ago(file.created_at, now),
    };
    files.into_iter().map(row).collect()
}

fn said(params: &Params) -> Result<Said> {
    Ok(match params.opt_str("done")?.as_deref() {
        Some("added") => Said::done("The file is stored. Later builds get it."),
        Some("removed") => Said::done("The file is removed."),
        _ => Said::default(),
    })
}

/// Who a file is of.
#[derive(Clone, Copy)]
enum Owner<'a> {
    App(&'a AppId),
    Organisation(&'a OrgId),
}

impl Owner<'_> {
    fn id(&self) -> &str {
        match self {
            Self::App(id) => id.as_str(),
            Self::Organisation(id) => id.as_str(),
        }
    }

    /// Lets pass who may change it; writes the activity log if `note` says of
    /// what.
    async fn authorize(
        &self,
        app: &App,
        tx: &mut Tx,
        visit: &Visit,
        note: Option<(&str, &str)>,
    ) -> Result<()> {
        match self {
            Self::App(id) => {
                let row = authorize_app(tx, &visit.actor, Access::Full, id).await?;
                let Some((action, name)) = note else { return Ok(()) };
                let change = Change::of_app(&row, action, name);
                audit::record(tx, &visit.actor, change, app.clock.now()).await
            }
            Self::Organisation(id) => {
                authorize_org(tx, &visit.actor, Role::Owner, id).await?;
                let Some((action, name)) = note else { return Ok(()) };
                let change = Change::of_org(id, action, name);
                audit::record(tx, &visit.actor, change, app.clock.now()).await
            }
        }
    }
}

/// Reads the form: the proof comes first, then the file.
async fn store(app: &App, visit: &Visit, owner: Owner<'_>, mut form: Multipart) -> Result<()> {
    let mut tx = app.db.read().await?;
    owner.authorize(app, &mut tx, visit, None).await?;
    drop(tx);
    let broken = |_| Error::Invalid("file: the upload broke off".into());
    let mut is_genuine = false;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("csrf") {
            let mut proof = Vec::new();
            while let Some(piece) = field.chunk().await.map_err(broken)? {
                proof.extend_from_slice(&piece);
                if proof.len() > MAX_PROOF {
                    break;
                }
            }
            visit.check_proof(app, &String::from_utf8_lossy(&proof))?;
            is_genuine = true;
        } else if field.name() == Some("file") {
            if !is_genuine {
                visit.check_proof(app, "")?;
            }
            let name = field.file_name().unwrap_or_default().to_owned();
            if name.is_empty() {
                return Err(Error::Invalid("file: choose one".into()));
            }
            let stored = product::store(app, owner.id(), &name, field).await?;
            let file = stored.ok_or_else(too_large)?;
            return record(app, visit, owner, &file).await;
        }
    }
    Err(Error::Invalid("file: choose one".into()))
}

fn too_large() -> Error {
    Error::Invalid("file: is larger than 50 MiB".into())
}

async fn record(app: &App, visit: &Visit, owner: Owner<'_>, file: &StoredFile) -> Result<()> {
    let recorded = async {
        let mut tx = app.db.write().await?;
        // The upload took its time: asked again.
        owner.authorize(app, &mut tx, visit, Some(("secure_file.put", &file.name))).await?;
        let old = product::record(&mut tx, file).await?;
        tx.commit().await?;
        Ok::<_, Error>(old)
    };
    match recorded.await {
        Ok(Some(old)) => product::discard(app, &old).await,
        Ok(None) => {}
        Err(error) => {
            product::discard(app, &file.blob_key).await;
            return Err(error);
        }
    }
    Ok(())
}

async fn remove(app: &App, visit: &Visit, owner: Owner<'_>, params: &Params) -> Result<()> {
    visit.check_form(app, params)?;
    let name = required(params, "name")?;
    let mut tx = app.db.write().await?;
    owner.authorize(app, &mut tx, visit, Some(("secure_file.remove", &name))).await?;
    let blob = product::remove(&mut tx, owner.id(), &name).await?;
    tx.commit().await?;
    product::discard(app, &blob).await;
    Ok(())
}

async fn of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    app_page(&app, &visit, &id, said(&params)?).await
}

async fn app_page(app: &App, visit: &Visit, id: &AppId, said: Said) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let mut tx = app.db.read().await?;
    let files = product::of_app(&mut tx, &row).await?;
    drop(tx);
    let rows = rows(app, files, id.as_str());
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let action = path(id, SECTION);
    let status = said.status();
    let (is_app, may_change) = (true, true);
    page::show(
        status,
        &OfApp { shell, csrf, frame, sections, said, action, rows, is_app, may_change },
    )
}

async fn put_of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    form: Multipart,
) -> Result<Response, PageFault> {
    match store(&app, &visit, Owner::App(&id), form).await {
        Ok(()) => page::redirect(&format!("{}?done=added", path(&id, SECTION))),
        Err(error) => app_page(&app, &visit, &id, Said::problem(error)?).await,
    }
}

async fn remove_of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    remove(&app, &visit, Owner::App(&id), &params).await?;
    page::redirect(&format!("{}?done=removed", path(&id, SECTION)))
}

async fn of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    org_page(&app, &visit, &id, said(&params)?).await
}

async fn org_page(app: &App, visit: &Visit, id: &OrgId, said: Said) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let org = authorize_org(&mut tx, &visit.actor, Role::Read, id).await?;
    let may_change = authorize_org(&mut tx, &visit.actor, Role::Owner, id).await.is_ok();
    let files = product::list(&mut tx, id.as_str()).await?;
    drop(tx);
    let status = said.status();
    page::show(
        status,
        &OfOrg {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            name: org.name,
            sections: organisations::sections(id, SECTION),
            said,
            action: format!("/organisations/{id}/secure-files"),
            rows: rows(app, files, id.as_str()),
            is_app: false,
            may_change,
        },
    )
}

async fn put_of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    form: Multipart,
) -> Result<Response, PageFault> {
    match store(&app, &visit, Owner::Organisation(&id), form).await {
        Ok(()) => page::redirect(&format!("/organisations/{id}/secure-files?done=added")),
        Err(error) => org_page(&app, &visit, &id, Said::problem(error)?).await,
    }
}

async fn remove_of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    remove(&app, &visit, Owner::Organisation(&id), &params).await?;
    page::redirect(&format!("/organisations/{id}/secure-files?done=removed"))
}
