use crate::agent::fixture::Scene;
use crate::model::build::FailureKind;

#[tokio::test]
async fn a_wrong_plan_names_place_and_expectation() {
    let text = "steps:\n- name: Test\n  runn: echo hi\n";
    let (_repo, mut scene) = Scene::of(&[("shipmate.yml", text)]);
    let done = scene.run().await.failed(FailureKind::InvalidPlan, "shipmate.yml:3:3:");
    done.shows("unknown field `runn`");
    done.shows("expected one of name, run, working_directory, env, timeout");
}

#[tokio::test]
async fn steps_stop_at_the_first_failing_command_and_pipe() {
    for run in ["false; echo reached", "false | cat; echo reached"] {
        let plan = format!("steps: [{{name: Check, run: '{run}'}}]\n");
        let (_repo, mut scene) = Scene::of(&[("shipmate.yml", &plan)]);
        let done =
            scene.run().await.failed(FailureKind::StepFailed, "Check ended with exit code 1");
        assert!(!done.log.contains("\nreached"), "{}", done.log);
    }
}

#[tokio::test]
async fn steps_run_in_their_folder_which_stays_in_the_workspace() {
    let (repo, mut scene) = Scene::of(&[
        ("app/here", ""),
        ("shipmate.yml", "steps: [{run: test -f here, working_directory: app}]\n"),
    ]);
    scene.run().await.succeeded();
    std::os::unix::fs::symlink("/tmp", repo.path().join("out")).unwrap();
    for folder in ["out", "missing", "app/here"] {
        let plan = format!("steps: [{{name: Go, run: pwd, working_directory: {folder}}}]\n");
        repo.commit("next", &[("shipmate.yml", &plan)]);
        let words = format!("Go: {folder} is not a folder of the workspace");
        scene.run().await.failed(FailureKind::StepFailed, &words);
    }
    repo.commit("up", &[("shipmate.yml", "steps: [{run: pwd, working_directory: ../..}]\n")]);
    scene.run().await.failed(FailureKind::InvalidPlan, "below the root of the repository");
}

#[tokio::test]
async fn a_step_killed_by_a_signal_fails() {
    let (_repo, mut scene) =
        Scene::of(&[("shipmate.yml", "steps: [{name: Crash, run: 'kill -SEGV $$'}]\n")]);
    scene.run().await.failed(FailureKind::StepFailed, "Crash was killed by signal 11");
}

#[tokio::test]
async fn a_build_leaves_no_folder_behind() {
    use crate::agent::fixture::{Repo, Screen, eventually};
    use crate::agent::report::{Report, local::LocalReport};
    use crate::agent::run::{RunContext, run};
    use crate::agent::workspace::WorkDirs;

    // Package managers write-protect what they unpack.
    let script = "mkdir -p $HOME/cache && touch $HOME/cache/file && chmod 500 $HOME/cache\n";
    let repo = Repo::new(&[("buddybuild_postclone.sh", script)]);
    let scene = Scene::new(&repo.url());
    let dirs = WorkDirs::of_run(scene.work.path(), &scene.assignment.build_id, 1);
    let screen = Screen::default();
    let sink = Box::new(screen.clone());
    let report = LocalReport::new(sink.clone(), sink, None);
    let context = RunContext {
        assignment: scene.assignment.clone(),
        dirs,
        report: Report::Local(report.into()),
        cancel: scene.cancel.clone(),
    };
    run(context).await;
    assert!(screen.text().contains("Build succeeded"), "{}", screen.text());
    let runs = scene.work.path().join("runs");
    let is_empty = || std::fs::read_dir(&runs).unwrap().next().is_none();
    eventually("the run's folder is gone", is_empty).await;
}
