use super::client::authorization;
use super::*;
use crate::model::secret::Secret;

const SHA: &str = "0123456789012345678901234567890123456789";

fn status(state: StatusState) -> Status<'static> {
    Status {
        sha: SHA,
        state,
        context: "shipmate/Shop",
        description: "Build #1",
        url: "https://ci.example.org/apps/a/build/b",
    }
}

#[test]
fn each_provider_has_its_words() {
    use StatusState::{Error, Failure, Pending, Success};
    let (url, token) = ("git@host.example.org:group/sub group/repo.git", Secret::new("t"));
    let cases = [
        (
            Provider::Github,
            format!("/repos/group/sub%20group/repo/statuses/{SHA}"),
            ["pending", "success", "failure", "error"],
        ),
        (
            Provider::Gitlab,
            format!("/api/v4/projects/group%2Fsub%20group%2Frepo/statuses/{SHA}"),
            ["pending", "success", "failed", "canceled"],
        ),
        (
            Provider::Bitbucket,
            format!("/2.0/repositories/group/sub%20group/repo/commit/{SHA}/statuses/build"),
            ["INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"],
        ),
        (
            Provider::BitbucketServer,
            format!("/rest/build-status/1.0/commits/{SHA}"),
            ["INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED"],
        ),
        (
            Provider::Gitea,
            format!("/api/v1/repos/group/sub%20group/repo/statuses/{SHA}"),
            ["pending", "success", "failure", "error"],
        ),
    ];
    for (provider, path, words) in cases {
        for (state, word) in [Pending, Success, Failure, Error].into_iter().zip(words) {
            let call = call(&at(provider, &token), url, &status(state)).unwrap();
            assert_eq!(call.path, path);
            assert_eq!(call.body["state"], word, "{provider}");
            let text = call.body.to_string();
            assert!(text.contains("shipmate/Shop") && text.contains("/build/b"), "{text}");
        }
    }
    assert_eq!(call(&at(Provider::Github, &token), "/srv/repo.git", &status(Pending)), None);
}

fn at(provider: Provider, token: &Secret) -> Account<'_> {
    Account { provider, base_url: "https://host.example.org", token }
}

#[test]
fn a_provider_may_stand_under_a_path() {
    for (base, url, name) in [
        ("https://h/gitlab", "https://h/gitlab/g/r.git", Some("g/r")),
        ("https://h/gitlab", "https://h/gitlab-x/r.git", Some("gitlab-x/r")),
        ("https://h/gitlab", "git@h:g/r.git", Some("g/r")),
        ("https://h", "https://h/g/r.git", Some("g/r")),
        ("https://h/r", "https://h/r", None),
    ] {
        assert_eq!(repository(base, url), name, "{base} {url}");
    }
}

#[test]
fn hosted_providers_are_told_by_their_host() {
    let cases = [
        ("git@github.com:o/r.git", Some(Provider::Github)),
        ("https://gitlab.com/o/r.git", Some(Provider::Gitlab)),
        ("ssh://git@bitbucket.org/o/r.git", Some(Provider::Bitbucket)),
        ("https://github.com.example.org/o/r.git", None),
        ("https://git.example.org/o/r.git", None),
    ];
    for (url, provider) in cases {
        assert_eq!(hosted(url).map(|(provider, _)| provider), provider, "{url}");
    }
}

#[test]
fn tokens_go_where_the_provider_looks() {
    let header = |provider, token: &str| authorization(provider, &Secret::new(token));
    assert_eq!(header(Provider::Github, "t").1, "Bearer t");
    assert_eq!(header(Provider::Gitlab, "t"), ("private-token", "t".into()));
    assert_eq!(header(Provider::Gitea, "t").1, "token t");
    assert_eq!(header(Provider::Bitbucket, "ann:pw").1, "Basic YW5uOnB3");
    assert_eq!(header(Provider::BitbucketServer, "t").1, "Bearer t");
}
