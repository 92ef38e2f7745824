//! `shipmate admin`: users, apps and tokens, on the server's own database.

use clap::{Args, Subcommand};

use serde_json::{Value, json};

use super::{ConfigArgs, Console, Failure, Result, installation, rotate_key};
use crate::accounts::audit::{self, Change};
use crate::accounts::{sign_in_link, tokens};
use crate::app::App;
use crate::apps::variables::{Place, VariableKind};
use crate::db::{self, Tx};
use crate::distribution::groups::add_team;
use crate::error::Error;
use crate::model::account::{Access, Scope, Token, User};
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::AppId;
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::protocol::Variable;
use crate::{accounts, apps};

const DAY_MS: i64 = 24 * 3_600_000;

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
    /// Print a link that signs a person in once, within 15 minutes: the way in
    /// when an identity provider is broken or a password is lost
    SignInLink {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make a new master key and seal every stored secret with it; goes on
    /// where an earlier run was stopped
    RotateKey {
        /// Delete the older keys, an hour later
        #[arg(long)]
        forget_old: bool,
    },
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
    /// Make a new personal token; the old one stops working. With a name: one
    /// beside it
    Issue {
        /// Address of the user
        #[arg(long)]
        email: String,
        /// Name of a further token
        #[arg(long)]
        name: Option<String>,
        /// read, trigger or admin [default: admin]
        #[arg(long, requires = "name")]
        scope: Option<Scope>,
        /// Days until it stops working [default: never]
        #[arg(long, requires = "name", value_name = "N",
            value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: Option<u16>,
    },
    /// List a user's tokens
    List {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make all tokens of a user stop working
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
        AdminVerb::SignInLink { email } => sign_in_link(&app, &email).await,
        AdminVerb::RotateKey { forget_old } => rotate_key::run(&app, forget_old, console).await,
    }?;
    app.db.close().await;
    match args.json {
        true => console.print_json(&answer.json.to_string()),
        false => console.print(&answer.text),
    }
}

/// What a verb says, for people and for scripts.
pub(super) struct Answer {
    pub text: String,
    pub json: Value,
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
            record(app, &mut tx, Change::of_account("user.add", &user.email)).await?;
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
            let change = Change::of_app(&row, "collaborator.set", &user.email);
            record(app, &mut tx, change.detail(access.as_str())).await?;
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
            record(app, &mut tx, Change::of_app(&row, "variable.set", &variable.name)).await?;
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
    record(app, &mut tx, Change::of_app(&row, "app.add", &row.name)).await?;
    tx.commit().await?;
    Ok(Answer {
        text: format!(
            "Added {} as {}\nStart a build: shipmate trigger {}\n",
            row.name, row.id, row.id
        ),
        json: json!({ "app_id": row.id }),
    })
}

async fn sign_in_link(app: &App, email: &str) -> Result<Answer> {
    let mut tx = app.db.write().await?;
    let (user, key) = sign_in_link::begin(&mut tx, email, app.clock.now()).await?;
    tx.commit().await?;
    let url = sign_in_link::url(app, &key);
    let minutes = sign_in_link::LIFE_MINUTES;
    Ok(Answer {
        text: format!("Signs in {}, once, within {minutes} minutes:\n{url}\n", user.email),
        json: json!({ "user_id": user.id, "url": url }),
    })
}

/// The command line acts as the server itself.
async fn record(app: &App, tx: &mut Tx, change: Change<'_>) -> crate::error::Result<()> {
    audit::record_system(tx, change, app.clock.now()).await
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
        TokenVerb::Issue { email, name, scope, days } => {
            let user = accounts::find_user(&mut tx, &email).await?;
            let token = match &name {
                None => accounts::issue_token(&mut tx, &user.id, now).await?,
                Some(name) => {
                    let scope = scope.unwrap_or(Scope::Admin);
                    let expires_at = days.map(|days| now.plus(i64::from(days) * DAY_MS));
                    let new = tokens::NewToken { name, scope, expires_at };
                    tokens::issue_named(&mut tx, &user.id, &new, now).await?.1
                }
            };
            record(app, &mut tx, Change::of_account("token.add", &user.email)).await?;
            shown_once(&token, json!({ "user_id": user.id, "access_token": token.expose() }))
        }
        TokenVerb::List { email } => {
            let user = accounts::find_user(&mut tx, &email).await?;
            list_tokens(&db::tokens::list(&mut tx, &user.id).await?)
        }
        TokenVerb::Revoke { email } => {
            let user = accounts::find_user(&mut tx, &email).await?;
            let count = db::tokens::revoke_all(&mut tx, &user.id, now).await?;
            record(app, &mut tx, Change::of_account("token.revoke", &user.email)).await?;
            Answer {
                text: format!("Revoked {count} token(s) of {}\n", user.email),
                json: json!({ "user_id": user.id, "revoked": count }),
            }
        }
        TokenVerb::Agent { name } => {
            let token = accounts::issue_agent_token(&mut tx, &name, now).await?;
            record(app, &mut tx, Change::of_account("agent_token.add", &name)).await?;
            shown_once(&token, json!({ "name": name, "agent_token": token.expose() }))
        }
        TokenVerb::RevokeAgent { name } => {
            let count = db::agents::revoke_tokens(&mut tx, &name, now).await?;
            if count == 0 {
                return Err(Failure::failed(format!("no live agent token is called {name}")));
            }
            record(app, &mut tx, Change::of_account("agent_token.revoke", &name)).await?;
            Answer {
                text: format!("Revoked {count} agent token(s) called {name}\n"),
                json: json!({ "name": name, "revoked": count }),
            }
        }
    };
    tx.commit().await?;
    Ok(answer)
}

fn list_tokens(tokens: &[Token]) -> Answer {
    let line = |token: &Token| {
        let end = token.expires_at.map(|at| format!("  until {}", at.to_iso())).unwrap_or_default();
        let name = token.name.as_deref().unwrap_or("(personal)");
        format!("{}  {:7}  {name}{end}\n", token.id, token.scope.as_str())
    };
    let row = |token: &Token| {
        json!({
            "token_id": token.id,
            "name": token.name,
            "scope": token.scope,
            "expires_at": token.expires_at.map(Millis::to_iso),
            "last_used_at": token.last_used_at.map(Millis::to_iso),
        })
    };
    let json = tokens.iter().map(row).collect();
    Answer { text: tokens.iter().map(line).collect(), json }
}

fn shown_once(token: &Secret, json: Value) -> Answer {
    Answer { text: format!("Access token, shown only this once: {}\n", token.expose()), json }
}
