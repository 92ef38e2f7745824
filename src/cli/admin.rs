//! `shipmate admin`: users, apps and tokens, on the server's own database.

use clap::{Args, Subcommand};

use serde_json::{Value, json};

use super::{ConfigArgs, Console, Failure, Result, installation};
use crate::app::App;
use crate::apps::variables::{Place, VariableKind};
use crate::db::{self, Tx};
use crate::distribution::groups::add_team;
use crate::error::Error;
use crate::model::account::{Access, User};
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::AppId;
use crate::model::secret::Secret;
use crate::protocol::Variable;
use crate::{accounts, apps};

#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    pub place: ConfigArgs,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: AdminVerb,
}

#[derive(Debug, Subcommand)]
pub enum AdminVerb {
    /// Manage users
    #[command(subcommand)]
    User(UserVerb),
    /// Manage apps
    #[command(subcommand)]
    App(AppVerb),
    /// Manage access tokens
    #[command(subcommand)]
    Token(TokenVerb),
}

#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// Add a user
    Add {
        /// Address of the user
        #[arg(long)]
        email: String,
        /// Name shown to others
        #[arg(long)]
        name: Option<String>,
        /// Sees and may do everything
        #[arg(long)]
        admin: bool,
    },
    /// List the users
    List,
}

#[derive(Debug, Subcommand)]
pub enum AppVerb {
    /// Add an app
    Add {
        /// Display name
        #[arg(long)]
        name: String,
        /// ios or android
        #[arg(long)]
        platform: Platform,
        /// Clone URL
        #[arg(long, value_name = "URL")]
        repo: String,
        /// Who gets full access
        #[arg(long, value_name = "EMAIL")]
        owner: String,
    },
    /// List the apps
    List,
    /// Let a user see or change an app
    Grant {
        /// Id of the app
        #[arg(long)]
        app: AppId,
        /// Address of the user
        #[arg(long)]
        email: String,
        /// read or full
        #[arg(long)]
        access: Access,
    },
    /// Set an environment variable of an app's builds, value from standard input
    SetEnv {
        /// Id of the app
        #[arg(long)]
        app: AppId,
        /// Name of the variable
        #[arg(long)]
        name: String,
        /// Mask the value in logs
        #[arg(long)]
        secret: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a build machine's token stop working
    RevokeAgent {
        /// The name it was made with
        #[arg(long)]
        name: String,
    },
    /// Make a new personal token; the old one stops working
    Issue {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make a user's token stop working
    Revoke {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make a token for a build machine
    Agent {
        /// Name of the build machine
        #[arg(long)]
        name: String,
    },
}

pub async fn run(args: AdminArgs, console: &mut Console) -> Result {
    let config = super::load(&args.place.flags(), console)?;
    let app = installation::open(&config).await?;
    let answer = match args.verb {
        AdminVerb::User(verb) => user(&app, verb).await,
        AdminVerb::App(verb) => app_verb(&app, verb, console).await,
        AdminVerb::Token(verb) => token(&app, verb).await,
    }?;
    app.db.close().await;
    match args.json {
        true => console.print_json(&answer.json.to_string()),
        false => console.print(&answer.text),
    }
}

/// What a verb says, for people and for scripts.
struct Answer {
    text: String,
    json: Value,
}

/// An error of the product as the command line shows it: this is the server's
/// own machine, so the cause is shown.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::failed(error.to_string())
    }
}

async fn user(app: &App, verb: UserVerb) -> Result<Answer> {
    match verb {
        UserVerb::Add { email, name, admin } => {
            let mut tx = app.db.write().await?;
            let now = app.clock.now();
            let (user, token) =
                accounts::add_user(&mut tx, &email, name.as_deref(), admin, now).await?;
            tx.commit().await?;
            let token = token.expose();
            Ok(Answer {
                text: format!(
                    "Added {}\nAccess token, shown only this once: {token}\n",
                    user.email
                ),
                json: json!({ "user_id": user.id, "access_token": token }),
            })
        }
        UserVerb::List => {
            let mut tx = app.db.read().await?;
            let users = db::accounts::list_users(&mut tx).await?;
            let line = |user: &User| {
                let admin = if user.is_admin { "  administrator" } else { "" };
                format!("{}  {}  {}{admin}\n", user.id, user.email, user.name)
            };
            let rows = users.iter().map(|user| {
                json!({ "user_id": user.id, "email": user.email, "name": user.name, "admin": user.is_admin })
            });
            Ok(Answer { text: users.iter().map(line).collect(), json: rows.collect() })
        }
    }
}

async fn app_verb(app: &App, verb: AppVerb, console: &mut Console) -> Result<Answer> {
    match verb {
        AppVerb::Add { name, platform, repo, owner } => {
            let repo = absolute(&repo, console);
            add_app(app, &name, platform, &repo, &owner).await
        }
        AppVerb::List => {
            let mut tx = app.db.read().await?;
            let apps = db::apps::list(&mut tx).await?;
            let line = |row: &AppRow| {
                format!("{}  {:7}  {}  {}\n", row.id, row.platform.as_str(), row.name, row.repo_url)
            };
            let rows = apps.iter().map(|row| {
                json!({ "app_id": row.id, "name": row.name, "platform": row.platform, "repo": row.repo_url })
            });
            Ok(Answer { text: apps.iter().map(line).collect(), json: rows.collect() })
        }
        AppVerb::Grant { app: id, email, access } => {
            let mut tx = app.db.write().await?;
            let row = find_app(&mut tx, &id).await?;
            let user = accounts::find_user(&mut tx, &email).await?;
            db::accounts::set_app_access(&mut tx, &id, &user.id, access).await?;
            tx.commit().await?;
            Ok(Answer {
                text: format!("{} has {} access to {}\n", user.email, access.as_str(), row.name),
                json: json!({ "app_id": id, "user_id": user.id, "access": access.as_str() }),
            })
        }
        AppVerb::SetEnv { app: id, name, secret } => {
            let value = Secret::new(console.read_input("Value")?);
            let mut tx = app.db.write().await?;
            let row = find_app(&mut tx, &id).await?;
            let variable = Variable { name, value, secret };
            let (place, kind) = (Place::App(&id), VariableKind::Environment);
            apps::variables::set(app, &mut tx, place, kind, &variable).await?;
            tx.commit().await?;
            Ok(Answer {
                text: format!("Set {} for later builds of {}\n", variable.name, row.name),
                json: json!({ "app_id": id, "name": variable.name, "secret": secret }),
            })
        }
    }
}

async fn add_app(
    app: &App,
    name: &str,
    platform: Platform,
    repo: &str,
    owner: &str,
) -> Result<Answer> {
    let mut tx = app.db.write().await?;
    let user = accounts::find_user(&mut tx, owner).await?;
    let org = db::accounts::find_owned_organisation(&mut tx, &user.id)
        .await?
        .ok_or_else(|| Failure::failed(format!("{owner} owns no organisation")))?;
    let new = apps::NewApp { org: &org.id, name, platform, repo_url: repo };
    let row = apps::add(app, &mut tx, &new).await?;
    let now = app.clock.now();
    add_team(&mut tx, &row, std::slice::from_ref(&user.email), now).await?;
    tx.commit().await?;
    Ok(Answer {
        text: format!(
            "Added {} as {}\nStart a build: shipmate trigger {}\n",
            row.name, row.id, row.id
        ),
        json: json!({ "app_id": row.id }),
    })
}

/// A path of this machine, as a person types it, becomes absolute.
fn absolute(repo: &str, console: &Console) -> String {
    let path = console.cwd.join(repo);
    let is_path = !repo.contains(':') && path.exists();
    if is_path { path.display().to_string() } else { repo.to_owned() }
}

async fn find_app(tx: &mut Tx, id: &AppId) -> Result<AppRow> {
    let missing = || {
        Failure::failed(format!("no app has the id {id}; list them with: shipmate admin app list"))
    };
    db::apps::find(tx, id).await?.ok_or_else(missing)
}

async fn token(app: &App, verb: TokenVerb) -> Result<Answer> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let answer = match verb {
        TokenVerb::Issue { email } => {
            let user = accounts::find_user(&mut tx, &email).await?;
            let token = accounts::issue_token(&mut tx, &user.id, now).await?;
            shown_once(&token, json!({ "user_id": user.id, "access_token": token.expose() }))
        }
        TokenVerb::Revoke { email } => {
            let user = accounts::find_user(&mut tx, &email).await?;
            let count = db::tokens::revoke_all(&mut tx, &user.id, now).await?;
            Answer {
                text: format!("Revoked {count} token(s) of {}\n", user.email),
                json: json!({ "user_id": user.id, "revoked": count }),
            }
        }
        TokenVerb::Agent { name } => {
            let token = accounts::issue_agent_token(&mut tx, &name, now).await?;
            shown_once(&token, json!({ "name": name, "agent_token": token.expose() }))
        }
        TokenVerb::RevokeAgent { name } => {
            let count = db::agents::revoke_tokens(&mut tx, &name, now).await?;
            if count == 0 {
                return Err(Failure::failed(format!("no live agent token is called {name}")));
            }
            Answer {
                text: format!("Revoked {count} agent token(s) called {name}\n"),
                json: json!({ "name": name, "revoked": count }),
            }
        }
    };
    tx.commit().await?;
    Ok(answer)
}

fn shown_once(token: &Secret, json: Value) -> Answer {
    Answer { text: format!("Access token, shown only this once: {}\n", token.expose()), json }
}
