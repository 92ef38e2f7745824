use super::*;

fn ledger(limits: &Limits) -> Ledger {
    Ledger::new(limits)
}

fn function(name: &str, start: Option<u32>, figure: FunctionFigure) -> Function {
    Function { name: name.to_owned(), signature: String::new(), start, figure }
}

fn span(end: Option<u32>, was_hit: bool) -> FunctionFigure {
    FunctionFigure::Span { end, was_hit }
}

#[test]
fn a_fraction_stays_between_zero_and_one() {
    for (covered, total, expected) in
        [(0, 0, 0.0), (3, 0, 0.0), (0, 4, 0.0), (3, 4, 0.75), (4, 4, 1.0), (9, 4, 1.0)]
    {
        assert_eq!(Figure { covered, total }.fraction(), expected, "{covered}/{total}");
    }
    let huge = Figure { covered: u64::MAX, total: u64::MAX };
    assert_eq!(huge.add(huge).fraction(), 1.0);
}

#[test]
fn a_target_counts_lines_and_not_files() -> Result<(), ReadError> {
    let mut ledger = ledger(&Limits::default());
    let small = ledger.file("t", "a/small")?;
    ledger.line(small, 1, Ran::Times(2));
    let large = ledger.file("t", "large")?;
    for line in 1..=3 {
        ledger.line(large, line, Ran::No);
    }
    let report = ledger.finish();
    assert_eq!(report.targets[0].coverage, 0.25);
    let files: Vec<_> =
        report.targets[0].files.iter().map(|f| (&*f.name, &*f.path, f.coverage)).collect();
    assert_eq!(files, [("small", "a/small", 1.0), ("large", "large", 0.0)]);
    Ok(())
}

#[test]
fn functions_end_where_they_say_or_where_the_next_begins() -> Result<(), ReadError> {
    let mut ledger = ledger(&Limits::default());
    let file = ledger.file("t", "f")?;
    for (line, has_run) in [(1, true), (2, false), (5, true), (6, true), (9, false)] {
        ledger.line(file, line, Ran::of_count(f64::from(u8::from(has_run))));
    }
    for (name, start, figure) in [
        ("next", Some(1), span(None, false)),
        ("end", Some(5), span(Some(9), false)),
        ("same line", Some(5), span(None, false)),
        ("last", Some(6), span(None, true)),
        ("end before start", Some(6), span(Some(2), true)),
        ("no lines, hit", Some(7), span(Some(8), true)),
        ("no lines", Some(7), span(Some(8), false)),
        ("largest", Some(u32::MAX), span(None, true)),
    ] {
        ledger.function(file, function(name, start, figure))?;
    }
    let report = ledger.finish();
    let functions: Vec<_> =
        report.targets[0].files[0].functions.iter().map(|f| (&*f.name, f.coverage)).collect();
    assert_eq!(
        functions,
        [
            ("next", 0.5),
            ("end", 2.0 / 3.0),
            ("same line", 1.0),
            ("last", 1.0),
            ("end before start", 1.0),
            ("no lines, hit", 1.0),
            ("no lines", 0.0),
            ("largest", 1.0),
        ]
    );
    Ok(())
}

#[test]
fn a_function_reported_twice_keeps_the_better_figure() -> Result<(), ReadError> {
    let mut ledger = ledger(&Limits::default());
    let file = ledger.file("t", "f")?;
    let counted = |covered| FunctionFigure::Counted(Figure { covered, total: 4 });
    for covered in [1, 3, 2] {
        ledger.function(file, function("known", Some(1), counted(covered)))?;
        ledger.function(file, function("no line", None, counted(covered)))?;
    }
    let report = ledger.finish();
    let functions: Vec<_> =
        report.targets[0].files[0].functions.iter().map(|f| (&*f.name, f.coverage)).collect();
    assert_eq!(
        functions,
        [("known", 0.75), ("no line", 0.25), ("no line", 0.75), ("no line", 0.5)]
    );
    Ok(())
}

#[test]
fn each_limit_holds() -> Result<(), ReadError> {
    let limits = Limits { max_files: 2, max_functions: 1, ..Limits::default() };
    let mut full = ledger(&limits);
    let file = full.file("a", "same")?;
    full.file("b", "same")?;
    full.file("a", "same")?;
    let third = full.file("a", "other").map(drop);
    assert_eq!(third, Err(ReadError::TooMany { what: "source files", limit: 2 }));
    full.function(file, function("f", Some(1), span(None, true)))?;
    full.function(file, function("f", Some(1), span(None, true)))?;
    let second = full.function(file, function("g", Some(1), span(None, true)));
    assert_eq!(second, Err(ReadError::TooMany { what: "functions", limit: 1 }));

    let mut wordy = ledger(&Limits { max_bytes: 8, ..Limits::default() });
    wordy.file("1234", "ab")?;
    let more = wordy.file("1234", "c").map(drop);
    assert_eq!(more, Err(ReadError::TooMany { what: "bytes of text", limit: 8 }));
    Ok(())
}

/// All functions times all lines would take hours.
#[test]
fn many_functions_over_many_lines_cost_little() -> Result<(), ReadError> {
    let mut ledger = ledger(&Limits::default());
    let file = ledger.file("t", "f")?;
    for line in 0..200_000 {
        ledger.line(file, line, if line % 2 == 0 { Ran::Fully } else { Ran::No });
    }
    for start in 0..100_000 {
        ledger.function(file, function("f", Some(start), span(Some(200_000), true)))?;
    }
    let report = ledger.finish();
    let functions = &report.targets[0].files[0].functions;
    assert_eq!(functions.len(), 100_000);
    assert_eq!(functions[0].coverage, 0.5);
    Ok(())
}

fn lines(report: CoverageReport) -> Vec<(String, u32, Ran)> {
    let files = report.targets.into_iter().flat_map(|target| target.files);
    let of_file = |file: FileCoverage| {
        let name = file.name;
        file.lines.into_iter().map(move |line| (name.clone(), line.number, line.ran))
    };
    files.flat_map(of_file).collect()
}

#[test]
fn every_format_tells_which_lines_ran() {
    let limits = Limits::default();
    let jacoco = read_jacoco(include_bytes!("../../fixtures/jacoco.xml"), "t", &limits).unwrap();
    let cart = |number, ran| ("Cart.kt".to_owned(), number, ran);
    assert_eq!(
        lines(jacoco),
        [
            cart(3, Ran::Fully),
            cart(5, Ran::Fully),
            cart(6, Ran::Partly),
            cart(7, Ran::No),
            ("Tax.kt".to_owned(), 1, Ran::No),
        ]
    );
    let lcov = b"SF:a.c\nDA:1,3\nDA:2,0\nDA:3,99999999999999999999\nDA:4,0.5\nDA:5,-1\nend_of_record\nSF:a.c\nDA:2,7\nDA:1,1\nend_of_record\n";
    let a = |number, ran| ("a.c".to_owned(), number, ran);
    assert_eq!(
        lines(read_lcov(lcov, "t", &limits).unwrap()),
        [
            a(1, Ran::Times(3)),
            a(2, Ran::Times(7)),
            a(3, Ran::Times(u32::MAX)),
            a(4, Ran::Times(1)),
            a(5, Ran::No),
        ]
    );
    let cobertura = b"<coverage><packages><package name='p'><classes><class name='C' filename='a.c'>
        <methods><method name='m' signature='()'><lines><line number='1' hits='4'/></lines></method></methods>
        <lines><line number='1' hits='4'/><line number='2' hits='0'/></lines></class></classes></package></packages></coverage>";
    assert_eq!(
        lines(read_cobertura(cobertura, "t", &limits).unwrap()),
        [a(1, Ran::Times(4)), a(2, Ran::No)]
    );
}

#[test]
fn lines_travel_as_two_numbers() {
    for (ran, code) in [(Ran::No, 0), (Ran::Partly, -2), (Ran::Fully, -1), (Ran::Times(7), 7)] {
        let line = LineCoverage { number: 12, ran };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, format!("[12,{code}]"));
        assert_eq!(serde_json::from_str::<LineCoverage>(&json).unwrap(), line);
    }
    let odd = |code| LineCoverage::from((1, code)).ran;
    assert_eq!((odd(i64::MAX), odd(i64::MIN)), (Ran::Times(u32::MAX), Ran::Partly));
}
