use super::*;

fn result(message: String) -> TestResult {
    TestResult {
        run: "run".to_owned(),
        target: "target".to_owned(),
        suite: String::new(),
        name: "name".to_owned(),
        passed: false,
        duration_ms: None,
        message: Some(message),
        file: None,
        line: None,
        snippet: None,
    }
}

#[test]
fn a_batch_is_limited_in_count_and_in_size() {
    let many = vec![result(String::new()); MAX_TESTS_PER_BATCH * 2 + 1];
    let sizes: Vec<usize> = into_batches(many).iter().map(Vec::len).collect();
    assert_eq!(sizes, [MAX_TESTS_PER_BATCH, MAX_TESTS_PER_BATCH, 1]);

    // A control character takes six bytes of JSON.
    let large = vec![result("\u{1}".repeat(16 * 1024)); 200];
    let batches = into_batches(large);
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 200);
    for batch in &batches {
        assert!(serde_json::to_vec(batch).unwrap().len() < MAX_JSON_BODY);
    }
    assert!(into_batches(Vec::new()).is_empty());
}

#[test]
fn sizes_are_readable() {
    assert_eq!(size(0), "0 bytes");
    assert_eq!(size(999), "999 bytes");
    assert_eq!(size(1_250), "1.2 kB");
    assert_eq!(size(999_999), "1.0 MB");
    assert_eq!(size(8 << 30), "8.6 GB");
}

#[test]
fn a_search_ends_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().canonicalize().unwrap();
    for index in 0..5 {
        fs::write(workspace.join(format!("file{index}")), "").unwrap();
    }
    let mut sweep = Sweep::new(&workspace, 3);
    let names: Vec<String> =
        sweep.files_below(&workspace, &[]).into_iter().map(|file| file.relative).collect();
    assert_eq!(names, ["file0", "file1", "file2"]);
    assert_eq!(sweep.notes, ["More than 3 files; the rest is left out."]);
}
