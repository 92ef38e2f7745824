//! Broken and hostile input through the public door: no panic, no result
//! beyond the limits, no run without end.

use formats::{Limits, ReadError, Report, read_report};

const FIXTURES: [(&str, &[u8]); 10] = [
    ("surefire.xml", include_bytes!("../fixtures/surefire.xml")),
    ("pytest.xml", include_bytes!("../fixtures/pytest.xml")),
    ("mocha.xml", include_bytes!("../fixtures/mocha.xml")),
    ("nested.xml", include_bytes!("../fixtures/nested.xml")),
    ("jest.json", include_bytes!("../fixtures/jest.json")),
    ("lcov.info", include_bytes!("../fixtures/lcov.info")),
    ("lcov2.info", include_bytes!("../fixtures/lcov2.info")),
    ("cobertura.xml", include_bytes!("../fixtures/cobertura.xml")),
    ("jacoco.xml", include_bytes!("../fixtures/jacoco.xml")),
    ("jacoco-groups.xml", include_bytes!("../fixtures/jacoco-groups.xml")),
];

/// Small enough that broken fixtures run into them.
const TIGHT: Limits = Limits {
    max_bytes: 8 * 1024,
    max_depth: 9,
    max_cases: 5,
    max_files: 3,
    max_functions: 4,
    max_text: 40,
};

fn assert_bounded(report: &Report, limits: &Limits) {
    let mut text = 0;
    let mut measure = |part: &str| {
        assert!(part.len() <= limits.max_text, "{part}");
        text += part.len();
    };
    let assert_fraction = |figure: f64| assert!((0.0..=1.0).contains(&figure), "{figure}");
    match report {
        Report::Tests(tests) => {
            assert!(tests.cases.len() <= limits.max_cases);
            for case in &tests.cases {
                measure(&case.suite);
                measure(&case.name);
                measure(case.message.as_deref().unwrap_or_default());
                measure(case.file.as_deref().unwrap_or_default());
            }
        }
        Report::Coverage(coverage) => {
            let files: Vec<_> = coverage.targets.iter().flat_map(|target| &target.files).collect();
            assert!(files.len() <= limits.max_files);
            let functions: Vec<_> = files.iter().flat_map(|file| &file.functions).collect();
            assert!(functions.len() <= limits.max_functions);
            let mut lines = 0;
            for target in &coverage.targets {
                measure(&target.name);
                assert_fraction(target.coverage);
            }
            for file in files {
                measure(&file.name);
                measure(&file.path);
                assert_fraction(file.coverage);
                assert!(file.lines.is_sorted_by(|a, b| a.number < b.number));
                lines += file.lines.len();
            }
            // Each takes more than its bytes in the report.
            assert!(lines <= limits.max_bytes);
            for function in functions {
                measure(&function.name);
                assert_fraction(function.coverage);
            }
        }
        Report::Other => {}
    }
    assert!(text <= limits.max_bytes);
}

fn probe(name: &str, bytes: &[u8]) {
    for limits in [Limits::default(), TIGHT] {
        match read_report(name, bytes, &limits) {
            Ok(report) => assert_bounded(&report, &limits),
            Err(error) => {
                let text = error.to_string();
                assert!(text.len() < 400 && !text.contains(char::is_control), "{text:?}");
            }
        }
    }
}

#[test]
fn a_report_cut_anywhere() {
    for (name, bytes) in FIXTURES {
        let whole = bytes.trim_ascii_end().len();
        for end in 0..bytes.len() {
            probe(name, &bytes[..end]);
            let is_whole_record =
                name.ends_with(".info") && bytes[..end].ends_with(b"end_of_record");
            if end > 0 && end < whole && !is_whole_record {
                let result = read_report(name, &bytes[..end], &Limits::default());
                let is_silent = matches!(&result, Ok(Report::Tests(_)))
                    || matches!(&result, Ok(Report::Coverage(_)) if !name.ends_with(".info"));
                assert!(!is_silent, "{name} cut at {end}: {result:?}");
            }
        }
    }
}

/// Xorshift: the same bytes in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn a_report_with_random_faults() {
    const MARKUP: &[u8] = b"<>/&;\"'[]{}!?-:,.=0\n\0\xff";
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (name, bytes) in FIXTURES {
        for _ in 0..400 {
            let mut broken = bytes.to_vec();
            for _ in 0..=dice.roll(6) {
                let at = dice.roll(broken.len());
                match dice.roll(4) {
                    0 => broken[at] ^= 1 << dice.roll(8),
                    1 => broken[at] = MARKUP[dice.roll(MARKUP.len())],
                    2 => drop(broken.remove(at)),
                    _ => {
                        let end = (at + dice.roll(200)).min(broken.len());
                        let copy = broken[at..end].to_vec();
                        let to = dice.roll(broken.len());
                        broken.splice(to..to, copy);
                    }
                }
            }
            probe(name, &broken);
        }
    }
}

#[test]
fn noise_after_each_beginning() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for begin in ["<testsuite>", "<report>", "<coverage>", "{\"testResults\":[", "SF:a\n", ""] {
        for _ in 0..300 {
            let noise = (0..dice.roll(200)).map(|_| dice.roll(256) as u8);
            let bytes: Vec<u8> = begin.bytes().chain(noise).collect();
            probe("noise.xml", &bytes);
        }
    }
}

#[test]
fn bombs() {
    let deep = "<testsuite>".repeat(100_000);
    let result = read_report("a.xml", deep.as_bytes(), &Limits::default());
    assert!(matches!(result, Err(ReadError::TooDeep { limit: 64, .. })), "{result:?}");

    let attributes: String = (0..100_000).map(|n| format!(" a{n}='{n}'")).collect();
    let wide = format!("<testsuite{attributes}></testsuite>");
    let result = read_report("a.xml", wide.as_bytes(), &Limits::default());
    assert!(matches!(result, Err(ReadError::TooMany { limit: 256, .. })), "{result:?}");

    let many = format!("<testsuite>{}</testsuite>", "<testcase/>".repeat(200_001));
    let result = read_report("a.xml", many.as_bytes(), &Limits::default());
    let what = "test cases";
    assert_eq!(result, Err(ReadError::TooMany { what, limit: 200_000 }));

    let name = "n".repeat(1_000_000);
    let growing = format!("<testsuite name='{name}'>{}</testsuite>", "<testcase/>".repeat(100_000));
    let result = read_report("a.xml", growing.as_bytes(), &Limits::default());
    let what = "bytes of text";
    assert_eq!(result, Err(ReadError::TooMany { what, limit: 32 * 1024 * 1024 }));

    let packages = "<package/>".repeat(100_000);
    let copied = format!("<report name='{name}'><group name='{name}'>{packages}</group></report>");
    let result = read_report("a.xml", copied.as_bytes(), &Limits::default());
    assert!(matches!(result, Ok(Report::Coverage(report)) if report.targets.is_empty()));
}
