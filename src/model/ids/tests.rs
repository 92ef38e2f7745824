use super::*;

#[test]
fn ids_are_24_hex_and_sort_by_second() {
    let early = BuildId::generate(Millis(1_500_000_000_000));
    let late = BuildId::generate(Millis(1_500_000_001_000));
    assert!(early < late);
    assert_eq!(early.as_str().len(), 24);
    assert_eq!(early.as_str().parse(), Ok(early.clone()));
    assert!(early.as_str().starts_with(&format!("{:08x}", 1_500_000_000)));
}

#[test]
fn a_thousand_ids_of_one_moment_differ() {
    let ids: std::collections::HashSet<_> = (0..1000).map(|_| AppId::generate(Millis(0))).collect();
    assert_eq!(ids.len(), 1000);
}

#[test]
fn malformed_ids_are_refused() {
    for bad in [
        "",
        "58b8a3d26e5c4c01002d4a1",
        "58B8A3D26E5C4C01002D4A1F",
        "58b8a3d26e5c4c01002d4a1g",
        "58b8a3d26e5c4c01002d4a1f0",
        "58b8a3d26e5c4c01002d4a1\u{e9}",
    ] {
        assert_eq!(bad.parse::<AppId>(), Err(MalformedId), "{bad}");
    }
}
