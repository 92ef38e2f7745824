use super::*;
use crate::feedback::group::likeness;

const TRACE: &str = "java.lang.RuntimeException: Unable to start\n\
    \tat android.app.ActivityThread.performLaunchActivity(ActivityThread.java:2416)\n\
    Caused by: java.lang.NullPointerException: no cart\n\
    \tat java.util.Objects.requireNonNull(Objects.java:203)\n\
    \tat com.example.shop.cart.Cart$Total.sum(Cart.kt:31)\n\
    \tat com.example.other.Library.call(Unknown Source)\n\
    \t... 10 more\n";

fn crash(stack_trace: &str) -> JavaCrash<'_> {
    JavaCrash {
        stack_trace,
        package: "com.example.shop.debug",
        version_name: "1.2",
        version_code: "113",
        thread: "main",
        crashed_at: Millis(1_512_510_329_599),
    }
}

#[test]
fn a_trace_becomes_a_report() {
    let report = resolve(&crash(TRACE)).unwrap().to_value();
    assert_eq!(report["exception_type"], "java.lang.NullPointerException");
    assert_eq!(report["exception_codes"], "no cart");
    assert_eq!(report["version"], "1.2 (113)");
    assert_eq!(report["datetime"], "2017-12-05T21:45:29.599Z");
    let thread = &report["thread_frames"][0];
    assert_eq!((&thread["number"], &thread["name"]), (&json!("0"), &json!("main")));
    assert_eq!(
        thread["frames"][0],
        json!({
            "process_frame": false, "function": "java.util.Objects.requireNonNull",
            "module": "java.util.Objects", "address": NO_ADDRESS, "offset": "0",
            "filename": "Objects.java", "file_path": "java/util/Objects.java",
            "file_type": "java", "line": "203",
        })
    );
    assert_eq!(
        thread["frames"][1],
        json!({
            "process_frame": true, "function": "com.example.shop.cart.Cart$Total.sum",
            "module": "com.example.shop.cart.Cart$Total", "address": NO_ADDRESS,
            "filename": "Cart.kt", "file_path": "com/example/shop/cart/Cart.kt",
            "file_type": "kotlin", "line": "31",
        })
    );
    assert_eq!(thread["frames"][2]["process_frame"], false);
    let wrapper = &report["thread_frames"][1];
    assert_eq!(wrapper["title"], "Thrown again as java.lang.RuntimeException");
    let title = likeness(&report).title;
    assert_eq!(title, "java.lang.NullPointerException in com.example.shop.cart.Cart$Total.sum");
}

#[test]
fn no_exception_no_report() {
    for nothing in ["", "hello", "at a.B.c(D.java:1)"] {
        assert!(matches!(resolve(&crash(nothing)), Err(Error::Invalid(_))), "{nothing}");
    }
}

#[test]
fn the_largest_trace_stays_within_bounds() {
    let frame = format!("\tat com.example.{}.call(A.java:1)\n", "x".repeat(1_000));
    let huge = "Caused by: a.B: m\n".to_owned() + &frame.repeat(60);
    let report = resolve(&crash(&huge.repeat(60))).unwrap();
    assert!(report.as_str().len() <= MAX_RESOLVED);
    let overflow = format!(
        "java.lang.StackOverflowError\n{}",
        "\tat com.example.shop.A.b(A.java:1)\n".repeat(1_024)
    );
    let report = resolve(&crash(&overflow)).unwrap().to_value();
    assert_eq!(report["thread_frames"][0]["frames"].as_array().unwrap().len(), 512);
}

#[test]
fn the_apps_own_classes() {
    for (package, class, own) in [
        ("com.example.shop", "com.example.shop.Main", true),
        ("com.example.shop", "com.example.shopping.Main", false),
        ("com.example.shop.debug", "com.example.shop.Main$1", true),
        ("shop", "shop.Main", true),
        ("com.example", "com.example.core.A", true),
        ("", "com.example.core.A", true),
        ("", "java.lang.String", false),
    ] {
        assert_eq!(is_own(class, &own_prefix(package)), own, "{package} {class}");
    }
}

#[test]
fn moments_in_both_spellings_of_the_offset() {
    let moment = Some(Millis(1_512_506_729_000));
    for text in
        ["2017-12-05T21:45:29.000+01:00", "2017-12-05T21:45:29.000+0100", "2017-12-05T20:45:29Z"]
    {
        assert_eq!(read_time(text), moment, "{text}");
    }
    for wrong in ["", "yesterday", "1960-01-01T00:00:00Z"] {
        assert_eq!(read_time(wrong), None);
    }
}
