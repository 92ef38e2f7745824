use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::agent::fixture::remote::HttpRemote;
use crate::agent::fixture::{Repo, Scene, git};
use crate::model::build::FailureKind;
use crate::model::secret::Secret;
use crate::protocol::Credential;

const PASSWORD: &str = "s3cret/with:odd@chars%";

fn login() -> Credential {
    Credential { username: Secret::new("ada"), password: Secret::new(PASSWORD) }
}

/// Serves a copy of `repo` as `repo.git`; returns its folder and server.
async fn serve(repo: &Repo, login: Option<(&str, &str)>) -> (tempfile::TempDir, HttpRemote) {
    let folder = tempfile::tempdir().unwrap();
    let source = repo.path().to_str().unwrap();
    git(folder.path(), &["clone", "--quiet", "--bare", source, "repo.git"]);
    let remote = HttpRemote::start(folder.path(), login).await;
    (folder, remote)
}

#[tokio::test]
async fn a_clone_is_shallow_and_at_the_tip() {
    let (repo, mut scene) = Scene::of(&[("file", "old")]);
    let tip = repo.commit("second\n\nwith a body", &[("file", "new")]);
    let done = scene.run().await.succeeded();
    assert_eq!(done.read("file"), "new");
    assert_eq!(git(&done.workspace(), &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(git(&done.workspace(), &["remote", "get-url", "origin"]), repo.url());
    done.shows(&format!("{tip} second (Ada Lovelace)"));
}

#[tokio::test]
async fn an_empty_branch_is_the_default_branch() {
    let (repo, mut scene) =
        Scene::of(&[("buddybuild_postclone.sh", "echo on $BUDDYBUILD_BRANCH\n")]);
    repo.git(&["branch", "-m", "trunk"]);
    scene.assignment.source.branch = String::new();
    scene.run().await.succeeded().shows("on trunk");
    let (_folder, remote) = serve(&repo, None).await;
    scene.assignment.source.repo_url = format!("{}/repo.git", remote.url);
    scene.run().await.succeeded();
}

/// What EXE-5 promises to scripts.
const FETCH_MORE: &str = "#!/bin/bash
set -e
git fetch --quiet --unshallow
echo \"commits: $(git rev-list --count HEAD)\"
git remote set-branches --add origin side
git fetch --quiet
echo \"side: $(git log -1 --format=%s origin/side)\"
";

fn repo_with_side_branch(script: &str) -> Repo {
    let repo = Repo::new(&[("buddybuild_postclone.sh", script)]);
    repo.commit("second", &[]);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.commit("on the side", &[("side", "")]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit("third", &[]);
    repo
}

#[tokio::test]
async fn scripts_can_fetch_the_rest_of_a_local_remote() {
    let repo = repo_with_side_branch(FETCH_MORE);
    let done = Scene::new(&repo.url()).run().await.succeeded();
    done.shows("commits: 3");
    done.shows("side: on the side");
}

#[tokio::test]
async fn scripts_can_fetch_with_the_credential_which_shows_nowhere() {
    let script = format!(
        "{FETCH_MORE}env > env.txt\ncat .git/config > config.txt\nGIT_TRACE=\"$PWD/trace.txt\" git fetch --quiet
git credential fill <<< $'protocol=http\\nhost='\"$(git remote get-url origin | cut -d/ -f3)\"
find \"$HOME\" -type f -print0 | xargs -0 cat > home.txt
"
    );
    let repo = repo_with_side_branch(&script);
    let (_folder, remote) = serve(&repo, Some(("ada", PASSWORD))).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    scene.assignment.source.credential = Some(login());
    let done = scene.run().await.succeeded();
    done.shows("commits: 3");
    done.shows("side: on the side");
    // `git credential fill` prints it, which proves that it was usable.
    done.shows("password=********");
    assert_eq!(done.read(".git/config").lines().filter(|l| l.contains(&remote.url)).count(), 1);
    // The arguments of every process that git starts, as `ps` would show them.
    let trace = done.read("trace.txt");
    assert!(trace.contains("credential-store"), "{trace}");
    let encoded = "s3cret%2Fwith%3Aodd%40chars%25";
    for text in [
        &done.log,
        &done.read("env.txt"),
        &done.read("config.txt"),
        &trace,
        &done.read("home.txt"),
        &everything_below(&scene.work.path().join("mirrors")),
        &everything_below(&done.root),
    ] {
        assert!(!text.contains(PASSWORD) && !text.contains(encoded), "the password is in:\n{text}");
    }
}

fn everything_below(folder: &Path) -> String {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned())
        .collect()
}

#[tokio::test]
async fn a_wrong_credential_fails_with_the_words_of_git() {
    let repo = Repo::new(&[]);
    let (_folder, remote) = serve(&repo, Some(("ada", PASSWORD))).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    let done = scene.run().await.failed(FailureKind::CloneFailed, "could not read Username");
    done.shows("fatal: could not read Username");
    let wrong = Credential { username: Secret::new("ada"), password: Secret::new("wrong-one") };
    scene.assignment.source.credential = Some(wrong);
    let done = scene.run().await.failed(FailureKind::CloneFailed, "Authentication failed");
    done.shows("fatal: Authentication failed for");
    assert!(!done.log.contains("wrong-one"), "{}", done.log);
}

#[tokio::test]
async fn what_is_not_there_fails_with_the_words_of_git() {
    let repo = Repo::new(&[]);
    let (_folder, remote) = serve(&repo, None).await;
    let cases = [
        (repo.url(), "nowhere", "Remote branch nowhere not found in upstream origin"),
        (format!("{}/repo.git", remote.url), "nowhere", "Remote branch nowhere not found"),
        (format!("{}/other.git", remote.url), "main", "not found"),
        ("/does/not/exist".to_owned(), "main", "does not exist"),
        ("http://127.0.0.1:1/x".to_owned(), "main", "unable to access"),
        (repo.url(), "--upload-pack=x", "not allowed to start with a dash"),
        ("ext::sh -c true".to_owned(), "main", "of a transport that is not allowed"),
    ];
    for (url, branch, words) in cases {
        let mut scene = Scene::new(&url);
        scene.assignment.source.branch = branch.to_owned();
        scene.run().await.failed(FailureKind::CloneFailed, words);
    }
}

#[tokio::test]
async fn a_tag_is_not_a_branch() {
    let (repo, mut scene) = Scene::of(&[]);
    repo.git(&["tag", "v1"]);
    scene.assignment.source.branch = "v1".to_owned();
    scene.run().await.failed(FailureKind::CloneFailed, "\"v1\" is not a branch");
}

#[tokio::test]
async fn a_given_commit_is_built_on_its_branch() {
    let repo = Repo::new(&[
        ("file", "one"),
        ("buddybuild_postclone.sh", "echo on $(git branch --show-current)\n"),
    ]);
    let wanted = repo.commit("two", &[("file", "two")]);
    repo.commit("three", &[("file", "three")]);
    let (_folder, remote) = serve(&repo, None).await;
    for url in [repo.url(), format!("{}/repo.git", remote.url)] {
        let mut scene = Scene::new(&url);
        scene.assignment.source.commit = Some(wanted.clone());
        let done = scene.run().await.succeeded();
        assert_eq!(done.read("file"), "two");
        assert_eq!(git(&done.workspace(), &["rev-parse", "HEAD"]), wanted);
        done.shows("on main");
        scene.assignment.source.commit = Some("0".repeat(40));
        scene.run().await.failed(FailureKind::CloneFailed, "");
    }
    let mut scene = Scene::new(&repo.url());
    scene.assignment.source.commit = Some("--exec=x".to_owned());
    scene.run().await.failed(FailureKind::CloneFailed, "not 40 or 64 hex characters");
}

#[tokio::test]
async fn the_mirror_follows_the_remote_and_heals() {
    let repo = Repo::new(&[("file", "one"), ("large", &noise(10 << 20))]);
    let (folder, remote) = serve(&repo, None).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    assert_eq!(scene.run().await.succeeded().read("file"), "one");
    let asked = remote.fetches.asked.load(Ordering::SeqCst);
    assert_eq!(asked, 1, "the mirror is made of the clone");
    let push = |text: &str, branch: &str| {
        repo.commit("next", &[("file", text)]);
        let target = folder.path().join("repo.git");
        let refspec = format!("+HEAD:refs/heads/{branch}");
        repo.git(&["push", "--quiet", target.to_str().unwrap(), &refspec]);
    };
    push("two", "main");
    assert_eq!(scene.run().await.succeeded().read("file"), "two");

    let mirrors = scene.work.path().join("mirrors");
    let mirror = fs::read_dir(&mirrors).unwrap().flatten().map(|entry| entry.path());
    let mirror =
        mirror.into_iter().find(|path| path.extension().is_some_and(|e| e == "git")).unwrap();
    for damage in ["objects", "refs", "config"] {
        let place = mirror.join(damage);
        if place.is_dir() {
            fs::remove_dir_all(&place).unwrap()
        } else {
            fs::write(&place, "[broken").unwrap()
        }
        push(damage, "main");
        assert_eq!(scene.run().await.succeeded().read("file"), damage);
    }

    // A branch that could not stand beside its folder in one mirror.
    git(&folder.path().join("repo.git"), &["branch", "-D", "main"]);
    push("nested", "main/nested");
    scene.assignment.source.branch = "main/nested".to_owned();
    assert_eq!(scene.run().await.succeeded().read("file"), "nested");

    // Nothing of the mirror is built when the remote is away.
    remote.is_down.store(true, Ordering::Relaxed);
    scene.run().await.failed(FailureKind::CloneFailed, "503");
}

/// Hex digits that pack to half of their number, the same each time.
pub(super) fn noise(digits: usize) -> String {
    let mut state = 1_u64;
    let word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:08x}", state >> 32)
    };
    std::iter::repeat_with(word).take(digits / 8).collect()
}

#[tokio::test]
async fn a_small_repository_needs_no_mirror() {
    let repo = Repo::new(&[("file", "one")]);
    let (_folder, remote) = serve(&repo, None).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    for runs in 1..=2 {
        assert_eq!(scene.run().await.succeeded().read("file"), "one");
        assert_eq!(remote.fetches.asked.load(Ordering::SeqCst), runs);
    }
    assert!(!scene.work.path().join("mirrors").exists());
}

#[tokio::test]
async fn two_slots_share_a_mirror() {
    let repo = Repo::new(&[("file", "one"), ("large", &noise(10 << 20))]);
    let (_folder, remote) = serve(&repo, None).await;
    let url = format!("{}/repo.git", remote.url);
    let (mut one, mut two) = (Scene::new(&url), Scene::new(&url));
    let shared = tempfile::tempdir().unwrap();
    for scene in [&one, &two] {
        std::os::unix::fs::symlink(shared.path(), scene.work.path().join("mirrors")).unwrap();
    }
    // Both make it, then both use it.
    for _ in 0..2 {
        let (first, second) = tokio::join!(one.run(), two.run());
        assert_eq!(first.succeeded().read("file"), "one");
        assert_eq!(second.succeeded().read("file"), "one");
    }
    let mirrors = fs::read_dir(shared.path()).unwrap().flatten();
    let mirrors = mirrors.filter(|entry| entry.path().extension().is_some_and(|e| e == "git"));
    assert_eq!(mirrors.count(), 1);
}

#[tokio::test]
async fn submodules_come_along_recursively() {
    let leaf = Repo::new(&[("leaf.txt", "leaf")]);
    let middle = Repo::new(&[]);
    middle.git(&["submodule", "--quiet", "add", &leaf.url(), "leaf"]);
    middle.commit("with a submodule", &[("middle.txt", "middle")]);
    let repo = Repo::new(&[]);
    repo.git(&["submodule", "--quiet", "add", &middle.url(), "deps/middle"]);
    repo.commit("with a submodule", &[]);
    // The submodule has moved on since.
    middle.commit("later", &[("middle.txt", "later")]);
    let mut scene = Scene::new(&repo.url());
    let done = scene.run().await.succeeded();
    assert_eq!(done.read("deps/middle/middle.txt"), "middle");
    assert_eq!(done.read("deps/middle/leaf/leaf.txt"), "leaf");
}

#[tokio::test]
async fn private_submodules_use_the_credential_of_the_app() {
    let child = Repo::new(&[("child.txt", "child")]);
    let parent = Repo::new(&[]);
    parent.git(&["submodule", "--quiet", "add", &child.url(), "child"]);
    parent.git(&["config", "--file", ".gitmodules", "submodule.child.url", "../child.git"]);
    parent.commit("with a submodule", &[]);
    let (folder, remote) = serve(&parent, Some(("ada", PASSWORD))).await;
    git(
        folder.path(),
        &["clone", "--quiet", "--bare", child.path().to_str().unwrap(), "child.git"],
    );
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    scene.assignment.source.credential = Some(login());
    assert_eq!(scene.run().await.succeeded().read("child/child.txt"), "child");
}

#[tokio::test]
async fn a_submodule_may_not_name_a_folder_of_the_machine() {
    let child = Repo::new(&[("child.txt", "child")]);
    let parent = Repo::new(&[]);
    parent.git(&["submodule", "--quiet", "add", &child.url(), "child"]);
    parent.commit("with a submodule", &[]);
    let (_folder, remote) = serve(&parent, None).await;
    let mut scene = Scene::new(&format!("{}/repo.git", remote.url));
    let done = scene.run().await.failed(FailureKind::CloneFailed, "");
    done.shows("transport 'file' not allowed");
}

#[tokio::test]
async fn missing_lfs_is_said_and_left_at_that() {
    if crate::git::checkout::has_lfs() {
        // The line is for machines without it.
        return;
    }
    for place in [".gitattributes", "assets/.gitattributes"] {
        let (_repo, mut scene) =
            Scene::of(&[(place, "*.bin filter=lfs diff=lfs merge=lfs -text\n")]);
        scene.run().await.succeeded().shows("git LFS, which is not installed");
    }
    let (_repo, mut scene) = Scene::of(&[("assets/.gitattributes", "*.txt text\n")]);
    assert!(!scene.run().await.succeeded().log.contains("LFS"));
}

#[tokio::test]
async fn a_repository_of_another_user_can_be_built() {
    let (repo, mut scene) = Scene::of(&[("file", "theirs")]);
    // Only root may give a folder away; for others there is nothing to test.
    if std::os::unix::fs::chown(repo.path(), Some(12_345), None).is_ok() {
        let git = std::os::unix::fs::chown(repo.path().join(".git"), Some(12_345), None);
        assert!(git.is_ok());
    }
    assert_eq!(scene.run().await.succeeded().read("file"), "theirs");
}
