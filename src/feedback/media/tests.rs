use super::*;

fn file(kind: MediaKind, bytes: &[u8]) -> File {
    File::new(kind, bytes.to_vec())
}

#[test]
fn files_are_what_their_first_bytes_say() {
    use MediaKind::{Image, Log, Replay};
    let jpeg = b"\xff\xd8\xff\xe0";
    let png = b"\x89PNG\r\n\x1a\n";
    let mp4 = b"\0\0\0\x18ftypmp42";
    assert_eq!(check(&file(Image, jpeg)).unwrap(), ("image/jpeg", "jpg"));
    assert_eq!(check(&file(Image, png)).unwrap(), ("image/png", "png"));
    assert_eq!(check(&file(Replay, mp4)).unwrap(), ("video/mp4", "mp4"));
    assert_eq!(check(&file(Replay, b"\0\0\0\x14ftypqt  ")).unwrap(), ("video/quicktime", "mov"));
    for (kind, bytes) in [
        (Image, &mp4[..]),
        (Replay, jpeg),
        (Image, b""),
        (Image, b"<svg onload=alert(1)>"),
        (Image, b"GIF89a"),
        (Replay, b"<html>"),
    ] {
        assert!(matches!(check(&file(kind, bytes)), Err(Error::Invalid(_))), "{bytes:?}");
    }
    assert!(check(&file(Log, b"anything")).is_ok());
    let mut large = jpeg.to_vec();
    large.resize(MAX_IMAGE + 1, 0);
    assert!(check(&file(Image, &large)).is_err());
}

#[test]
fn only_plain_names_are_kept() {
    for plain in ["8570c667-8374.mp4-thumbnail.png", "a.jpg", "A_1"] {
        assert!(is_plain(plain), "{plain}");
    }
    for odd in ["", "..", ".x", "a/b", "a b", "a?x=1", "é", "a\0", &"a".repeat(129)] {
        assert!(!is_plain(odd), "{odd}");
    }
}

#[test]
fn logs_are_text_of_bounded_size() {
    assert_eq!(&log_text(b"a\0b\xffc")[..], "a\u{fffd}b\u{fffd}c".as_bytes());
    assert_eq!(log_text(&vec![b'x'; MAX_LOG + 5]).len(), MAX_LOG);
}
