use super::*;

fn read(text: &str) -> Vec<Throwable> {
    read_stack_trace(text, &Limits::default())
}

fn frame(text: &str) -> Frame {
    let trace = read(&format!("a.B\n\tat {text}"));
    trace[0].frames.first().cloned().unwrap_or_else(|| panic!("no frame in {text}"))
}

#[test]
fn an_android_trace_with_a_cause() {
    let trace = read(
        "java.lang.RuntimeException: Unable to start activity ComponentInfo{com.example.shop/com.example.shop.Main}: java.lang.NullPointerException\n\
         \tat android.app.ActivityThread.performLaunchActivity(ActivityThread.java:2416)\n\
         \tat java.lang.reflect.Method.invoke(Native Method)\n\
         \tat dalvik.system.NativeStart.main(Native Method)\n\
         Caused by: java.lang.NullPointerException: Attempt to invoke virtual method\n\
         'int java.lang.String.length()' on a null object\n\
         \tat com.example.shop.Cart.total(Cart.kt:31)\n\
         \tat com.example.shop.Main.onCreate(Unknown Source:12)\n\
         \t... 10 more\n",
    );
    assert_eq!(trace.len(), 2);
    assert_eq!(trace[0].class, "java.lang.RuntimeException");
    assert!(trace[0].message.starts_with("Unable to start activity ComponentInfo{"));
    assert_eq!(trace[0].frames.len(), 3);
    assert!(trace[0].frames[2].is_native);
    let cause = root_cause(&trace).unwrap();
    assert_eq!(cause.class, "java.lang.NullPointerException");
    assert_eq!(
        cause.message,
        "Attempt to invoke virtual method\n'int java.lang.String.length()' on a null object"
    );
    let expected = Frame {
        class: "com.example.shop.Cart".into(),
        method: "total".into(),
        file: Some("Cart.kt".into()),
        line: Some(31),
        is_native: false,
    };
    assert_eq!(cause.frames[0], expected);
    assert_eq!((cause.frames[1].file.as_deref(), cause.frames[1].line), (None, Some(12)));
}

#[test]
fn suppressed_exceptions_are_no_causes() {
    let trace = read(
        "Exception in thread \"main\" java.io.IOException: closed\n\
         \tat a.B.c(B.java:1)\n\
         \tSuppressed: java.lang.IllegalStateException\n\
         \t\tat a.B.close(B.java:2)\n\
         \tCaused by: java.lang.Error: inner\n\
         \t\tat a.B.d(B.java:3)\n\
         Caused by: java.net.SocketException: reset\n\
         \tat a.B.e(B.java:4)\n",
    );
    let classes: Vec<_> = trace.iter().map(|t| (t.class.as_str(), t.is_suppressed)).collect();
    assert_eq!(
        classes,
        [
            ("java.io.IOException", false),
            ("java.lang.IllegalStateException", true),
            ("java.lang.Error", true),
            ("java.net.SocketException", false),
        ]
    );
    assert_eq!(root_cause(&trace).unwrap().message, "reset");
}

#[test]
fn frames_of_every_kind() {
    for (text, class, method, file, line) in [
        (
            "java.base/java.lang.Thread.run(Thread.java:829)",
            "java.lang.Thread",
            "run",
            Some("Thread.java"),
            Some(829),
        ),
        ("app//com.x.Y.<init>(Y.java)", "com.x.Y", "<init>", Some("Y.java"), None),
        (
            "com.x.Y$$Lambda/0x00007f.run(Unknown Source)",
            "com.x.Y$$Lambda/0x00007f",
            "run",
            None,
            None,
        ),
        ("a.a.a.b.a(SourceFile:7)", "a.a.a.b", "a", Some("SourceFile"), Some(7)),
        ("a.b.c(:42)", "a.b", "c", None, Some(42)),
        ("a.b.c(B.java:99999999999)", "a.b", "c", Some("B.java"), None),
        ("a.b.c(B.java:3) [lib.jar:1.0]", "a.b", "c", Some("B.java"), Some(3)),
    ] {
        let frame = frame(text);
        assert_eq!((frame.class.as_str(), frame.method.as_str()), (class, method), "{text}");
        assert_eq!((frame.file.as_deref(), frame.line), (file, line), "{text}");
    }
}

#[test]
fn what_is_no_trace_gives_nothing() {
    for text in
        ["", "\n\n", "Process: com.example, PID: 7", "at a.B.c(D.java:1)", "just words", "word"]
    {
        assert_eq!(read(text), [], "{text}");
    }
    // The lines before the exception are somebody else's.
    let trace =
        read("FATAL EXCEPTION: main\nProcess: com.x, PID: 7\nStackOverflowError\n at x\n at a.b(");
    assert_eq!(trace[0].class, "StackOverflowError");
    assert_eq!(trace[0].message, "at x\nat a.b(");
}

#[test]
fn long_traces_are_cut() {
    let many = format!("a.B: m\n{}", "\tat a.B.c(D.java:1)\n".repeat(MAX_FRAMES + 5));
    assert_eq!(read(&many)[0].frames.len(), MAX_FRAMES);
    let deep = "a.B: m\n".to_owned() + &"Caused by: a.B: m\n".repeat(MAX_THROWABLES + 5);
    assert_eq!(read(&deep).len(), MAX_THROWABLES);
    let limits = Limits { max_text: 10, max_bytes: 40, ..Limits::default() };
    let long = read_stack_trace(&format!("a.B: {}", "é".repeat(100)), &limits);
    assert!(long[0].message.len() <= 10);
}
