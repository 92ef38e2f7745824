use super::*;

const JSON: &str = r#"{
    "REPORT_ID": "d0e2a9e6", "APP_VERSION_CODE": 113, "APP_VERSION_NAME": "1.2",
    "PACKAGE_NAME": "com.example.shop", "STACK_TRACE": "java.lang.Error: x\n\tat a.B.c(B.java:1)",
    "CUSTOM_DATA": {
        "BUDDYBUILD_APP_ID": "58a4e7ce2f5d8a01002b9c1d",
        "BUDDYBUILD_SYSTEM": "{\"battery_level\":67}",
        "user": { "name": "Ann", "ids": [1, true, 2.5] }, "gone": null, "none": "N/A"
    },
    "THREAD_DETAILS": { "id": 1, "name": "main" },
    "SHARED_PREFERENCES": { "default": { "secret": "x" } }, "LOGCAT": "line 1\nline 2\n",
    "USER_EMAIL": "N/A", "BUILD": { "DEVICE": "x" }
}"#;

fn read_ok(bytes: &[u8]) -> AcraReport {
    read(bytes, Encoding::guess(bytes), &Limits::default()).unwrap()
}

fn assert_sample(report: &AcraReport) {
    assert_eq!(report.field("APP_VERSION_CODE"), "113");
    assert_eq!(report.field("PACKAGE_NAME"), "com.example.shop");
    assert_eq!(report.field("STACK_TRACE"), "java.lang.Error: x\n\tat a.B.c(B.java:1)");
    assert_eq!(report.field("USER_EMAIL"), "");
    assert_eq!(report.field("THREAD_DETAILS"), "id=1\nname=main");
    assert_eq!(report.custom("BUDDYBUILD_APP_ID"), "58a4e7ce2f5d8a01002b9c1d");
    assert_eq!(report.custom("BUDDYBUILD_SYSTEM"), r#"{"battery_level":67}"#);
    assert_eq!(report.custom("gone"), "");
}

#[test]
fn json_keeps_what_a_crash_needs() {
    let report = read_ok(JSON.as_bytes());
    assert_sample(&report);
    assert_eq!(report.custom("user.name"), "Ann");
    assert_eq!(report.field("SHARED_PREFERENCES"), "");
    assert!(!format!("{report:?}").contains("secret"));
}

#[test]
fn a_form_with_custom_data_as_lines_or_as_json() {
    for custom in [
        "BUDDYBUILD_APP_ID = 58a4e7ce2f5d8a01002b9c1d\nBUDDYBUILD_SYSTEM = {\"battery_level\":67}\n",
        "BUDDYBUILD_APP_ID=58a4e7ce2f5d8a01002b9c1d\nBUDDYBUILD_SYSTEM={\"battery_level\":67}\nx",
        r#"{"BUDDYBUILD_APP_ID":"58a4e7ce2f5d8a01002b9c1d","BUDDYBUILD_SYSTEM":"{\"battery_level\":67}"}"#,
    ] {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("APP_VERSION_CODE", "113")
            .append_pair("PACKAGE_NAME", "com.example.shop")
            .append_pair("STACK_TRACE", "java.lang.Error: x\n\tat a.B.c(B.java:1)")
            .append_pair("THREAD_DETAILS", "id=1\nname=main")
            .append_pair("CUSTOM_DATA", custom)
            .append_pair("USER_EMAIL", "ACRA-NULL-STRING")
            .finish();
        assert_eq!(Encoding::guess(body.as_bytes()), Encoding::Form);
        assert_sample(&read_ok(body.as_bytes()));
    }
}

#[test]
fn properties_as_acra_keeps_them_on_the_device() {
    let body = "#Tue Dec 05 21:45:29 GMT 2017\nAPP_VERSION_CODE=113\n\
        PACKAGE_NAME=com.example.shop\nSTACK_TRACE=java.lang.Error\\: x\\n\\tat a.B.c(B.java\\:1)\n\
        THREAD_DETAILS=id\\=1\\nname\\=main\n\
        CUSTOM_DATA=BUDDYBUILD_APP_ID \\= 58a4e7ce2f5d8a01002b9c1d\\n\
        BUDDYBUILD_SYSTEM \\= {\"battery_level\"\\:67}\\n\n";
    assert_eq!(Encoding::guess(body.as_bytes()), Encoding::Properties);
    assert_sample(&read_ok(body.as_bytes()));
}

#[test]
fn hostile_reports_are_refused_or_bounded() {
    let limits = Limits::default();
    for bytes in [&b"{"[..], b"[]", b"{} {}", b"{\"STACK_TRACE\": tru}", b"", b"7"] {
        assert!(read(bytes, Encoding::Json, &limits).is_err(), "{bytes:?}");
    }
    assert!(matches!(
        read(b"STACK_TRACE=\xff", Encoding::Form, &limits),
        Err(ReadError::Encoding { .. })
    ));
    let deep = format!("{}{}", "{\"CUSTOM_DATA\":".repeat(200), "}".repeat(200));
    assert!(matches!(read(deep.as_bytes(), Encoding::Json, &limits), Err(ReadError::Json { .. })));
    let tight = Limits { max_bytes: 10, ..limits };
    assert!(matches!(
        read(JSON.as_bytes(), Encoding::Json, &tight),
        Err(ReadError::TooLarge { .. })
    ));

    let many: String = (0..5_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let many = format!("{{\"CUSTOM_DATA\":{{{many}\"z\":0}}}}");
    assert_eq!(read_ok(many.as_bytes()).custom.len(), MAX_CUSTOM);
    let long = format!("{{\"CUSTOM_DATA\":{{\"{}\":{{\"x\":1}},\"y\":2}}}}", "k".repeat(1_000));
    assert_eq!(read_ok(long.as_bytes()).custom.len(), 1);
    // An empty form is a report about nothing; the caller wants more of one.
    assert_eq!(read(b"", Encoding::Form, &limits), Ok(AcraReport::default()));
}
