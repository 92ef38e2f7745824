//! Endpoints 14 to 17 as the official export tool and the dashboard use them.

use std::collections::BTreeSet;

use serde_json::json;
use shipmate::db;
use shipmate::feedback::crashes::{self, NewCrash};
use shipmate::feedback::{self, File};
use shipmate::model::account::Access;
use shipmate::model::app::App as AppRow;
use shipmate::model::feedback::{Feedback, ItemState, JsonObject, MediaKind, Origin};
use shipmate::model::ids::{BuildId, CrashReportId, FeedbackId};
use shipmate::model::time::Millis;

use super::*;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42 a video";

/// `system` of the reference, with a member it does not know.
const SYSTEM: &str = r#"{"app_uptime": 335.26060700416565, "battery_level": 88, "hardware_device_name": "John’s iPhone", "new": {"x": [1]}}"#;

fn object(text: &str) -> JsonObject {
    JsonObject::read(text, 1 << 20, 16).unwrap()
}

fn origin(row: &AppRow, build: &BuildId, number: i64) -> Origin {
    Origin {
        app_id: row.id.clone(),
        build_id: build.clone(),
        build_number: number,
        bundle_id: "buddybuild.com.m2048".into(),
        short_version: "1.2".into(),
        version: "90".into(),
    }
}

fn feedback_at(row: &AppRow, build: &BuildId, at: Millis) -> Feedback {
    Feedback {
        id: FeedbackId::generate(at),
        origin: origin(row, build, 90),
        state: ItemState::Open,
        created_at: at,
        description: "These elements are not aligned correctly.".into(),
        email: Some("john@example.org".into()),
        metadata: object(r#"{"plan":"pro"}"#),
        system: object(SYSTEM),
    }
}

fn crash_at(row: &AppRow, build: &BuildId, number: i64, at: Millis) -> NewCrash {
    NewCrash {
        id: CrashReportId::generate(at),
        origin: origin(row, build, number),
        created_at: at,
        scheme: "m2048".into(),
        tester_email: None,
        identifier_for_vendor: "878E82E9-AFE9-4EAB-987A-970EE9F443D8".into(),
        metadata: JsonObject::empty(),
        system: object(SYSTEM),
        resolved: object(
            r#"{"crashed_thread": "0", "exception_type": "SIGABRT", "thread_frames": [{"number": "0",
                "title": "Thread 0 Crashed", "frames": [{"process_frame": true, "function": "main"}]}]}"#,
        ),
        resolved_text: "Process: m2048".into(),
    }
}

/// The path of a URL of the server.
fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    let path = url.strip_prefix("http://ci.example.org").unwrap_or_else(|| panic!("{url}"));
    assert!(!path.contains(['?', '#', '%', ' ']), "{path}");
    path.to_owned()
}

async fn public(caller: &Caller, path: &str) -> Answer {
    caller.server.call(Method::GET, path, None, "").await
}

/// Walks a list as the export tool does: it joins its base, `/` and whatever it
/// finds, and makes a folder for each id.
async fn walk(caller: &Caller, first: &str, mut after_page: impl AsyncFnMut()) -> Vec<String> {
    let mut seen = Vec::new();
    let mut path = first.to_owned();
    loop {
        let answer = caller.get(&format!("//{path}")).await.expect(200);
        let page: Value = answer.json();
        assert_eq!(page.as_object().unwrap().len(), 1);
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty());
        seen.extend(items.iter().map(|item| item["_id"].as_str().unwrap().to_owned()));
        after_page().await;
        let Some(link) = answer.headers.get("link") else { return seen };
        let link = link.to_str().unwrap();
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.starts_with("/v1/apps/"), "{path}");
    }
}

on_both! {
    async fn feedback_shows_every_member_in_both_spellings(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let plain = feedback_at(&row, &build, Millis(1_511_480_855_145));
        let mut whole = feedback_at(&row, &build, Millis(1_511_480_855_145));
        whole.email = None;
        assert!(feedback::add(&app.app, plain.clone(), Vec::new()).await.unwrap());
        let files = || vec![
            File::new(MediaKind::Image, JPEG),
            File::new(MediaKind::Replay, MP4),
            File::new(MediaKind::Log, &b"line 1\nline 2\n"[..]),
        ];
        assert!(feedback::add(&app.app, whole.clone(), files()).await.unwrap());
        // The same again changes nothing and leaves no blob behind.
        let blobs = app.count_blobs();
        assert!(!feedback::add(&app.app, whole.clone(), files()).await.unwrap());
        assert_eq!(app.count_blobs(), blobs);

        for name in ["feedback", "feedbacks"] {
            let list = format!("/v1/apps/{}/{name}", row.id);
            let page = caller.get_json(&list).await;
            assert_eq!(page["items"][0]["_id"], whole.id.as_str());
            assert_eq!(page["items"][1], json!({
                "_id": plain.id, "app_id": row.id, "build_id": build, "build_number": 90,
                "created_at": "2017-11-23T23:47:35.145Z", "email": "john@example.org",
                "description": "These elements are not aligned correctly.", "has_logs": false,
                "CFBundleIdentifier": "buddybuild.com.m2048", "CFBundleVersion": "90",
                "CFBundleShortVersionString": "1.2", "metadata": { "plan": "pro" },
                "system": serde_json::from_str::<Value>(SYSTEM).unwrap(), "state": "open",
            }));
            let text = String::from_utf8(caller.get(&list).await.body).unwrap();
            assert!(text.contains("335.26060700416565"), "figures are passed through: {text}");
            let one = format!("{list}/{}", whole.id);
            let shown = caller.get_json(&one).await;
            assert_eq!(shown, page["items"][0]);
            assert!(shown.get("email").is_none());
            assert_eq!(shown["has_logs"], true);
            let log = caller.get(&format!("{one}/logs")).await.expect(200);
            assert_eq!(log.headers["content-type"], "text/plain; charset=utf-8");
            assert_eq!(log.body, b"line 1\nline 2\n");
            caller.get(&format!("{list}/{}/logs", plain.id)).await.expect(404);
            caller.get(&format!("{list}/zz/logs")).await.expect(404);
            public(&caller, &format!("{one}/logs")).await.expect(401);
        }
        let bob = Caller::new(&app, &app.add_user("bob@example.org").await).await;
        for rest in ["", "/logs"] {
            bob.get(&format!("/v1/apps/{}/feedback/{}{rest}", row.id, whole.id)).await.expect(404);
        }
        let other = app.add_app(&ann, "Other", "/nonexistent/repo.git").await;
        caller.get(&format!("/v1/apps/{}/feedback/{}/logs", other.id, whole.id)).await.expect(404);
    }

    async fn media_needs_its_url_and_nothing_else(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let replay = feedback_at(&row, &build, Millis(2));
        let files = vec![File::new(MediaKind::Image, JPEG), File::new(MediaKind::Replay, MP4)];
        feedback::add(&app.app, replay, files).await.unwrap();
        feedback::add(&app.app, feedback_at(&row, &build, Millis(1)), vec![File::new(MediaKind::Image, JPEG)]).await.unwrap();
        let page = caller.get_json(&format!("/v1/apps/{}/feedbacks", row.id)).await;
        let video = path_of(&page["items"][0]["replay_url"]);
        let still = path_of(&page["items"][0]["image_url"]);
        let picture = path_of(&page["items"][1]["image_url"]);
        // What the export tool saves them under.
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        assert!(name(&video).ends_with(".mp4"), "{video}");
        assert_eq!(name(&still), format!("{}-thumbnail.jpg", name(&video)));
        assert_eq!(name(&picture).len(), 36 + ".jpg".len());
        for (path, media, body) in
            [(&video, "video/mp4", MP4), (&still, "image/jpeg", JPEG), (&picture, "image/jpeg", JPEG)]
        {
            let answer = public(&caller, path).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers["content-type"], media);
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
            assert_eq!(answer.body, body);
        }
        let request = caller.server.client.get(format!("{}{video}", caller.server.url));
        let part = Answer::of(request.header("range", "bytes=4-7")).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"ftyp"[..]));
        let token = picture.split('/').nth(2).unwrap();
        assert!(token.len() >= 43, "{token}");
        for wrong in [
            format!("/media/{token}/other.jpg"),
            format!("/media/{}/{}", &token[1..], name(&picture)),
            format!("/media/{token}"),
            format!("/media/{}/{}", video.split('/').nth(2).unwrap(), name(&picture)),
        ] {
            public(&caller, &wrong).await.expect(404);
        }
    }

    async fn crash_reports_are_grouped(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let files = vec![
            File::new(MediaKind::Image, JPEG),
            File::new(MediaKind::Replay, MP4),
            File::new(MediaKind::Log, &b"crashed\n"[..]),
        ];
        let first = crash_at(&row, &build, 7, Millis(5_000));
        let first_id = first.id.clone();
        crashes::add(&app.app, first, files).await.unwrap();
        crashes::add(&app.app, crash_at(&row, &build, 7, Millis(4_000)), Vec::new()).await.unwrap();
        let mut other = crash_at(&row, &build, 7, Millis(3_000));
        other.resolved = object(r#"{"exception_type": "SIGSEGV"}"#);
        crashes::add(&app.app, other, Vec::new()).await.unwrap();

        let groups = format!("/v1/apps/{}/crash-groups", row.id);
        let page = caller.get_json(&groups).await;
        let group = page["items"][0]["_id"].as_str().unwrap().to_owned();
        assert_eq!(page["items"][0], json!({
            "_id": group, "app_id": row.id, "exception_type": "SIGABRT", "title": "SIGABRT in main",
            "count": 2, "first_seen": "1970-01-01T00:00:04.000Z",
            "last_seen": "1970-01-01T00:00:05.000Z", "last_build_number": 7, "state": "open",
        }));
        assert_eq!(page["items"][1]["title"], "SIGSEGV");
        for name in ["crash-report", "crash-reports"] {
            let list = format!("/v1/apps/{}/{name}", row.id);
            let all = caller.get_json(&list).await;
            let shown = &all["items"][0];
            assert_eq!(shown["_id"], first_id.as_str());
            assert!(shown.get("tester_email").is_none());
            assert_eq!(shown["resolved_crash_report_string"], "Process: m2048");
            assert_eq!((&shown["has_logs"], &shown["scheme"]), (&json!(true), &json!("m2048")));
            assert_eq!(public(&caller, &path_of(&shown["instant_replay_url"])).await.body, MP4);
            let thumbnail = path_of(&shown["instant_replay_thumbnail_url"]);
            assert_eq!(public(&caller, &thumbnail).await.body, JPEG);
            assert!(all["items"][1].get("instant_replay_url").is_none());
            let one = format!("{list}/{first_id}");
            assert_eq!(&caller.get_json(&one).await, shown);
            assert_eq!(caller.get(&format!("{one}/logs")).await.expect(200).body, b"crashed\n");
            let bare = all["items"][1]["_id"].as_str().unwrap();
            caller.get(&format!("{list}/{bare}/logs")).await.expect(404);
            let of_group = caller.get_json(&format!("{list}?group_id={group}")).await;
            assert_eq!(of_group["items"].as_array().unwrap().len(), 2);
        }

        // Closing hides its reports from the open ones; a newer build opens it.
        let one = format!("{groups}/{group}");
        let close = r#"{"state":"closed"}"#;
        let put = |caller: &Caller, path: &str, body: &'static str| {
            let url = format!("{}{path}", caller.server.url);
            let request = caller.server.client.put(url).bearer_auth(&caller.token);
            Answer::of(request.header("content-type", "application/json").body(body))
        };
        let closed: Value = put(&caller, &one, close).await.expect(200).json();
        assert_eq!(closed["state"], "closed");
        for body in ["{}", r#"{"state":"gone"}"#, r#"{"state":"open","x":1}"#, "["] {
            put(&caller, &one, body).await.expect(400);
        }
        let open = format!("/v1/apps/{}/crash-reports?state=open", row.id);
        assert_eq!(caller.get_json(&open).await["items"].as_array().unwrap().len(), 1);
        assert_eq!(caller.get_json(&format!("{groups}?state=closed")).await["items"].as_array().unwrap().len(), 1);
        crashes::add(&app.app, crash_at(&row, &build, 7, Millis(6_000)), Vec::new()).await.unwrap();
        assert_eq!(caller.get_json(&one).await["state"], "closed");
        crashes::add(&app.app, crash_at(&row, &build, 8, Millis(7_000)), Vec::new()).await.unwrap();
        assert_eq!(caller.get_json(&one).await["state"], "open");

        // Readers read; every change is told once in the activity log.
        let reader = Caller::new(&app, &bob).await;
        put(&reader, &one, close).await.expect(404);
        let mut tx = app.app.db.write().await.unwrap();
        db::accounts::set_app_access(&mut tx, &row.id, &bob.user.id, Access::Read).await.unwrap();
        tx.commit().await.unwrap();
        put(&reader, &one, close).await.expect(403);
        put(&caller, &one, r#"{"state":"open"}"#).await.expect(200);
        let item = feedback_at(&row, &build, Millis(1));
        feedback::add(&app.app, item.clone(), Vec::new()).await.unwrap();
        let feedback_path = format!("/v1/apps/{}/feedback/{}", row.id, item.id);
        put(&reader, &feedback_path, close).await.expect(403);
        for _ in 0..2 {
            let shown: Value = put(&caller, &feedback_path, close).await.expect(200).json();
            assert_eq!(shown["state"], "closed");
        }
        let none = caller.get_json(&format!("/v1/apps/{}/feedback?state=open", row.id)).await;
        assert_eq!(none, json!({ "items": [] }));
        let mut tx = app.app.db.read().await.unwrap();
        let filter = db::audit::Filter { app: Some(&row.id), ..Default::default() };
        let entries = db::audit::list(&mut tx, &filter, 10).await.unwrap();
        let told: Vec<_> = entries.iter().map(|e| (e.action.as_str(), e.subject.as_str())).collect();
        assert_eq!(told, [("feedback.close", item.id.as_str()), ("crash_group.close", "SIGABRT in main")]);
    }

    async fn the_export_tool_walks_every_page(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let (mut feedback_ids, mut crash_ids) = (Vec::new(), Vec::new());
        let mut tx = app.app.db.write().await.unwrap();
        for n in 0..250 {
            // Many have the same moment.
            let item = feedback_at(&row, &build, Millis(1_000 + n / 20));
            db::feedback::insert(&mut tx, &item).await.unwrap();
            feedback_ids.push((item.created_at, item.id.to_string()));
        }
        tx.commit().await.unwrap();
        for n in 0..250 {
            let crash = crash_at(&row, &build, 7, Millis(1_000 + n / 20));
            crash_ids.push((crash.created_at, crash.id.to_string()));
            crashes::add(&app.app, crash, Vec::new()).await.unwrap();
        }
        for (name, mut ids) in [("feedback", feedback_ids), ("crash-report", crash_ids)] {
            ids.sort();
            ids.reverse();
            let ids: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
            let first = format!("v1/apps/{}/{name}", row.id);
            let seen = walk(&caller, &first, async || {
                let at = Millis(2_000);
                feedback::add(&app.app, feedback_at(&row, &build, at), Vec::new()).await.unwrap();
                crashes::add(&app.app, crash_at(&row, &build, 7, at), Vec::new()).await.unwrap();
            })
            .await;
            let late = seen.len() - ids.len();
            assert_eq!(seen[late..], ids);
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
            for (query, size) in [("pageSize=100", 100), ("limit=7", 7), ("", 10)] {
                let page = caller.get_json(&format!("/{first}?{query}")).await;
                assert_eq!(page["items"].as_array().unwrap().len(), size);
            }
            for query in ["pageSize=0", "pageSize=101", "limit=x", "from=AAAA", "state=done", "build_id=x"] {
                caller.get(&format!("/{first}?{query}")).await.expect(400);
            }
            let filtered = format!("/{first}?build_id={build}&state=open&pageSize=100");
            let link = caller.get(&filtered).await.headers["link"].to_str().unwrap().to_owned();
            for part in [format!("/{first}?"), format!("build_id={build}"), "state=open".into(), "pageSize=100".into()] {
                assert!(link.contains(&part), "{link}");
            }
        }
    }
}
