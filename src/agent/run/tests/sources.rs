use std::fs;
use std::path::PathBuf;

use crate::agent::fixture::remote::HttpRemote;
use crate::agent::fixture::{Repo, Scene, git};
use crate::model::build::FailureKind;
use crate::model::secret::Secret;
use crate::protocol::{Credential, PullSource};

/// Prints what a script of a pull request relies on (EXE-6, EXE-16).
const SHOW: &str = "#!/bin/bash
set -e
echo \"branch=[$BUDDYBUILD_BRANCH] base=[$BUDDYBUILD_BASE_BRANCH] pull=[$BUDDYBUILD_PULL_REQUEST]\"
echo \"on=[$(git branch --show-current)] tag=[$(git describe --tags --exact-match 2>/dev/null || true)]\"
if [ -n \"$BUDDYBUILD_BASE_BRANCH\" ]; then
  echo \"changed=[$(git diff --name-only \"origin/$BUDDYBUILD_BASE_BRANCH\"... | tr '\\n' ' ')]\"
fi
";

/// A repository with a base that moved on after `add` parted from it.
struct Pull {
    repo: Repo,
    folder: tempfile::TempDir,
    head: String,
    base: String,
}

impl Pull {
    /// `before` commits on main, then a branch `add` of `ahead` commits, and as
    /// many on main beside it.
    fn new(before: usize, ahead: usize) -> Self {
        let repo = Repo::new(&[("buddybuild_postclone.sh", SHOW), ("shared", "one\ntwo\nthree\n")]);
        for number in 0..before {
            repo.commit(&format!("before {number}"), &[("counter", &number.to_string())]);
        }
        repo.git(&["checkout", "--quiet", "-b", "add"]);
        let mut head = repo.commit("add a feature", &[("feature", "new")]);
        for number in 1..ahead {
            head = repo.commit(&format!("feature {number}"), &[("more", &number.to_string())]);
        }
        repo.git(&["checkout", "--quiet", "main"]);
        let mut base = repo.commit("move on", &[("later", "base")]);
        for number in 1..ahead {
            base = repo.commit(&format!("on {number}"), &[("on", &number.to_string())]);
        }
        Self { repo, folder: tempfile::tempdir().unwrap(), head, base }
    }

    fn bare(&self, name: &str) -> PathBuf {
        let source = self.repo.path().to_str().unwrap();
        let target = self.folder.path().join(name);
        if !target.exists() {
            git(self.folder.path(), &["clone", "--quiet", "--bare", source, name]);
        }
        target
    }

    async fn serve(&self, login: Option<(&str, &str)>) -> HttpRemote {
        self.bare("repo.git");
        HttpRemote::start(self.folder.path(), login).await
    }
}

fn asked(scene: &mut Scene, branch: &str) {
    scene.assignment.source.branch = branch.to_owned();
    scene.assignment.source.pull_request = Some(PullSource {
        number: 12,
        base_branch: "main".to_owned(),
        head_url: None,
        fork: None,
        trusted: true,
    });
}

#[tokio::test]
async fn a_pull_request_is_merged_with_the_tip_of_its_base() {
    let pull = Pull::new(3, 2);
    let remote = pull.serve(None).await;
    for url in [pull.repo.url(), format!("{}/repo.git", remote.url)] {
        for commit in [None, Some(pull.head.clone())] {
            let mut scene = Scene::new(&url);
            asked(&mut scene, "add");
            scene.assignment.source.commit = commit;
            let done = scene.run().await.succeeded();
            assert_eq!((done.read("feature"), done.read("later")), ("new".into(), "base".into()));
            done.shows("branch=[add] base=[main] pull=[12]");
            done.shows("on=[add]");
            done.shows("changed=[feature more ]");
            let at = done.workspace();
            assert_eq!(git(&at, &["rev-parse", "HEAD^1"]), pull.base);
            assert_eq!(git(&at, &["rev-parse", "HEAD^2"]), pull.head);
            assert_eq!(git(&at, &["rev-parse", "origin/main"]), pull.base);
            assert_eq!(git(&at, &["rev-parse", "origin/add"]), pull.head);
            assert_eq!(git(&at, &["log", "-1", "--format=%an"]), "Shipmate");
            done.shows(&format!("{} feature 1 (Ada Lovelace)", pull.head));
        }
    }
}

#[tokio::test]
async fn history_is_deepened_until_the_merge_base_is_known() {
    // Deeper than the first two steps, on either side.
    let pull = Pull::new(2, 60);
    let remote = pull.serve(None).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    asked(&mut scene, "add");
    let done = scene.run().await.succeeded();
    assert_eq!((done.read("more"), done.read("on")), ("59".into(), "59".into()));
    done.shows("changed=[feature more ]");
}

#[tokio::test]
async fn a_conflict_fails_at_once_and_names_the_files() {
    let pull = Pull::new(1, 1);
    pull.repo.commit("change it", &[("shared", "one\nBASE\nthree\n"), ("both", "base")]);
    pull.repo.git(&["checkout", "--quiet", "add"]);
    pull.repo.commit("change it too", &[("shared", "one\nHEAD\nthree\n"), ("both", "head")]);
    let mut scene = Scene::new(&pull.repo.url());
    asked(&mut scene, "add");
    let words = "cannot be merged into main: conflicts in both, shared";
    let done = scene.run().await.failed(FailureKind::MergeConflict, words);
    done.shows(words);
    assert!(!done.log.contains("branch=["), "no script runs:\n{}", done.log);
}

#[tokio::test]
async fn what_is_gone_or_unrelated_is_told() {
    let pull = Pull::new(1, 1);
    let remote = pull.serve(None).await;
    let bare = pull.bare("repo.git");
    pull.repo.git(&["checkout", "--quiet", "--orphan", "alien"]);
    pull.repo.commit("from elsewhere", &[]);
    pull.repo.git(&["push", "--quiet", bare.to_str().unwrap(), "alien"]);
    for url in [pull.repo.url(), format!("{}/repo.git", remote.url)] {
        let mut scene = Scene::new(&url);
        asked(&mut scene, "alien");
        let words = "head and base have no common history";
        scene.run().await.failed(FailureKind::MergeConflict, words);
        asked(&mut scene, "gone");
        let words = "the branch \"gone\" of the pull request is not there any more";
        scene.run().await.failed(FailureKind::CloneFailed, words);
        scene.assignment.source.commit = Some("1".repeat(40));
        scene.run().await.failed(FailureKind::CloneFailed, words);
        asked(&mut scene, "add");
        let words = "the commit 1111111111111111111111111111111111111111 of the pull request";
        scene.run().await.failed(FailureKind::CloneFailed, words);
        scene.assignment.source.commit = None;
        if let Some(asked) = &mut scene.assignment.source.pull_request {
            asked.base_branch = "old".to_owned();
        }
        let words = "the branch \"old\", the base of the pull request, is not there any more";
        scene.run().await.failed(FailureKind::CloneFailed, words);
        for hostile in ["--upload-pack=x", "a..b", ""] {
            asked(&mut scene, hostile);
            scene.run().await.failed(FailureKind::CloneFailed, "the branch name is");
        }
    }
}

#[tokio::test]
async fn a_fork_is_merged_and_sees_nothing_that_opens_the_base() {
    let pull = Pull::new(1, 1);
    let remote = pull.serve(Some(("ada", "s3cret-of-the-base"))).await;
    let script = format!(
        "{SHOW}GIT_TRACE=$PWD/trace git fetch --quiet && echo fetched || echo refused
find \"$(dirname \"$HOME\")\" -type f ! -name everything -exec cat {{}} + > everything || true
cat /proc/[0-9]*/environ >> everything 2>/dev/null || true
"
    );
    let fork = Repo::new(&[]);
    fork.git(&["fetch", "--quiet", &pull.repo.url(), "main"]);
    fork.git(&["checkout", "--quiet", "-B", "main", "FETCH_HEAD"]);
    fork.commit("from a stranger", &[("buddybuild_postclone.sh", &script), ("theirs", "x")]);
    let at = pull.folder.path().join("fork.git");
    git(
        pull.folder.path(),
        &["clone", "--quiet", "--bare", fork.path().to_str().unwrap(), "fork.git"],
    );
    assert!(at.exists());
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    scene.assignment.source.credential = Some(Credential {
        username: Secret::new("ada"),
        password: Secret::new("s3cret-of-the-base"),
    });
    for trusted in [false, true] {
        asked(&mut scene, "main");
        scene.assignment.source.pull_request = Some(PullSource {
            head_url: Some(format!("{}/fork.git", remote.url)),
            fork: Some("stranger/repo".to_owned()),
            trusted,
            ..scene.assignment.source.pull_request.clone().unwrap()
        });
        let done = scene.run().await.succeeded();
        assert_eq!((done.read("theirs"), done.read("later")), ("x".into(), "base".into()));
        done.shows("branch=[stranger/repo:main] base=[main] pull=[12]");
        let held = fs::read(done.workspace().join("everything")).unwrap();
        let held = String::from_utf8_lossy(&held);
        assert_eq!(held.contains("s3cret"), trusted);
        done.shows(if trusted { "fetched" } else { "This fork is not trusted" });
        if !trusted {
            done.shows("refused");
        }
    }
}

#[tokio::test]
async fn a_tag_is_checked_out_although_a_branch_has_its_name() {
    let pull = Pull::new(1, 1);
    let tagged = git(pull.repo.path(), &["rev-parse", "HEAD~1"]);
    pull.repo.git(&["tag", "-a", "-m", "one", "v1", "HEAD~1"]);
    pull.repo.git(&["branch", "v1"]);
    let remote = pull.serve(None).await;
    for url in [pull.repo.url(), format!("{}/repo.git", remote.url)] {
        let mut scene = Scene::new(&url);
        scene.assignment.source.branch = String::new();
        scene.assignment.source.tag = Some("v1".to_owned());
        let done = scene.run().await.succeeded();
        assert_eq!(git(&done.workspace(), &["rev-parse", "HEAD"]), tagged);
        assert_eq!(git(&done.workspace(), &["rev-list", "--count", "HEAD"]), "1");
        assert_eq!(git(&done.workspace(), &["remote", "get-url", "origin"]), url);
        done.shows("branch=[tag:v1] base=[] pull=[]");
        done.shows("on=[] tag=[v1]");
        // The tag has moved since; a rebuild keeps its commit.
        scene.assignment.source.commit = Some(pull.base.clone());
        let done = scene.run().await.succeeded();
        assert_eq!(git(&done.workspace(), &["rev-parse", "HEAD"]), pull.base);
        scene.assignment.source.commit = None;
        for (tag, words) in [("v2", "couldn't find remote ref"), ("-x", "the tag name is")] {
            scene.assignment.source.tag = Some(tag.to_owned());
            scene.run().await.failed(FailureKind::CloneFailed, words);
        }
    }
}

#[tokio::test]
async fn without_cache_the_mirror_is_made_anew() {
    let repo = Repo::new(&[("file", "one"), ("large", &super::clone::noise(10 << 20))]);
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["clone", "--quiet", "--bare", repo.path().to_str().unwrap(), "repo.git"]);
    let remote = HttpRemote::start(folder.path(), None).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    scene.run().await.succeeded();
    let mirrors = scene.work.path().join("mirrors");
    let mirror = fs::read_dir(&mirrors).unwrap().flatten().map(|entry| entry.path());
    let mirror =
        mirror.into_iter().find(|path| path.extension().is_some_and(|e| e == "git")).unwrap();
    let mark = mirror.join("left-by-an-earlier-build");
    fs::write(&mark, "").unwrap();
    scene.run().await.succeeded();
    assert!(mark.exists());
    scene.assignment.without_cache = true;
    let done = scene.run().await.succeeded();
    assert_eq!(done.read("file"), "one");
    assert!(!mark.exists() && mirror.join("HEAD").exists());
}
