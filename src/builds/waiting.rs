//! Why a queued build waits, in one sentence (QUE-1). The rule that decides is
//! the claim's; this only looks which part of it says no.

use std::collections::BTreeMap;

use crate::app::App;
use crate::db::queue::{AgentLabel, Ahead, Limits};
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::build::{Build, BuildStatus};

/// An agent asks for work at least this often while it has a free slot.
pub const CONNECTED_MS: i64 = 90_000;

type Labels = Vec<(String, String)>;

/// `None` for a build that is not queued.
pub async fn reason(app: &App, tx: &mut Tx, build: &Build) -> Result<Option<String>> {
    if build.status != BuildStatus::Queued {
        return Ok(None);
    }
    let Some(ahead) = db::queue::find_ahead(tx, &build.id).await? else { return Ok(None) };
    let required = db::queue::list_labels(tx, &build.id).await?;
    let since = app.clock.now().plus(-CONNECTED_MS);
    let agents = by_agent(db::queue::list_connected(tx, since).await?);
    Ok(Some(
        no_agent(&agents, &ahead.platform, &required)
            .or_else(|| limit_reached(&ahead, &app.settings.limits))
            .unwrap_or_else(|| in_line(&ahead)),
    ))
}

fn by_agent(rows: Vec<AgentLabel>) -> Vec<Labels> {
    let mut agents: BTreeMap<_, Labels> = BTreeMap::new();
    for AgentLabel { agent_id, label, value } in rows {
        let labels = agents.entry(agent_id).or_default();
        labels.extend(label.zip(value));
    }
    agents.into_values().collect()
}

/// What no connected agent offers.
fn no_agent(agents: &[Labels], platform: &str, required: &Labels) -> Option<String> {
    if agents.is_empty() {
        return Some("no agent is connected".into());
    }
    let serves = |agent: &Labels| {
        let mut platforms = agent.iter().filter(|(name, _)| name == "platform").peekable();
        platforms.peek().is_none() || platforms.any(|(_, value)| value == platform)
    };
    let has_all = |agent: &Labels| required.iter().all(|label| agent.contains(label));
    if agents.iter().any(|agent| serves(agent) && has_all(agent)) {
        return None;
    }
    let missing = required.iter().find(|label| !agents.iter().any(|agent| agent.contains(label)));
    Some(match missing {
        Some((name, value)) => format!("no agent with {name} {value} is connected"),
        None if !agents.iter().any(serves) => format!("no agent for {platform} is connected"),
        None => {
            let labels: Vec<_> = required.iter().map(|(n, v)| format!("{n} {v}")).collect();
            format!("no agent with {} is connected", labels.join(" and "))
        }
    })
}

fn limit_reached(ahead: &Ahead, limits: &Limits) -> Option<String> {
    let of_platform = if ahead.platform == "ios" { limits.ios } else { limits.android };
    let of_organisation = ahead.max_running.or(limits.per_organisation);
    let reached = |running: i64, limit: Option<i64>| limit.filter(|limit| running >= *limit);
    if let Some(limit) = reached(ahead.running, limits.all) {
        return Some(format!("limit of {limit} running builds reached"));
    }
    if let Some(limit) = reached(ahead.running_of_organisation, of_organisation) {
        return Some(format!("limit of {limit} running builds of the organisation reached"));
    }
    reached(ahead.running_of_platform, of_platform)
        .map(|limit| format!("limit of {limit} running {} builds reached", ahead.platform))
}

fn in_line(ahead: &Ahead) -> String {
    match ahead.queued {
        _ if ahead.sibling_clones => "another scheme of this build is finding the commit".into(),
        0 => "waiting for an agent: next in line".into(),
        1 => "waiting for an agent: 1 build ahead".into(),
        queued => format!("waiting for an agent: {queued} builds ahead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn what_no_agent_offers() {
        let cases = [
            (vec![], "android", "", Some("no agent is connected")),
            (vec![""], "android", "", None),
            (vec![""], "ios", "", None),
            (vec![""], "ios", "platform=ios", Some("no agent with platform ios is connected")),
            (vec!["platform=ios"], "ios", "platform=ios", None),
            (vec!["platform=ios"], "android", "", Some("no agent for android is connected")),
            (vec!["platform=ios platform=android"], "android", "", None),
            (vec!["platform=ios", ""], "android", "", None),
            (vec!["a=1", "b=2"], "ios", "a=1 b=2", Some("no agent with a 1 and b 2 is connected")),
            (vec!["a=1 b=2 c=3"], "ios", "a=1 b=2", None),
        ];
        for (agents, platform, required, expected) in cases {
            let agents: Vec<_> = agents.into_iter().map(labels).collect();
            let said = no_agent(&agents, platform, &labels(required));
            assert_eq!(said.as_deref(), expected, "{agents:?} {platform} {required}");
        }
    }

    #[test]
    fn which_limit_and_how_many_before() {
        let ahead = Ahead {
            platform: "ios".into(),
            queued: 3,
            running: 4,
            running_of_organisation: 2,
            running_of_platform: 1,
            max_running: None,
            sibling_clones: false,
        };
        let none = Limits::default();
        let said = |ahead: &Ahead, limits: &Limits| limit_reached(ahead, limits);
        assert_eq!(said(&ahead, &none), None);
        let all = Limits { all: Some(4), ..none };
        assert_eq!(said(&ahead, &all).unwrap(), "limit of 4 running builds reached");
        assert_eq!(said(&ahead, &Limits { all: Some(5), ..none }), None);
        let own = Ahead { max_running: Some(2), ..ahead.clone() };
        let words = "limit of 2 running builds of the organisation reached";
        assert_eq!(said(&own, &Limits { per_organisation: Some(9), ..none }).unwrap(), words);
        assert_eq!(said(&ahead, &Limits { per_organisation: Some(2), ..none }).unwrap(), words);
        let ios = Limits { ios: Some(1), android: Some(0), ..none };
        assert_eq!(said(&ahead, &ios).unwrap(), "limit of 1 running ios builds reached");
        assert_eq!(in_line(&ahead), "waiting for an agent: 3 builds ahead");
        assert_eq!(
            in_line(&Ahead { queued: 1, ..ahead.clone() }),
            "waiting for an agent: 1 build ahead"
        );
        assert_eq!(in_line(&Ahead { queued: 0, ..ahead }), "waiting for an agent: next in line");
    }
}
