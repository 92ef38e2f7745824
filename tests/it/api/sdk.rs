//! What SDKs inside apps send, as their old versions send it (api.md 6.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use shipmate::db;
use shipmate::model::app::App as AppRow;
use shipmate::model::distribution::{Cause, Deployment};
use shipmate::model::ids::{BuildId, DeploymentId, RecipientId};

use super::*;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture of some length, so that its base64 has lines";
const FORM: &str = "application/x-www-form-urlencoded";
const TRACE: &str = "java.lang.RuntimeException: Unable to start\n\
    \tat android.app.ActivityThread.performLaunchActivity(ActivityThread.java:2416)\n\
    Caused by: java.lang.NullPointerException: no cart\n\
    \tat com.example.shop.Cart.sum(Cart.java:31)\n";

/// An app with a build, and whoever looks at it.
struct Place {
    caller: Caller,
    row: AppRow,
    build: BuildId,
}

impl Place {
    async fn new(app: &TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        Self { caller: Caller::new(app, &ann).await, row, build }
    }

    /// In pieces of 1024 bytes, as the Android SDK sends.
    async fn send(&self, path: &str, media: &str, body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            body.chunks(1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let stream = futures_util::stream::iter(pieces);
        let url = format!("{}{path}", self.caller.server.url);
        let request = self.caller.server.client.post(url).header("content-type", media);
        Answer::of(request.body(reqwest::Body::wrap_stream(stream))).await
    }

    async fn send_json(&self, path: &str, body: &Value) -> Answer {
        self.send(path, "application/json", body.to_string()).await
    }

    async fn items(&self, name: &str) -> Vec<Value> {
        let page = self.caller.get_json(&format!("/v1/apps/{}/{name}", self.row.id)).await;
        page["items"].as_array().unwrap().clone()
    }

    /// With lines of 76 characters, as `Base64.DEFAULT` of Android.
    fn feedback(&self) -> Value {
        let encoded = STANDARD.encode(JPEG);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
        json!({
            "description": "Zoë's button 👩‍💻", "screenshot_data": lines.join("\n") + "\n",
            "app_id": self.row.id, "build_id": self.build, "email": "tess@example.org",
            "android_application_variant_name": "release",
            "system": { "battery_level": 67, "hardware_device_model": "Pixel" },
        })
    }

    fn custom(&self) -> String {
        format!(
            "BUDDYBUILD_APP_ID = {}\nBUDDYBUILD_BUILD_ID = {}\n\
             BUDDYBUILD_APPLICATION_VARIANT_NAME = release\nBUDDYBUILD_ENDPOINT = http://x\n\
             BUDDYBUILD_EMAIL = null\nBUDDYBUILD_SYSTEM = {{\"battery_level\":67}}\nuser = 7\n",
            self.row.id, self.build
        )
    }

    fn acra_form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("APP_VERSION_CODE", "113")
            .append_pair("APP_VERSION_NAME", "1.2")
            .append_pair("PACKAGE_NAME", "com.example.shop")
            .append_pair("STACK_TRACE", TRACE)
            .append_pair("CUSTOM_DATA", &self.custom())
            .append_pair("LOGCAT", "12-05 D/Shop: one\n12-05 E/Shop: two\n")
            .append_pair("USER_CRASH_DATE", "2017-12-05T21:45:29.000+01:00")
            .append_pair("INSTALLATION_ID", "d0e2a9e6")
            .append_pair("USER_EMAIL", "N/A")
            .finish()
    }

    fn ios_crash(&self) -> Value {
        json!({
            "app_id": self.row.id, "build_id": self.build, "scheme": "m2048",
            "tester_email": "tess@example.org", "identifier_for_vendor": "878E82E9",
            "CFBundleIdentifier": "com.example.shop", "CFBundleShortVersionString": "1.2",
            "CFBundleVersion": "113", "metadata": { "plan": "pro" }, "system": {}, "logs": "a\nb\n",
        })
    }
}

on_both! {
    async fn feedback_as_the_android_sdk_sends_it(app: TestApp) {
        let place = Place::new(&app).await;
        let answer = place.send_json("/api/feedback", &place.feedback()).await.expect(204);
        assert!(answer.body.is_empty());
        let items = place.items("feedbacks").await;
        let [item] = items.as_slice() else { panic!("{items:?}") };
        assert_eq!(item["description"], "Zoë's button 👩‍💻");
        assert_eq!((&item["email"], &item["build_number"]), (&json!("tess@example.org"), &json!(1)));
        assert_eq!(item["system"]["hardware_device_model"], "Pixel");
        assert_eq!((&item["metadata"], &item["has_logs"]), (&json!({}), &json!(false)));
        let url = item["image_url"].as_str().unwrap();
        let path = url.strip_prefix("http://ci.example.org").unwrap();
        assert_eq!(place.caller.server.call(Method::GET, path, None, "").await.body, JPEG);
        // The iOS SDK sends neither facts nor, sometimes, a picture or a tester.
        let bare = json!({ "app_id": place.row.id, "build_id": place.build, "description": "" });
        place.send_json("/api/feedback", &bare).await.expect(204);
        let item = &place.items("feedback").await[0];
        assert!(item.get("email").is_none() && item.get("image_url").is_none());
    }

    async fn android_crashes_in_every_encoding_of_acra(app: TestApp) {
        let place = Place::new(&app).await;
        let path = "/api/feedback/crashreportAndroid";
        let custom: serde_json::Map<String, Value> = place
            .custom()
            .lines()
            .map(|line| line.split_once(" = ").unwrap())
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let as_json = json!({
            "APP_VERSION_CODE": 113, "APP_VERSION_NAME": "1.2", "PACKAGE_NAME": "com.example.shop",
            "STACK_TRACE": TRACE, "CUSTOM_DATA": custom, "INSTALLATION_ID": "d0e2a9e6",
            "LOGCAT": "12-05 D/Shop: one\n12-05 E/Shop: two\n", "USER_EMAIL": "N/A",
            "USER_CRASH_DATE": "2017-12-05T21:45:29.000+01:00", "SHARED_PREFERENCES": { "a": 1 },
        });
        let escape = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
        let as_text = format!(
            "APP_VERSION_CODE=113\nAPP_VERSION_NAME=1.2\nPACKAGE_NAME=com.example.shop\n\
             STACK_TRACE={}\nCUSTOM_DATA={}\nLOGCAT={}\nINSTALLATION_ID=d0e2a9e6\n\
             USER_CRASH_DATE=2017-12-05T21:45:29.000+01:00\n",
            escape(TRACE), escape(&place.custom()), escape("12-05 D/Shop: one\n12-05 E/Shop: two\n"),
        );
        for (media, body) in [
            (FORM, place.acra_form()),
            ("application/json", as_json.to_string()),
            ("text/plain", as_text),
        ] {
            place.send(path, media, body).await.expect(200);
            let item = &place.items("crash-reports").await[0];
            assert_eq!((&item["CFBundleIdentifier"], &item["CFBundleVersion"]), (&json!("com.example.shop"), &json!("113")));
            assert_eq!((&item["scheme"], &item["has_logs"]), (&json!("release"), &json!(true)));
            assert!(item.get("tester_email").is_none(), "{media}");
            assert_eq!(item["identifier_for_vendor"], "d0e2a9e6");
            assert_eq!(item["system"], json!({ "battery_level": 67 }));
            assert_eq!(item["metadata"], json!({ "user": "7" }));
            assert_eq!(item["resolved_crash_report_string"], TRACE);
            let report = &item["resolved_crash_report"];
            assert_eq!(report["exception_type"], "java.lang.NullPointerException");
            assert_eq!(report["datetime"], "2017-12-05T20:45:29.000Z");
            let frame = &report["thread_frames"][0]["frames"][0];
            assert_eq!((&frame["process_frame"], &frame["line"]), (&json!(true), &json!("31")));
            let log = format!("/v1/apps/{}/crash-reports/{}/logs", place.row.id, item["_id"].as_str().unwrap());
            assert_eq!(place.caller.get(&log).await.expect(200).body, b"12-05 D/Shop: one\n12-05 E/Shop: two\n");
        }
        let groups = place.items("crash-groups").await;
        let [group] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!(group["count"], 3);
        assert_eq!(group["title"], "java.lang.NullPointerException in com.example.shop.Cart.sum");
    }

    async fn ios_crashes_whole_and_raw(app: TestApp) {
        let place = Place::new(&app).await;
        let path = "/api/feedback/crashreport";
        let threads = json!([{ "name": "", "number": "0", "title": "Thread 0 Crashed", "frames": [
            { "function": "__pthread_kill", "address": "0000000182e89014", "module": "libsystem_kernel.dylib", "offset": "8" },
            { "function": "main", "address": "00000001000c35a0", "module": "m2048", "offset": "12" },
        ]}]);
        let mut whole = place.ios_crash();
        let report = json!({ "exception_type": "SIGABRT", "crashed_thread": "0", "thread_frames": threads, "more": [1] });
        whole["resolved_crash_report"] = report.clone();
        whole["resolved_crash_report_string"] = json!("as text");
        place.send_json(path, &whole).await.expect(204);
        let item = &place.items("crash-reports").await[0];
        assert_eq!((&item["resolved_crash_report"], &item["resolved_crash_report_string"]), (&report, &json!("as text")));
        assert_eq!((&item["tester_email"], &item["CFBundleVersion"]), (&json!("tess@example.org"), &json!("113")));

        let mut raw = place.ios_crash();
        raw["process"] = json!("m2048");
        raw["exception_type"] = json!("SIGABRT");
        raw["crashed_thread"] = json!(0);
        raw["thread_frames"] = threads;
        place.send_json(path, &raw).await.expect(204);
        let item = &place.items("crash-reports").await[0];
        let report = &item["resolved_crash_report"];
        assert_eq!(report["thread_frames"][0]["frames"][1]["process_frame"], true);
        assert_eq!((&report["crashed_thread"], &report["version"]), (&json!("0"), &json!("1.2 (113)")));
        let text = item["resolved_crash_report_string"].as_str().unwrap();
        assert!(text.contains("Thread 0 Crashed:\n0   libsystem_kernel.dylib"), "{text}");
        assert_eq!(place.items("crash-groups").await[0]["title"], "SIGABRT in main");
        place.send_json(path, &place.ios_crash()).await.expect(400);
    }

    async fn what_is_wrong_is_refused(app: TestApp) {
        let place = Place::new(&app).await;
        let unknown = BuildId::generate(app.app.clock.now());
        let change = |name: &str, value: Value| {
            let mut body = place.feedback();
            body[name] = value;
            body
        };
        for (body, status) in [
            (change("app_id", json!(unknown)), 404),
            (change("build_id", json!(unknown)), 404),
            (change("build_id", json!("zz")), 404),
            (change("app_id", json!(null)), 400),
            (change("build_id", json!("")), 400),
            (change("build_id", json!(7)), 400),
            (change("system", json!([])), 400),
            (change("system", json!({ "a": [[[[[[[[1]]]]]]]] })), 400),
            (change("metadata", json!({ "a": "x".repeat(65 << 10) })), 400),
            (change("screenshot_data", json!("%%%%")), 400),
            (change("screenshot_data", json!(STANDARD.encode("<svg onload=alert(1)>"))), 400),
        ] {
            place.send_json("/api/feedback", &body).await.expect(status);
        }
        for path in ["/api/feedback", "/api/feedback/crashreport", "/api/feedback/crashreportAndroid"] {
            for body in ["", "{", "[]", "null", "\u{fffd}"] {
                place.send(path, "application/json", body).await.expect(400);
            }
            place.caller.get(path).await.expect(404);
        }
        let no_trace = place.acra_form().replace("STACK_TRACE", "TRACE");
        place.send("/api/feedback/crashreportAndroid", FORM, no_trace).await.expect(400);
        let no_build = place.acra_form().replace(place.build.as_str(), unknown.as_str());
        place.send("/api/feedback/crashreportAndroid", FORM, no_build).await.expect(404);
        // 26 MiB: in pieces, and announced.
        let large = change("description", json!("x".repeat(26 << 20)));
        let refused = place.send_json("/api/feedback", &large).await.expect(413);
        assert_eq!(refused.error(), "Request body too large");
        let url = format!("{}/api/feedback", place.caller.server.url);
        let announced = place.caller.server.client.post(url).body(large.to_string());
        Answer::of(announced).await.expect(413);
        // A picture of many megabytes passes.
        let mut picture = JPEG.to_vec();
        picture.resize(12 << 20, 7);
        let body = change("screenshot_data", json!(STANDARD.encode(picture)));
        place.send_json("/api/feedback", &body).await.expect(204);
        assert_eq!(place.items("feedback").await.len(), 1);
    }

    async fn disabled_builds_are_dropped_and_floods_refused(app: TestApp) {
        let place = Place::new(&app).await;
        app.db.run("UPDATE builds SET disabled = TRUE").await;
        place.send_json("/api/feedback", &place.feedback()).await.expect(204);
        let mut crash = place.ios_crash();
        crash["resolved_crash_report"] = json!({ "thread_frames": [] });
        place.send_json("/api/feedback/crashreport", &crash).await.expect(204);
        place.send("/api/feedback/crashreportAndroid", FORM, place.acra_form()).await.expect(204);
        assert!(place.items("feedback").await.is_empty() && place.items("crash-report").await.is_empty());
        assert_eq!(app.count_blobs(), 0);
        app.db.run("UPDATE builds SET disabled = FALSE").await;

        let nobody = json!({ "app_id": "x", "build_id": "y", "identifier_for_vendor": "device" });
        for _ in 0..600 {
            place.send_json("/api/feedback", &nobody).await.expect(404);
        }
        let refused = place.send_json("/api/feedback", &nobody).await.expect(429);
        assert_eq!(refused.headers["retry-after"], "1");
        // Other devices and other apps are not held up.
        place.send_json("/api/feedback", &place.feedback()).await.expect(204);
        app.advance(100);
        place.send_json("/api/feedback", &nobody).await.expect(404);
        place.send_json("/api/feedback", &nobody).await.expect(429);
    }

    async fn opening_an_app_counts_and_asks_for_a_newer_build(app: TestApp) {
        let place = Place::new(&app).await;
        app.advance(1_000);
        let newer = app.trigger(&place.row).await;
        let now = app.app.clock.now();
        let deployment = Deployment {
            id: DeploymentId::generate(now),
            build_id: newer.clone(),
            group_id: None,
            group_name: String::new(),
            cause: Cause::Manual,
            notes: String::new(),
            user_id: None,
            created_at: now,
        };
        let tess = RecipientId::generate(now);
        let mut tx = app.app.db.write().await.unwrap();
        db::deployments::insert(&mut tx, &deployment, false).await.unwrap();
        let address = "Tess@example.org".parse().unwrap();
        db::deployments::insert_recipient(&mut tx, &tess, &deployment.id, &address).await.unwrap();
        tx.commit().await.unwrap();
        let about = |build: &BuildId, email: Value| {
            json!({ "app_id": place.row.id, "build_id": build, "email": email,
                "android_application_variant_name": "release" })
        };
        let ask = async |build: &BuildId, email: Value| {
            let path = "/api/sdk/check-version/android";
            let answer: Value = place.send_json(path, &about(build, email)).await.expect(200).json();
            assert_eq!(answer.as_object().unwrap().len(), 1);
            answer["url"].as_str().unwrap().to_owned()
        };
        let url = ask(&place.build, json!("tess@example.org")).await;
        assert!(url.starts_with(&format!("http://ci.example.org/download/android?buildID={newer}")), "{url}");
        // The SDK prompts once for a URL, so it must not change.
        app.advance(86_400_000);
        assert_eq!(ask(&place.build, json!("tess@example.org")).await, url);
        assert_eq!(ask(&newer, json!("tess@example.org")).await, "");
        for nobody in [json!("eve@example.org"), json!(null), json!(""), json!("null"), json!("x".repeat(9_000))] {
            assert_eq!(ask(&place.build, nobody).await, "");
        }
        place.send_json("/api/sdk/check-version/ios", &about(&place.build, json!(null))).await.expect(200);
        place.send_json("/api/sdk/check-version/web", &about(&place.build, json!(null))).await.expect(404);

        let launched = async || {
            let mut tx = app.app.db.read().await.unwrap();
            let found = db::deployments::find_recipient(&mut tx, &tess).await.unwrap();
            found.unwrap().launched_at
        };
        let path = "/api/sdk/open-event";
        place.send_json(path, &about(&newer, json!("eve@example.org"))).await.expect(204);
        place.send_json(path, &about(&newer, json!(null))).await.expect(204);
        app.db.run("UPDATE builds SET disabled = TRUE").await;
        place.send_json(path, &about(&newer, json!("tess@example.org"))).await.expect(204);
        assert_eq!(launched().await, None);
        app.db.run("UPDATE builds SET disabled = FALSE").await;
        place.send_json(path, &about(&newer, json!("TESS@example.org"))).await.expect(204);
        assert_eq!(launched().await, Some(app.app.clock.now()));
        let unknown = BuildId::generate(now);
        place.send_json(path, &about(&unknown, json!("tess@example.org"))).await.expect(404);
        place.send(path, "application/json", "{").await.expect(400);
        place.send(path, "application/json", "{}").await.expect(400);
    }
}
