use super::*;
use crate::report::TargetCoverage;

/// Files of a target: name, path, coverage.
fn files(target: &TargetCoverage) -> Vec<(&str, &str, f64)> {
    target.files.iter().map(|f| (&*f.name, &*f.path, f.coverage)).collect()
}

fn functions(target: &TargetCoverage, file: usize) -> Vec<(&str, f64)> {
    target.files[file].functions.iter().map(|f| (&*f.name, f.coverage)).collect()
}

fn parse(records: &[u8]) -> CoverageReport {
    read(records, "default", &Limits::default()).expect("the records are a tracefile")
}

#[test]
fn version_one() {
    let report = parse(include_bytes!("../../../fixtures/lcov.info"));
    let [target] = &report.targets[..] else { panic!("{report:?}") };
    // The second section of cart.dart ran line 9.
    assert_eq!((&*target.name, target.coverage), ("default", 5.0 / 8.0));
    let expected =
        [("cart.dart", "/app/lib/cart.dart", 4.0 / 6.0), ("tax.dart", "/app/lib/tax.dart", 0.5)];
    assert_eq!(files(target), expected);
    assert_eq!(functions(target, 0), [("Cart.add", 0.75), ("Cart.total", 0.5)]);
    assert_eq!(functions(target, 1), []);
}

#[test]
fn version_two() {
    let report = parse(include_bytes!("../../../fixtures/lcov2.info"));
    let [unit, ui] = &report.targets[..] else { panic!("{report:?}") };
    assert_eq!((&*unit.name, unit.coverage), ("unit", 5.0 / 9.0));
    assert_eq!(files(unit), [("queue.cpp", "src/queue.cpp", 5.0 / 9.0)]);
    assert_eq!(
        functions(unit, 0),
        [
            ("queue::push(int, char)", 0.6),
            ("lambda#1", 0.0),
            ("queue::pop()", 0.5),
            ("queue::pop() const", 0.5),
            ("queue::size()", 1.0),
        ]
    );
    assert_eq!((&*ui.name, ui.coverage), ("ui", 2.0 / 9.0));
    assert_eq!(
        files(ui),
        [("queue.cpp", "src/queue.cpp", 0.0), ("sums.cpp", "src/sums.cpp", 0.25)]
    );
}

#[test]
fn line_ends_and_byte_order_mark_do_not_matter() {
    let records = "\u{feff}TN:\r\n\r\nSF:a\r\nDA:1,1\r\nend_of_record";
    let report = parse(records.as_bytes());
    assert_eq!(files(&report.targets[0]), [("a", "a", 1.0)]);
}

#[test]
fn a_path_of_an_old_system_is_kept_as_far_as_it_is_text() {
    let report = parse(b"SF:src/\xe4.c\nDA:1,0\nend_of_record\n");
    assert_eq!(files(&report.targets[0]), [("\u{fffd}.c", "src/\u{fffd}.c", 0.0)]);
}

#[test]
fn faults_name_their_line() {
    for (records, line, reason) in [
        ("DA:1,1\n", 1, "no SF record before it"),
        ("end_of_record\nFNDA:1,f\n", 2, "no SF record before it"),
        ("SF:\n", 1, "SF without a path"),
        ("SF:a\nhello\n", 2, "`hello` is no record"),
        ("SF:a\nDA:x,1\n", 2, "`x` is not a line number"),
        ("SF:a\nDA:-1,1\n", 2, "`-1` is not a line number"),
        ("SF:a\nDA:4294967296,1\n", 2, "`4294967296` is not a line number"),
        ("SF:a\nDA:1\n", 2, "`` is not a count"),
        ("SF:a\nDA:1,=====\n", 2, "`=====` is not a count"),
        ("SF:a\nDA:1,NaN\n", 2, "NaN is not a count"),
        ("SF:a\nFN:1\n", 2, "FN without a name"),
        ("SF:a\nFNDA:1\n", 2, "FNDA without a name"),
        ("SF:a\nFNA:0,1,f\n", 2, "FNA without its FNL record"),
        ("SF:a\nLF:many\n", 2, "`many` is not a count of lines"),
        ("SF:a\nDA:1,1\n", 3, "the file ends inside the section of a"),
    ] {
        let fault = read(records.as_bytes(), "default", &Limits::default());
        let expected = ReadError::Lcov { line, reason: reason.to_owned() };
        assert_eq!(fault, Err(expected), "{records}");
    }
}

#[test]
fn records_of_a_section_are_bounded() {
    let limits = Limits { max_functions: 1, ..Limits::default() };
    let what = "records of functions in one section";
    for records in ["FNDA:1,a\n", "FN:1,a\n", "FNL:0,1\n"] {
        let section = format!("SF:a\n{}end_of_record\n", records.repeat(3));
        let fault = read(section.as_bytes(), "default", &limits);
        assert_eq!(fault, Err(ReadError::TooMany { what, limit: 2 }), "{records}");
    }
}
