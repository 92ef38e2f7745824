use super::*;

const CWD: &str = "/srv/ci";

fn load(flags: &Flags, env: &[(&str, &str)]) -> Result<Config, Faults> {
    load_at(flags, env, Path::new(CWD))
}

fn load_at(flags: &Flags, env: &[(&str, &str)], cwd: &Path) -> Result<Config, Faults> {
    Config::load(flags, env.iter().map(|(name, value)| (name.into(), value.into())), cwd)
}

/// A folder with a `shipmate.toml`.
fn folder_with(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("shipmate.toml"), text).unwrap();
    dir
}

fn lines(result: Result<Config, Faults>) -> Vec<String> {
    result.unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_need_no_configuration() {
    let config = load(&Flags::default(), &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("/srv/ci/shipmate-data"));
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.dashboard_url, "http://127.0.0.1:8080");
    assert_eq!(config.database, Database::Sqlite("/srv/ci/shipmate-data/shipmate.db".into()));
    assert_eq!(config.agent.work_dir, Path::new("/srv/ci/shipmate-data/agent"));
    assert!((1..=4).contains(&config.agent.slots));
    assert!(config.agent.labels.is_empty() && config.ip_ranges.is_empty());
    assert_eq!(config.limits.max_build, Duration::from_secs(120 * 60));
    assert_eq!(config.limits.kill_grace, Duration::from_secs(10));
    assert_eq!(config.limits.lease, Duration::from_secs(60));
    assert_eq!(config.webhooks.reconcile, Duration::from_secs(5 * 60));
    assert_eq!(config.links.ttl, Duration::from_secs(24 * 60 * 60));
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.file, None);
    assert!(config.effective().iter().all(|one| one.source == Source::Default));
}

#[test]
fn flags_beat_environment_beats_file_beats_default() {
    let dir = folder_with("listen = '127.0.0.1:1'\n[agent]\nslots = 1\n[log]\nformat = 'json'\n");
    let env = [("SHIPMATE_LISTEN", "127.0.0.1:2"), ("SHIPMATE_AGENT_SLOTS", "2")];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let config = load_at(&flags, &env, dir.path()).unwrap();
    let file = dir.path().join("shipmate.toml");
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.source("listen"), Source::Flag("--listen"));
    assert_eq!(config.agent.slots, 2);
    assert_eq!(config.source("agent.slots"), Source::Env("SHIPMATE_AGENT_SLOTS".into()));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.source("log.format"), Source::File(file.clone(), 5));
    assert_eq!(config.source("log.level"), Source::Default);
    assert_eq!(config.file, Some(file));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = load(&Flags::default(), &[("SHIPMATE_LISTEN", ""), ("SHIPMATE_X", "")]).unwrap();
    assert_eq!(config.source("listen"), Source::Default);
}

#[test]
fn every_setting_can_come_from_the_environment() {
    let env = [
        ("SHIPMATE_LISTEN", "[::]:9000"),
        ("SHIPMATE_DATA_DIR", "state"),
        ("SHIPMATE_PUBLIC_URL", "https://API.example.com/"),
        ("SHIPMATE_DASHBOARD_URL", "https://dashboard.example.com:8443"),
        ("SHIPMATE_DATABASE_URL", "postgres://ci:hunter2@db/ci?sslpassword=x"),
        ("SHIPMATE_IP_RANGES", "203.0.113.0/24, 2001:db8::/32"),
        ("SHIPMATE_AGENT_SLOTS", "0"),
        ("SHIPMATE_AGENT_LABELS", "os=linux,sdk=35"),
        ("SHIPMATE_AGENT_WORK_DIR", "/var/work"),
        ("SHIPMATE_LIMITS_MAX_BUILD_MINUTES", "30"),
        ("SHIPMATE_LIMITS_KILL_GRACE_SECONDS", "0"),
        ("SHIPMATE_LIMITS_LEASE_SECONDS", "30"),
        ("SHIPMATE_LIMITS_REQUESTS_PER_MINUTE", "900"),
        ("SHIPMATE_LIMITS_REPORTS_PER_MINUTE", "7"),
        ("SHIPMATE_LIMITS_MAX_RUNNING", "20"),
        ("SHIPMATE_LIMITS_MAX_RUNNING_PER_ORGANISATION", "4"),
        ("SHIPMATE_LIMITS_MAX_RUNNING_IOS", "2"),
        ("SHIPMATE_LIMITS_MAX_RUNNING_ANDROID", "8"),
        ("SHIPMATE_WEBHOOKS_POLL_MINUTES", "0"),
        ("SHIPMATE_SSH_UNKNOWN_HOSTS", "refuse"),
        ("SHIPMATE_LINKS_TTL_MINUTES", "5"),
        ("SHIPMATE_MAIL_SMTP_URL", "smtps://ci:hunter2@mail.example.com"),
        ("SHIPMATE_MAIL_FROM", "CI <ci@example.com>"),
        ("SHIPMATE_LOG_FORMAT", "json"),
        ("SHIPMATE_LOG_LEVEL", "info,shipmate=debug"),
        ("SHIPMATE_TOKEN", "for the client verbs"),
    ];
    let config = load(&Flags::default(), &env).unwrap();
    let shown: Vec<_> =
        config.effective().into_iter().map(|one| format!("{} = {}", one.key, one.value)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    listen = [::]:9000
    data_dir = /srv/ci/state
    public_url = https://api.example.com
    dashboard_url = https://dashboard.example.com:8443
    database_url = postgres://ci:[secret]@db/ci
    ip_ranges = 203.0.113.0/24, 2001:db8::/32
    agent.slots = 0
    agent.labels = os=linux, sdk=35
    agent.work_dir = /var/work
    limits.max_build_minutes = 30
    limits.kill_grace_seconds = 0
    limits.lease_seconds = 30
    limits.requests_per_minute = 900
    limits.reports_per_minute = 7
    limits.max_running = 20
    limits.max_running_per_organisation = 4
    limits.max_running_ios = 2
    limits.max_running_android = 8
    webhooks.poll_minutes = 0
    ssh.unknown_hosts = refuse
    links.ttl_minutes = 5
    mail.smtp_url = smtps://ci:[secret]@mail.example.com
    mail.from = CI <ci@example.com>
    log.format = json
    log.level = shipmate=debug,info
    ");
    assert!(config.effective().iter().all(|one| matches!(one.source, Source::Env(_))));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn all_faults_are_reported_together_with_their_place() {
    let dir = folder_with(
        "listen = 'nowhere'\nlisten_on = 1\n[agent]\nslot = 1\nslots = 'many'\nlabels = [1]\n\
         [limits]\nmax_build_minutes = 0\nttl_minutes = 5\n[surprise]\nx = 1\n",
    );
    let env = [
        ("SHIPMATE_LISTNE", "127.0.0.1:1"),
        ("SHIPMATE_IP_RANGES", "10.0.0.1/8"),
        ("SHIPMATE_DATABASE_URL", "mysql://root:hunter2@db/ci"),
    ];
    let flags = Flags {
        public_url: Some("https://example.com/api".into()),
        agent_slots: Some("-1".into()),
        ..Flags::default()
    };
    let faults = lines(load_at(&flags, &env, dir.path())).join("\n");
    let faults = faults.replace(&dir.path().display().to_string(), "DIR");
    assert!(!faults.contains("hunter2"));
    insta::assert_snapshot!(faults, @r#"
    --agent-slots: agent.slots: -1 is out of range; expected a whole number from 0 (no agent) to 64
    --public-url: public_url: "https://example.com/api" cannot be used; expected an http:// or https:// URL without path, such as https://api.example.com
    SHIPMATE_DATABASE_URL: database_url: the value cannot be used; expected postgres://user:password@host/database or sqlite:FILE
    SHIPMATE_IP_RANGES: ip_ranges: "10.0.0.1/8" has address bits beyond its /8; expected CIDR blocks such as 203.0.113.0/24 or 2001:db8::/32
    SHIPMATE_LISTNE: unknown variable; did you mean SHIPMATE_LISTEN?
    DIR/shipmate.toml:1: listen: "nowhere" cannot be used; expected an address and port such as 127.0.0.1:8080 or [::]:8080
    DIR/shipmate.toml:2: unknown setting listen_on; did you mean listen?
    DIR/shipmate.toml:4: unknown setting agent.slot; did you mean agent.slots?
    DIR/shipmate.toml:5: agent.slots: the value is of type string; expected a whole number from 0 (no agent) to 64
    DIR/shipmate.toml:6: agent.labels: the list holds a value of type integer; expected labels such as os=linux
    DIR/shipmate.toml:8: limits.max_build_minutes: 0 is out of range; expected a whole number from 1 to 10080 (a week)
    DIR/shipmate.toml:9: unknown setting limits.ttl_minutes; did you mean links.ttl_minutes?
    DIR/shipmate.toml:10: unknown setting surprise; config.example.toml lists every setting
    "#);
}

#[test]
fn a_broken_file_is_reported_with_its_line() {
    let dir = folder_with("listen = '127.0.0.1:1'\n\nlog.format =\n");
    let faults = lines(load_at(&Flags::default(), &[], dir.path()));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("shipmate.toml:3: not valid TOML"), "{faults:?}");
}

#[test]
fn values_are_checked_in_every_layer_even_when_overridden() {
    let flags = Flags { listen: Some("127.0.0.1:1".into()), ..Flags::default() };
    let faults = lines(load(&flags, &[("SHIPMATE_LISTEN", "bad")]));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("SHIPMATE_LISTEN: listen: \"bad\""), "{faults:?}");
}

#[test]
fn wrong_values_are_refused() {
    let table = [
        ("LISTEN", "8080"),
        ("LISTEN", "localhost:8080"),
        ("PUBLIC_URL", "ftp://example.com"),
        ("PUBLIC_URL", "example.com"),
        ("PUBLIC_URL", "https://u:p@example.com"),
        ("PUBLIC_URL", "https://example.com/?x"),
        ("DATABASE_URL", "sqlite::memory:"),
        ("DATABASE_URL", "sqlite:"),
        ("DATABASE_URL", "postgres"),
        ("IP_RANGES", "10.0.0.0"),
        ("IP_RANGES", "10.0.0.0/33"),
        ("IP_RANGES", "10.0.0.0/+8"),
        ("IP_RANGES", "::1/64"),
        ("IP_RANGES", "host/8"),
        ("AGENT_SLOTS", "65"),
        ("AGENT_SLOTS", "1.5"),
        ("AGENT_LABELS", "os"),
        ("AGENT_LABELS", "=x"),
        ("AGENT_LABELS", "a=1,a=2"),
        ("LIMITS_MAX_BUILD_MINUTES", "99999999999999999999"),
        ("LIMITS_LEASE_SECONDS", "1"),
        ("LINKS_TTL_MINUTES", "0"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "verbose"),
        ("LOG_LEVEL", "shipmate=loud"),
    ];
    for (name, value) in table {
        let name = format!("SHIPMATE_{name}");
        let faults = lines(load(&Flags::default(), &[(&name, value)]));
        assert_eq!(faults.len(), 1, "{name}={value}: {faults:?}");
        assert!(faults[0].starts_with(&name), "{faults:?}");
        assert!(faults[0].contains("; expected "), "{faults:?}");
    }
}

#[test]
fn accepted_ranges_are_canonical() {
    let env = [("SHIPMATE_IP_RANGES", "0.0.0.0/0,10.1.2.3/32,2001:DB8:0::/48,::/0,::1/128")];
    let config = load(&Flags::default(), &env).unwrap();
    let expected = ["0.0.0.0/0", "10.1.2.3/32", "2001:db8::/48", "::/0", "::1/128"];
    assert_eq!(config.ip_ranges, expected);
}

#[test]
fn the_file_is_searched_in_order_and_a_named_one_must_exist() {
    let cwd = folder_with("listen = '127.0.0.1:1'");
    let data = folder_with("listen = '127.0.0.1:2'\nagent.work_dir = 'w'");
    let empty = tempfile::tempdir().unwrap();
    let named = cwd.path().join("other.toml");
    std::fs::write(&named, "listen = '127.0.0.1:3'").unwrap();
    let data_dir = Flags { data_dir: Some(data.path().display().to_string()), ..Flags::default() };
    let port =
        |flags: &Flags, env: &[_], cwd: &Path| load_at(flags, env, cwd).unwrap().listen.port();

    assert_eq!(port(&data_dir, &[], cwd.path()), 1);
    assert_eq!(port(&data_dir, &[], empty.path()), 2);
    assert_eq!(port(&data_dir, &[("SHIPMATE_CONFIG", "other.toml")], cwd.path()), 3);
    let flags = Flags { config: Some(named), ..data_dir.clone() };
    assert_eq!(port(&flags, &[("SHIPMATE_CONFIG", "missing.toml")], empty.path()), 3);

    let config = load_at(&data_dir, &[], empty.path()).unwrap();
    assert_eq!(config.agent.work_dir, data.path().join("w"), "relative to the file");

    let flags = Flags { config: Some("missing.toml".into()), ..Flags::default() };
    let faults = lines(load_at(&flags, &[], empty.path()));
    assert!(faults[0].contains("missing.toml:1: cannot open"), "{faults:?}");
}

#[test]
fn urls_follow_the_bound_port_unless_configured() {
    let flags = Flags { listen: Some("0.0.0.0:0".into()), ..Flags::default() };
    let bound = load(&flags, &[]).unwrap().bound_to("0.0.0.0:4711".parse().unwrap());
    assert_eq!(bound.listen.port(), 4711);
    assert_eq!(bound.public_url, "http://127.0.0.1:4711");
    assert_eq!(bound.dashboard_url, "http://127.0.0.1:4711");

    let env = [("SHIPMATE_PUBLIC_URL", "https://ci.example.com")];
    let bound = load(&flags, &env).unwrap().bound_to("0.0.0.0:4711".parse().unwrap());
    assert_eq!(bound.public_url, "https://ci.example.com");
    assert_eq!(bound.dashboard_url, "https://ci.example.com");
}

#[test]
fn passwords_are_not_shown() {
    for (url, shown) in [
        ("postgres://ci:hunter2@db:5432/ci", "postgres://ci:[secret]@db:5432/ci"),
        ("postgresql://db/ci?password=hunter2", "postgresql://db/ci"),
        ("postgres://ci@db/ci", "postgres://ci@db/ci"),
    ] {
        let flags = Flags { database_url: Some(Secret::new(url)), ..Flags::default() };
        assert_eq!(load(&flags, &[]).unwrap().database.redacted(), shown);
    }
}

#[test]
fn the_example_mentions_every_setting_and_parses_either_way() {
    let example = include_str!("../../config.example.toml");
    let as_is = folder_with(example);
    let config = load_at(&Flags::default(), &[], as_is.path()).unwrap();
    assert!(config.effective().iter().all(|one| one.source == Source::Default));

    // Prose is "# text", a setting that is commented out is "#key = value".
    let uncommented: Vec<_> = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        })
        .collect();
    let all = folder_with(&uncommented.join("\n"));
    let config = load_at(&Flags::default(), &[], all.path()).unwrap();
    for one in config.effective() {
        assert!(matches!(one.source, Source::File(..)), "{} is not in the example", one.key);
    }
    // Where the example claims a default, it is the default.
    let defaults = load(&Flags::default(), &[]).unwrap();
    assert_eq!(config.listen, defaults.listen);
    let unlimited = Limits {
        max_running: None,
        max_running_per_organisation: None,
        max_running_ios: None,
        max_running_android: None,
        ..config.limits
    };
    assert_eq!(unlimited, defaults.limits);
    assert_eq!(config.links, defaults.links);
    assert_eq!(config.log, defaults.log);
}

#[test]
fn the_environment_is_read_by_name() {
    let env: Environment = [("A", "1"), ("EMPTY", "")].into_iter().collect();
    assert_eq!(env.text("A"), Ok(Some("1")));
    assert_eq!(env.text("EMPTY"), Ok(None));
    assert_eq!(env.text("B"), Ok(None));
    use std::os::unix::ffi::OsStringExt;
    let odd: Environment = [("A", OsString::from_vec(vec![0xff]))].into_iter().collect();
    assert_eq!(odd.text("A"), Err("A is not valid UTF-8".into()));
    assert_eq!(env.iter().count(), 2);
}
