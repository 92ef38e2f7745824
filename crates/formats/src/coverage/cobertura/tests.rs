use super::*;

fn parse(document: &str) -> Result<CoverageReport, ReadError> {
    read(document.as_bytes(), "default", &Limits::default())
}

#[test]
fn packages_files_and_methods() {
    let report = parse(include_str!("../../../fixtures/cobertura.xml"));
    let Ok(CoverageReport { targets }) = &report else { panic!("{report:?}") };
    let [example, nameless] = &targets[..] else { panic!("{report:?}") };
    // Line 3 ran in the inner class.
    assert_eq!((&*example.name, example.coverage), ("com.example", 5.0 / 6.0));
    let files: Vec<_> = example.files.iter().map(|f| (&*f.name, &*f.path, f.coverage)).collect();
    assert_eq!(
        files,
        [
            ("Cart.java", "com/example/Cart.java", 5.0 / 6.0),
            ("empty.py", "com/example/empty.py", 0.0)
        ]
    );
    let methods: Vec<_> =
        example.files[0].functions.iter().map(|f| (&*f.name, f.coverage)).collect();
    assert_eq!(methods, [("Cart.add", 1.0), ("Cart.total", 0.5)]);

    assert_eq!((&*nameless.name, nameless.coverage), ("default", 0.5));
    let [main] = &nameless.files[..] else { panic!("{report:?}") };
    assert_eq!((&*main.name, &*main.path, main.coverage), ("main.js", "web\\main.js", 0.5));
    let methods: Vec<_> = main.functions.iter().map(|f| (&*f.name, f.coverage)).collect();
    assert_eq!(methods, [("start", 1.0)]);
}

#[test]
fn methods_are_named_after_classes_and_not_after_files() {
    for (class, path, expected) in [
        ("com.example.Cart", "com/example/Cart.java", "Cart."),
        ("com/example/Cart$Line", "com/example/Cart.java", "Cart$Line."),
        ("Cart", "Cart.swift", "Cart."),
        ("cart.js", "src/cart.js", ""),
        ("main_loop_cpp", "src/main-loop.cpp", ""),
        ("", "x.py", ""),
    ] {
        assert_eq!(class_prefix(class, path), expected, "{class}");
    }
}

#[test]
fn reports_of_others_are_told_apart() {
    for document in [
        "<coverage generated='1' clover='3.2.0'><project><package name='a'><file name='b'>\
         <line num='1' count='1' type='stmt'/></file></package></project></coverage>",
        "<coverage version='1'><file path='a'><lineToCover lineNumber='1' covered='true'/>\
         </file></coverage>",
        "<report/>",
    ] {
        let fault = parse(document);
        assert!(matches!(fault, Err(ReadError::NotThisFormat { .. })), "{document}: {fault:?}");
    }
    assert_eq!(parse("<coverage><packages/></coverage>"), Ok(CoverageReport::default()));
}

/// A report of one class with these elements in it.
fn class(content: &str) -> Result<CoverageReport, ReadError> {
    parse(&format!(
        "<coverage><packages><package name='p'><classes>{content}</classes></package></packages></coverage>"
    ))
}

#[test]
fn faults_say_what_is_missing() {
    for (content, expected) in [
        ("<class name='c'/>", "line 1, column 48: a <class> without a `filename`"),
        (
            "<class filename='c'>\n<lines><line number='1'/></lines></class>",
            "line 2, column 8: a <line> without a `number` and its `hits`",
        ),
        (
            "<class filename='c'>\n<line number='-1' hits='1'/></class>",
            "line 2, column 1: a <line> without a `number` and its `hits`",
        ),
    ] {
        let fault = class(content).map_err(|error| error.to_string());
        assert_eq!(fault, Err(format!("malformed XML at {expected}")), "{content}");
    }
    let huge = class("<class filename='c'><line number='1' hits='99999999999999999999'/></class>");
    assert!(matches!(huge, Ok(report) if report.targets[0].coverage == 1.0));
}

#[test]
fn entities_of_a_document_are_refused() {
    let laughs = "<!DOCTYPE coverage [<!ENTITY a 'ha'>]><coverage><packages/></coverage>";
    assert!(matches!(parse(laughs), Err(ReadError::Refused { .. })));
}
