use super::*;
use crate::model::app::Platform;
use crate::model::ids::OrgId;

fn app(default_branch: Option<&str>) -> App {
    App {
        id: AppId::generate(Millis(0)),
        org_id: OrgId::generate(Millis(0)),
        name: "Shop".into(),
        platform: Platform::Ios,
        repo_url: String::new(),
        default_branch: default_branch.map(str::to_owned),
        branches_read_at: None,
        is_public: false,
        created_at: Millis(0),
    }
}

fn prefix(name: &str, branch_only: bool, tag_only: bool) -> Rules {
    let prefix = Prefix { name: name.into(), branch_only, tag_only };
    Rules { prefixes: vec![prefix], ..Rules::default() }
}

#[test]
fn rules_choose_by_branch_tag_prefix_and_scheme() {
    use Source::{Branch, Fork, Tag};
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let any = Rules::default();
    let default = Rules { default_branch: true, ..Rules::default() };
    let branches = Rules { branches: names(&["main", "dev"]), ..Rules::default() };
    let tags = Rules { tags: names(&["v1"]), ..Rules::default() };
    let qa = Rules { schemes: names(&["Shop - QA", "Beta"]), ..Rules::default() };
    let cases = [
        (&any, Branch("x"), "", true),
        (&any, Tag("x"), "", false),
        (&any, Fork, "", false),
        (&default, Branch("main"), "", true),
        (&default, Branch("dev"), "", false),
        (&branches, Branch("dev"), "", true),
        (&branches, Branch("develop"), "", false),
        (&branches, Tag("dev"), "", false),
        (&tags, Tag("v1"), "", true),
        (&tags, Tag("v10"), "", false),
        (&tags, Branch("v1"), "", false),
        (&prefix("rel/", false, false), Branch("rel/1"), "", true),
        (&prefix("rel/", false, false), Tag("rel/1"), "", true),
        (&prefix("rel/", true, false), Tag("rel/1"), "", false),
        (&prefix("rel/", false, true), Branch("rel/1"), "", false),
        (&prefix("rel/", false, true), Tag("rel/1"), "", true),
        (&prefix("rel/", false, false), Branch("feature/rel/"), "", false),
        (&qa, Branch("x"), "Shop - QA", true),
        (&qa, Branch("x"), "Shop - Release", false),
        (&qa, Branch("x"), "Beta - Debug", true),
        (&qa, Branch("x"), "Beta - Debug - More", false),
        (&qa, Branch("x"), "", false),
    ];
    let app = app(Some("main"));
    for (rules, source, scheme, expected) in cases {
        assert_eq!(rules.matches(&app, source, scheme), expected, "{rules:?} {source:?} {scheme}");
    }
}

#[test]
fn a_default_branch_that_is_not_known_yet_is_any() {
    let rules = Rules { default_branch: true, ..Rules::default() };
    assert!(rules.matches(&app(None), Source::Branch("x"), ""));
    assert!(rules.shown_branches(&app(None)).is_empty());
    let both = Rules { branches: vec!["main".into(), "dev".into()], ..rules };
    assert_eq!(both.shown_branches(&app(Some("main"))), ["main", "dev"]);
}

#[test]
fn what_was_heard_last_is_how_far_it_came() {
    let fresh = Recipient {
        id: RecipientId::generate(Millis(0)),
        deployment_id: DeploymentId::generate(Millis(0)),
        email: "a@b".into(),
        address: "a@b".into(),
        sent_at: None,
        opened_at: None,
        downloaded_at: None,
        launched_at: None,
        failed_at: None,
        failure: None,
        refused_at: None,
        error: None,
    };
    let at = |ms| Some(Millis(ms));
    assert_eq!(fresh.progress(), Progress::Pending);
    let refused = Recipient { refused_at: at(1), ..fresh.clone() };
    assert_eq!(refused.progress(), Progress::NotSent);
    // Installed through a link that reached them another way.
    assert_eq!(Recipient { launched_at: at(2), ..refused }.progress(), Progress::Launched);
    let sent = Recipient { sent_at: at(1), ..fresh };
    assert_eq!(sent.progress(), Progress::Sent);
    let failed = Recipient { downloaded_at: at(2), failed_at: at(3), ..sent };
    assert_eq!(failed.progress(), Progress::InstallFailed);
    assert_eq!(Recipient { launched_at: at(3), ..failed }.progress(), Progress::Launched);
}
