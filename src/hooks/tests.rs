//! The corpus of `tests/fixtures/webhooks`, parser by parser: what each
//! delivery is understood as, and that nothing else breaks a parser.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;

use super::recognise;
use crate::hooks::read::Told;
use crate::model::git_event::{GitEvent, PullEvent};

fn corpus() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/webhooks");
    let mut found = Vec::new();
    for provider in sorted(&root) {
        for file in sorted(&provider) {
            let name = file.strip_prefix(&root).unwrap().with_extension("");
            found.push((name.to_str().unwrap().to_owned(), std::fs::read(&file).unwrap()));
        }
    }
    assert!(found.len() > 50, "only {} deliveries found", found.len());
    found
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The headers that the provider sends with this delivery.
fn headers(name: &str) -> HeaderMap {
    let (provider, event) = name.split_once('/').unwrap();
    let first = event.split('_').next().unwrap();
    let (header, value) = match provider {
        "github" if event.starts_with("pull_request") => ("x-github-event", "pull_request"),
        "github" => ("x-github-event", first),
        "gitea" if event.starts_with("pull_request") => ("x-gitea-event", event),
        "gitea" => ("x-gitea-event", first),
        "gitlab" => ("x-gitlab-event", "Some Hook"),
        "bitbucket" => match event {
            "push" => ("x-event-key", "repo:push"),
            "pullrequest_fork" => ("x-event-key", "pullrequest:created"),
            _ => ("x-event-key", &*event.replace('_', ":").leak()),
        },
        "bitbucket_server" => match event {
            "refs_changed" => ("x-event-key", "repo:refs_changed"),
            "pr_opened" | "pr_fork" => ("x-event-key", "pr:opened"),
            "pr_from_ref_updated" => ("x-event-key", "pr:from_ref_updated"),
            "pr_merged" => ("x-event-key", "pr:merged"),
            "ping" => ("x-event-key", "diagnostics:ping"),
            _ => return HeaderMap::new(),
        },
        _ => return HeaderMap::new(),
    };
    let value = if value == "pull_request_opened" { "pull_request" } else { value };
    HeaderMap::from_iter([(header.parse().unwrap(), value.parse().unwrap())])
}

fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Told, String> {
    let understood = recognise::understand(headers, bytes).map_err(|error| error.to_string())?;
    Ok(understood.1)
}

/// One line per event, with everything that decides.
fn describe(event: &GitEvent) -> String {
    let mut line = event.summary();
    let short = |sha: &str| sha[..sha.len().min(4)].to_owned();
    if let GitEvent::Push(change) | GitEvent::Tag(change) = event {
        let old = change.old.as_deref().map_or("-".into(), short);
        write!(line, " {old}..{}", short(&change.new)).unwrap();
        if let Some(object) = &change.object {
            write!(line, " object {}", short(object)).unwrap();
        }
        if change.created {
            line += " created";
        }
        if let Some(message) = &change.message {
            write!(line, " {message:?}").unwrap();
        }
        if let Some(files) = &change.files {
            write!(line, " {files:?}").unwrap();
        }
    }
    if let GitEvent::PullRequest(PullEvent { pull, base_repository, message, .. }) = event {
        let head = pull.fork.as_ref().map_or("own", |fork| fork.name.as_str());
        let (branch, base) = (&pull.head_branch, &pull.base_branch);
        let sha = short(&pull.head_sha);
        write!(line, " {:?} {head}:{branch} {sha} -> {base_repository}:{base}", pull.title)
            .unwrap();
        if let Some(message) = message {
            write!(line, " {message:?}").unwrap();
        }
    }
    line
}

#[test]
fn every_delivery_is_understood() {
    let mut text = String::new();
    for (name, bytes) in corpus() {
        let told = read(&headers(&name), &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        writeln!(text, "{name}").unwrap();
        for event in &told.events {
            writeln!(text, "    {}", describe(event)).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// GitHub's set-up sends a form (TRG-4), Kiln and Gitolite always do.
#[test]
fn a_form_is_the_same_as_its_json() {
    for (name, bytes) in corpus() {
        let json = std::str::from_utf8(&bytes).unwrap();
        let form: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
        let mut headers = headers(&name);
        let plain = read(&headers, &bytes);
        assert_eq!(read(&headers, form.as_bytes()), plain, "{name}");
        let media = "application/x-www-form-urlencoded; charset=utf-8";
        headers.insert("content-type", media.parse().unwrap());
        assert_eq!(read(&headers, form.as_bytes()), plain, "{name}");
    }
}

#[test]
fn a_delivery_names_its_repository() {
    for (name, bytes) in corpus() {
        let told = read(&headers(&name), &bytes).unwrap();
        if told.events.is_empty() {
            continue;
        }
        // Beanstalk and the plug-in tell no URL; a test ping tells nothing.
        let silent = name.starts_with("beanstalk/")
            || name.ends_with("/post_receive")
            || name == "bitbucket_server/ping";
        assert_eq!(told.repositories.is_empty(), silent, "{name}: {:?}", told.repositories);
    }
}

#[test]
fn hostile_payloads_are_refused() {
    let long = "a/".repeat(3_000);
    let sha = "a".repeat(40);
    let deep = "[".repeat(100_000);
    let push = |reference: &str, after: &str| {
        format!(r#"{{"ref":"{reference}","before":"{sha}","after":"{after}"}}"#)
    };
    let many = format!(
        r#"{{"refChanges":[{}]}}"#,
        vec![format!(r#"{{"refId":"refs/heads/a","toHash":"{sha}"}}"#); 101].join(",")
    );
    for body in [
        String::new(),
        "null".into(),
        "[]".into(),
        "{".into(),
        "{}".into(),
        deep.clone(),
        format!("{{\"a\":{deep}"),
        r#"{"ref":1,"after":2}"#.into(),
        push("refs/heads/a..b", &sha),
        push("refs/heads/-x", &sha),
        push("refs/heads/", &sha),
        push("refs/heads/a\\u0000b", &sha),
        push("refs/heads/a\\nb", &sha),
        push("main", &sha),
        push(&format!("refs/heads/{long}"), &sha),
        push("refs/heads/a", "g"),
        push("refs/heads/a", "abc"),
        push("refs/heads/a", &"z".repeat(40)),
        push("refs/heads/a", "--upload-pack=x"),
        many,
        "payload=".into(),
        "payload=%7B".into(),
        "other=1".into(),
    ] {
        let shown: String = body.chars().take(60).collect();
        assert!(read(&HeaderMap::new(), body.as_bytes()).is_err(), "{shown}");
    }
    assert!(read(&HeaderMap::new(), b"{\"ref\":\"\xff\"}").is_err());
}

/// A small generator of its own, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound as u64)).unwrap()
    }
}

/// Parsers meet what nobody would write: they answer, and what they let
/// through keeps our rules.
#[test]
fn mutated_deliveries_never_break_a_parser() {
    let pieces: [&[u8]; 9] =
        [b"null", b"0", b"\"\"", b"[]", b"{}", b"-1e999", b"\"\\u0000\"", b"\"../..\"", b"\\"];
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let corpus = corpus();
    let mut understood = 0;
    for round in 0..6_000 {
        let (name, bytes) = &corpus[round % corpus.len()];
        let mut bytes = bytes.clone();
        for _ in 0..=chance.below(2) {
            if bytes.is_empty() {
                break;
            }
            let at = chance.below(bytes.len());
            let end = (at + chance.below(40)).min(bytes.len());
            match chance.below(4) {
                0 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..end, pieces[chance.below(pieces.len())].to_vec())),
                _ => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        let headers = if chance.below(4) == 0 { HeaderMap::new() } else { headers(name) };
        let Ok(told) = read(&headers, &bytes) else { continue };
        understood += 1;
        for event in told.events {
            let (GitEvent::Push(change) | GitEvent::Tag(change)) = event else { continue };
            assert!(crate::git::remote::check_branch(&change.name).is_ok(), "{}", change.name);
            assert!(crate::git::remote::check_commit(&change.new).is_ok(), "{}", change.new);
        }
    }
    assert!(understood > 300, "only {understood} of 6000 were understood: mutate less");
}
