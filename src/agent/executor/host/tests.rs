use std::sync::Arc;

use super::*;
use crate::agent::fixture::Screen;
use crate::agent::report::local::LocalReport;

#[tokio::test]
async fn every_byte_arrives_and_the_record_goes() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("process.json");
    let screen = Screen::default();
    let sink = Box::new(screen.clone());
    let report = Report::Local(Arc::new(LocalReport::new(sink.clone(), sink, None)));
    let wait = format!("until test -s {}; do :; done", record.display());
    let script = format!("{wait}; seq 1 200000; echo oops >&2; exit 7");
    let program = Program {
        path: Path::new("/bin/sh"),
        args: vec!["-c".into(), script.into()],
        dir: folder.path(),
        env: &[("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        record: &record,
    };
    let stop = Stop {
        cancel: CancellationToken::new(),
        deadline: Instant::now() + Duration::from_secs(60),
        grace: Duration::from_secs(1),
    };
    let ended = execute(&program, "step", &report, &stop).await.unwrap();
    assert_eq!(ended, Ended::Exited(7));
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    // Not `assert_eq`, which would print a megabyte.
    assert!(screen.text().replace("oops\n", "") == expected, "output was changed");
    assert!(!record.exists());
}
