//! Every delivery of the corpus, in the order in which a provider would send
//! it, through the router into builds and reasons.

use super::*;

/// A delivery: file, headers, and what comes of it.
type Step = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const GITHUB: &[Step] = &[
    ("github/ping", &[("x-github-event", "ping")], "ping"),
    ("github/create", &[("x-github-event", "create")], "branch created"),
    ("github/push", &[("x-github-event", "push")], "built #1"),
    ("github/push_skip", &[("x-github-event", "push")], "skipped: [ci skip] in the commit message"),
    ("github/push", &[("x-github-event", "push")], "duplicate of #1"),
    ("github/push_forced", &[("x-github-event", "push")], "built #2"),
    ("github/push_new_branch", &[("x-github-event", "push")], "built #3"),
    ("github/push_deleted", &[("x-github-event", "push")], "branch deleted"),
    ("github/push_new_branch", &[("x-github-event", "push")], "built #4"),
    ("github/push_tag", &[("x-github-event", "push")], "built #5"),
    ("github/push_tag", &[("x-github-event", "push")], "duplicate of #5"),
    ("github/delete", &[("x-github-event", "delete")], "tag deleted"),
    ("github/push_note", &[("x-github-event", "push")], "ignored: nothing that could be built"),
    ("github/issues", &[("x-github-event", "issues")], "ignored: nothing that could be built"),
    ("github/pull_request_opened", &[("x-github-event", "pull_request")], "built #6"),
    ("github/pull_request_opened", &[("x-github-event", "pull_request")], "duplicate of #6"),
    (
        "github/pull_request_edited",
        &[("x-github-event", "pull_request")],
        "skipped: no new commits",
    ),
    ("github/pull_request_synchronize", &[("x-github-event", "pull_request")], "built #7"),
    (
        "github/pull_request_skip",
        &[("x-github-event", "pull_request")],
        "skipped: [skip ci] in the title",
    ),
    ("github/pull_request_closed", &[("x-github-event", "pull_request")], "pull request closed"),
    (
        "github/pull_request_fork",
        &[("x-github-event", "pull_request")],
        "skipped: pull requests from this fork are not built",
    ),
    (
        "github/pull_request_fork_deleted",
        &[("x-github-event", "pull_request")],
        "pull request closed",
    ),
];

const GITLAB: &[Step] = &[
    ("gitlab/push", &[("x-gitlab-event", "Push Hook")], "built #1"),
    ("gitlab/push_many", &[("x-gitlab-event", "Push Hook")], "duplicate of #1"),
    ("gitlab/tag_push", &[("x-gitlab-event", "Tag Push Hook")], "built #2"),
    ("gitlab/merge_request_open", &[("x-gitlab-event", "Merge Request Hook")], "built #3"),
    (
        "gitlab/merge_request_edit",
        &[("x-gitlab-event", "Merge Request Hook")],
        "skipped: no new commits",
    ),
    ("gitlab/merge_request_update", &[("x-gitlab-event", "Merge Request Hook")], "built #4"),
    (
        "gitlab/merge_request_fork",
        &[("x-gitlab-event", "Merge Request Hook")],
        "skipped: pull requests from this fork are not built",
    ),
    (
        "gitlab/merge_request_merge",
        &[("x-gitlab-event", "Merge Request Hook")],
        "pull request closed",
    ),
    ("gitlab/push_deleted", &[("x-gitlab-event", "Push Hook")], "branch deleted"),
    ("gitlab/note", &[("x-gitlab-event", "Note Hook")], "ignored: nothing that could be built"),
];

const BITBUCKET: &[Step] = &[
    (
        "bitbucket/push",
        &[("x-event-key", "repo:push")],
        "push to main: built #1; tag v3: built #2; branch old deleted: branch deleted",
    ),
    ("bitbucket/pullrequest_created", &[("x-event-key", "pullrequest:created")], "built #3"),
    // An edit of the title looks like this, too.
    ("bitbucket/pullrequest_created", &[("x-event-key", "pullrequest:updated")], "duplicate of #3"),
    ("bitbucket/pullrequest_updated", &[("x-event-key", "pullrequest:updated")], "built #4"),
    (
        "bitbucket/pullrequest_fork",
        &[("x-event-key", "pullrequest:created")],
        "skipped: pull requests from this fork are not built",
    ),
    (
        "bitbucket/pullrequest_fulfilled",
        &[("x-event-key", "pullrequest:fulfilled")],
        "pull request closed",
    ),
    (
        "bitbucket/pullrequest_rejected",
        &[("x-event-key", "pullrequest:rejected")],
        "pull request closed",
    ),
];

const BITBUCKET_SERVER: &[Step] = &[
    ("bitbucket_server/ping", &[("x-event-key", "diagnostics:ping")], "ping"),
    (
        "bitbucket_server/refs_changed",
        &[("x-event-key", "repo:refs_changed")],
        "push to main: built #1; tag v1: built #2; branch old deleted: branch deleted",
    ),
    ("bitbucket_server/pr_opened", &[("x-event-key", "pr:opened")], "built #3"),
    ("bitbucket_server/pr_from_ref_updated", &[("x-event-key", "pr:from_ref_updated")], "built #4"),
    (
        "bitbucket_server/pr_fork",
        &[("x-event-key", "pr:opened")],
        "skipped: pull requests from this fork are not built",
    ),
    ("bitbucket_server/pr_merged", &[("x-event-key", "pr:merged")], "pull request closed"),
    // The plug-in sends no header.
    ("bitbucket_server/post_receive", &[], "duplicate of #1"),
];

const GITEA: &[Step] = &[
    // GitHub's header as well, as Gitea sends them.
    ("gitea/push", &[("x-gitea-event", "push"), ("x-github-event", "push")], "built #1"),
    ("gitea/push_many", &[("x-forgejo-event", "push")], "duplicate of #1"),
    ("gitea/create", &[("x-gitea-event", "create")], "branch created"),
    ("gitea/delete", &[("x-gitea-event", "delete")], "branch deleted"),
    ("gitea/pull_request_opened", &[("x-gitea-event", "pull_request")], "built #2"),
    ("gitea/pull_request_sync", &[("x-gitea-event", "pull_request_sync")], "built #3"),
];

const BEANSTALK: &[Step] = &[
    ("beanstalk/create_branch", &[], "branch created"),
    ("beanstalk/push", &[], "built #1"),
    ("beanstalk/delete_branch", &[], "branch deleted"),
    ("beanstalk/create_tag", &[], "ignored: nothing that could be built"),
    ("beanstalk/delete_tag", &[], "tag deleted"),
    ("beanstalk/deploy", &[], "ignored: nothing that could be built"),
];

const OTHERS: &[Step] = &[
    ("gitolite/push", &[], "built #1"),
    (
        "kiln/push",
        &[],
        "push to feature: built #2; push to main: duplicate of #1; tag v9: built #3",
    ),
    ("azure/push", &[], "duplicate of #1"),
    ("azure/pullrequest_created", &[], "built #4"),
    ("azure/pullrequest_updated", &[], "built #5"),
    ("azure/pullrequest_completed", &[], "pull request closed"),
    ("azure/pullrequest_fork", &[], "skipped: the fork's repository cannot be told"),
];

/// `repository` is the app's, on a host where nobody listens.
async fn replay(app: TestApp, repository: &str, steps: &[Step]) {
    let hooked = Hooked::set(app, &format!("http://127.0.0.1:9/{repository}.git")).await;
    for (index, (name, headers, verdict)) in steps.iter().enumerate() {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", std::str::from_utf8(&fixture(name)).unwrap())
            .finish();
        // Providers send one or the other (TRG-4).
        let (media, body) = match index % 2 {
            0 => ("application/json", fixture(name)),
            _ => ("application/x-www-form-urlencoded", form.into_bytes()),
        };
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", media)]).collect();
        hooked.post(&hooked.to_app(), &headers, body).await.expect(200);
        hooked.work().await;
        assert_eq!(hooked.verdict().await, *verdict, "{name}, delivery {index}");
        hooked.app.advance(1_000);
    }
    let built = steps.iter().map(|step| step.2.matches("built #").count()).sum::<usize>();
    assert_eq!(hooked.builds().await.len(), built);
}

on_both! {
    async fn github(app: TestApp) {
        replay(app, "octo-org/shop", GITHUB).await;
    }

    async fn gitlab(app: TestApp) {
        replay(app, "mobile/shop", GITLAB).await;
    }

    async fn bitbucket(app: TestApp) {
        replay(app, "team/shop", BITBUCKET).await;
    }

    async fn bitbucket_server(app: TestApp) {
        replay(app, "scm/PRJ/shop", BITBUCKET_SERVER).await;
    }

    async fn gitea(app: TestApp) {
        replay(app, "team/shop", GITEA).await;
    }

    async fn beanstalk(app: TestApp) {
        replay(app, "team/shop", BEANSTALK).await;
    }

    async fn gitolite_kiln_and_azure(app: TestApp) {
        replay(app, "mirror", OTHERS).await;
    }
}

#[test]
fn every_delivery_of_the_corpus_is_told() {
    let steps = [GITHUB, GITLAB, BITBUCKET, BITBUCKET_SERVER, GITEA, BEANSTALK, OTHERS].concat();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/webhooks");
    for entry in walkdir::WalkDir::new(&root) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            assert!(steps.iter().any(|step| std::path::Path::new(step.0) == name), "{name:?}");
        }
    }
}
