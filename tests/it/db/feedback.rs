//! Feedback and the files that came with it.

use shipmate::db::feedback::{self, Filter};
use shipmate::db::media;
use shipmate::model::feedback::{Feedback, ItemState, JsonObject, Media, MediaKind, Origin};
use shipmate::model::ids::{FeedbackId, MediaId};

use super::*;

pub fn origin(app: &AppId, build: &BuildId) -> Origin {
    Origin {
        app_id: app.clone(),
        build_id: build.clone(),
        build_number: 7,
        bundle_id: ODD.into(),
        short_version: "1.2".into(),
        version: "113".into(),
    }
}

/// An object with every kind of trouble for a text column.
pub fn odd_object() -> JsonObject {
    JsonObject::read("{ \"a\\u0000\": 335.26060700416565, \"é\": [null, {\"b\": \"☃\"}] }", 100, 8)
        .unwrap()
}

fn feedback_row(app: &AppId, build: &BuildId, at: Millis) -> Feedback {
    Feedback {
        id: FeedbackId::generate(at),
        origin: origin(app, build),
        state: ItemState::Open,
        created_at: at,
        description: ODD.into(),
        email: None,
        metadata: JsonObject::empty(),
        system: odd_object(),
    }
}

pub fn media_row(item: &str, kind: MediaKind, token: Option<&str>) -> Media {
    let id = MediaId::generate(T);
    Media {
        item_id: item.into(),
        kind,
        token: token.map(str::to_owned),
        name: "a.jpg".into(),
        media_type: "image/jpeg".into(),
        bytes: i64::MAX,
        sha256: "00".into(),
        blob_key: format!("media/{id}"),
        created_at: T,
        id,
    }
}

on_both! {
    async fn feedback_is_listed_newest_first_by_state_and_build(db: Db) {
        let mut tx = write(&db).await;
        let (app, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let build = BuildId::generate(T);
        let rows: Vec<Feedback> =
            (0..4).map(|n| feedback_row(&app, &build, T.plus(n / 2))).collect();
        for row in &rows {
            assert!(feedback::insert(&mut tx, row).await.unwrap());
        }
        let mut again = rows[0].clone();
        again.description = "another".into();
        assert!(!feedback::insert(&mut tx, &again).await.unwrap());
        let elsewhere = feedback_row(&other, &build, T);
        feedback::insert(&mut tx, &elsewhere).await.unwrap();
        let mut newest = rows.clone();
        newest.reverse();
        let list = |shown: Vec<feedback::ShownFeedback>| {
            shown.into_iter().map(|shown| shown.feedback).collect::<Vec<_>>()
        };
        let all = feedback::list(&mut tx, &app, &Filter::default(), 10).await.unwrap();
        assert_eq!(list(all), newest);
        let before = Some((rows[2].created_at, rows[2].id.as_str()));
        let filter = Filter { before, build: Some(&build), ..Filter::default() };
        assert_eq!(list(feedback::list(&mut tx, &app, &filter, 1).await.unwrap()), [rows[1].clone()]);
        let nothing = BuildId::generate(T);
        let filter = Filter { build: Some(&nothing), ..Filter::default() };
        assert!(feedback::list(&mut tx, &app, &filter, 9).await.unwrap().is_empty());

        let id = &rows[1].id;
        let closed = ItemState::Closed;
        assert_eq!(feedback::set_state(&mut tx, &other, id, closed).await.unwrap(), 0);
        assert_eq!(feedback::set_state(&mut tx, &app, id, closed).await.unwrap(), 1);
        assert_eq!(feedback::set_state(&mut tx, &app, id, closed).await.unwrap(), 0);
        for (state, count) in [(ItemState::Open, 3), (closed, 1)] {
            let filter = Filter { state: Some(state), ..Filter::default() };
            assert_eq!(feedback::list(&mut tx, &app, &filter, 9).await.unwrap().len(), count);
        }
        assert_eq!(feedback::find(&mut tx, &other, id).await.unwrap(), None);
        let found = feedback::find(&mut tx, &app, id).await.unwrap().unwrap();
        assert_eq!(found.feedback.state, closed);
        assert_eq!((found.image, found.replay, found.has_logs), (None, None, false));
    }

    async fn files_are_found_by_token_and_by_item(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let row = feedback_row(&app, &BuildId::generate(T), T);
        feedback::insert(&mut tx, &row).await.unwrap();
        let image = media_row(row.id.as_str(), MediaKind::Image, Some("t1"));
        let replay = media_row(row.id.as_str(), MediaKind::Replay, Some("t2"));
        let log = media_row(row.id.as_str(), MediaKind::Log, None);
        let other_log = media_row("other", MediaKind::Log, None);
        for file in [&image, &replay, &log, &other_log] {
            assert!(media::insert(&mut tx, file).await.unwrap());
        }
        let second = media_row(row.id.as_str(), MediaKind::Image, Some("t3"));
        assert!(!media::insert(&mut tx, &second).await.unwrap());
        assert_eq!(media::find_public(&mut tx, "t1").await.unwrap(), Some(image));
        assert_eq!(media::find_public(&mut tx, "t3").await.unwrap(), None);
        assert_eq!(media::find_public(&mut tx, "").await.unwrap(), None);
        assert_eq!(media::find(&mut tx, "other", MediaKind::Log).await.unwrap(), Some(other_log));
        assert_eq!(media::find(&mut tx, "other", MediaKind::Image).await.unwrap(), None);
        let found = feedback::find(&mut tx, &app, &row.id).await.unwrap().unwrap();
        assert_eq!(found.image.as_deref(), Some("t1/a.jpg"));
        assert_eq!(found.replay.as_deref(), Some("t2/a.jpg"));
        assert!(found.has_logs);
        assert_eq!(found.feedback, row);
    }
}
