//! Deployment groups and testers.

use shipmate::db::groups;
use shipmate::model::distribution::{Frequency, Group, Prefix, Rules};
use shipmate::model::email::Email;
use shipmate::model::ids::GroupId;

use super::*;

pub fn group(app: &AppId, name: &str) -> Group {
    Group {
        id: GroupId::generate(T),
        app_id: app.clone(),
        name: name.into(),
        frequency: Frequency::Manual,
        rules: Rules::default(),
        schedule: None,
        next_run_at: None,
        created_at: T,
    }
}

pub fn email(text: &str) -> Email {
    text.parse().expect("an address")
}

on_both! {
    async fn a_team_is_taken_once(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        assert!(!groups::has_team(&mut tx, &app).await.unwrap());
        assert!(groups::take_team(&mut tx, &app).await.unwrap());
        assert!(!groups::take_team(&mut tx, &app).await.unwrap());
        assert!(groups::has_team(&mut tx, &app).await.unwrap());
        assert!(!groups::has_team(&mut tx, &AppId::generate(T)).await.unwrap());
    }

    async fn owners_by_the_age_of_their_account(db: Db) {
        let mut tx = write(&db).await;
        let org = add_org(&mut tx).await;
        let app = app_row(&org, "Shop");
        db::apps::insert(&mut tx, &app, None).await.unwrap();
        for (address, role) in [("z@x", "owner"), ("b@x", "read"), ("a@x", "owner")] {
            let user = add_user(&mut tx, address).await;
            db::accounts::insert_member(&mut tx, &org, &user, role).await.unwrap();
        }
        assert_eq!(groups::list_owner_emails(&mut tx, &app.id).await.unwrap(), ["z@x", "a@x"]);
    }

    async fn groups_are_kept_whole(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let first = group(&app, "The Team");
        groups::insert(&mut tx, &first, "{}").await.unwrap();
        let prefix = Prefix { name: ODD.into(), branch_only: true, tag_only: false };
        let second = Group {
            name: ODD.into(),
            frequency: Frequency::Scheduled,
            rules: Rules { branches: vec![ODD.into()], prefixes: vec![prefix], ..Rules::default() },
            schedule: Some("{}".into()),
            next_run_at: Some(Millis(5)),
            ..group(&app, "")
        };
        let rules = serde_json::to_string(&second.rules).unwrap();
        groups::insert(&mut tx, &second, &rules).await.unwrap();
        let other = add_app(&mut tx).await;
        groups::insert(&mut tx, &group(&other, "Another app's"), "{}").await.unwrap();
        assert_eq!(groups::find(&mut tx, &second.id).await.unwrap().as_ref(), Some(&second));
        assert_eq!(groups::find(&mut tx, &GroupId::generate(T)).await.unwrap(), None);
        assert_eq!(groups::list(&mut tx, &app).await.unwrap(), [first.clone(), second.clone()]);

        assert_eq!(groups::list_due(&mut tx, Millis(4), 9).await.unwrap(), []);
        assert_eq!(groups::list_due(&mut tx, Millis(5), 9).await.unwrap(), std::slice::from_ref(&second));
        assert!(!groups::set_next_run(&mut tx, &second.id, None, Some(Millis(7))).await.unwrap());
        assert!(groups::set_next_run(&mut tx, &second.id, Some(Millis(5)), Some(Millis(7))).await.unwrap());
        assert!(groups::set_next_run(&mut tx, &second.id, Some(Millis(7)), None).await.unwrap());
        assert!(groups::set_next_run(&mut tx, &second.id, None, None).await.unwrap());
        assert_eq!(groups::list_due(&mut tx, Millis(i64::MAX), 9).await.unwrap(), []);

        let changed = Group { id: second.id.clone(), ..group(&app, "Plain") };
        groups::update(&mut tx, &changed, "{}").await.unwrap();
        assert_eq!(groups::find(&mut tx, &second.id).await.unwrap(), Some(changed));
        groups::add_tester(&mut tx, &second.id, &email("a@x"), T).await.unwrap();
        // Deleted, it is nowhere but among the deleted ones.
        assert_eq!(groups::find_deleted(&mut tx, &second.id).await.unwrap(), None);
        assert_eq!(groups::set_deleted_at(&mut tx, &second.id, None, None).await.unwrap(), 0);
        assert_eq!(groups::set_deleted_at(&mut tx, &second.id, Some(T), None).await.unwrap(), 1);
        assert_eq!(groups::set_deleted_at(&mut tx, &second.id, Some(T), None).await.unwrap(), 0);
        assert_eq!(groups::list(&mut tx, &app).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(groups::find(&mut tx, &second.id).await.unwrap(), None);
        assert!(!groups::is_subscribed(&mut tx, &second.id, "a@x").await.unwrap());
        let listed = groups::list_deleted(&mut tx, &app).await.unwrap();
        assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].deleted_at), (1, "Plain", T));
        let (found, at) = groups::find_deleted(&mut tx, &second.id).await.unwrap().unwrap();
        assert_eq!((found.id, at), (second.id.clone(), T));
        // Back, with its testers.
        assert_eq!(groups::set_deleted_at(&mut tx, &second.id, None, Some(Millis(3))).await.unwrap(), 1);
        assert_eq!(groups::find(&mut tx, &second.id).await.unwrap().unwrap().next_run_at, Some(Millis(3)));
        assert!(groups::is_subscribed(&mut tx, &second.id, "a@x").await.unwrap());
        groups::set_deleted_at(&mut tx, &second.id, Some(T), None).await.unwrap();
        assert_eq!(groups::delete_before(&mut tx, T).await.unwrap(), 0);
        assert_eq!(groups::delete_before(&mut tx, T.plus(1)).await.unwrap(), 1);
        assert_eq!(groups::find_deleted(&mut tx, &second.id).await.unwrap(), None);
        assert_eq!(groups::list(&mut tx, &app).await.unwrap(), [first]);
    }

    async fn testers_come_and_go(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let team = group(&app, "The Team");
        groups::insert(&mut tx, &team, "{}").await.unwrap();
        for (address, fresh) in [("Zoë@X", true), ("ann@x", true), ("zoë@x", false), ("bob@x", true)] {
            assert_eq!(groups::add_tester(&mut tx, &team.id, &email(address), T).await.unwrap(), fresh, "{address}");
        }
        let later = T.plus(1);
        assert!(groups::unsubscribe(&mut tx, &team.id, "zoë@x", later).await.unwrap());
        assert!(!groups::unsubscribe(&mut tx, &team.id, "zoë@x", later).await.unwrap());
        assert!(!groups::unsubscribe(&mut tx, &team.id, "nobody@x", later).await.unwrap());
        assert!(!groups::is_subscribed(&mut tx, &team.id, "zoë@x").await.unwrap());
        assert!(groups::is_subscribed(&mut tx, &team.id, "ann@x").await.unwrap());
        // Who unsubscribed is kept until they are added again.
        assert!(!groups::remove_tester(&mut tx, &team.id, "zoë@x").await.unwrap());
        assert!(groups::remove_tester(&mut tx, &team.id, "ann@x").await.unwrap());
        assert!(!groups::remove_tester(&mut tx, &team.id, "ann@x").await.unwrap());
        let shown = |testers: Vec<shipmate::model::distribution::Tester>| -> Vec<_> {
            testers.into_iter().map(|t| (t.address, t.unsubscribed_at)).collect()
        };
        let listed = groups::list_testers(&mut tx, &app).await.unwrap();
        assert_eq!(shown(listed), [("Zoë@X".to_owned(), Some(later)), ("bob@x".to_owned(), None)]);
        assert!(groups::add_tester(&mut tx, &team.id, &email("zoë@x"), later).await.unwrap());
        let listed = groups::list_testers(&mut tx, &app).await.unwrap();
        assert_eq!(shown(listed), [("bob@x".to_owned(), None), ("zoë@x".to_owned(), None)]);
    }
}
