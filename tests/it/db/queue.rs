//! Which build an agent is given, and what a queued one waits for.

use shipmate::db::Db;
use shipmate::db::agents::Introduction;
use shipmate::db::queue::{self, AgentLabel, Ahead, Claim, Limits};
use shipmate::db::settings::{self, OfOrganisation};

use super::*;

struct Desk {
    agent: AgentId,
    claims: usize,
}

impl Desk {
    /// The next build under these limits, running from now on.
    async fn next(&mut self, tx: &mut Tx, limits: Limits) -> Option<BuildId> {
        self.claims += 1;
        let id = format!("{}-{}", self.agent, self.claims);
        queue::pass_gate(tx).await.unwrap();
        let claim = Claim { claim_id: &id, agent: &self.agent, now: T, lease_until: T, limits };
        queue::claim_next(tx, &claim).await.unwrap().map(|build| build.id)
    }
}

async fn desk(tx: &mut Tx, token: &TokenId, labels: &[(&str, &str)]) -> Desk {
    let labels: Vec<_> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let name = format!("{labels:?}");
    let who = Introduction { token, name: &name, version: "1", slots: 1, labels: &labels };
    let agent = db::agents::upsert(tx, &AgentId::generate(T), &who, T).await.unwrap();
    Desk { agent, claims: 0 }
}

async fn add_app_on(tx: &mut Tx, platform: Platform) -> AppId {
    let org = add_org(tx).await;
    let app = App { platform, ..app_row(&org, "App") };
    db::apps::insert(tx, &app, None).await.unwrap();
    app.id
}

on_both! {
    async fn labels_decide_who_may_run_what(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "t").await;
        let mut plain = desk(&mut tx, &token, &[]).await;
        let mut mac = desk(&mut tx, &token, &[("platform", "ios"), ("xcode", "15")]).await;
        let mut both = desk(&mut tx, &token, &[("platform", "ios"), ("platform", "android")]).await;
        let ios = add_app_on(&mut tx, Platform::Ios).await;
        let android = add_app_on(&mut tx, Platform::Android).await;
        let xcode = add_build(&mut tx, &ios, 1, T).await;
        for (name, value) in [("xcode", "15"), ("platform", "ios")] {
            settings::insert_label(&mut tx, &xcode, name, value).await.unwrap();
        }
        let labels = queue::list_labels(&mut tx, &xcode).await.unwrap();
        assert_eq!(labels, [("platform".to_owned(), "ios".to_owned()), ("xcode".to_owned(), "15".to_owned())]);
        let apk = add_build(&mut tx, &android, 1, T.plus(1)).await;
        let scripts = add_build(&mut tx, &ios, 2, T.plus(2)).await;
        let none = Limits::default();
        assert_eq!(both.next(&mut tx, none).await.as_ref(), Some(&apk));
        assert_eq!(plain.next(&mut tx, none).await.as_ref(), Some(&scripts));
        assert_eq!(plain.next(&mut tx, none).await, None);
        assert_eq!(both.next(&mut tx, none).await, None);
        let second = add_build(&mut tx, &android, 2, T).await;
        assert_eq!(mac.next(&mut tx, none).await.as_ref(), Some(&xcode));
        assert_eq!(mac.next(&mut tx, none).await, None);
        assert_eq!(plain.next(&mut tx, none).await, Some(second));
    }

    async fn whoever_runs_least_is_next_within_the_limits(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "t").await;
        let mut desk = desk(&mut tx, &token, &[]).await;
        let busy = add_app_on(&mut tx, Platform::Ios).await;
        let quiet = add_app_on(&mut tx, Platform::Android).await;
        let mut of_busy = Vec::new();
        for number in 1..=3 {
            of_busy.push(add_build(&mut tx, &busy, number, T.plus(number)).await);
        }
        let late = add_build(&mut tx, &quiet, 1, T.plus(100)).await;
        let none = Limits::default();
        let refused = [
            Limits { all: Some(0), ..none },
            Limits { per_organisation: Some(0), ..none },
            Limits { ios: Some(0), android: Some(0), ..none },
        ];
        for limits in refused {
            assert_eq!(desk.next(&mut tx, limits).await, None, "{limits:?}");
        }
        assert_eq!(desk.next(&mut tx, none).await.as_ref(), Some(&of_busy[0]));
        let ahead = queue::find_ahead(&mut tx, &of_busy[2]).await.unwrap().unwrap();
        let expected = Ahead {
            platform: "ios".into(),
            queued: 1,
            running: 1,
            running_of_organisation: 1,
            running_of_platform: 1,
            max_running: None,
            sibling_clones: false,
        };
        assert_eq!(ahead, expected);
        let ahead = queue::find_ahead(&mut tx, &late).await.unwrap().unwrap();
        assert_eq!((ahead.queued, ahead.running_of_organisation, ahead.running_of_platform), (2, 0, 0));
        assert_eq!(queue::find_ahead(&mut tx, &of_busy[0]).await.unwrap(), None);
        // The other organisation has none running, so it is its turn.
        assert_eq!(desk.next(&mut tx, none).await.as_ref(), Some(&late));
        assert_eq!(desk.next(&mut tx, Limits { all: Some(2), ..none }).await, None);
        assert_eq!(desk.next(&mut tx, Limits { ios: Some(1), ..none }).await, None);
        assert_eq!(desk.next(&mut tx, Limits { per_organisation: Some(1), ..none }).await, None);
        // An organisation's own limit replaces the server's, in both directions.
        let org = db::apps::find(&mut tx, &busy).await.unwrap().unwrap().org_id;
        let own = OfOrganisation { max_running: Some(2), ..OfOrganisation::default() };
        settings::upsert_organisation(&mut tx, &org, &own).await.unwrap();
        let limits = Limits { per_organisation: Some(1), ..none };
        assert_eq!(desk.next(&mut tx, limits).await.as_ref(), Some(&of_busy[1]));
        assert_eq!(desk.next(&mut tx, none).await, None);
        assert_eq!(queue::find_ahead(&mut tx, &of_busy[2]).await.unwrap().unwrap().max_running, Some(2));
    }

    async fn schemes_wait_until_one_knows_the_commit(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "t").await;
        let mut desk = desk(&mut tx, &token, &[]).await;
        let app = add_app(&mut tx).await;
        let mut siblings = Vec::new();
        for scheme in ["A", "B", "C"] {
            let id = BuildId::generate(T);
            let new = NewBuild { scheme, ..new_build(&id, &app, 1, T) };
            db::builds::insert(&mut tx, &new).await.unwrap();
            siblings.push(id);
        }
        let none = Limits::default();
        assert_eq!(desk.next(&mut tx, none).await.as_ref(), Some(&siblings[0]));
        assert_eq!(desk.next(&mut tx, none).await, None);
        assert!(queue::find_ahead(&mut tx, &siblings[1]).await.unwrap().unwrap().sibling_clones);
        db::builds::pin_siblings(&mut tx, &app, 1, &"ab".repeat(20)).await.unwrap();
        assert_eq!(desk.next(&mut tx, none).await.as_ref(), Some(&siblings[1]));
        assert_eq!(desk.next(&mut tx, none).await.as_ref(), Some(&siblings[2]));
    }

    async fn connected_agents_asked_lately_or_hold_a_build(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "t").await;
        let plain = desk(&mut tx, &token, &[]).await;
        let mut mac = desk(&mut tx, &token, &[("platform", "ios")]).await;
        let of_plain = AgentLabel { agent_id: plain.agent.clone(), label: None, value: None };
        let of_mac = AgentLabel { agent_id: mac.agent.clone(), label: Some("platform".into()), value: Some("ios".into()) };
        assert_eq!(queue::list_connected(&mut tx, T).await.unwrap(), [of_plain, of_mac.clone()]);
        assert!(queue::list_connected(&mut tx, T.plus(1)).await.unwrap().is_empty());
        let app = add_app_on(&mut tx, Platform::Ios).await;
        add_build(&mut tx, &app, 1, T).await;
        mac.next(&mut tx, Limits::default()).await.unwrap();
        assert_eq!(queue::list_connected(&mut tx, T.plus(1)).await.unwrap(), [of_mac]);
    }
}
