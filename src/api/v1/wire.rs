//! The JSON of api.md sections 2 and 4, member by member. Shapes only: where a
//! member's value takes a decision, that was taken before it gets here. Text
//! is borrowed from the rows, because showing a build must cost next to nothing.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::v1::packages::Package;
use crate::model;
use crate::model::artifact::ArtifactKind;
use crate::model::build::BuildStatus;
use crate::model::ids::BuildId;
use crate::model::origin::Base;
use crate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};
use crate::model::time::Millis;

/// What every failed call answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Error<'a> {
    /// One sentence; wrong parameters are named in it.
    #[schema(example = "Not Found")]
    pub error: &'a str,
}

/// An app, as the list of apps shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct App<'a> {
    #[schema(example = "58a4e7ce2f5d8a01002b9c1d")]
    pub _id: &'a str,
    /// Display name.
    pub app_name: &'a str,
    /// `ios` (also tvOS and watchOS) or `android`.
    #[schema(value_type = Platform)]
    pub platform: &'static str,
}

/// What an app is built for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Platform {
    Ios,
    Android,
}

/// A branch known from a build or from the remote.
#[derive(Debug, Serialize, ToSchema)]
pub struct Branch<'a> {
    #[schema(example = "master")]
    pub name: &'a str,
}

/// One build.
#[derive(Debug, Serialize, ToSchema)]
pub struct Build<'a> {
    #[schema(example = "58b8a3d26e5c4c01002d4a1f")]
    pub _id: &'a str,
    #[schema(example = "58a4e7ce2f5d8a01002b9c1d")]
    pub app_id: &'a str,
    /// Clone URL as configured, without credentials.
    pub repo_url: &'a str,
    #[schema(value_type = Status)]
    pub build_status: &'static str,
    /// True once the status will not change any more.
    pub finished: bool,
    pub commit_info: CommitInfo<'a>,
    /// Counts per app, from 1.
    pub build_number: i64,
    /// When it was queued. All times are ISO 8601 UTC with milliseconds.
    #[schema(format = DateTime, example = "2017-03-02T22:13:26.728Z")]
    pub created_at: String,
    /// Null while queued; never null once finished.
    #[schema(format = DateTime, required)]
    pub started_at: Option<String>,
    /// Null until finished.
    #[schema(format = DateTime, required)]
    pub finished_at: Option<String>,
    /// Without members when no tests ran.
    pub test_summary: TestSummary,
    pub links: Links<'a>,
    /// Empty if the app has no schemes.
    pub scheme_name: &'a str,
    /// Only on pull-request builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request_destination_commit_info: Option<PullRequestTarget<'a>>,
    /// Only when one queued build is shown: why it has not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_reason: Option<String>,
}

/// The five states of a build.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Status {
    Queued,
    Running,
    Success,
    Failed,
    Cancelled,
}

/// The commit that was built.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitInfo<'a> {
    /// Tag names of a tag build.
    pub tags: Vec<&'a str>,
    pub branch: &'a str,
    /// 40 lowercase hex; empty until the agent has resolved it.
    pub commit_sha: &'a str,
    pub author: &'a str,
    /// The full message, with its line breaks.
    pub message: &'a str,
    /// Web page of the commit; empty, never null, when unknown.
    pub html_url: &'a str,
}

/// The tip that a pull request wants to merge into.
#[derive(Debug, Serialize, ToSchema)]
pub struct PullRequestTarget<'a> {
    #[serde(flatten)]
    pub commit: CommitInfo<'a>,
    /// `mergeable`, `conflicting` or `unknown`.
    pub merge_status: &'a str,
}

/// Either no members at all or all of them.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TestSummary {
    /// Pairs of run and test; skipped tests are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests_passed: Option<i64>,
    /// A fraction 0..1, in spite of its name; 0 without coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_coverage_percentage: Option<f64>,
}

/// Where the build can be fetched. Both are empty when there is nothing.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Links<'a> {
    pub download: Vec<Link<'a>>,
    pub install: Vec<Link<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Link<'a> {
    /// `<scheme> - <configuration>`, or the variant on Android.
    pub name: &'a str,
    /// Works without a token until its signature expires.
    pub url: String,
}

/// The first build that a trigger has queued.
#[derive(Debug, Serialize, ToSchema)]
pub struct Triggered<'a> {
    #[schema(example = "58b8a3d26e5c4c01002d4a1f")]
    pub build_id: &'a str,
}

/// Test results of one build.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestResults<'a> {
    pub build_id: &'a str,
    pub tests: Vec<Test<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Test<'a> {
    /// Device or label; custom reports: the artifact folder's name.
    pub run: &'a str,
    /// Test bundle; custom reports: the report's file stem.
    pub target: &'a str,
    /// Class or suite.
    pub suite: &'a str,
    pub name: &'a str,
    /// The same as `name`: known clients read this one.
    pub test: &'a str,
    #[schema(value_type = TestStatus)]
    pub status: &'static str,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum TestStatus {
    Success,
    Failed,
}

/// Coverage of one build; all figures are fractions 0..1.
#[derive(Debug, Serialize, ToSchema)]
pub struct Coverage<'a> {
    /// The plain mean of the targets' figures; 0 without targets.
    pub coverage: f64,
    pub build_id: &'a str,
    pub targets: Vec<CoverageTarget<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageTarget<'a> {
    pub name: &'a str,
    pub coverage: f64,
    /// Only if file coverage was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<CoverageFile<'a>>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageFile<'a> {
    pub name: &'a str,
    pub path: &'a str,
    pub coverage: f64,
    /// Only if function coverage was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<Vec<CoverageFunction<'a>>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageFunction<'a> {
    pub name: &'a str,
    pub coverage: f64,
}

/// A file that a build has left behind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Artifact<'a> {
    pub _id: &'a str,
    pub build_id: &'a str,
    /// File name without folders.
    pub name: &'a str,
    /// Relative to the folder it was collected from.
    pub path: &'a str,
    /// The rule that collected it.
    #[schema(value_type = Kind)]
    pub kind: &'static str,
    /// Bytes.
    pub size: i64,
    /// 64 lowercase hex.
    pub sha256: &'a str,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Works without a token until its signature expires.
    pub url: String,
    /// Only of app packages that an agent has read, or tried to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package<'a>>,
}

/// `product` and `apk` come from the folders of that name, `file` from a glob.
#[derive(ToSchema)]
#[schema(as = ArtifactKind, rename_all = "lowercase")]
pub enum Kind {
    Product,
    Apk,
    File,
}

/// How deep a coverage answer goes (api.md 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    Targets,
    Files,
    Functions,
}

impl<'a> App<'a> {
    pub fn of(app: &'a model::app::App) -> Self {
        Self { _id: app.id.as_str(), app_name: &app.name, platform: app.platform.as_str() }
    }
}

impl<'a> Branch<'a> {
    pub fn of(branch: &'a model::app::Branch) -> Self {
        Self { name: &branch.name }
    }
}

impl<'a> Build<'a> {
    /// `html_url` is the commit's web page, `""` when unknown; `links` carry
    /// their signatures already.
    pub fn of(build: &'a model::build::Build, html_url: &'a str, links: Links<'a>) -> Self {
        Self {
            _id: build.id.as_str(),
            app_id: build.app_id.as_str(),
            repo_url: &build.repo_url,
            build_status: build.status.as_str(),
            finished: build.status.is_finished(),
            commit_info: CommitInfo::of(build, html_url),
            build_number: build.number,
            created_at: build.created_at.to_iso(),
            started_at: started_at(build).map(Millis::to_iso),
            finished_at: build.finished_at.map(Millis::to_iso),
            test_summary: TestSummary::of(build),
            links,
            scheme_name: &build.scheme,
            pull_request_destination_commit_info: None,
            waiting_reason: None,
        }
    }

    /// The same, of a pull request that wants to merge into `base`, whose
    /// commit has the web page `html_url`.
    #[must_use]
    pub fn merged_into(mut self, base: &'a Base, html_url: &'a str) -> Self {
        let Base { branch, sha, author, message, merge_status } = base;
        let tags = Vec::new();
        let commit = CommitInfo { tags, branch, commit_sha: sha, author, message, html_url };
        let merge_status = merge_status.as_str();
        self.pull_request_destination_commit_info =
            Some(PullRequestTarget { commit, merge_status });
        self
    }
}

/// Clients subtract the start from the end of every finished build, also of
/// one that was cancelled before it started (api.md 2.1).
fn started_at(build: &model::build::Build) -> Option<Millis> {
    match build.status {
        BuildStatus::Queued => None,
        status if status.is_finished() => build.started_at.or(build.finished_at),
        _ => build.started_at,
    }
}

impl<'a> CommitInfo<'a> {
    fn of(build: &'a model::build::Build, html_url: &'a str) -> Self {
        Self {
            tags: build.branch.strip_prefix("tag:").into_iter().collect(),
            branch: &build.branch,
            commit_sha: &build.commit_sha,
            author: &build.commit_author,
            message: &build.commit_message,
            html_url,
        }
    }
}

impl TestSummary {
    fn of(build: &model::build::Build) -> Self {
        match build.tests_count {
            None => Self::default(),
            Some(count) => Self {
                tests_count: Some(count),
                tests_passed: Some(build.tests_passed.unwrap_or(0)),
                code_coverage_percentage: Some(build.coverage.unwrap_or(0.0)),
            },
        }
    }
}

impl<'a> Test<'a> {
    pub fn of(result: &'a TestResult) -> Self {
        Self {
            run: &result.run,
            target: &result.target,
            suite: &result.suite,
            name: &result.name,
            test: &result.name,
            status: if result.passed { "success" } else { "failed" },
        }
    }
}

impl<'a> Coverage<'a> {
    pub fn of(build_id: &'a BuildId, targets: &'a [TargetCoverage], depth: Depth) -> Self {
        let figures: Vec<f64> = targets.iter().map(|target| target.coverage).collect();
        let targets = targets.iter().map(|target| CoverageTarget {
            name: &target.name,
            coverage: target.coverage,
            files: (depth >= Depth::Files)
                .then(|| target.files.iter().map(|file| CoverageFile::of(file, depth)).collect()),
        });
        Self {
            coverage: model::report::mean_coverage(&figures),
            build_id: build_id.as_str(),
            targets: targets.collect(),
        }
    }
}

impl<'a> CoverageFile<'a> {
    fn of(file: &'a FileCoverage, depth: Depth) -> Self {
        let functions = || file.functions.iter().map(CoverageFunction::of).collect();
        Self {
            name: &file.name,
            path: &file.path,
            coverage: file.coverage,
            functions: (depth >= Depth::Functions).then(functions),
        }
    }
}

impl<'a> CoverageFunction<'a> {
    fn of(function: &'a FunctionCoverage) -> Self {
        Self { name: &function.name, coverage: function.coverage }
    }
}

impl<'a> Artifact<'a> {
    /// `url` is absolute and carries its signature.
    pub fn of(
        artifact: &'a model::artifact::Artifact,
        url: String,
        package: Option<Package<'a>>,
    ) -> Self {
        Self {
            package,
            _id: artifact.id.as_str(),
            build_id: artifact.build_id.as_str(),
            name: &artifact.name,
            path: &artifact.path,
            kind: ArtifactKind::as_str(artifact.kind),
            size: artifact.bytes,
            sha256: &artifact.sha256,
            created_at: artifact.created_at.to_iso(),
            url,
        }
    }
}
