//! Which provider a delivery is of (TRG-6): by its headers, else by the shape
//! of its body.

use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::hooks::read::{Malformed, Parsed, Told, json};
use crate::hooks::{
    azure, beanstalk, bitbucket, bitbucket_server, body, gitea, github, gitlab, kiln,
};
use crate::model::delivery::Provider;

/// Longest event name or delivery id that is looked at, in bytes.
const MAX_HEADER: usize = 200;

/// A delivery that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    pub provider: Provider,
    /// By which the provider names this delivery, the same when it repeats it.
    pub repeat_id: Option<String>,
    /// As the provider names it; empty if it does not.
    pub event: String,
}

pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    (!text.is_empty() && text.len() <= MAX_HEADER).then_some(text)
}

/// Looks at headers first; bodies are looked at only where no provider says
/// who it is.
pub fn recognise(headers: &HeaderMap, payload: &str) -> Parsed<Recognised> {
    let found = |provider, event: &str, id: &str| Recognised {
        provider,
        repeat_id: header(headers, id).map(str::to_owned),
        event: event.to_owned(),
    };
    // Gitea and Forgejo send GitHub's header as well.
    for (name, id) in [
        ("x-forgejo-event", "x-forgejo-delivery"),
        ("x-gitea-event", "x-gitea-delivery"),
        ("x-gogs-event", "x-gogs-delivery"),
    ] {
        if let Some(event) = header(headers, name) {
            return Ok(found(Provider::Gitea, event, id));
        }
    }
    if let Some(event) = header(headers, "x-github-event") {
        return Ok(found(Provider::Github, event, "x-github-delivery"));
    }
    if let Some(event) = header(headers, "x-gitlab-event") {
        // `X-Gitlab-Event-UUID` is shared by webhooks that set off each other.
        return Ok(found(Provider::Gitlab, event, "idempotency-key"));
    }
    if let Some(event) = header(headers, "x-event-key") {
        let cloud = event == "repo:push" || event.starts_with("pullrequest:");
        return Ok(match cloud {
            true => found(Provider::Bitbucket, event, "x-request-uuid"),
            false => found(Provider::BitbucketServer, event, "x-request-id"),
        });
    }
    by_shape(payload)
}

#[derive(Deserialize)]
struct Shape {
    trigger: Option<IgnoredAny>,
    #[serde(rename = "eventType")]
    event_type: Option<String>,
    #[serde(rename = "eventKey")]
    event_key: Option<String>,
    #[serde(rename = "refChanges")]
    ref_changes: Option<IgnoredAny>,
    #[serde(rename = "ref")]
    reference: Option<IgnoredAny>,
    after: Option<IgnoredAny>,
    commits: Option<IgnoredAny>,
    /// Azure's own name of the delivery.
    id: Option<serde_json::Value>,
}

fn by_shape(payload: &str) -> Parsed<Recognised> {
    let shape: Shape = json(payload)?;
    let plain = |provider, event: Option<String>| {
        Ok(Recognised { provider, repeat_id: None, event: event.unwrap_or_default() })
    };
    if shape.trigger.is_some() {
        return plain(Provider::Beanstalk, None);
    }
    if let Some(event) = shape.event_type.filter(|event| event.len() <= MAX_HEADER) {
        let id = shape.id.as_ref().and_then(|id| id.as_str());
        let repeat_id = id.filter(|id| (1..=MAX_HEADER).contains(&id.len())).map(str::to_owned);
        return Ok(Recognised { provider: Provider::Azure, repeat_id, event });
    }
    if let Some(event) = shape.event_key.filter(|event| event.len() <= MAX_HEADER) {
        return plain(Provider::BitbucketServer, Some(event));
    }
    if shape.ref_changes.is_some() {
        return plain(Provider::BitbucketServer, None);
    }
    match (shape.reference, shape.after, shape.commits) {
        (Some(_), Some(_), _) => plain(Provider::Gitolite, None),
        (None, None, Some(_)) => plain(Provider::Kiln, None),
        _ => Err(Malformed::Unrecognised),
    }
}

/// Hands the payload to the provider's parser.
pub fn parse(recognised: &Recognised, payload: &str) -> Parsed<Told> {
    let event = recognised.event.as_str();
    match recognised.provider {
        Provider::Github => github::parse(event, payload),
        Provider::Gitea => gitea::parse(event, payload),
        Provider::Gitlab => gitlab::parse(payload),
        Provider::Bitbucket => bitbucket::parse(event, payload),
        Provider::BitbucketServer if event.is_empty() => bitbucket_server::push(payload),
        Provider::BitbucketServer => bitbucket_server::parse(event, payload),
        Provider::Beanstalk => beanstalk::parse(payload),
        Provider::Gitolite => github::push(payload),
        Provider::Kiln => kiln::parse(payload),
        Provider::Azure => azure::parse(payload),
        // Nobody delivers what the server found by itself.
        Provider::Reconciliation => Err(Malformed::Unrecognised),
    }
}

/// Everything that is read of a delivery before it is stored; every input is
/// hostile.
pub fn understand(headers: &HeaderMap, bytes: &[u8]) -> Parsed<(Recognised, Told)> {
    let payload = body::payload(headers, bytes)?;
    let recognised = recognise(headers, &payload)?;
    let told = parse(&recognised, &payload)?;
    Ok((recognised, told))
}
