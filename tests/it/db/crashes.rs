//! Crash reports and their groups.

use shipmate::db::crashes::{self, Filter};
use shipmate::db::media;
use shipmate::model::feedback::{CrashGroup, CrashReport, ItemState, MediaKind};
use shipmate::model::ids::{CrashGroupId, CrashReportId};

use super::feedback::{media_row, odd_object, origin};
use super::*;

fn group_row(app: &AppId, id: &str, at: Millis) -> CrashGroup {
    CrashGroup {
        app_id: app.clone(),
        id: id.parse().unwrap(),
        state: ItemState::Open,
        exception_type: ODD.into(),
        title: "SIGABRT in main".into(),
        reports: 0,
        first_seen: at,
        last_seen: at,
        last_build_number: 7,
    }
}

fn report_row(app: &AppId, group: &CrashGroupId, at: Millis) -> CrashReport {
    CrashReport {
        id: CrashReportId::generate(at),
        origin: origin(app, &BuildId::generate(T)),
        group_id: group.clone(),
        created_at: at,
        scheme: ODD.into(),
        tester_email: Some("ann@example.org".into()),
        identifier_for_vendor: "878E82E9".into(),
        metadata: odd_object(),
        system: odd_object(),
        resolved: odd_object(),
        resolved_text: ODD.into(),
    }
}

on_both! {
    async fn reports_are_listed_newest_first_by_group_and_state(db: Db) {
        let mut tx = write(&db).await;
        let (app, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let first = group_row(&app, &"a".repeat(24), T);
        let second = group_row(&app, &"b".repeat(24), T);
        for group in [&first, &second] {
            assert_eq!(&crashes::upsert_group(&mut tx, group).await.unwrap(), group);
        }
        let rows: Vec<CrashReport> = [(&first, 0), (&second, 0), (&first, 1)]
            .iter()
            .map(|(group, at)| report_row(&app, &group.id, T.plus(*at)))
            .collect();
        for row in &rows {
            assert!(crashes::insert(&mut tx, row).await.unwrap());
        }
        assert!(!crashes::insert(&mut tx, &rows[0]).await.unwrap());
        let list = |shown: Vec<crashes::ShownCrash>| {
            shown.into_iter().map(|shown| shown.report).collect::<Vec<_>>()
        };
        let newest = [rows[2].clone(), rows[1].clone(), rows[0].clone()];
        let all = crashes::list(&mut tx, &app, &Filter::default(), 10).await.unwrap();
        assert_eq!(list(all), newest);
        let before = Some((rows[1].created_at, rows[1].id.as_str()));
        let filter = Filter { before, ..Filter::default() };
        assert_eq!(list(crashes::list(&mut tx, &app, &filter, 9).await.unwrap()), newest[2..]);
        let build = Some(&rows[1].origin.build_id);
        let filter = Filter { group: Some(&second.id), build, ..Filter::default() };
        assert_eq!(list(crashes::list(&mut tx, &app, &filter, 9).await.unwrap()), newest[1..2]);

        let closed = ItemState::Closed;
        let set = crashes::set_group_state(&mut tx, &app, &second.id, closed).await.unwrap();
        assert_eq!(set, 1);
        assert_eq!(crashes::set_group_state(&mut tx, &app, &second.id, closed).await.unwrap(), 0);
        let filter = Filter { state: Some(closed), ..Filter::default() };
        assert_eq!(list(crashes::list(&mut tx, &app, &filter, 9).await.unwrap()), newest[1..2]);

        media::insert(&mut tx, &media_row(rows[1].id.as_str(), MediaKind::Replay, Some("t"))).await.unwrap();
        let found = crashes::find(&mut tx, &app, &rows[1].id).await.unwrap().unwrap();
        assert_eq!((found.state, found.replay.as_deref()), (closed, Some("t/a.jpg")));
        assert_eq!((found.thumbnail, found.has_logs), (None, false));
        assert_eq!(crashes::find(&mut tx, &other, &rows[1].id).await.unwrap(), None);
    }

    async fn groups_count_and_stretch(db: Db) {
        let mut tx = write(&db).await;
        let (app, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let group = group_row(&app, &"a".repeat(24), T);
        crashes::upsert_group(&mut tx, &group).await.unwrap();
        crashes::upsert_group(&mut tx, &group_row(&other, &"a".repeat(24), T)).await.unwrap();
        for (state, number, at) in
            [(ItemState::Closed, 9, T.plus(5)), (ItemState::Open, 8, T.plus(-5)), (ItemState::Closed, 7, T)]
        {
            crashes::count_report(&mut tx, &group, state, number, at).await.unwrap();
        }
        let counted = CrashGroup {
            state: ItemState::Closed,
            reports: 3,
            first_seen: T.plus(-5),
            last_seen: T.plus(5),
            last_build_number: 9,
            ..group.clone()
        };
        let found = crashes::find_group(&mut tx, &app, &group.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&counted));
        // A group that is there stays as it is, and is the answer.
        let mut again = group_row(&app, &"a".repeat(24), T);
        again.title = "another".into();
        assert_eq!(crashes::upsert_group(&mut tx, &again).await.unwrap(), counted);
        let untouched = crashes::find_group(&mut tx, &other, &group.id).await.unwrap().unwrap();
        assert_eq!((untouched.reports, untouched.state), (0, ItemState::Open));

        let late = group_row(&app, &"c".repeat(24), T.plus(1));
        let early = group_row(&app, &"b".repeat(24), T.plus(1));
        for group in [&late, &early] {
            crashes::upsert_group(&mut tx, group).await.unwrap();
        }
        let all = crashes::list_groups(&mut tx, &app, None, None, 9).await.unwrap();
        assert_eq!(all, [late.clone(), early.clone(), counted.clone()]);
        let before = Some((late.first_seen, late.id.as_str()));
        assert_eq!(crashes::list_groups(&mut tx, &app, None, before, 1).await.unwrap(), [early]);
        let closed = Some(ItemState::Closed);
        assert_eq!(crashes::list_groups(&mut tx, &app, closed, None, 9).await.unwrap(), [counted]);
    }
}
