use std::collections::{BTreeMap, BTreeSet};

use crate::agent::fixture::Scene;
use crate::model::app::Platform;

/// Each script writes what it sees to a file of its own.
const SEEN: [(&str, &str); 5] = [
    ("buddybuild_postclone.sh", "#!/bin/sh\nenv > seen.postclone\n"),
    ("buddybuild_prebuild.sh", "#!/bin/sh\nenv > seen.prebuild\n"),
    ("shipmate.yml", "steps: [{run: env > seen.build, env: {ONLY_HERE: 1, SWITCH: true}}]\n"),
    (
        "buddybuild_postbuild.sh",
        "#!/bin/sh\nenv > seen.postbuild\ntouch $BUDDYBUILD_PRODUCT_DIR/A.ipa\n",
    ),
    ("buddybuild_finally.sh", "#!/bin/sh\nenv > seen.finally\n"),
];

#[tokio::test]
async fn every_promised_variable_is_there_and_nothing_else() {
    let (repo, mut scene) = Scene::of(&SEEN);
    let done = scene.run().await.succeeded();
    let seen = done.variables("seen.postclone");
    let Assigned { app, build } = Assigned::of(&scene);
    let root = done.root.canonicalize().unwrap();
    let below = |path: &str| root.join(path).display().to_string();
    let folder = repo.path().file_name().unwrap().to_str().unwrap();
    let parent = repo.path().parent().unwrap().file_name().unwrap().to_str().unwrap();
    let expected = BTreeMap::from([
        ("BASH_ENV", below("home/.bashrc")),
        ("BUDDYBUILD_APP_ID", app),
        ("BUDDYBUILD_BASE_BRANCH", String::new()),
        ("BUDDYBUILD_BRANCH", "main".to_owned()),
        ("BUDDYBUILD_BUILD_ID", build),
        ("BUDDYBUILD_BUILD_NUMBER", "7".to_owned()),
        ("BUDDYBUILD_CUSTOM_TEST_RESULTS", below("home/workspace/buddybuild_artifacts")),
        ("BUDDYBUILD_PULL_REQUEST", String::new()),
        ("BUDDYBUILD_REPO_SLUG", format!("{parent}/{folder}")),
        ("BUDDYBUILD_SCHEME", "Example - Release".to_owned()),
        ("BUDDYBUILD_SECURE_FILES", below("home/secure_files")),
        ("BUDDYBUILD_TEST_DIR", below("sandbox/test")),
        ("BUDDYBUILD_TRIGGERED_BY", "api_triggered".to_owned()),
        ("BUDDYBUILD_WORKSPACE", below("home/workspace")),
        ("CI", "true".to_owned()),
        ("GIT_CONFIG_GLOBAL", below("home/.gitconfig")),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("HOME", below("home")),
        ("LANG", "C.UTF-8".to_owned()),
        ("PWD", below("sandbox/workspace")),
        ("TERM", "dumb".to_owned()),
        ("TMPDIR", below("tmp")),
    ]);
    for (name, value) in &expected {
        assert_eq!(seen.get(*name), Some(value), "{name}");
    }
    assert!(seen["PATH"].starts_with(&below("home/bin:")), "{}", seen["PATH"]);
    // The test itself runs with cargo's variables; none of them gets in.
    let names: BTreeSet<&str> = seen.keys().map(String::as_str).collect();
    let extra: Vec<_> =
        names.into_iter().filter(|name| !expected.contains_key(name) && *name != "PATH").collect();
    // The shell's own.
    assert!(extra.iter().all(|name| ["SHLVL", "_", "OLDPWD"].contains(name)), "{extra:?}");
}

struct Assigned {
    app: String,
    build: String,
}

impl Assigned {
    fn of(scene: &Scene) -> Self {
        let Scene { assignment, .. } = scene;
        Self { app: assignment.app_id.to_string(), build: assignment.build_id.to_string() }
    }
}

#[tokio::test]
async fn some_variables_begin_with_a_phase() {
    let (_repo, mut scene) = Scene::of(&SEEN);
    let done = scene.run().await.succeeded();
    let has = |phase: &str, name: &str| done.variables(&format!("seen.{phase}")).contains_key(name);
    let phases = ["postclone", "prebuild", "build", "postbuild", "finally"];
    let with = |name| phases.map(|phase| has(phase, name));
    assert_eq!(with("BUDDYBUILD_PRODUCT_DIR"), [false, false, true, true, true]);
    // The post-build script makes the package, so only the last one sees it.
    assert_eq!(with("BUDDYBUILD_IPA_PATH"), [false, false, false, false, true]);
    assert_eq!(with("BUDDYBUILD_SCHEME"), [true; 5]);
    assert_eq!(with("BUDDYBUILD_APKS_DIR"), [false; 5]);
    assert_eq!(with("ONLY_HERE"), [false, false, true, false, false]);
    assert_eq!(done.variables("seen.build")["SWITCH"], "true");
    assert!(done.variables("seen.finally")["BUDDYBUILD_IPA_PATH"].ends_with("/products/A.ipa"));
}

#[tokio::test]
async fn android_has_its_own_variables() {
    let (_repo, mut scene) = Scene::of(&SEEN);
    scene.assignment.platform = Platform::Android;
    scene.variable("ANDROID_HOME", "/somewhere", false);
    let done = scene.run().await.succeeded();
    let seen = done.variables("seen.prebuild");
    assert!(seen["BUDDYBUILD_APKS_DIR"].ends_with("/sandbox/app/apks"));
    assert_eq!(seen["BUDDYBUILD_VARIANTS"], "Example - Release");
    assert_eq!(seen["BUDDYBUILD_ANDROID_HOME"], seen["ANDROID_HOME"]);
    for name in ["BUDDYBUILD_SCHEME", "BUDDYBUILD_TEST_DIR"] {
        assert!(!seen.contains_key(name), "{name}");
    }
    assert!(!done.variables("seen.finally").contains_key("BUDDYBUILD_IPA_PATH"));
}

#[tokio::test]
async fn user_variables_arrive_but_replace_nothing_of_ours() {
    let (_repo, mut scene) = Scene::of(&SEEN);
    scene.variable("GREETING", "hello world", false);
    scene.variable("PATH", "/opt/tools:/usr/bin:/bin", false);
    scene.variable("BUDDYBUILD_BRANCH", "other", false);
    scene.variable("BUDDYBUILD_APKS_DIR", "/tmp", false);
    scene.variable("HOME", "/tmp", false);
    scene.variable("NOT A NAME", "x", false);
    let done = scene.run().await.succeeded();
    let seen = done.variables("seen.postclone");
    assert_eq!(seen["GREETING"], "hello world");
    assert_eq!(seen["BUDDYBUILD_BRANCH"], "main");
    assert!(!seen.contains_key("BUDDYBUILD_APKS_DIR"));
    assert!(seen["HOME"].ends_with("/home"));
    assert!(seen["PATH"].ends_with("/home/bin:/opt/tools:/usr/bin:/bin"));
    assert!(!seen.contains_key("NOT A NAME"));
    done.shows("The variable BUDDYBUILD_BRANCH is set by Shipmate; yours is ignored.");
    done.shows("The variable \"NOT A NAME\" has no usable name or value; ignored.");
}

#[tokio::test]
async fn bashrc_persists_exports_and_nothing_else_does() {
    let (_repo, mut scene) = Scene::of(&[
        (
            "buddybuild_postclone.sh",
            "#!/bin/bash\nexport LOST=1\necho 'export KEPT=\"from bashrc\"' >> \"$HOME/.bashrc\"\n",
        ),
        ("buddybuild_prebuild.sh", "#!/usr/bin/env bash\necho \"pre [$KEPT] [$LOST]\"\n"),
        ("shipmate.yml", "steps: [{run: 'echo \"step [$KEPT]\"'}]\n"),
        ("buddybuild_postbuild.sh", "echo \"post [$KEPT]\"\n"),
        ("buddybuild_finally.sh", "#!/bin/bash\necho \"finally [$KEPT]\"\n"),
    ]);
    let done = scene.run().await.succeeded();
    done.shows("pre [from bashrc] []");
    done.shows("step [from bashrc]");
    done.shows("post [from bashrc]");
    done.shows("finally [from bashrc]");
}

#[tokio::test]
async fn the_promised_paths_lead_to_the_workspace() {
    let script = "#!/bin/bash
set -e
cd \"$HOME/workspace\"; test -f marker
cd \"$BUDDYBUILD_WORKSPACE\"; test -f marker
sandbox=$(dirname \"$(pwd -P)\")
cd \"$sandbox/$BUDDYBUILD_APP_ID/workspace\"; test -f marker
cd \"$sandbox/$BUDDYBUILD_BUILD_ID/workspace\"; test -f marker
test -d \"$BUDDYBUILD_SECURE_FILES\"; test -w \"$TMPDIR\"
printf '#!/bin/sh\\necho found in bin\\n' > \"$HOME/bin/own-tool\"; chmod +x \"$HOME/bin/own-tool\"
own-tool
";
    let (_repo, mut scene) = Scene::of(&[("buddybuild_postclone.sh", script), ("marker", "")]);
    let done = scene.run().await.succeeded();
    done.shows("found in bin");
}

#[tokio::test]
async fn secret_values_are_masked_in_the_log() {
    let (_repo, mut scene) = Scene::of(&[(
        "buddybuild_postclone.sh",
        "#!/bin/bash\necho \"it is $TOKEN!\"\nprintf '%s' \"${TOKEN:0:5}\"; printf '%s\\n' \"${TOKEN:5}\"\necho \"open $OPEN\"\n",
    )]);
    scene.variable("TOKEN", "hunter2-hunter2", true);
    scene.variable("OPEN", "visible", false);
    let done = scene.run().await.succeeded();
    assert!(!done.log.contains("hunter2-hunter2"), "{}", done.log);
    done.shows("it is ********!");
    done.shows("open visible");
}
