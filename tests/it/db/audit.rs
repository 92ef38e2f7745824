//! The activity log.

use shipmate::db::audit::{self, Filter};
use shipmate::model::account::{AuditEntry, Role};
use shipmate::model::ids::AuditId;

use super::*;

fn entry(at: i64, app: Option<&AppId>, subject: &str) -> AuditEntry {
    AuditEntry {
        id: AuditId::generate(T),
        at: Millis(at),
        user_id: None,
        user_email: "system".into(),
        org_id: None,
        app_id: app.cloned(),
        action: "app.rename".into(),
        subject: subject.into(),
        detail: ODD.into(),
    }
}

on_both! {
    async fn entries_are_listed_newest_first_page_by_page(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let first = entry(5, Some(&app), "Shop");
        let second = entry(5, None, "Other");
        let third = entry(6, Some(&app), "Store");
        for entry in [&first, &second, &third] {
            audit::insert(&mut tx, entry).await.unwrap();
        }
        let all = audit::list(&mut tx, &Filter::default(), 10).await.unwrap();
        assert_eq!(all, [third.clone(), second.clone(), first.clone()]);
        let before = Some((third.at, third.id.as_str()));
        let next = audit::list(&mut tx, &Filter { before, ..Filter::default() }, 1).await.unwrap();
        assert_eq!(next, [second]);
        let of_app = Filter { app: Some(&app), ..Filter::default() };
        assert_eq!(audit::list(&mut tx, &of_app, 10).await.unwrap(), [third.clone(), first]);
        for (action, email, count) in [("app.", None, 3), ("app.r%", None, 0), ("app.rename", Some("system"), 3), ("app.", Some("ann"), 0)] {
            let filter = Filter { action: Some(action), email, ..Filter::default() };
            assert_eq!(audit::list(&mut tx, &filter, 10).await.unwrap().len(), count, "{action} {email:?}");
        }
        let org = add_org(&mut tx).await;
        let of_org = Filter { org: Some(&org), ..Filter::default() };
        assert_eq!(audit::list(&mut tx, &of_org, 10).await.unwrap(), []);

        let mut owned = entry(7, None, "Org");
        owned.org_id = Some(org.clone());
        audit::insert(&mut tx, &owned).await.unwrap();
        let ann = add_user(&mut tx, "ann@example.org").await;
        let by = Filter { owner: Some(&ann), ..Filter::default() };
        assert_eq!(audit::list(&mut tx, &by, 10).await.unwrap(), []);
        for (role, seen) in [(Role::Full, vec![]), (Role::Owner, vec![owned])] {
            db::organisations::set_member(&mut tx, &org, &ann, role).await.unwrap();
            let by = Filter { owner: Some(&ann), ..Filter::default() };
            assert_eq!(audit::list(&mut tx, &by, 10).await.unwrap(), seen);
        }
        assert_eq!(audit::delete_before(&mut tx, Millis(6)).await.unwrap(), 2);
        assert_eq!(audit::list(&mut tx, &of_app, 10).await.unwrap(), [third]);
    }
}
