use super::*;

const TEXT: &str = "Thread 0:\n0 Shop 0x0\n\nBinary Images:\n\
       0x104318000 -        0x10431bfff +Shop arm64  <4c4c44b755553144a173b0369d6cfc64> /var/containers/Shop.app/Shop\n\
       0x104400000 -        0x104500000  My Kit arm64 <AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE> /x\n\
       broken <line\n\n";

#[test]
fn images_are_read_from_members_and_from_the_text() {
    let report = json!({ "binary_images": [
        { "path": "/var/Shop.app/Shop", "uuid": "4C4C44B7-5555-3144-A173-B0369D6CFC64", "load_address": "0x100" },
        { "name": "Other", "uuid": "short" }, 7,
    ]});
    let all = loaded(&report, TEXT);
    assert_eq!(
        all["Shop"],
        Loaded { uuid: "4c4c44b755553144a173b0369d6cfc64".into(), base: Some(0x100) }
    );
    assert_eq!(all["Other"], Loaded::default());
    assert_eq!(all["My Kit"].base, Some(0x1_0440_0000));
    assert_eq!(all["My Kit"].uuid, "aaaaaaaabbbbccccddddeeeeeeeeeeee");
    assert_eq!(loaded(&json!({}), TEXT)["Shop"].base, Some(0x1_0431_8000));
    assert_eq!(dashed(&all["Shop"].uuid), "4C4C44B7-5555-3144-A173-B0369D6CFC64");
}

#[test]
fn offsets_are_of_the_call_and_not_of_the_return() {
    let loaded = Loaded { uuid: String::new(), base: Some(0x1000) };
    let frame = json!({ "address": "0000000000001304" });
    assert_eq!(offset(&frame, 0, &loaded), Some(0x304));
    assert_eq!(offset(&frame, 1, &loaded), Some(0x303));
    let unloaded = Loaded::default();
    assert_eq!(offset(&json!({ "offset": "772", "address": "1304" }), 0, &unloaded), Some(772));
    assert_eq!(offset(&json!({ "offset": "0x304", "function": "" }), 0, &unloaded), Some(0x304));
    // From the function's start, not the image's.
    assert_eq!(offset(&json!({ "offset": "8", "function": "pay" }), 0, &unloaded), None);
    assert_eq!(offset(&json!({ "address": "10" }), 0, &loaded), None);
    assert_eq!(offset(&json!({ "offset": "0" }), 1, &unloaded), None);
}

#[test]
fn frames_get_their_calls() {
    let frame =
        json!({ "module": "Shop", "process_frame": true, "address": "1304", "offset": "12" });
    let system = json!({ "module": "UIKit", "function": "run", "offset": "8" });
    let mut report = json!({
        "binary_images": [{ "name": "Shop", "base_address": "1000" }],
        "thread_frames": [{ "frames": [frame, system] }, { "frames": 7 }, 8],
    });
    let modules = modules(&report, "");
    assert_eq!(modules.len(), 1);
    let call = |function: &str, line| SourceFrame {
        function: function.into(),
        file: Some("/w/Shop/Cart.swift".into()),
        line: Some(line),
    };
    let known = Known::from([(("Shop".into(), 0x304), vec![call("check", 3), call("pay", 8)])]);
    apply(&mut report, &modules, &known);
    let frames = report["thread_frames"][0]["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 3);
    assert_eq!(
        frames[1],
        json!({
            "module": "Shop", "process_frame": true, "address": "1304", "function": "pay",
            "file_path": "/w/Shop/Cart.swift", "filename": "Cart.swift", "file_type": "swift", "line": "8",
        })
    );
    assert_eq!(frames[2], system_frame());
    assert_eq!(architecture("ARM-64 (Native)"), Some("arm64"));
    assert_eq!(architecture("X86-64"), Some("x86_64"));
    assert_eq!(architecture(""), None);
}

fn system_frame() -> Value {
    json!({ "module": "UIKit", "function": "run", "offset": "8" })
}
