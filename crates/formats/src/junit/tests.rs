use super::*;

/// A case as one line of a table.
type Row<'r> = (&'r str, &'r str, Outcome, Option<u64>, Option<&'r str>);

fn rows(report: &TestReport) -> Vec<Row<'_>> {
    report
        .cases
        .iter()
        .map(|c| (&*c.suite, &*c.name, c.outcome, c.duration_ms, c.message.as_deref()))
        .collect()
}

fn places(report: &TestReport) -> Vec<(Option<&str>, Option<u32>)> {
    report.cases.iter().map(|c| (c.file.as_deref(), c.line)).collect()
}

fn parse(document: &str) -> TestReport {
    read(document.as_bytes(), &Limits::default()).expect("the document is a report")
}

use Outcome::{Failed, Passed, Skipped};

#[test]
fn surefire() {
    let report = parse(include_str!("../../fixtures/surefire.xml"));
    let suite = "com.example.CalculatorTest";
    let trace = "java.lang.AssertionError: expected:<2> but was:<3>\n\
        \tat org.junit.Assert.fail(Assert.java:89)\n\
        \tat com.example.CalculatorTest.divides(CalculatorTest.java:21)";
    let divides = format!("expected:<2> but was:<3>\n{trace}");
    assert_eq!(
        rows(&report),
        [
            (suite, "adds", Passed, Some(1_234_500), None),
            (suite, "divides", Failed, Some(12), Some(&*divides)),
            (suite, "overflows", Failed, None, Some("java.lang.ArithmeticException")),
            (suite, "later", Skipped, None, Some("needs a server")),
            (suite, "flaky", Passed, Some(200), None),
            (suite, "broken", Failed, Some(1), Some("boom\n  at A")),
        ]
    );
    assert_eq!(places(&report), [(None, None); 6]);
}

#[test]
fn pytest() {
    let report = parse(include_str!("../../fixtures/pytest.xml"));
    let suite = "tests.test_login";
    let rejects = "assert 200 == 401\n +  where 200 = <Response>.status\n\
        def test_rejects():\n>       assert login(\"\", \"\").status == 401\n\
        E       assert 200 == 401\n\ntests/test_login.py:11: AssertionError";
    assert_eq!(
        rows(&report),
        [
            (suite, "test_accepts[grüße]", Passed, Some(15), None),
            (suite, "test_rejects", Failed, Some(2), Some(rejects)),
            (
                suite,
                "test_later",
                Skipped,
                Some(0),
                Some("no server\ntests/test_login.py:14: no server")
            ),
            (
                suite,
                "test_setup",
                Failed,
                Some(1),
                Some("failed on setup with \"OSError\"\nOSError")
            ),
        ]
    );
    let file = Some("tests/test_login.py");
    assert_eq!(places(&report), [(file, Some(4)), (file, Some(9)), (file, Some(13)), (None, None)]);
}

#[test]
fn mocha() {
    let report = parse(include_str!("../../fixtures/mocha.xml"));
    let message = "expected 3 to equal 4\nAssertionError: expected 3 to equal 4\n    \
        at Context.<anonymous> (test/cart.spec.js:12:20)\n\n      + expected - actual";
    assert_eq!(
        rows(&report),
        [
            ("starts empty", "Cart starts empty", Passed, Some(3), None),
            ("adds up", "Cart adds up", Failed, Some(5), Some(message)),
        ]
    );
    assert_eq!(places(&report), [(Some("/app/test/cart.spec.js"), None); 2]);
}

#[test]
fn nested_suites_prefixes_and_attributes() {
    let report = parse(include_str!("../../fixtures/nested.xml"));
    assert_eq!(
        rows(&report),
        [
            ("inner", "first", Passed, Some(250), None),
            ("inner", "second", Skipped, None, None),
            ("outer", "third", Skipped, None, None),
            ("outer", "fourth", Failed, None, None),
            ("outer", "fifth", Skipped, None, None),
            ("everything", "sixth", Failed, None, Some("one & two!\n\nthree\nfour")),
        ]
    );
    let outer = Some("outer.cc");
    assert_eq!(
        places(&report),
        [
            (outer, Some(7)),
            (outer, None),
            (outer, None),
            (outer, None),
            (Some("own.cc"), None),
            (None, None)
        ]
    );
}

#[test]
fn seconds_in_every_spelling() {
    for (time, expected) in [
        ("0", Some(0.0)),
        (" 1.5 ", Some(1.5)),
        ("1e-05", Some(1e-05)),
        ("1,234.5", Some(1234.5)),
        ("1,234,567.5", Some(1_234_567.5)),
        ("1,234", Some(1234.0)),
        ("0,005", Some(0.005)),
        ("1,5", Some(1.5)),
        ("1.234,5", Some(1234.5)),
        ("", None),
        (",", None),
        ("soon", None),
        ("1,2,3", Some(12.3)),
    ] {
        assert_eq!(seconds(time), expected, "{time}");
    }
    for time in ["-0.1", "NaN", "inf", "-inf", "1e300", "99999999999999"] {
        let report = parse(&format!("<testsuite><testcase time='{time}'/></testsuite>"));
        assert_eq!(rows(&report), [("", "", Passed, None, None)], "{time}");
    }
}

#[test]
fn empty_reports_are_reports() {
    for document in ["<testsuites/>", "<testsuite name='none'></testsuite>"] {
        assert_eq!(parse(document), TestReport::default());
    }
}

#[test]
fn long_texts_are_cut() {
    let limits = Limits { max_text: 10, ..Limits::default() };
    let document = "<testsuite><testcase classname='0123456789ab' name='ÄÄÄÄÄÄ'>\
        <failure message='short'>   and much longer</failure></testcase></testsuite>";
    let report = read(document.as_bytes(), &limits).expect("the document is a report");
    assert_eq!(rows(&report), [("0123456…", "ÄÄÄ…", Failed, None, Some("short\na…"))]);
}

#[test]
fn utf16_is_read() {
    let document = "\u{feff}<testsuite name='ü'><testcase name='𝄞'/></testsuite>";
    let bytes: Vec<u8> = document.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let report = read(&bytes, &Limits::default()).expect("the document is a report");
    assert_eq!(rows(&report), [("ü", "𝄞", Passed, None, None)]);
}

fn fault(document: &str, limits: &Limits) -> ReadError {
    read(document.as_bytes(), limits).expect_err("the document is faulty")
}

#[test]
fn entities_of_a_document_are_refused() {
    let laughs = "<?xml version='1.0'?>\n<!DOCTYPE testsuite [<!ENTITY a 'ha'>\
        <!ENTITY b '&a;&a;&a;'>]>\n<testsuite><testcase name='&b;'/></testsuite>";
    let fault = fault(laughs, &Limits::default());
    let what = "a document type declaration (DOCTYPE) does not belong in this format";
    let at = crate::Position { line: 2, column: 1 };
    assert_eq!(fault, ReadError::Refused { at, what });
}

#[test]
fn a_report_may_not_outgrow_its_limits() {
    let limits = Limits { max_cases: 2, ..Limits::default() };
    let three = "<testsuite><testcase/><testcase/><testcase/></testsuite>";
    let expected = ReadError::TooMany { what: "test cases", limit: 2 };
    assert_eq!(fault(three, &limits), expected);

    let limits = Limits { max_bytes: 10, ..Limits::default() };
    let expected = ReadError::TooLarge { size: three.len(), limit: 10 };
    assert_eq!(fault(three, &limits), expected);

    // The name of the suite is repeated in each case.
    let name = "n".repeat(500);
    let cases = "<testcase/>".repeat(100);
    let growing = format!("<testsuite name='{name}'>{cases}</testsuite>");
    let limits = Limits { max_bytes: 10_000, ..Limits::default() };
    let expected = ReadError::TooMany { what: "bytes of text", limit: 10_000 };
    assert_eq!(fault(&growing, &limits), expected);
}

#[test]
fn faults_say_what_is_wrong() {
    let limits = Limits::default();
    for (document, expected) in [
        ("<html/>", "this is not a JUnit report: the root element is <html>"),
        (
            "<testsuite><testcase><testcase/></testcase></testsuite>",
            "malformed XML at line 1, column 22: a test inside of a test case",
        ),
        (
            "<testsuite>\n<testcase name='&what;'/></testsuite>",
            "malformed XML at line 2, column 1: ",
        ),
    ] {
        let fault = fault(document, &limits).to_string();
        assert!(fault.starts_with(expected), "{document}: {fault}");
    }
}
