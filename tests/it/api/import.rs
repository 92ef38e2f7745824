//! `shipmate import bb-export`: the folders of the old server's export tool
//! become apps, builds, feedback and crash reports, once.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use shipmate::cli::{self, Console};

use super::*;

const APP: &str = "593efc36b16fed0001d2aeef";
const BUILD: &str = "5a2710ccecdc42000148e7ed";
const FEEDBACK: &str = "5a063682c314c0000179cc43";
const CRASH: &str = "5a21e1b50eedce000117a8ea";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a still";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42 a video";

/// Items of the API reference, with every member.
fn feedback_info() -> Value {
    json!({
        "_id": FEEDBACK, "CFBundleIdentifier": "buddybuild.com.m2048",
        "CFBundleShortVersionString": "1.2", "CFBundleVersion": "90", "app_id": APP,
        "build_id": BUILD, "build_number": 90, "created_at": "2017-11-23T23:47:35.145Z",
        "description": "These elements are not aligned correctly.", "email": "john@example.org",
        "has_logs": true,
        "image_url": "https://media.example.org/8570c667.mp4-thumbnail.png",
        "replay_url": "https://media.example.org/8570c667.mp4",
        "metadata": { "plan": "pro" },
        "system": {
            "app_uptime": 335.26060700416565, "battery_charging": false, "battery_level": 88,
            "battery_state_friendly": "Unplugged", "disk_total": 244080,
            "hardware_device_name": "John’s iPhone", "hardware_system_name": "iOS",
            "memory_used": 1582, "network_3g": false, "network_ssid": "",
        },
    })
}

fn crash_info() -> Value {
    let text = CRASH_INFO.replace("{CRASH}", CRASH).replace("{APP}", APP).replace("{BUILD}", BUILD);
    serde_json::from_str(&text).unwrap()
}

const CRASH_INFO: &str = r##"{
        "_id": "{CRASH}", "instant_replay_url": "https://media.example.org/d0e2a9e6.mp4",
        "instant_replay_thumbnail_url": "https://media.example.org/d0e2a9e6.mp4-thumbnail.png",
        "scheme": "m2048", "system": { "app_uptime": 0.09316897392272949, "battery_level": 67 },
        "CFBundleShortVersionString": "1.2", "CFBundleVersion": "113",
        "CFBundleIdentifier": "buddybuild.com.me.danqing.m2048", "app_id": "{APP}",
        "build_number": 113, "build_id": "{BUILD}", "created_at": "2017-12-05T21:45:29.599Z",
        "identifier_for_vendor": "878E82E9-AFE9-4EAB-987A-970EE9F443D8",
        "tester_email": "ben@example.org", "has_logs": true, "metadata": {},
        "resolved_crash_report": {
            "crashed_thread": "0", "exception_codes": "#0 at 0x182e89014",
            "exception_type": "SIGABRT", "datetime": "2017-05-10T18:45:49.000Z",
            "code_type": "ARM-64", "version": "1.2 (4)", "process": "m2048",
            "identifier": "buddybuild.com.me.danqing.m2048", "crash_type": "native",
            "thread_frames": [{
                "frames": [
                    { "process_frame": false, "offset": "8", "function": "__pthread_kill",
                      "address": "0000000182e89014", "module": "libsystem_kernel.dylib" },
                    { "file_path": "./m2048/Controller/M2SettingsViewController.m",
                      "source_context": [
                          { "crashline": true, "content": "  strcpy(0,\"This is a bad bug\");", "line": "61" },
                          { "crashline": false, "content": "  [super viewDidLoad];", "line": "62" }
                      ],
                      "process_frame": true, "file_type": "objectivec", "line": "62",
                      "filename": "M2SettingsViewController.m",
                      "function": "-[M2SettingsViewController viewDidLoad]",
                      "address": "00000001000c35a0", "module": "m2048" }
                ],
                "name": "", "number": "0", "title": "Thread 0 Crashed"
            }, { "process_frame_indices": [], "frames": [], "name": "", "number": "1", "title": "Thread 1" }]
        },
        "resolved_crash_report_string": "Incident Identifier: ..."
    }"##;

fn build_info(id: &str, number: i64) -> Value {
    json!({
        "_id": id, "app_id": APP, "repo_url": "git@github.com:danqing/2048.git",
        "build_status": "failed", "finished": true,
        "commit_info": { "tags": [], "branch": "master", "commit_sha": "ab".repeat(20),
            "author": "Ann", "message": "Fix\n\nIt.", "html_url": "" },
        "build_number": number, "created_at": "2017-12-05T21:34:04.000Z",
        "started_at": "2017-12-05T21:34:10.100Z", "finished_at": "2017-12-05T21:40:04.000Z",
        "test_summary": { "tests_count": 5, "tests_passed": 4, "code_coverage_percentage": 0.75 },
        "links": { "download": [{ "name": "m2048 - Release",
            "url": format!("https://dashboard.example.org/api/download/download-ipa?buildID={id}") }],
            "install": [] },
        "scheme_name": "m2048 - Release",
    })
}

fn write(dir: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// An export as the tool leaves it.
fn write_export(dir: &Path) {
    let write = |file: &str, bytes: &[u8]| write(&dir.join(APP), file, bytes);
    let at = format!("build-metadata/{BUILD}");
    write(&format!("{at}/buildInfo.json"), format!("{:#}", build_info(BUILD, 113)).as_bytes());
    let tests = json!({ "build_id": BUILD, "tests": [
        { "run": "iPhone 6s", "target": "MyAppTests", "suite": "Login", "test": "testLogin()", "status": "failed" },
    ]});
    write(&format!("{at}/testResult.json"), format!("{tests:#}").as_bytes());
    let coverage = json!({ "coverage": 0.75, "build_id": BUILD, "targets": [
        { "name": "m2048.app", "coverage": 0.8 }, { "name": "Core", "coverage": 0.7 },
    ]});
    write(&format!("{at}/testCoverage.json"), format!("{coverage:#}").as_bytes());
    let at = format!("feedback/{FEEDBACK}");
    write(&format!("{at}/info.json"), feedback_info().to_string().as_bytes());
    write(&format!("{at}/8570c667.mp4-thumbnail.png"), PNG);
    write(&format!("{at}/8570c667.mp4"), MP4);
    write(&format!("{at}/log.txt"), b"feedback log\n");
    let at = format!("crash-report/{CRASH}");
    write(&format!("{at}/info.json"), crash_info().to_string().as_bytes());
    write(&format!("{at}/d0e2a9e6.mp4-thumbnail.png"), PNG);
    write(&format!("{at}/d0e2a9e6.mp4"), MP4);
    write(&format!("{at}/log.txt"), b"crash log\n");
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Runs the command on the story's own installation.
async fn import(app: &TestApp, dir: &Path, more: &[&str]) -> (u8, String) {
    let out = Buffer::default();
    let mut console = Console {
        out: Box::new(out.clone()),
        err: Box::new(out.clone()),
        input: Box::new(std::io::empty()),
        env: Default::default(),
        cwd: app.dir().to_owned(),
        colour: false,
        terminal: false,
        progress: false,
        ask: false,
    };
    let (dir, data) = (dir.to_str().unwrap(), app.dir().to_str().unwrap());
    let url = app.db.database_url();
    let mut args =
        vec!["shipmate", "import", "--data-dir", data, "--database-url", &url, "bb-export", dir];
    args.extend(more);
    (cli::run_args(args, &mut console).await, out.text())
}

/// What is shown, without the members that the old server did not have and
/// with the URLs of the export.
fn as_exported(mut shown: Value, exported: &Value) -> Value {
    let shown_members = shown.as_object_mut().unwrap();
    for ours in ["state", "group_id"] {
        shown_members.remove(ours);
    }
    for (name, value) in shown_members.iter_mut().filter(|(name, _)| name.ends_with("_url")) {
        let (ours, theirs) = (value.as_str().unwrap(), exported[name.as_str()].as_str().unwrap());
        assert_eq!(ours.rsplit('/').next(), theirs.rsplit('/').next());
        *value = exported[name.as_str()].clone();
    }
    shown
}

on_both! {
    async fn an_export_is_imported_once(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let export = app.dir().join("export");
        write_export(&export);
        let (code, said) = import(&app, &export, &[]).await;
        assert_eq!(code, 1);
        assert!(said.contains("--owner EMAIL"), "{said}");
        let owner = ["--owner", "ann@example.org", "--json"];
        let (code, said) = import(&app, &export, &owner).await;
        let told: Value = serde_json::from_str(&said).unwrap();
        let one_each = json!({ "apps": 1, "builds": 1, "feedback": 1, "crash_reports": 1 });
        assert_eq!((code, &told["imported"], &told["skipped"]), (0, &one_each, &json!([])), "{said}");
        assert_eq!(told["incomplete"], json!([]));

        let apps = caller.get_json("/v1/apps").await;
        assert_eq!(apps, json!([{ "_id": APP, "app_name": "2048", "platform": "ios" }]));
        let build = caller.get_json(&format!("/v1/builds/{BUILD}")).await;
        let exported = build_info(BUILD, 113);
        for same in [
            "_id", "app_id", "repo_url", "build_status", "finished", "build_number", "created_at",
            "started_at", "finished_at", "test_summary", "scheme_name",
        ] {
            assert_eq!(build[same], exported[same], "{same}");
        }
        for same in ["branch", "commit_sha", "author", "message"] {
            assert_eq!(build["commit_info"][same], exported["commit_info"][same], "{same}");
        }
        let tests = caller.get_json(&format!("/v1/builds/{BUILD}/tests")).await;
        assert_eq!(tests["tests"][0]["test"], "testLogin()");
        let coverage = caller.get_json(&format!("/v1/builds/{BUILD}/coverage")).await;
        assert_eq!((&coverage["coverage"], &coverage["targets"][1]["name"]), (&json!(0.75), &json!("Core")));
        let log = caller.get(&format!("/v1/builds/{BUILD}/logs")).await;
        assert_eq!((log.status.as_u16(), &log.headers["x-log-complete"]), (200, &"false".parse().unwrap()));

        for (name, exported, log) in [
            ("feedback", feedback_info(), "feedback log\n"),
            ("crash-report", crash_info(), "crash log\n"),
        ] {
            let list = format!("/v1/apps/{APP}/{name}");
            let page = caller.get_json(&list).await;
            let shown = page["items"][0].clone();
            let video = shown.get("replay_url").or(shown.get("instant_replay_url")).unwrap();
            let path = video.as_str().unwrap().strip_prefix("http://ci.example.org").unwrap();
            assert_eq!(caller.server.call(Method::GET, path, None, "").await.body, MP4);
            let id = shown["_id"].as_str().unwrap();
            assert_eq!(caller.get(&format!("{list}/{id}/logs")).await.body, log.as_bytes());
            let text = String::from_utf8(caller.get(&list).await.body).unwrap();
            let uptime = exported["system"]["app_uptime"].to_string();
            assert!(text.contains(&uptime), "{uptime}");
            assert_eq!(as_exported(shown, &exported), exported);
        }

        let before = app.count_blobs();
        let (code, said) = import(&app, &export, &owner).await;
        let again: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, &again["already_there"], &again["skipped"]), (0, &one_each, &json!([])), "{said}");
        assert_eq!(app.count_blobs(), before);
        let groups = caller.get_json(&format!("/v1/apps/{APP}/crash-groups")).await;
        assert_eq!(groups["items"][0]["count"], 1);
        // New builds count on from the old ones.
        let mut tx = app.app.db.write().await.unwrap();
        let id = APP.parse().unwrap();
        assert_eq!(shipmate::db::apps::take_build_number(&mut tx, &id).await.unwrap(), 114);
    }

    async fn damaged_items_are_told_and_the_rest_comes_in(app: TestApp) {
        let ann = app.add_admin("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let export = app.dir().join("export");
        write_export(&export);
        let dir = export.join(APP);
        let bad = |n: usize| format!("5a21e1b50eedce00011700{n:02x}");
        let item = |change: &dyn Fn(&mut Value)| {
            let mut info = feedback_info();
            change(&mut info);
            info.to_string()
        };
        write(&dir, &format!("feedback/{}/info.json", bad(1)), "{\"_id\":");
        write(&dir, &format!("feedback/{}/info.json", bad(2)), item(&|i| i["app_id"] = json!(BUILD)));
        write(&dir, &format!("feedback/{}/info.json", bad(3)), item(&|i| i["created_at"] = json!("soon")));
        write(&dir, &format!("feedback/{}/info.json", bad(4)), item(&|i| i["_id"] = json!("../../etc")));
        write(&dir, &format!("feedback/{}/info.json", bad(5)), item(&|i| i["build_number"] = json!(i64::MAX)));
        write(&dir, &format!("feedback/{}/info.json", bad(6)), item(&|i| i["system"] = json!({ "a": "x".repeat(65 << 10) })));
        write(&dir, &format!("feedback/{}/info.json", bad(7)), vec![b' '; 5 << 20]);
        std::fs::create_dir(dir.join("feedback").join(bad(8))).unwrap();
        // A link out of the export is not followed.
        write(app.dir(), "outside/info.json", item(&|i| i["_id"] = json!(bad(9))));
        std::fs::create_dir(dir.join("feedback").join(bad(9))).unwrap();
        let link = |to: &Path, name: String| std::os::unix::fs::symlink(to, dir.join(name)).unwrap();
        link(&app.dir().join("outside/info.json"), format!("feedback/{}/info.json", bad(9)));
        link(&app.dir().join("outside"), format!("feedback/{}", bad(10)));
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        write(&dir, &format!("crash-report/{}/info.json", bad(1)), deep);
        let id = bad(2);
        let mut running = build_info(&id, 114);
        running["build_status"] = json!("running");
        write(&dir, &format!("build-metadata/{id}/buildInfo.json"), running.to_string());
        let id = bad(3);
        let mut second = build_info(&id, 113);
        second["created_at"] = json!("2017-12-06T21:34:04.000Z");
        write(&dir, &format!("build-metadata/{id}/buildInfo.json"), second.to_string());
        // These come in without what is damaged of them.
        let whole = |id: String| item(&|i| i["_id"] = json!(id));
        write(&dir, &format!("feedback/{}/info.json", bad(20)), whole(bad(20)));
        write(&dir, &format!("feedback/{}/log.txt", bad(20)), "log\n");
        write(&dir, &format!("feedback/{}/8570c667.mp4", bad(20)), "<script>");
        let id = bad(21);
        write(&dir, &format!("build-metadata/{id}/buildInfo.json"), build_info(&id, 112).to_string());
        write(&dir, &format!("build-metadata/{id}/testResult.json"), "nonsense");

        let (code, said) = import(&app, &export, &["--json"]).await;
        assert_eq!(code, 1);
        let told: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(told["imported"], json!({ "apps": 1, "builds": 2, "feedback": 2, "crash_reports": 1 }), "{said}");
        let skipped = told["skipped"].as_array().unwrap();
        assert_eq!(skipped.len(), 12, "{said}");
        for (item, reason) in [
            (format!("feedback/{}", bad(1)), "info.json"),
            (format!("feedback/{}", bad(2)), "another app"),
            (format!("feedback/{}", bad(3)), "created_at"),
            (format!("feedback/{}", bad(4)), "_id"),
            (format!("feedback/{}", bad(5)), "build_number"),
            (format!("feedback/{}", bad(6)), "system: too large"),
            (format!("feedback/{}", bad(7)), "larger than"),
            (format!("feedback/{}", bad(8)), "info.json is missing"),
            (format!("feedback/{}", bad(9)), "cannot open"),
            (format!("crash-report/{}", bad(1)), "info.json"),
            (format!("build-metadata/{}", bad(2)), "still running"),
            (format!("build-metadata/{}", bad(3)), "number 113"),
        ] {
            let path = format!("{APP}/{item}");
            let found = skipped.iter().find(|s| s["path"] == path.as_str());
            let found = found.unwrap_or_else(|| panic!("{path} in {said}"));
            assert!(found["reason"].as_str().unwrap().contains(reason), "{found}");
        }
        let incomplete = told["incomplete"].to_string();
        for part in ["8570c667.mp4-thumbnail.png is missing", "8570c667.mp4: the video", "testResult.json"] {
            assert!(incomplete.contains(part), "{incomplete}");
        }
        let shown = caller.get_json(&format!("/v1/apps/{APP}/feedback/{}", bad(20))).await;
        assert!(shown.get("replay_url").is_none() && shown["has_logs"] == true);
        let (code, text) = import(&app, &export, &[]).await;
        assert_eq!(code, 1);
        assert!(text.contains("builds         0 imported, 2 already there"), "{text}");
        assert!(text.contains("Skipped (12):"), "{text}");
        let mut tx = app.app.db.read().await.unwrap();
        let entries = shipmate::db::audit::list(&mut tx, &Default::default(), 10).await.unwrap();
        assert_eq!(entries.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["app.import"]);
    }

    async fn what_an_app_is_may_have_to_be_said(app: TestApp) {
        app.add_admin("ann@example.org").await;
        let export = app.dir().join("export");
        let mut info = feedback_info();
        info["system"] = json!({});
        let folder = export.join("My Shop");
        write(&folder, &format!("feedback/{FEEDBACK}/info.json"), info.to_string());
        let (code, said) = import(&app, &export, &[]).await;
        assert!(code == 1 && said.contains("--platform"), "{said}");
        let (code, said) = import(&app, &export, &["--platform", "android"]).await;
        assert!(code == 1 && said.contains("--repo"), "{said}");
        let repo = ["--platform", "android", "--repo", "https://git.example.org/o/shop.git"];
        // One app's folder is an export too.
        let (code, said) = import(&app, &folder, &repo).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("is missing"), "{said}");
        let mut tx = app.app.db.read().await.unwrap();
        let row = shipmate::db::apps::find(&mut tx, &APP.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.platform.as_str()), ("My Shop", "android"));
        let nothing = app.dir().join("nothing");
        std::fs::create_dir(&nothing).unwrap();
        let (code, said) = import(&app, &nothing, &[]).await;
        assert!(code == 1 && said.contains("holds no export"), "{said}");
        let (code, _) = import(&app, &app.dir().join("gone"), &[]).await;
        assert_eq!(code, 2);
    }
}
