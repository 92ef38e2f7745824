use super::*;

#[test]
fn cuts_on_a_character_and_marks_it() {
    assert_eq!(clip("abcdef", 6), "abcdef");
    assert_eq!(clip("abcdefg", 6), "abc…");
    assert_eq!(clip("äöüß", 7), "äö…");
    assert_eq!(clip("äöü", 2), "ä");
    assert_eq!(clip("äöü", 1), "");
    assert_eq!(clip("x", 0), "");
}

#[test]
fn pieces_are_cut_like_a_whole() {
    for limit in 0..12 {
        let mut pieces = Excerpt::new(limit);
        for piece in ["a", "ßb", "", "€", "cd"] {
            pieces.push(piece);
        }
        assert_eq!(pieces.finish(), clip("aßb€cd", limit), "limit {limit}");
    }
}

#[test]
fn parts_are_separated_only_from_parts() {
    let mut text = Excerpt::new(100);
    text.push_part("\n", "  ");
    text.push_part("\n", " one ");
    text.push_part("\n", "");
    text.push_part("\n", "two");
    assert_eq!(text.finish(), "one\ntwo");
}

#[test]
fn quotes_are_short_and_tame() {
    assert_eq!(quote("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    for text in ["x", "\0", "\u{7f}a", "é"] {
        assert!(quote(&text.repeat(10_000)).len() <= QUOTE_LIMIT, "{text:?}");
    }
    assert_eq!(quote(&"x".repeat(QUOTE_LIMIT)), "x".repeat(QUOTE_LIMIT), "what fits is not cut");
}

#[test]
fn base_names_of_both_kinds() {
    for (path, name) in
        [("a/b.c", "b.c"), ("a\\b.c", "b.c"), ("b.c", "b.c"), ("a/b/", "b"), ("/", ""), ("", "")]
    {
        assert_eq!(base_name(path), name, "{path}");
    }
}

#[test]
fn places_count_characters() {
    assert_eq!(locate("äb\ncd", 3), Position { line: 1, column: 3 });
    assert_eq!(locate("äb\ncd", 5), Position { line: 2, column: 2 });
    assert_eq!(locate("äb", 99), Position { line: 1, column: 3 });
}

#[test]
fn decodes_utf8_and_utf16() {
    let little: Vec<u8> = "\u{feff}<ä𝄞>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "<ä𝄞>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [&little[..], &big[..], "\u{feff}<ä𝄞>".as_bytes(), "<ä𝄞>".as_bytes()] {
        let decoded = decode(bytes);
        assert_eq!((&*decoded.text, decoded.broken), ("<ä𝄞>", None), "{bytes:?}");
    }
}

#[test]
fn says_where_text_breaks_off() {
    let utf8 = decode(b"\xef\xbb\xbf<a>\xe4</a>");
    assert_eq!(&*utf8.text, "<a>");
    assert_eq!(utf8.broken, Some(ReadError::Encoding { expected: "UTF-8", offset: 6 }));
    let lone_surrogate = decode(b"<\0a\0\x00\xd8b\0");
    assert_eq!(&*lone_surrogate.text, "<a");
    let broken = Some(ReadError::Encoding { expected: "UTF-16", offset: 4 });
    assert_eq!(lone_surrogate.broken, broken);
    let half_a_unit = decode(b"<\0a\0b");
    assert_eq!(half_a_unit.broken, broken);
}
