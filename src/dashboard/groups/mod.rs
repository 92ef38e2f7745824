//! Deployment groups of an app (DEP-1, DEP-2, DEP-6): who they are, what they
//! got, and changing them. Rules of the product are in `distribution`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::session::Visit;
use crate::db::Tx;
use crate::error::Result;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::AppId;

mod change;
mod form;
mod list;
mod show;

/// The pages of testers, as their team sees them.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/groups", get(list::list).post(list::create))
        .route("/apps/{app_id}/groups/{group_id}", get(show::show).post(change::settings))
        .route("/apps/{app_id}/groups/{group_id}/testers", post(change::add_testers))
        .route("/apps/{app_id}/groups/{group_id}/testers/remove", post(change::remove_tester))
        .route("/apps/{app_id}/groups/{group_id}/deploy", post(change::deploy))
        .route("/apps/{app_id}/groups/{group_id}/delete", post(change::delete))
        .route("/apps/{app_id}/groups/{group_id}/restore", post(change::restore))
}

/// The app of a page, for who may read it, and whether they may change it.
async fn enter(tx: &mut Tx, visit: &Visit, id: &AppId) -> Result<(AppRow, bool)> {
    let row = authorize_app(tx, &visit.actor, Access::Read, id).await?;
    let may_manage = authorize_app(tx, &visit.actor, Access::Full, id).await.is_ok();
    Ok((row, may_manage))
}

/// One line of the activity log about a group.
async fn record(
    app: &App,
    tx: &mut Tx,
    visit: &Visit,
    (row, group): (&AppRow, &str),
    (action, detail): (&str, &str),
) -> Result<()> {
    let change = Change::of_app(row, action, group).detail(detail);
    audit::record(tx, &visit.actor, change, app.clock.now()).await
}
