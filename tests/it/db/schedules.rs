//! Schedules: kept, due, and moved on by one.

use shipmate::db::{Db, schedules};
use shipmate::model::ids::ScheduleId;
use shipmate::model::schedule::{Schedule, Weekday, Weekly};

use super::*;

on_both! {
    async fn schedules_are_kept_and_moved_on_once(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let weekly = Weekly::new([Weekday::Monday, Weekday::Sunday], 150, "Europe/Berlin").unwrap();
        let new = |next_at| Schedule {
            id: ScheduleId::generate(T),
            app_id: app.clone(),
            branch: ODD.into(),
            weekly: weekly.clone(),
            next_at,
            last_at: None,
            last_result: String::new(),
            last_build_id: None,
            created_at: T,
        };
        let (late, early) = (new(T.plus(9)), new(T));
        for schedule in [&late, &early] {
            schedules::insert(&mut tx, schedule).await.unwrap();
        }
        assert_eq!(schedules::find(&mut tx, &late.id).await.unwrap().as_ref(), Some(&late));
        assert_eq!(schedules::list(&mut tx, &app).await.unwrap(), [late.clone(), early.clone()]);
        assert!(schedules::list_due(&mut tx, T.plus(-1), 9).await.unwrap().is_empty());
        assert_eq!(schedules::list_due(&mut tx, T, 9).await.unwrap(), std::slice::from_ref(&early));
        assert_eq!(schedules::list_due(&mut tx, T.plus(9), 9).await.unwrap(), [early.clone(), late.clone()]);
        assert_eq!(schedules::list_due(&mut tx, T.plus(9), 1).await.unwrap(), std::slice::from_ref(&early));
        assert_eq!(schedules::claim(&mut tx, &early.id, T, T.plus(50)).await.unwrap(), 1);
        assert_eq!(schedules::claim(&mut tx, &early.id, T, T.plus(50)).await.unwrap(), 0);
        let build = BuildId::generate(T);
        schedules::set_last(&mut tx, &early.id, T.plus(1), "queued", Some(&build)).await.unwrap();
        let changed = Schedule { branch: "main".into(), next_at: T.plus(70), ..early.clone() };
        assert_eq!(schedules::update(&mut tx, &changed).await.unwrap(), 1);
        let expected = Schedule { last_at: Some(T.plus(1)), last_result: "queued".into(), last_build_id: Some(build), ..changed };
        assert_eq!(schedules::find(&mut tx, &early.id).await.unwrap(), Some(expected));
        assert_eq!(schedules::delete(&mut tx, &early.id).await.unwrap(), 1);
        assert_eq!(schedules::delete(&mut tx, &early.id).await.unwrap(), 0);
        db::apps::set_deleted_at(&mut tx, &app, Some(T)).await.unwrap();
        assert!(schedules::list_due(&mut tx, T.plus(99), 9).await.unwrap().is_empty());
    }
}
