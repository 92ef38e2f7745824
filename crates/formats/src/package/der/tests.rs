use super::*;

fn at(tag: u8, text: &str) -> Option<i64> {
    let content = Bytes::new(text.as_bytes(), WHAT);
    time(Element { tag, content, whole: content })
}

#[test]
fn times_of_both_kinds() {
    // Figures of `date -u -d .. +%s`.
    assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
    assert_eq!(at(UTC_TIME, "240229235959Z"), Some(1_709_251_199_000));
    assert_eq!(at(UTC_TIME, "491231235959Z"), Some(2_524_607_999_000));
    assert_eq!(at(UTC_TIME, "500101000000Z"), Some(-631_152_000_000));
    assert_eq!(at(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000_000));
    assert_eq!(at(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799_000));
    for broken in
        ["", "Z", "20240101000000", "20241301000000Z", "2024010100000Z", "+0240101000000Z"]
    {
        assert_eq!(at(GENERALIZED_TIME, broken), None, "{broken}");
    }
}

#[test]
fn unknown_names_are_shown_by_number() {
    assert_eq!(key_of(&[0x55, 4, 3]), "CN");
    assert_eq!(key_of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2]), "1.2.840.113549.1.9.2");
    assert_eq!(key_of(&[0x88, 0x37]), "2.999");
    assert_eq!(key_of(&[]), "");
}

#[test]
fn content_in_pieces_of_unknown_length_is_joined() {
    // ContentInfo { OID, [0] { SignedData { 1, {}, { OID, [0] { "ab" "c" }}}}},
    // all with indefinite lengths.
    let open = |tag: u8| vec![tag, 0x80];
    let mut message = open(SEQUENCE);
    message.extend([OID, 1, 0x2a]);
    message.extend(open(CONTEXT_0));
    message.extend(open(SEQUENCE));
    message.extend([INTEGER, 1, 1, SET, 0]);
    message.extend(open(SEQUENCE));
    message.extend([OID, 1, 0x2a]);
    message.extend(open(CONTEXT_0));
    message.extend(open(OCTETS | CONSTRUCTED));
    message.extend([OCTETS, 2, b'a', b'b', OCTETS, 0x81, 1, b'c']);
    message.extend([0; 12]);
    assert_eq!(signed_content(&message, WHAT).unwrap(), b"abc");
    assert_eq!(signed_certificate(&message, WHAT).unwrap(), None);
    for end in 0..message.len() - 2 {
        assert!(signed_content(&message[..end], WHAT).is_err(), "{end}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = [SEQUENCE, 0x80].repeat(10_000);
    assert!(signed_content(&deep, WHAT).is_err());
    assert!(certificate(&deep).is_err());
}
