use super::*;

/// Every switch on, as is the default.
fn all_on() -> Resolved {
    Resolved::default()
}

fn all_off() -> Resolved {
    Resolved {
        build_pushes: false,
        build_pull_requests: false,
        build_tags: false,
        ..Resolved::default()
    }
}

fn selective(mode: SelectiveMode, patterns: &[&str]) -> Resolved {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    Resolved { selective: Selective { mode, patterns }, ..Resolved::default() }
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn facts<'a>(cause: Cause, title: &'a str, message: &'a str, files: &'a [String]) -> Facts<'a> {
    Facts { cause, title, message: Known::Is(message), files: Known::Is(files) }
}

#[test]
fn markers_in_every_spelling() {
    for (text, found) in [
        ("[ci skip]", Some("[ci skip]")),
        ("[skip ci]", Some("[skip ci]")),
        ("Fix\n\nbody [CI Skip] end", Some("[CI Skip]")),
        ("[ skip \t\n CI ]", Some("[ skip \t\n CI ]")),
        ("[[ci skip]", Some("[ci skip]")),
        ("[x][skip ci]", Some("[skip ci]")),
        ("[ci  skip ]", Some("[ci  skip ]")),
        ("ci skip", None),
        ("[ciskip]", None),
        ("[ci-skip]", None),
        ("[skip]", None),
        ("[ci skip now]", None),
        ("[ci skip", None),
        ("[skip skip]", None),
        ("(skip ci)", None),
        ("", None),
        ("é[skip ci]", Some("[skip ci]")),
    ] {
        assert_eq!(skip_marker(text), found, "{text:?}");
    }
}

#[test]
fn switches_come_first() {
    let marked = |cause| facts(cause, "[skip ci]", "[skip ci]", &[]);
    let off = all_off();
    for (cause, reason) in [
        (Cause::Push, "pushes are not built"),
        (Cause::Tag, "tags are not built"),
        (Cause::PullRequest, "pull requests are not built"),
        (Cause::ForkPullRequest { allowed: true }, "pull requests are not built"),
        (Cause::ForkPullRequest { allowed: false }, "pull requests are not built"),
    ] {
        assert_eq!(decide(&off, &marked(cause)), Decision::Skip(reason.into()), "{cause:?}");
    }
    let fork = Cause::ForkPullRequest { allowed: false };
    assert_eq!(
        decide(&all_on(), &facts(fork, "", "", &[])),
        Decision::Skip("pull requests from this fork are not built".into())
    );
    // Each switch looks at its own kind only.
    let pushes = Resolved { build_pushes: true, ..all_off() };
    assert_eq!(decide(&pushes, &facts(Cause::Push, "", "", &[])), Decision::Build);
    let tags = Resolved { build_tags: true, ..all_off() };
    assert_eq!(decide(&tags, &facts(Cause::Tag, "", "", &[])), Decision::Build);
    let pulls = Resolved { build_pull_requests: true, ..all_off() };
    assert_eq!(decide(&pulls, &facts(Cause::PullRequest, "", "", &[])), Decision::Build);
    let fork = Cause::ForkPullRequest { allowed: true };
    assert_eq!(decide(&pulls, &facts(fork, "", "", &[])), Decision::Build);
}

#[test]
fn markers_skip_before_files_are_asked_for() {
    let rules = selective(SelectiveMode::Only, &["a"]);
    let skipped = |why: &str| Decision::Skip(why.into());
    let unasked = |cause, title, message| Facts { cause, title, message, files: Known::NotAsked };
    assert_eq!(
        decide(&rules, &unasked(Cause::Push, "", Known::Is("x [ci skip]"))),
        skipped("[ci skip] in the commit message")
    );
    // The title of a pull request; the message need not be known then.
    assert_eq!(
        decide(&rules, &unasked(Cause::PullRequest, "Draft [SKIP CI]", Known::NotAsked)),
        skipped("[SKIP CI] in the title")
    );
    let fork = Cause::ForkPullRequest { allowed: true };
    assert_eq!(
        decide(&rules, &unasked(fork, "x", Known::Is("[skip ci]"))),
        skipped("[skip ci] in the commit message")
    );
    // A push has no title.
    assert_eq!(
        decide(&rules, &unasked(Cause::Push, "[skip ci]", Known::Is(""))),
        Decision::NeedsFiles
    );
    assert_eq!(decide(&rules, &unasked(Cause::Push, "", Known::NotAsked)), Decision::NeedsMessage);
    assert_eq!(decide(&rules, &unasked(Cause::Push, "", Known::Unknown)), Decision::NeedsFiles);
    assert_eq!(decide(&all_on(), &unasked(Cause::Push, "", Known::Is(""))), Decision::Build);
}

#[test]
fn selective_builds_in_both_modes() {
    let only = selective(SelectiveMode::Only, &["ios/**"]);
    let not = selective(SelectiveMode::Except, &["docs/**", "*.md"]);
    for (rules, changed, builds) in [
        (&only, &["ios/a", "b"][..], true),
        (&only, &["b", "docs/ios/c"], false),
        (&not, &["docs/a", "README.md"], false),
        (&not, &["docs/a", "src/b"], true),
        // An empty list is unknown, and unknown builds (EVL-7).
        (&only, &[], true),
        (&not, &[], true),
    ] {
        let changed = files(changed);
        for cause in [Cause::Push, Cause::Tag, Cause::PullRequest] {
            let decision = decide(rules, &facts(cause, "", "", &changed));
            assert_eq!(decision == Decision::Build, builds, "{changed:?}: {decision:?}");
        }
    }
    let unknown =
        Facts { cause: Cause::Push, title: "", message: Known::Unknown, files: Known::Unknown };
    assert_eq!(decide(&only, &unknown), Decision::Build);
    assert_eq!(decide(&not, &unknown), Decision::Build);
}
