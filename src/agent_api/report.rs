//! What an agent reports in JSON: the commit, results, the end.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::builds::{Holder, finish as ending, packages, results, source};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::reply;
use crate::model::ids::{ArtifactId, BuildId};
use crate::protocol::{CommitReport, CoverageBatch, Finish, PackageReport, TestBatch};

use super::{Agent, Message};

pub async fn commit(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(report): Message<CommitReport>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: report.attempt };
    source::record(&app, holder, &report).await?;
    Ok(reply::no_content())
}

pub async fn tests(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(batch): Message<TestBatch>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: batch.attempt };
    results::add_tests(&app, holder, &batch).await?;
    Ok(reply::no_content())
}

pub async fn coverage(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(batch): Message<CoverageBatch>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: batch.attempt };
    results::add_coverage(&app, holder, &batch).await?;
    Ok(reply::no_content())
}

pub async fn package(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathIds(build, artifact): PathIds<BuildId, ArtifactId>,
    Message(report): Message<PackageReport>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: report.attempt };
    packages::record(&app, holder, &artifact, &report).await?;
    Ok(reply::no_content())
}

pub async fn finish(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    Message(report): Message<Finish>,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: report.attempt };
    ending::finish(&app, holder, &report).await?;
    Ok(reply::no_content())
}
