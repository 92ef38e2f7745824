use super::*;

fn parse(document: &str) -> Result<CoverageReport, ReadError> {
    read(document.as_bytes(), "default", &Limits::default())
}

#[test]
fn packages_files_and_methods() {
    let report = parse(include_str!("../../../fixtures/jacoco.xml"));
    let Ok(CoverageReport { targets }) = &report else { panic!("{report:?}") };
    let [app] = &targets[..] else { panic!("{report:?}") };
    assert_eq!((&*app.name, app.coverage), ("app", 0.6));
    let files: Vec<_> = app.files.iter().map(|f| (&*f.name, &*f.path, f.coverage)).collect();
    assert_eq!(
        files,
        [("Cart.kt", "com/example/Cart.kt", 0.75), ("Tax.kt", "com/example/Tax.kt", 0.0)]
    );
    let methods: Vec<_> = app.files[0].functions.iter().map(|f| (&*f.name, f.coverage)).collect();
    assert_eq!(
        methods,
        [("Cart.<init>", 1.0), ("Cart.total", 0.75), ("Cart.total", 0.0), ("Cart$Line.price", 1.0)]
    );
    assert_eq!(app.files[1].functions, []);
}

#[test]
fn groups_are_targets() {
    let report = parse(include_str!("../../../fixtures/jacoco-groups.xml"));
    let Ok(CoverageReport { targets }) = &report else { panic!("{report:?}") };
    let figures: Vec<_> = targets
        .iter()
        .map(|t| (&*t.name, t.coverage, &*t.files[0].path, t.files[0].coverage))
        .collect();
    let two_thirds = 2.0 / 3.0;
    assert_eq!(
        figures,
        [("core", two_thirds, "com/example/A.java", two_thirds), ("ui/phone", 1.0, "B.java", 1.0)]
    );
}

#[test]
fn a_nameless_report_has_the_default_target() {
    let document = "<report name=' '><package name='p'><sourcefile name='f'>\
        <line nr='1' mi='0' ci='1'/></sourcefile></package></report>";
    let report = parse(document);
    assert!(matches!(
        &report,
        Ok(report) if report.targets[0].name == "default" && report.targets[0].coverage == 1.0
    ));
}

#[test]
fn reports_of_others_are_told_apart() {
    for document in ["<report><entry/></report>", "<report/>", "<coverage/>"] {
        let fault = parse(document);
        assert!(matches!(fault, Err(ReadError::NotThisFormat { .. })), "{document}: {fault:?}");
    }
    let empty = parse("<report name='none'><sessioninfo id='a'/></report>");
    assert_eq!(empty, Ok(CoverageReport::default()));
}

#[test]
fn the_dtd_is_never_opened_and_entities_are_refused() {
    let document =
        |doctype: &str| format!("{doctype}<report name='a'><package name='p'/></report>");
    let external = document("<!DOCTYPE report SYSTEM 'file:///etc/passwd'>");
    assert_eq!(parse(&external), Ok(CoverageReport::default()));
    let internal = document(
        "<!DOCTYPE report PUBLIC '-//JACOCO//DTD Report 1.1//EN' 'report.dtd' \
         [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
    );
    assert!(matches!(parse(&internal), Err(ReadError::Refused { .. })));
}

#[test]
fn numbers_must_be_there() {
    for content in [
        "<line nr='1'/>",
        "<line ci='1'/>",
        "<line nr='1' ci='-1'/>",
        "<counter type='LINE' missed='1'/>",
        "<counter type='LINE' missed='1' covered='x'/>",
    ] {
        let fault = parse(&format!(
            "<report><package name='p'><sourcefile name='f'>{content}</sourcefile></package></report>"
        ));
        assert!(matches!(fault, Err(ReadError::Xml { .. })), "{content}: {fault:?}");
    }
}

#[test]
fn huge_counters_do_not_overflow() {
    let max = u64::MAX;
    let counter = format!("<counter type='LINE' missed='{max}' covered='{max}'/>");
    let report = parse(&format!(
        "<report><package name='p'><sourcefile name='f'>{counter}</sourcefile>\
         <sourcefile name='g'>{counter}</sourcefile></package></report>"
    ));
    assert!(matches!(report, Ok(report) if report.targets[0].coverage == 1.0));
}
