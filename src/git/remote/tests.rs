use super::*;

#[test]
fn urls_are_judged() {
    let local = ["/srv/git/app.git", "file:///srv/git/app"];
    let network = [
        "https://example.com/o/r.git",
        "http://example.com:8080/o/r",
        "https://user@example.com/o/r",
        "ssh://git@example.com:2222/o/r.git",
        "git://example.com/o/r",
        "git@example.com:o/r.git",
        "git@[::1]:o/r.git",
    ];
    for url in local {
        assert!(Remote::parse(url).expect(url).is_local(), "{url}");
    }
    for url in network {
        assert!(!Remote::parse(url).expect(url).is_local(), "{url}");
    }
    let refused = [
        "",
        "-u/tmp/x",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "ext://x/y",
        "ftp://example.com/x",
        "relative/path",
        "../up",
        "file://relative",
        "ssh://-oProxyCommand=x/y",
        "-oProxyCommand=x:y",
        "x@-oProxyCommand=x:y",
        "https://user:pass@example.com/o/r",
        // A password with a slash in it, and a path where a port belongs.
        "https://user:pa/ss@example.com/o/r",
        "ssh://git@example.com:o/r.git",
        "https://example.com/o\nr",
        "nothing",
    ];
    for url in refused {
        assert!(Remote::parse(url).is_err(), "{url:?} was let through");
    }
    assert!(Remote::parse(&format!("/{}", "x".repeat(MAX_BYTES))).is_err());
}

#[test]
fn branches_are_held_to_the_rules_of_git() {
    for name in ["main", "feature/login", "a@b", "ünïcode", "release-1.0"] {
        assert_eq!(check_branch(name), Ok(()), "{name}");
    }
    let refused = [
        "", "-x", "--all", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a",
        "a/", "a//b", "a.lock", ".a", "a/.b", "a@{1}", "@", "HEAD", "a.", "a\nb",
    ];
    for name in refused {
        assert!(check_branch(name).is_err(), "{name:?} was let through");
    }
}

#[test]
fn a_commit_is_a_whole_object_name() {
    assert_eq!(check_commit(&"a1".repeat(20)), Ok(()));
    assert_eq!(check_commit(&"0f".repeat(32)), Ok(()));
    for sha in ["", "abc", "--exec=x", &"g".repeat(40)] {
        assert_eq!(check_commit(sha), Err(Refused::Commit));
    }
}

#[test]
fn the_slug_is_the_end_of_the_path() {
    let slug = |url| Remote::parse(url).expect(url).slug();
    assert_eq!(slug("https://example.com/owner/repo.git"), "owner/repo");
    assert_eq!(slug("git@example.com:owner/repo.git"), "owner/repo");
    assert_eq!(slug("ssh://git@example.com/group/sub/repo/"), "sub/repo");
    assert_eq!(slug("file:///srv/git/repo.git"), "git/repo");
    assert_eq!(slug("/repo"), "repo");
    assert_eq!(slug("https://example.com"), "");
}

#[test]
fn a_remote_of_the_network_may_not_name_local_folders() {
    let remote = Remote::parse("https://user@example.com:8443/o/r").unwrap();
    assert_eq!(remote.http_host(), Some(("https", "example.com:8443")));
    assert!(!remote.allowed_protocols().contains("file"));
    assert_eq!(Remote::parse("git@example.com:o/r").unwrap().http_host(), None);
}
