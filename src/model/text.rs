//! Text from outside, made fit to be kept.

/// At most `max` bytes of `text`, to a character's border. PostgreSQL holds no
/// NUL in text.
pub fn cut(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn characters_stay_whole() {
        for (text, max, kept) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("aéé", 4, "aé"),
            ("a\0b", 9, "a\u{fffd}b"),
        ] {
            assert_eq!(cut(text, max), kept);
        }
    }
}
