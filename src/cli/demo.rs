//! `serve --demo`: a small real repository, made by git on the spot, is built
//! by this server. It needs no SDK: scripts, one passing and one failing test,
//! coverage, an artifact.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::app::App;
use crate::builds::trigger::{Request, trigger};
use crate::db::wake::Topic;
use crate::distribution::groups::add_team;
use crate::model::account::User;
use crate::model::app::{App as AppRow, Platform};
use crate::model::build::{Build, Trigger};
use crate::model::ids::BuildId;
use crate::model::secret::Secret;
use crate::{accounts, apps, builds, db};

const EMAIL: &str = "demo@localhost";
const APP_NAME: &str = "Shipmate demo";
/// The demo build takes a second; waiting longer means that something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines of the log that are printed.
const TAIL: usize = 12;

const FILES: [(&str, &str); 7] = [
    ("README.md", include_str!("demo/README.md")),
    ("shipmate.yml", include_str!("demo/shipmate.yml")),
    ("greeting.sh", include_str!("demo/greeting.sh")),
    ("run_tests.sh", include_str!("demo/run_tests.sh")),
    ("buddybuild_postclone.sh", include_str!("demo/buddybuild_postclone.sh")),
    ("buddybuild_prebuild.sh", include_str!("demo/buddybuild_prebuild.sh")),
    ("buddybuild_postbuild.sh", include_str!("demo/buddybuild_postbuild.sh")),
];

/// Builds the sample once and prints what came of it.
pub async fn run(app: &App, data_dir: &Path) -> anyhow::Result<()> {
    let repository = sample_repository(data_dir).await?;
    let (user, token) = demo_user(app).await?;
    let row = demo_app(app, &user, &repository).await?;
    let branch = apps::resolve_branch(app, &row, None).await?;
    let mut tx = app.db.write().await?;
    let request = Request::tip(&row, &branch, Trigger::Api, Some(&user.id));
    let id = trigger(app, &mut tx, &request).await?;
    tx.commit().await?;
    let build = wait(app, &id).await?;
    report(app, &build, &token).await
}

async fn demo_user(app: &App) -> anyhow::Result<(User, Secret)> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let found = db::accounts::find_user_by_email(&mut tx, EMAIL).await?;
    let pair = match found {
        Some(user) => {
            let token = accounts::issue_token(&mut tx, &user.id, now).await?;
            (user, token)
        }
        None => accounts::add_user(&mut tx, EMAIL, Some("Demo"), false, now).await?,
    };
    tx.commit().await?;
    Ok(pair)
}

async fn demo_app(app: &App, user: &User, repository: &Path) -> anyhow::Result<AppRow> {
    let mut tx = app.db.write().await?;
    let org = db::accounts::find_owned_organisation(&mut tx, &user.id)
        .await?
        .context("the demo user has lost their organisation")?;
    let url = format!("file://{}", repository.display());
    let known = db::apps::list(&mut tx).await?;
    if let Some(row) = known.into_iter().find(|row| row.org_id == org.id && row.repo_url == url) {
        return Ok(row);
    }
    let new =
        apps::NewApp { org: &org.id, name: APP_NAME, platform: Platform::Android, repo_url: &url };
    let row = apps::add(app, &mut tx, &new).await?;
    let now = app.clock.now();
    add_team(&mut tx, &row, std::slice::from_ref(&user.email), now).await?;
    tx.commit().await?;
    Ok(row)
}

/// The sample as a git repository below the data folder; made once.
async fn sample_repository(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = std::path::absolute(data_dir)?.join("demo").join("sample");
    if dir.join(".git").join("HEAD").exists() {
        return Ok(dir);
    }
    tokio::fs::create_dir_all(&dir).await?;
    for (name, text) in FILES {
        tokio::fs::write(dir.join(name), text).await?;
    }
    git(&dir, &["init", "--quiet", "--initial-branch=main"]).await?;
    git(&dir, &["add", "--all"]).await?;
    git(&dir, &["update-index", "--chmod=+x", "run_tests.sh"]).await?;
    let author = ["-c", "user.name=Shipmate", "-c", "user.email=demo@localhost"];
    let commit = ["commit", "--quiet", "--message=A sample app that is built by scripts"];
    git(&dir, &[&author[..], &commit[..]].concat()).await?;
    Ok(dir)
}

async fn git(dir: &Path, args: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status()
        .await
        .context("git cannot be started; install it first")?;
    if !status.success() {
        bail!("git {} failed ({status})", args.join(" "));
    }
    Ok(())
}

async fn wait(app: &App, id: &BuildId) -> anyhow::Result<Build> {
    let mut bell = app.db.wake().on(&Topic::Build(id.clone()));
    let watch = async {
        loop {
            let mut tx = app.db.read().await?;
            let build = db::builds::find(&mut tx, id).await?.context("the demo build is gone")?;
            drop(tx);
            if build.status.is_finished() {
                return anyhow::Ok(build);
            }
            bell.wait(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, watch)
        .await
        .context("the demo build did not finish; is the in-process agent switched off?")?
}

#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
async fn report(app: &App, build: &Build, token: &Secret) -> anyhow::Result<()> {
    let api = &app.settings.public_url;
    let auth = format!("curl -sS -H 'Authorization: Bearer {}'", token.expose());
    println!();
    println!("Build #{} of \"{APP_NAME}\" ended as {}", build.number, build.status);
    if let Some(message) = &build.failure_message {
        println!("  {message}");
    }
    println!(
        "  tests passed:  {} of {}",
        build.tests_passed.unwrap_or(0),
        build.tests_count.unwrap_or(0)
    );
    println!("  coverage:      {:.0} %", build.coverage.unwrap_or(0.0) * 100.0);
    println!();
    println!("The end of its log:");
    for line in tail(app, &build.id).await? {
        println!("  | {line}");
    }
    println!();
    println!("Look at it in a browser; sign in with the access token {}:", token.expose());
    println!("{}/apps/{}/build/{}", app.settings.dashboard_url, build.app_id, build.id);
    println!("Or through the API:");
    println!("{auth} {api}/v1/builds/{}", build.id);
    println!("{auth} {api}/v1/builds/{}/tests", build.id);
    println!("{auth} {api}/v1/builds/{}/logs", build.id);
    println!("{auth} {api}/v1/builds/{}/artifacts", build.id);
    println!("Build it again:");
    println!("{auth} -X POST {api}/v1/apps/{}/builds", build.app_id);
    println!();
    println!("Demo ready. Press Ctrl-C to stop.");
    Ok(())
}

/// The last lines of the log.
async fn tail(app: &App, id: &BuildId) -> anyhow::Result<Vec<String>> {
    let mut lines = std::collections::VecDeque::new();
    let mut from = 0;
    while let Some(piece) = builds::logs::read_piece(app, id, from).await? {
        from = (piece.head.first_byte + piece.head.bytes) as u64;
        for line in String::from_utf8_lossy(&piece.text).lines() {
            lines.push_back(line.to_owned());
            if lines.len() > TAIL {
                lines.pop_front();
            }
        }
    }
    Ok(lines.into())
}
