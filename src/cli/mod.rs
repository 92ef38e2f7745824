//! The command line: one file per subcommand, thin over the rooms it starts or
//! the API it calls. Decides nothing about the product.
//!
//! Exit codes: 0 done, 1 failure (also: the watched build failed), 2 wrong
//! usage or settings, 3 the watched build was cancelled.

pub mod admin;
pub mod agent;
mod apps;
mod arguments;
mod artifacts;
mod branches;
pub mod build;
mod builds;
mod cancel;
mod check_config;
mod client;
mod console;
mod coverage;
mod credentials;
mod demo;
mod download;
mod failure;
mod follow;
mod import;
pub mod installation;
mod login;
mod logs;
mod pick;
mod rebuild;
mod render;
mod rotate_key;
pub mod serve;
mod show;
mod tests_of_build;
mod trigger;
mod wire;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use arguments::{ConfigArgs, ServerArgs, load};
pub use console::Console;
pub use failure::{Failure, Result};

/// Stack of a worker thread. An unoptimised build needs more than the usual
/// 2 MiB where one job asks git, decides and queues in one go.
const WORKER_STACK: usize = 8 << 20;

const EXIT_CODES: &str = "Exit codes:\n  \
    0  done\n  \
    1  failure; with --watch: the build failed\n  \
    2  wrong usage or settings\n  \
    3  with --watch: the build was cancelled";

/// Self-hosted mobile CI/CD that speaks the buddybuild API.
#[derive(Debug, Parser)]
#[command(name = "shipmate", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Run builds for a server on this machine
    Agent(agent::AgentArgs),
    /// Build a local checkout, without a server
    Build(build::BuildArgs),
    /// Manage users, apps and tokens on the server's own machine
    Admin(admin::AdminArgs),
    /// Bring the data of another server into this one, on its own machine
    Import(import::ImportArgs),
    /// Show the effective settings and where they come from, or all faults
    CheckConfig(check_config::CheckConfigArgs),
    /// Store a server address and access token for the commands below
    Login(login::LoginArgs),
    /// List the apps you can see
    Apps(apps::AppsArgs),
    /// List the branches of an app
    Branches(branches::BranchesArgs),
    /// List the builds of an app, newest first
    Builds(builds::BuildsArgs),
    /// Show one build
    Show(show::ShowArgs),
    /// Start a build
    Trigger(trigger::TriggerArgs),
    /// Build the commit of a build again
    Rebuild(rebuild::RebuildArgs),
    /// Print the log of a build
    Logs(logs::LogsArgs),
    /// Cancel a build
    Cancel(cancel::CancelArgs),
    /// Show the test results of a build
    Tests(tests_of_build::TestsArgs),
    /// Show the code coverage of a build
    Coverage(coverage::CoverageArgs),
    /// List or download the files of a build
    Artifacts(artifacts::ArtifactsArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut console = match Console::of_process() {
        Ok(console) => console,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "shipmate: no working directory: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cli = match Cli::try_parse_from(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Closed output is no fault of the command (`--help | head`).
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(WORKER_STACK)
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(run(cli, &mut console)),
        Err(error) => {
            report(Err(Failure::failed(format!("cannot start threads: {error}"))), &mut console)
        }
    };
    ExitCode::from(code)
}

/// Parses and runs a command line, the program's name first, with the given
/// console. Answers the exit code.
pub async fn run_args<I, A>(args: I, console: &mut Console) -> u8
where
    I: IntoIterator<Item = A>,
    A: Into<OsString> + Clone,
{
    match Cli::try_parse_from(args) {
        Ok(cli) => run(cli, console).await,
        Err(error) => {
            let text = error.render().to_string();
            let to = if error.use_stderr() { &mut console.err } else { &mut console.out };
            // As above.
            let _ = to.write_all(text.as_bytes());
            u8::try_from(error.exit_code()).unwrap_or(2)
        }
    }
}

async fn run(cli: Cli, console: &mut Console) -> u8 {
    let result = match cli.command {
        Command::Serve(args) => serve::run(args, console).await,
        Command::Agent(args) => agent::run(args, console).await,
        Command::Build(args) => build::run(args, console).await,
        Command::Admin(args) => admin::run(args, console).await,
        Command::Import(args) => import::run(args, console).await,
        Command::CheckConfig(args) => check_config::run(&args, console),
        Command::Login(args) => login::run(&args, console).await,
        Command::Apps(args) => apps::run(&args, console).await,
        Command::Branches(args) => branches::run(&args, console).await,
        Command::Builds(args) => builds::run(&args, console).await,
        Command::Show(args) => show::run(&args, console).await,
        Command::Trigger(args) => trigger::run(&args, console).await,
        Command::Rebuild(args) => rebuild::run(&args, console).await,
        Command::Logs(args) => logs::run(&args, console).await,
        Command::Cancel(args) => cancel::run(&args, console).await,
        Command::Tests(args) => tests_of_build::run(&args, console).await,
        Command::Coverage(args) => coverage::run(&args, console).await,
        Command::Artifacts(args) => artifacts::run(&args, console).await,
    };
    report(result, console)
}

/// Says what went wrong and answers the exit code.
fn report(result: Result, console: &mut Console) -> u8 {
    let (code, text) = match result {
        Ok(()) | Err(Failure::OutputClosed) => return 0,
        Err(Failure::Exit(code)) => return code,
        Err(Failure::Failed(text) | Failure::Away(text)) => (1, text),
        Err(Failure::Usage(text)) => (2, text),
    };
    for line in text.lines() {
        // Indented lines belong to the sentence before them.
        let who = if line.starts_with(' ') { "" } else { "shipmate: " };
        console.note(&format!("{who}{line}"));
    }
    code
}

#[cfg(test)]
mod tests;
