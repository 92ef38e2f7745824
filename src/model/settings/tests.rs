use super::*;

fn branch(name: &str, settings: Settings) -> Override {
    Override { scope: Scope::Branch(name.into()), settings }
}

fn prefix(name: &str, settings: Settings) -> Override {
    Override { scope: Scope::Prefix(name.into()), settings }
}

fn node(version: &str) -> Settings {
    Settings { node_version: Some(version.into()), ..Settings::default() }
}

#[test]
fn defaults_are_those_of_the_product() {
    let Resolved { build_pushes, build_pull_requests, build_tags, auto_cancel, .. } =
        Resolved::default();
    assert!(build_pushes && build_pull_requests && build_tags && auto_cancel);
    let Resolved { selective, forks, email_notifications, archive, incremental, .. } =
        Resolved::default();
    assert_eq!(selective.mode, SelectiveMode::Off);
    assert_eq!(forks.build, ForkRule::None);
    assert!(email_notifications && incremental && !archive);
    let Resolved { run_tests, only_run_tests, tests_as_warnings, xcode_version, .. } =
        Resolved::default();
    assert!(!run_tests && !only_run_tests && !tests_as_warnings && xcode_version.is_empty());
}

#[test]
fn the_closest_level_wins_whatever_the_order() {
    let organisation = node("org");
    let app = node("app");
    let mut overrides = vec![
        branch("release/1.0", node("branch")),
        prefix("release/", node("long")),
        prefix("rel", node("short")),
        prefix("", node("any")),
    ];
    let cases = [
        ("release/1.0", "branch"),
        ("release/1.0.1", "long"),
        ("release/2.0", "long"),
        ("relic", "short"),
        ("main", "any"),
        ("", "any"),
    ];
    for _ in 0..2 {
        for (name, version) in cases {
            let resolved = resolve(&organisation, &app, &overrides, name);
            assert_eq!(resolved.node_version, version, "{name}");
        }
        overrides.reverse();
    }
    assert_eq!(resolve(&organisation, &app, &[], "main").node_version, "app");
    assert_eq!(resolve(&organisation, &Settings::default(), &[], "main").node_version, "org");
    let nothing = Settings::default();
    assert_eq!(resolve(&nothing, &nothing, &[], "main"), Resolved::default());
}

#[test]
fn an_override_replaces_single_settings_only() {
    let app = Settings {
        build_pushes: Some(false),
        schemes: Some(vec!["A".into(), "B".into()]),
        ..Settings::default()
    };
    let long = Settings { build_pushes: Some(true), schemes: Some(vec![]), ..Settings::default() };
    let short = Settings { archive: Some(true), build_pushes: Some(false), ..Settings::default() };
    let overrides = [prefix("release/", long), prefix("release", short)];
    let resolved = resolve(&Settings::default(), &app, &overrides, "release/1");
    assert!(resolved.build_pushes && resolved.archive && resolved.schemes.is_empty());
    let resolved = resolve(&Settings::default(), &app, &overrides, "main");
    assert!(!resolved.build_pushes && !resolved.archive);
    assert_eq!(resolved.schemes, ["A", "B"]);
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let list = |text: &str| Some(vec![text.to_owned()]);
    let forks = |name: &str| Settings {
        forks: Some(Forks { listed: vec![name.into()], ..Forks::default() }),
        ..Settings::default()
    };
    let cases = [
        (Settings { schemes: list(" "), ..Settings::default() }, Some("schemes")),
        (Settings { schemes: list("a\nb"), ..Settings::default() }, Some("schemes")),
        (Settings { variants: Some(vec!["a".into(); 2]), ..Settings::default() }, Some("variants")),
        (
            Settings { simulators: list(&"x".repeat(501)), ..Settings::default() },
            Some("simulators"),
        ),
        (
            Settings { required_labels: list("xcode"), ..Settings::default() },
            Some("required_labels"),
        ),
        (Settings { required_labels: list("xcode=9"), ..Settings::default() }, None),
        (node(&"9".repeat(501)), Some("node_version")),
        (node("9"), None),
        (forks("a/b/c"), Some("forks")),
        (forks("/b"), Some("forks")),
        (forks("a"), None),
        (
            Settings {
                selective: Some(Selective {
                    mode: SelectiveMode::Only,
                    patterns: (0..101).map(|n| n.to_string()).collect(),
                }),
                ..Settings::default()
            },
            Some("selective"),
        ),
    ];
    for (settings, member) in cases {
        assert_eq!(settings.check().err().map(|e| e.member), member, "{settings:?}");
    }
}

#[test]
fn every_text_and_list_is_checked() {
    // A new member of text or lists must be added to `check`.
    let fields = serde_json::to_value(Resolved::default()).unwrap();
    for member in Settings::MEMBERS {
        let bad = match &fields[*member] {
            Value::String(_) => serde_json::json!("\u{7}"),
            Value::Array(_) => serde_json::json!(["\u{7}"]),
            _ => continue,
        };
        let settings: Settings =
            serde_json::from_value(serde_json::json!({ *member: bad })).unwrap();
        assert_eq!(settings.check().unwrap_err().member, *member);
    }
}

#[test]
fn forks_by_owner_or_repository() {
    let forks = Forks {
        build: ForkRule::Listed,
        listed: vec!["Alice".into(), "bob/app".into()],
        trusted: vec!["bob/app".into()],
    };
    let cases = [
        ("alice/any", true, false),
        ("bob/APP", true, true),
        ("bob/other", false, false),
        ("carol/app", false, false),
    ];
    for (fork, builds, trusts) in cases {
        assert_eq!((forks.builds(fork), forks.trusts(fork)), (builds, trusts), "{fork}");
        assert!(Forks { build: ForkRule::All, ..Forks::default() }.builds(fork));
        assert!(!Forks::default().builds(fork));
    }
}

#[test]
fn changes_name_member_and_values() {
    let before = Settings { archive: Some(false), ..node("8") };
    let after = Settings { build_tags: Some(false), ..node("9") };
    assert_eq!(
        after.changes(&before),
        [
            "build_tags: not set -> false",
            "archive: false -> not set",
            "node_version: \"8\" -> \"9\"",
        ]
    );
    assert!(after.changes(&after).is_empty());
}

#[test]
fn single_members_are_copied() {
    let from = Settings { archive: Some(true), ..node("9") };
    let mut to = node("8");
    assert!(to.copy(&from, "archive"));
    assert_eq!(to, Settings { archive: Some(true), ..node("8") });
    assert!(!to.copy(&from, "nothing"));
    for member in Settings::MEMBERS {
        assert!(to.copy(&from, member));
    }
    assert_eq!(to, from);
}

#[test]
fn stored_settings_survive_members_of_other_versions() {
    let stored = r#"{"archive":true,"from_the_future":1}"#;
    let settings: Settings = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_string(&settings).unwrap(), r#"{"archive":true}"#);
    let frozen: Resolved = serde_json::from_str(stored).unwrap();
    assert_eq!(frozen, Resolved { archive: true, ..Resolved::default() });
}

#[test]
fn the_source_of_a_setting_is_the_level_that_won() {
    let levels = Levels {
        inherited: Settings { archive: Some(true), build_tags: Some(false), ..node("1") },
        own: Settings { build_tags: Some(true), ..node("2") },
        overrides: vec![branch("release/1", node("4")), prefix("release/", node("3"))],
    };
    let source = |branch, member| levels.sources(branch).get(member).cloned();
    assert_eq!(source("release/1", "node_version").as_deref(), Some("branch release/1"));
    assert_eq!(source("release/2", "node_version").as_deref(), Some("prefix release/"));
    assert_eq!(source("main", "node_version").as_deref(), Some("app"));
    assert_eq!(source("main", "archive").as_deref(), Some("organisation"));
    assert_eq!(source("main", "incremental"), None);
    assert_eq!(levels.resolve("release/1").node_version, "4");
    let stored = Settings::try_from(levels.own.to_json()).unwrap();
    assert_eq!(stored, levels.own);
    let frozen = levels.resolve("main");
    assert_eq!(Resolved::try_from(frozen.to_json()).unwrap(), frozen);
}

#[test]
fn targets_and_labels_by_platform() {
    let resolved = Resolved { schemes: vec!["A".into(), "B".into()], ..Resolved::default() };
    assert_eq!(resolved.targets(Platform::Ios), ["A", "B"]);
    assert_eq!(resolved.targets(Platform::Android), [""]);
    assert!(resolved.agent_labels(Platform::Ios).is_empty());
    let mac = ("platform".to_owned(), "ios".to_owned());
    for resolved in [
        Resolved { archive: true, ..Resolved::default() },
        Resolved { xcode_version: "latest".into(), ..Resolved::default() },
        Resolved { simulators: vec!["iPhone X".into()], ..Resolved::default() },
    ] {
        assert!(resolved.agent_labels(Platform::Ios).contains(&mac));
        assert!(resolved.agent_labels(Platform::Android).is_empty());
    }
    let labelled = Resolved { required_labels: vec!["a=b=c".into()], ..Resolved::default() };
    let labels: Vec<_> = labelled.agent_labels(Platform::Android).into_iter().collect();
    assert_eq!(labels, [("a".to_owned(), "b=c".to_owned())]);
}
