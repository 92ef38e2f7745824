use super::*;

fn case(suite: &str, name: &str, outcome: Outcome, file: &str) -> TestCase {
    TestCase {
        suite: suite.to_owned(),
        name: name.to_owned(),
        outcome,
        duration_ms: None,
        message: None,
        file: Some(file.to_owned()),
        line: None,
    }
}

#[test]
fn reads_what_jest_prints() {
    let report = read(include_bytes!("../../fixtures/jest.json"), &Limits::default());
    let (cart, price, tax) =
        ("/app/src/cart.test.js", "/app/src/price.test.js", "/app/src/tax.test.js");
    let adds_up = "Error: expect(received).toBe(expected)\n    \
        at Object.<anonymous> (/app/src/cart.test.js:12:20)\n\nError: second";
    let not_run = "● Test suite failed to run\n\n    \
        Cannot find module './price' from 'src/price.test.js'";
    let cases = vec![
        TestCase {
            duration_ms: Some(3),
            line: Some(4),
            ..case("Cart > when empty", "has no lines", Outcome::Passed, cart)
        },
        TestCase {
            duration_ms: Some(13),
            message: Some(adds_up.to_owned()),
            ..case("Cart", "adds up", Outcome::Failed, cart)
        },
        case("cart.test.js", "is later", Outcome::Skipped, cart),
        case("cart.test.js", "is planned", Outcome::Skipped, cart),
        TestCase {
            message: Some(not_run.to_owned()),
            ..case("price.test.js", "Test suite failed to run", Outcome::Failed, price)
        },
        TestCase { duration_ms: Some(0), ..case("Tax", "is added", Outcome::Passed, tax) },
    ];
    assert_eq!(report, Ok(TestReport { cases }));
}

/// Outcomes of the report with these entries of `testResults`.
fn outcomes(files: &str) -> Result<Vec<Outcome>, ReadError> {
    let document = format!(r#"{{"testResults": [{files}]}}"#);
    let report = read(document.as_bytes(), &Limits::default())?;
    Ok(report.cases.into_iter().map(|case| case.outcome).collect())
}

#[test]
fn every_status_has_an_outcome() {
    for (status, expected) in [
        ("passed", Outcome::Passed),
        ("failed", Outcome::Failed),
        ("pending", Outcome::Skipped),
        ("skipped", Outcome::Skipped),
        ("todo", Outcome::Skipped),
        ("disabled", Outcome::Skipped),
    ] {
        let file = format!(r#"{{"assertionResults": [{{"status": "{status}"}}]}}"#);
        assert_eq!(outcomes(&file), Ok(vec![expected]), "{status}");
    }
    let unknown = outcomes(r#"{"assertionResults": [{"status": "maybe"}]}"#);
    let fault = unknown.map_err(|error| error.to_string());
    assert!(
        matches!(&fault, Err(text) if text.starts_with(
            "malformed JSON at line 1, column 57: unknown variant `maybe`"
        )),
        "{fault:?}"
    );
}

#[test]
fn a_failed_file_has_a_failed_case() {
    let passed_but_failed = r#"{"assertionResults": [{"status": "passed"}], "status": "failed"}"#;
    assert_eq!(outcomes(passed_but_failed), Ok(vec![Outcome::Passed, Outcome::Failed]));
    let failed_once = r#"{"status": "failed", "assertionResults": [{"status": "failed"}]}"#;
    assert_eq!(outcomes(failed_once), Ok(vec![Outcome::Failed]));
}

#[test]
fn limits_stop_the_reading() {
    let many = r#"{"status": "passed"},"#.repeat(3);
    let document =
        format!(r#"{{"testResults": [{{"assertionResults": [{}]}}]}}"#, many.trim_end_matches(','));
    let limits = Limits { max_cases: 2, ..Limits::default() };
    let expected = Err(ReadError::TooMany { what: "test cases", limit: 2 });
    assert_eq!(read(document.as_bytes(), &limits), expected);

    let path = "p".repeat(500);
    let document = document.replace("]}]}", &format!(r#"], "name": "{path}"}}]}}"#));
    let limits = Limits { max_bytes: 1000, ..Limits::default() };
    let expected = Err(ReadError::TooMany { what: "bytes of text", limit: 1000 });
    assert_eq!(read(document.as_bytes(), &limits), expected);
}

#[test]
fn other_files_are_told_apart() {
    for (document, expected) in [
        (r#"{"a": [1]}"#, "this is not a Jest report: "),
        (r#"{"testResults": 5}"#, "this is not a Jest report: "),
        (r#"{"testResults": []}"#, "this is not a Jest report: "),
        (r#"[]"#, "this is not a Jest report: "),
        (r#"{"a": "#, "malformed JSON at line 1, column 6: EOF while parsing a value"),
        ("{\"numTotalTests\": 1,\n \"testResults\": 5}", "malformed JSON at line 2, column 17: "),
        (r#"{"numTotalTests": 0, "testResults": []} x"#, "malformed JSON at line 1, column 41: "),
    ] {
        let fault = read(document.as_bytes(), &Limits::default());
        let fault = fault.map_err(|error| error.to_string());
        assert!(matches!(&fault, Err(text) if text.starts_with(expected)), "{document}: {fault:?}");
    }
    let empty = read(br#"{"numTotalTests": 0, "testResults": []}"#, &Limits::default());
    assert_eq!(empty, Ok(TestReport::default()));
}

#[test]
fn deep_nesting_is_no_danger() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        let ignored = format!(r#"{{"numTotalTests": {deep}}}"#);
        let title =
            format!(r#"{{"testResults": [{{"assertionResults": [{{"title": {deep}}}]}}]}}"#);
        for document in [deep, ignored, title] {
            let result = read(document.as_bytes(), &Limits::default());
            assert!(result.is_err() || result == Ok(TestReport::default()));
        }
    }
}
