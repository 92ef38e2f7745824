use super::*;
use crate::agent::fixture::Screen;

fn report(keep_in: Option<PathBuf>) -> (LocalReport, Screen, Screen) {
    let (stdout, stderr) = (Screen::default(), Screen::default());
    let report = LocalReport::new(Box::new(stdout.clone()), Box::new(stderr.clone()), keep_in);
    (report, stdout, stderr)
}

#[test]
fn lines_of_ours_begin_on_a_line_of_their_own() {
    let (report, stdout, stderr) = report(None);
    report.write(Stream::Stdout, b"no end");
    assert_eq!(stdout.text(), "no end", "shown at once");
    report.write(Stream::Stderr, b"fault\n");
    report.system("=== Next ===");
    assert_eq!(stdout.text(), "no end\n=== Next ===\n");
    assert_eq!(stderr.text(), "fault\n");
}

#[test]
fn secrets_are_masked_across_writes() {
    let (report, stdout, _) = report(None);
    report.mask(&Secret::new("hunter2"));
    for part in ["it is hun", "ter", "2 and hun", "gry\n"] {
        report.write(Stream::Stdout, part.as_bytes());
    }
    report.system("the end is hunter2");
    assert_eq!(stdout.text(), "it is ******** and hungry\nthe end is ********\n");
}

#[tokio::test]
async fn artifacts_are_copied_below_their_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, "12345").unwrap();
    let target = folder.path().join("kept");
    let (report, ..) = report(Some(target.clone()));
    report.artifact(ArtifactKind::File, "a/b.bin", &source).await.unwrap();
    assert_eq!(std::fs::read_to_string(target.join("a/b.bin")).unwrap(), "12345");
    report.artifact(ArtifactKind::File, "../out", &source).await.unwrap_err();
    assert!(!folder.path().join("out").exists());
    let kept = report.take_results().artifacts;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].bytes, kept[0].kept.clone()), (5, Some(target.join("a/b.bin"))));
}
