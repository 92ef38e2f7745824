//! Schedules over the API; when they run is told in the stories.

use serde_json::json;

use super::*;

async fn send(caller: &Caller, method: Method, path: &str, body: &Value) -> Answer {
    let request = caller.server.client.request(method, format!("{}{path}", caller.server.url));
    let request = request.bearer_auth(&caller.token).header("content-type", "application/json");
    Answer::of(request.body(body.to_string())).await
}

on_both! {
    async fn schedules_are_added_changed_and_deleted(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.branch("dev");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let other = app.add_app(&ann, "Other", &repo.url()).await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/schedules", row.id);
        let new = json!({ "branch": "dev", "weekdays": ["sunday", "monday", "sunday"], "time": "00:05", "zone": "Asia/Tokyo" });
        let added: Value = send(&caller, Method::POST, &path, &new).await.expect(201).json();
        let id = added["_id"].as_str().unwrap();
        // 2024-03-09 is a Saturday; in Tokyo it is Sunday already.
        let expected = json!({
            "_id": id, "branch": "dev", "weekdays": ["monday", "sunday"], "time": "00:05", "zone": "Asia/Tokyo",
            "next_at": "2024-03-10T15:05:00.000Z", "last_at": null, "last_result": "", "last_build_id": null,
        });
        assert_eq!(added, expected);
        assert_eq!(caller.get_json(&path).await, json!([expected]));
        let changed = json!({ "branch": "main", "weekdays": ["friday"], "time": "12:00", "zone": "UTC" });
        let one = format!("{path}/{id}");
        let after: Value = send(&caller, Method::PUT, &one, &changed).await.expect(200).json();
        assert_eq!((&after["branch"], &after["next_at"]), (&json!("main"), &json!("2024-03-15T12:00:00.000Z")));
        let stray = format!("/v1/apps/{}/schedules/{id}", other.id);
        send(&caller, Method::PUT, &stray, &changed).await.expect(404);
        send(&caller, Method::DELETE, &stray, &Value::Null).await.expect(400);
        caller.server.call(Method::DELETE, &stray, Some(&caller.token), "").await.expect(404);
        caller.server.call(Method::DELETE, &one, Some(&caller.token), "").await.expect(204);
        caller.server.call(Method::DELETE, &one, Some(&caller.token), "").await.expect(404);
        assert_eq!(caller.get_json(&path).await, json!([]));
    }

    async fn what_cannot_be_kept_is_refused_by_name(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/schedules", row.id);
        let good = json!({ "branch": "main", "weekdays": ["monday"], "time": "02:30", "zone": "UTC" });
        for (member, value, status) in [
            ("weekdays", json!([]), 400),
            ("weekdays", json!(["someday"]), 400),
            ("time", json!("25:00"), 400),
            ("time", json!("2:30"), 400),
            ("zone", json!("Mars/Base"), 400),
            ("branch", json!(""), 400),
            ("branch", json!("nowhere"), 404),
            ("every", json!(1), 400),
        ] {
            let mut body = good.clone();
            body[member] = value;
            let error = send(&caller, Method::POST, &path, &body).await.expect(status).error();
            assert!(status == 404 || error.contains(member), "{body}: {error}");
        }
        assert_eq!(caller.get_json(&path).await, json!([]));
    }
}
