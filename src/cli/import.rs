//! `shipmate import bb-export DIR`: reads the folders that buddybuild's export
//! tool writes into the server's own database. Decides nothing about the items:
//! the product rooms check and store them. A second run adds what is missing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, Console, Failure, Result, installation};
use crate::app::App;
use crate::db;
use crate::error::Error;
use crate::model::app::Platform;
use crate::model::ids::OrgId;
use crate::{accounts, model};

mod app;
mod build;
mod item;
mod summary;
mod tree;

use summary::Summary;
use tree::Tree;

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub place: ConfigArgs,
    #[command(subcommand)]
    pub verb: ImportVerb,
}

#[derive(Debug, Subcommand)]
pub enum ImportVerb {
    /// Import the folder that buddybuild's bb-export wrote
    BbExport(BbExport),
}

#[derive(Debug, Args)]
pub struct BbExport {
    /// The export: one folder for each app, or one of these
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Who gets the apps that are not here yet [default: the first administrator]
    #[arg(long, value_name = "EMAIL")]
    pub owner: Option<String>,
    /// ios or android, for apps whose export does not tell
    #[arg(long)]
    pub platform: Option<Platform>,
    /// Clone URL of apps whose export does not tell
    #[arg(long, value_name = "URL")]
    pub repo: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What the items of a run are imported with.
struct Import<'a> {
    app: &'a App,
    args: &'a BbExport,
    /// Of apps that are not here yet; looked up when the first one is met.
    org: Option<OrgId>,
    summary: Summary,
    bar: indicatif::ProgressBar,
}

pub async fn run(args: ImportArgs, console: &mut Console) -> Result {
    let ImportVerb::BbExport(export) = &args.verb;
    let config = super::load(&args.place.flags(), console)?;
    let folders = app_folders(&Tree::open(&console.cwd.join(&export.dir))?)?;
    let app = installation::open(&config).await?;
    let mut import = Import {
        app: &app,
        args: export,
        org: None,
        summary: Summary::default(),
        bar: progress(console),
    };
    for folder in folders {
        import.folder(&folder).await?;
    }
    import.bar.finish_and_clear();
    let summary = import.summary;
    app.db.close().await;
    match export.json {
        true => console.print_json(&summary.to_json())?,
        false => console.print(&summary.to_text())?,
    }
    if summary.is_whole() { Ok(()) } else { Err(Failure::Exit(1)) }
}

/// The folders of apps in an export; `tree` may be one of them itself.
fn app_folders(tree: &Tree) -> Result<Vec<Tree>> {
    if tree.is_app() {
        return Ok(vec![tree.clone()]);
    }
    let folders: Vec<Tree> = tree.folders()?.into_iter().filter(Tree::is_app).collect();
    if folders.is_empty() {
        return Err(Failure::failed(format!(
            "{} holds no export: there is no folder with build-metadata, feedback or crash-report \
             in it",
            tree.shown()
        )));
    }
    Ok(folders)
}

fn progress(console: &Console) -> indicatif::ProgressBar {
    if console.progress {
        indicatif::ProgressBar::new_spinner()
    } else {
        indicatif::ProgressBar::hidden()
    }
}

impl Import<'_> {
    /// The organisation that gets new apps.
    async fn org(&mut self) -> Result<OrgId> {
        if let Some(org) = &self.org {
            return Ok(org.clone());
        }
        let mut tx = self.app.db.read().await?;
        let owner = match &self.args.owner {
            Some(email) => accounts::find_user(&mut tx, email).await?,
            None => first_administrator(db::accounts::list_users(&mut tx).await?)?,
        };
        let org = db::accounts::find_owned_organisation(&mut tx, &owner.id).await?;
        let org = org.ok_or_else(|| Error::bug("importing", "the owner has no organisation"))?;
        self.org = Some(org.id.clone());
        Ok(org.id)
    }
}

fn first_administrator(users: Vec<model::account::User>) -> Result<model::account::User> {
    users.into_iter().filter(|user| user.is_admin).min_by_key(|user| user.created_at).ok_or_else(
        || {
            Failure::usage(
                "nobody is an administrator yet; say who gets the apps with --owner EMAIL",
            )
        },
    )
}
