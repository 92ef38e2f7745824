use super::*;

const MAPPING: &str = r#"# compiler: R8
# compiler_version: 8.3.37
# pg_map_id: 1f2e3d4
# common_typos_disable
com.example.shop.Cart -> a.a:
# {"id":"sourceFile","fileName":"Cart.kt"}
    int total -> a
    1:1:void <init>():7:7 -> <init>
    1:4:void pay(int):12:15 -> a
    5:5:void com.example.shop.Money.check(long):40:40 -> a
    5:5:void add(java.lang.String):22 -> a
    6:9:int com.example.util.Lists.first(java.util.List):100:103 -> a
    6:9:void add(java.lang.String):23 -> a
    1:2:void lambda$pay$0():30:31 -> b
      # {"id":"com.android.tools.r8.synthesized"}
    void onlyOne() -> c
    java.lang.Object twice(int) -> d
    java.lang.Object other() -> d
com.example.shop.PaymentException -> a.b:
com.example.util.Lists -> a.c:
# {"id":"sourceFile","fileName":"ListUtil.java"}
"#;

fn read(text: &str, bytes: &[u8]) -> Result<Mapping, MappingError> {
    let mut reader = MappingReader::new(wanted(text, &Limits::default()));
    for part in bytes.chunks(7) {
        reader.push(part)?;
    }
    reader.finish()
}

fn retrace(text: &str) -> (String, usize) {
    read(text, MAPPING.as_bytes()).unwrap().retrace(text, &Limits::default())
}

#[test]
fn a_trace_comes_back_in_the_words_of_the_source() {
    let trace = "a.b: no money\n\
        \tat a.a.a(SourceFile:3)\n\
        \tat a.a.a(r8-map-id-1f2e3d4c5b:5)\n\
        \tat a.a.a(Unknown Source:8)\n\
        \tat android.os.Handler.dispatch(Handler.java:99)\n\
        Caused by: a.b\n\
        \tat a.a.<init>(SourceFile:1)\n\
        \t... 3 more\n";
    let (text, known) = retrace(trace);
    assert_eq!(
        text,
        "com.example.shop.PaymentException: no money\n\
        \tat com.example.shop.Cart.pay(Cart.kt:14)\n\
        \tat com.example.shop.Money.check(Money.kt:40)\n\
        \tat com.example.shop.Cart.add(Cart.kt:22)\n\
        \tat com.example.util.Lists.first(ListUtil.java:102)\n\
        \tat com.example.shop.Cart.add(Cart.kt:23)\n\
        \tat android.os.Handler.dispatch(Handler.java:99)\n\
        Caused by: com.example.shop.PaymentException\n\
        \tat com.example.shop.Cart.<init>(Cart.kt:7)\n\
        \t... 3 more\n"
    );
    assert_eq!(known, 6);
    let wanted = wanted(trace, &Limits::default());
    assert_eq!(wanted.map_id.as_deref(), Some("1f2e3d4c5b"));
    let mapping = read(trace, MAPPING.as_bytes()).unwrap();
    assert_eq!(wanted.is_of(&mapping), Some(true));
    let other = MAPPING.replace("1f2e3d4", "9999999");
    assert_eq!(wanted.is_of(&read(trace, other.as_bytes()).unwrap()), Some(false));
    let silent = MAPPING.replace("# pg_map_id: 1f2e3d4", "");
    assert_eq!(wanted.is_of(&read(trace, silent.as_bytes()).unwrap()), None);
}

#[test]
fn what_cannot_be_told_is_not_guessed() {
    for (frame, expected) in [
        ("\tat a.a.c(SourceFile)", "\tat com.example.shop.Cart.onlyOne(Cart.kt)"),
        ("\tat a.a.c(SourceFile:77)", "\tat com.example.shop.Cart.onlyOne(Cart.kt:77)"),
        // Two methods have this name, and no lines.
        ("\tat a.a.d(SourceFile:3)", "\tat com.example.shop.Cart.d(Cart.kt)"),
        ("\tat a.a.a(SourceFile)", "\tat com.example.shop.Cart.a(Cart.kt)"),
        ("\tat a.a.a(SourceFile:999)", "\tat com.example.shop.Cart.a(Cart.kt)"),
        ("\tat a.a.zz(SourceFile:1)", "\tat com.example.shop.Cart.zz(Cart.kt)"),
        ("\tat z.z.a(SourceFile:1)", "\tat z.z.a(SourceFile:1)"),
        // The compiler made it.
        ("\tat a.a.b(SourceFile:2)", ""),
    ] {
        let (text, _) = retrace(&format!("java.lang.Error\n{frame}\n"));
        let text = text.strip_prefix("java.lang.Error\n").unwrap();
        assert_eq!(text.trim_end_matches('\n'), expected, "{frame}");
    }
    // A message is no name, even if it looks like one.
    let (text, _) = retrace("java.lang.Error: a.b\na.b\n\tat a.a.c(X)\n");
    assert!(text.starts_with("java.lang.Error: a.b\na.b\n\tat com.example."), "{text}");
}

#[test]
fn other_files_are_no_mappings() {
    for text in ["", "\n\n", "hello\n", "    a -> b\n", "# pg_map_id: x\n", "\0\0\0"] {
        assert_eq!(read("a.a", text.as_bytes()), Err(MappingError::NotAMapping), "{text:?}");
    }
    let log = "a line of a log\n".repeat(MAX_PREFACE + 1);
    assert_eq!(read("a.a", log.as_bytes()), Err(MappingError::NotAMapping));
    let mapping = read("x.y: z", MAPPING.as_bytes()).unwrap();
    assert!(mapping.is_empty());
    assert_eq!(mapping.id.as_deref(), Some("1f2e3d4"));
}

#[test]
fn hostile_mappings_cost_little() {
    let trace = "java.lang.Error\n\tat a.a.a(X:1)\n";
    let endless = vec![b'x'; 4 << 20];
    assert_eq!(read(trace, &endless), Err(MappingError::NotAMapping));
    let long = format!("{MAPPING}\n    1:1:void {}() -> a\n", "m".repeat(MAX_LINE));
    assert!(read(trace, long.as_bytes()).is_ok(), "a line that is too long is passed over");
    let many = format!("a -> a.a:\n{}", "    1:1:void a() -> a\n".repeat(MAX_MEMBERS + 1));
    assert!(matches!(read(trace, many.as_bytes()), Err(MappingError::TooLarge(_))));
    // Each frame stands for many calls.
    let inlined = format!("a -> a.a:\n{}", "    1:1:void a() -> a\n".repeat(300_000));
    let mapping = read(trace, inlined.as_bytes()).unwrap();
    let text = format!("java.lang.Error\n{}", "\tat a.a.a(X:1)\n".repeat(50));
    let (retraced, _) = mapping.retrace(&text, &Limits::default());
    assert!(retraced.len() <= text.len() * 64, "{}", retraced.len());
}
