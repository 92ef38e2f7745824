use super::*;

fn kind(name: &str, bytes: &[u8]) -> &'static str {
    match read_report(name, bytes, &Limits::default()) {
        Ok(Report::Tests(_)) => "tests",
        Ok(Report::Coverage(_)) => "coverage",
        Ok(Report::Other) => "other",
        Err(_) => "fault",
    }
}

#[test]
fn the_content_decides() {
    for (bytes, expected) in [
        (&include_bytes!("../../fixtures/surefire.xml")[..], "tests"),
        (include_bytes!("../../fixtures/pytest.xml"), "tests"),
        (include_bytes!("../../fixtures/mocha.xml"), "tests"),
        (include_bytes!("../../fixtures/nested.xml"), "tests"),
        (include_bytes!("../../fixtures/jest.json"), "tests"),
        (include_bytes!("../../fixtures/lcov.info"), "coverage"),
        (include_bytes!("../../fixtures/lcov2.info"), "coverage"),
        (include_bytes!("../../fixtures/cobertura.xml"), "coverage"),
        (include_bytes!("../../fixtures/jacoco.xml"), "coverage"),
        (include_bytes!("../../fixtures/jacoco-groups.xml"), "coverage"),
        (b"\xef\xbb\xbf\n <testsuites/>", "tests"),
        (b"\xff\xfe<\0a\0/\0>\0", "other"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "other"),
        (b"PK\x03\x04", "other"),
        (b"[1, 2", "other"),
        (b"{\"name\": \"left-pad\"}", "other"),
        (b"{\"testResults\": {\"a\": 1}}", "other"),
        (b"hello", "other"),
        (b"TN: is in Tennessee", "other"),
        (b"<!DOCTYPE html><html><p>unclosed", "other"),
        (b"<!DOCTYPE plist PUBLIC 'a' 'b' []><plist/>", "other"),
        (b"<checkstyle><file name='\xe4'/></checkstyle>", "other"),
        (b"<coverage><project/></coverage>", "other"),
        (b"<report><row/></report>", "other"),
        (b"<testsuite>", "fault"),
        (b"<testsuite name='\xe4'/>", "fault"),
        (b"<", "fault"),
        (b"SF:a\nDA:1", "fault"),
        (b"{\"numTotalTests\": 1,", "fault"),
    ] {
        for name in ["report.xml", "dir/report", "a.json"] {
            // Broken text that may be anything is judged by its name below.
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(kind(name, bytes), expected, "{name}: {text:.60}");
        }
    }
}

#[test]
fn the_name_speaks_where_the_content_does_not() {
    for (name, bytes, expected) in [
        ("a.json", &b"{\"a\": "[..], "fault"),
        ("A.JSON", b"{\"a\": ", "fault"),
        ("a.log", b"{\"a\": ", "other"),
        ("json", b"{\"a\": ", "other"),
        ("a.xml", b" \n", "fault"),
        ("a.json", b"", "fault"),
        ("a.txt", b"", "other"),
    ] {
        assert_eq!(kind(name, bytes), expected, "{name}");
    }
}

#[test]
fn the_name_of_the_file_is_the_default_target() {
    for (name, expected) in
        [("out/lcov.info", "lcov"), ("a\\web.lcov.info", "web.lcov"), (".info", ".info")]
    {
        let report = read_report(name, b"SF:a\nDA:1,1\nend_of_record\n", &Limits::default());
        let Ok(Report::Coverage(coverage)) = report else { panic!("{report:?}") };
        assert_eq!(coverage.targets[0].name, expected, "{name}");
    }
}

#[test]
fn only_reports_are_too_large() {
    let limits = Limits { max_bytes: 20, ..Limits::default() };
    let kind = |name: &str, start: &str| {
        let bytes = format!("{start}{}", " ".repeat(40));
        read_report(name, bytes.as_bytes(), &limits)
    };
    let size = |start: &str| Err(ReadError::TooLarge { size: start.len() + 40, limit: 20 });
    assert_eq!(kind("a.png", "\u{fffd}PNG"), Ok(Report::Other));
    assert_eq!(kind("a.html", "<html>"), Ok(Report::Other));
    assert_eq!(kind("a.bin", "{"), Ok(Report::Other));
    assert_eq!(kind("a.json", "{"), size("{"));
    assert_eq!(kind("a.xml", "<testsuite>"), size("<testsuite>"));
    let comment = "<!-- a long comment";
    assert_eq!(kind("a.xml", comment), size(comment));
    assert_eq!(kind("a.info", "SF:"), size("SF:"));
}

#[test]
fn the_form_on_the_wire_is_fixed() {
    let document = b"<testsuite name='s'><testcase name='n' time='1'/></testsuite>";
    let report = read_report("a.xml", document, &Limits::default());
    let Ok(report) = report else { panic!("{report:?}") };
    let wire = serde_json::json!({"tests": {"cases": [{
        "suite": "s", "name": "n", "outcome": "passed", "duration_ms": 1000,
        "message": null, "file": null, "line": null,
    }]}});
    assert_eq!(serde_json::to_value(&report).ok(), Some(wire.clone()));
    assert_eq!(serde_json::from_value(wire).ok(), Some(report));

    let records = b"SF:d/f\nFN:1,g\nDA:1,1\nDA:2,0\nend_of_record\n";
    let report = read_report("t.info", records, &Limits::default());
    let Ok(report) = report else { panic!("{report:?}") };
    let wire = serde_json::json!({"coverage": {"targets": [{
        "name": "t", "coverage": 0.5, "files": [{
            "name": "f", "path": "d/f", "coverage": 0.5,
            "functions": [{"name": "g", "coverage": 0.5}], "lines": [[1, 1], [2, 0]],
        }],
    }]}});
    assert_eq!(serde_json::to_value(&report).ok(), Some(wire.clone()));
    assert_eq!(serde_json::from_value(wire).ok(), Some(report));
    assert_eq!(serde_json::to_value(Report::Other).ok(), Some("other".into()));
}
