use super::*;
use crate::model::time::Millis;

#[tokio::test]
async fn folders_are_private_and_go_as_a_whole() {
    let work = tempfile::tempdir().unwrap();
    let (app, build) = (AppId::generate(Millis(0)), BuildId::generate(Millis(0)));
    let dirs = WorkDirs::of_run(work.path(), &build, 2);
    let layout = Layout::create(&dirs.root, &app, &build, None).unwrap();
    assert!(dirs.root.ends_with(format!("runs/{build}-2")));
    for folder in [&layout.root, &layout.private] {
        let mode = folder.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", folder.display());
    }
    let again = Layout::create(&dirs.root, &app, &build, None).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists, "a run never finds old files");

    // What a link leads to is not ours to delete.
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("kept"), "").unwrap();
    symlink(other.path(), layout.workspace.join("link")).unwrap();
    remove(layout.root.clone()).await;
    assert!(std::fs::read_dir(work.path().join("runs")).unwrap().next().is_none());
    assert!(other.path().join("kept").exists());
}
