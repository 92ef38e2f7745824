//! What a script meets inside a build: how it is started, what it may see of
//! its server, and that it can cancel its own build.

use std::collections::BTreeSet;

use super::process::Site;
use super::shop::{PATIENCE, Shop};
use crate::harness::app::TestApp;
use crate::harness::eventually;

/// All that a script of an iOS app may find in its environment, beside what
/// its user set and what a shell makes of its own.
const KNOWN: [&str; 26] = [
    "BASH_ENV",
    "BUDDYBUILD_APP_ID",
    "BUDDYBUILD_BASE_BRANCH",
    "BUDDYBUILD_BRANCH",
    "BUDDYBUILD_BUILD_ID",
    "BUDDYBUILD_BUILD_NUMBER",
    "BUDDYBUILD_CUSTOM_TEST_RESULTS",
    "BUDDYBUILD_PULL_REQUEST",
    "BUDDYBUILD_REPO_SLUG",
    "BUDDYBUILD_SCHEME",
    "BUDDYBUILD_SECURE_FILES",
    "BUDDYBUILD_TEST_DIR",
    "BUDDYBUILD_TRIGGERED_BY",
    "BUDDYBUILD_WORKSPACE",
    "CI",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_TERMINAL_PROMPT",
    "HOME",
    "LANG",
    "PATH",
    "PWD",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "_",
];

on_both! {
    async fn scripts_need_neither_a_mode_nor_a_first_line(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let mode = "stat -c 'mode %a' \"$0\" 2>/dev/null || stat -f 'mode %Lp' \"$0\"";
        repo.commit("buddybuild_postclone.sh", &format!("#!/bin/sh\necho with a first line\n{mode}\n"), "One");
        // Without one it is bash.
        repo.commit("buddybuild_prebuild.sh", "[[ -n $BASH_VERSION ]] && echo bash runs it\necho $0\n", "Two");
        repo.git(&["update-index", "--chmod=-x", "buddybuild_postclone.sh", "buddybuild_prebuild.sh"]);
        let broken = app.add_repository("broken");
        broken.commit("buddybuild_postclone.sh", "#!/opt/nowhere/python4\nprint(1)\n", "No interpreter");
        let windows = app.add_repository("windows");
        windows.commit("buddybuild_postclone.sh", "#!/bin/sh\r\necho hello\r\n", "Line ends");
        let shop = Shop::open(&app, &ann.token).await;
        for (name, repo, said) in [
            ("Modes", &repo, vec!["with a first line\n", "mode 7", "bash runs it\n", "Build succeeded"]),
            ("Broken", &broken, vec!["/opt/nowhere/python4", "not on this machine", "Build failed"]),
            ("Windows", &windows, vec!["carriage return", "Build failed"]),
        ] {
            let row = app.add_app(&ann, name, &repo.url()).await;
            let id = shop.trigger(row.id.as_str()).await;
            shop.finished(&id).await;
            let log = shop.log(&id).await;
            for text in said {
                assert!(log.contains(text), "{name}: {text:?} is not in {log}");
            }
        }
    }

    async fn a_script_ends_its_own_build_as_a_success(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let notes = app.dir().join("notes");
        let shop = Shop::open(&app, &ann.token).await;
        let script = format!(
            "#!/bin/sh\necho nothing has changed\n\
             curl --silent --request POST --output /dev/null --write-out '%{{http_code}}\\n' \\\n\
             --header 'Authorization: Bearer {}' \\\n\
             \"{}/v1/builds/$BUDDYBUILD_BUILD_ID/cancel?cancel_successfully=1\" > '{}'\n\
             while :; do sleep 0.05; done\n",
            shop.token,
            shop.server.url,
            notes.display()
        );
        repo.commit("buddybuild_postclone.sh", &script, "Cancel");
        repo.commit("buddybuild_prebuild.sh", "#!/bin/sh\necho a later phase\n", "Later");
        repo.commit("buddybuild_finally.sh", "#!/bin/sh\necho a later phase\n", "Finally");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        assert_eq!(build["build_status"], "success");
        assert!(build["started_at"].is_string() && build["finished_at"].is_string());
        // The script had its answer before it was stopped.
        let answer = eventually(PATIENCE, "the answer is noted", async || {
            std::fs::read_to_string(&notes).ok().filter(|text| text.ends_with('\n'))
        })
        .await;
        assert_eq!(answer, "204\n");
        // The slot is free again, so the run has ended.
        let again = shop.trigger(row.id.as_str()).await;
        assert_eq!(shop.finished(&again).await["build_status"], "success");
        let log = shop.log(&id).await;
        assert!(log.contains("nothing has changed\n"), "{log}");
        assert!(!log.contains("a later phase"), "{log}");
    }
}

#[tokio::test]
async fn nothing_of_the_server_is_in_the_environment_of_a_build() {
    const CANARY: &str = "canary-7f3a-of-the-server";
    let mut site = Site::new(None);
    site.env = vec![
        ("CANARY_OF_THE_SERVER", CANARY.into()),
        ("AWS_SECRET_ACCESS_KEY", CANARY.into()),
        ("SSH_AUTH_SOCK", format!("/tmp/{CANARY}")),
        ("PYTHONPATH", format!("/{CANARY}")),
        ("GIT_SSH_COMMAND", format!("ssh -i {CANARY}")),
        ("SHIPMATE_LOG_LEVEL", "warn".into()),
    ];
    let script = "#!/bin/sh\nenv -0 | tr '\\n' ' ' | tr '\\0' '\\n' | sed 's/^/seen /'\n";
    site.repository.commit("buddybuild_postclone.sh", script, "Look around");
    site.repository.commit(
        "shipmate.yml",
        "steps:\n  - name: Look\n    run: env -0 | tr '\\n' ' ' | tr '\\0' '\\n' | sed 's/^/step /'\n",
        "Look again",
    );
    let _server = site.serve(1).await;
    let id = site.trigger().await;
    let build = site.finished(&id).await;
    let log = site.log(&id).await;
    assert_eq!(build["build_status"], "success", "{log}");
    assert!(!log.contains(CANARY), "{log}");
    let names = |prefix: &str| -> BTreeSet<String> {
        let lines = log.lines().filter_map(|line| line.strip_prefix(prefix));
        lines.map(|line| line.split('=').next().unwrap().to_owned()).collect()
    };
    let known: BTreeSet<String> = KNOWN.iter().map(|name| (*name).to_owned()).collect();
    let seen = names("seen ");
    assert!(seen.contains("BUDDYBUILD_BUILD_ID"), "{log}");
    assert_eq!(seen.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    let of_step = names("step ");
    let more: Vec<_> = of_step.difference(&known).collect();
    assert_eq!(more, ["BUDDYBUILD_PRODUCT_DIR"]);
}
