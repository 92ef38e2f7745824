use super::*;

const WHAT: &str = "Info.plist";

fn read(bytes: &[u8]) -> Result<Value, PackageError> {
    let limits =
        PackageLimits { max_nodes: 10_000, max_entry_bytes: 100_000, ..Default::default() };
    let mut nodes = Budget::new("nodes", limits.max_nodes);
    Reading::new(&limits, &mut nodes).read(bytes, WHAT)
}

/// A binary list of these objects; the last one is the top.
fn binary(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in objects {
        offsets.push(file.len() as u32);
        file.extend(object);
    }
    let table = file.len() as u64;
    offsets.iter().for_each(|offset| file.extend(offset.to_be_bytes()));
    file.extend([0, 0, 0, 0, 0, 0, 4, 1]);
    for number in [objects.len() as u64, objects.len() as u64 - 1, table] {
        file.extend(number.to_be_bytes());
    }
    file
}

#[test]
fn every_kind_of_value_in_xml() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>text</key><string>a &amp; b</string>
  <key>yes</key><true/><key>no</key><false/>
  <key>number</key><integer>-7</integer><key>half</key><real>0.5</real>
  <key>data</key><data>
    AAEC
    /w==</data>
  <key>date</key><date>2024-02-29T23:59:59Z</date>
  <key>list</key><array><string>x</string><string/></array>
</dict></plist>"#;
    let list = read(xml.as_bytes()).unwrap();
    assert_eq!(list.get("text").unwrap().text(), Some("a & b"));
    assert!(list.get("yes").unwrap().is_true());
    assert!(!list.get("no").unwrap().is_true());
    assert_eq!(list.get("number"), Some(&Value::Integer(-7)));
    assert_eq!(list.get("half"), Some(&Value::Real(0.5)));
    assert_eq!(list.get("data"), Some(&Value::Data(vec![0, 1, 2, 255])));
    assert_eq!(list.get("date"), Some(&Value::Date(1_709_251_199_000)));
    let texts = [Value::Text("x".into()), Value::Text(String::new())];
    assert_eq!(list.get("list").unwrap().list(), texts);
    assert_eq!(list.get("none"), None);
}

#[test]
fn hostile_xml_is_refused() {
    let bomb = r#"<!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict><key>&a;</key></dict></plist>"#;
    assert!(read(bomb.as_bytes()).is_err());
    let deep = format!("<plist>{}", "<array>".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    let many = format!("<plist><dict>{}</dict></plist>", "<true/>".repeat(20_000));
    assert!(matches!(read(many.as_bytes()), Err(PackageError::TooMany { .. })));
    assert!(read(b"<plist><string>no dictionary</string></plist>").is_err());
    assert!(read(b"").is_err());
}

#[test]
fn shared_objects_do_not_multiply() {
    // Each list holds the one before it fifteen times... and a dictionary
    // holds the last: 10^11 visits if they were all made.
    let mut objects = vec![vec![0x51, b'a']];
    for level in 0..10_u8 {
        let mut list = vec![0xae];
        list.extend([level; 14]);
        objects.push(list);
    }
    objects.push(vec![0xd1, 0, 10]);
    assert!(matches!(read(&binary(&objects)), Err(PackageError::TooMany { .. })));
    // One long text that is used a thousand times.
    let mut text = vec![0x5f, 0x11, 0x03, 0xe8];
    text.extend([b'a'; 1_000]);
    let mut list = vec![0xaf, 0x11, 0x03, 0xe8];
    list.extend([0; 1_000]);
    let objects = vec![text, list, vec![0x51, b'k'], vec![0xd1, 2, 1]];
    assert!(matches!(read(&binary(&objects)), Err(PackageError::TooMany { .. })));
}

#[test]
fn binary_lists_that_bite_their_tail_end() {
    let cycle = [vec![0x51, b'k'], vec![0xd1, 0, 1]];
    let error = read(&binary(&cycle)).unwrap_err();
    assert_eq!(error.to_string(), "Info.plist is damaged: it is nested too deep");
}

#[test]
fn numbers_that_leave_the_file_are_errors() {
    let whole = binary(&[vec![0x51, b'k'], vec![0x10, 7], vec![0xd1, 0, 1]]);
    assert_eq!(read(&whole).unwrap().get("k"), Some(&Value::Integer(7)));
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut broken = whole.clone();
            broken[at] = byte;
            let _ = read(&broken);
        }
        let _ = read(&whole[..at]);
    }
}
