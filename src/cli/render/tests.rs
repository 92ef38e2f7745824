use super::*;

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn columns_align_and_empty_ones_vanish() {
    let mut table = Table::new(&["N", "NAME", "EMPTY", "END"]);
    table.add([Cell::number(7), Cell::new("grün"), Cell::new(""), Cell::new("x")]);
    table.add([Cell::number(123), Cell::new("a"), Cell::new(""), Cell::status("failed")]);
    assert_eq!(table.render(false), "  N  NAME  END\n  7  grün  x\n123  a     failed\n");
    assert!(table.render(true).ends_with("\u{1b}[31mfailed\u{1b}[0m\n"));
}

#[test]
fn cells_are_one_harmless_line_of_bounded_length() {
    assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d\u{9b}"), "a [2Jb c d ");
    let long = Cell::new("x".repeat(100));
    assert_eq!(long.text, format!("{}…", "x".repeat(59)));
    assert_eq!(Cell::whole("x".repeat(100)).text.len(), 100);
}

#[test]
fn a_terminal_gets_colours_and_nothing_else_across_chunks() {
    let log = "a\x1b[31mred\x1b[0m\x1b]52;c;ZXZpbA==\x07b\x1b[2Jc\x1b]0;t\x1b\\d\te\r\n\x08\x1b]stray\nf\u{9b}31m";
    let expected = "a\x1b[31mred\x1b[0mbcd\te\r\n\nf31m";
    for size in 1..6 {
        let mut filter = Filter::new(true, true);
        let chars: Vec<char> = log.chars().collect();
        let out: String =
            chars.chunks(size).map(|part| filter.apply(&part.iter().collect::<String>())).collect();
        assert_eq!(out, expected, "in pieces of {size}");
    }
    assert_eq!(Filter::new(true, false).apply("\x1b[1mx\x1b[0m"), "x");
    assert_eq!(Filter::new(false, false).apply(log), log);
}

#[test]
fn ages_and_durations_read_well() {
    let then = time("2026-03-02T22:00:00.000Z");
    for (seconds, expected) in [
        (-60, "just now"),
        (4, "just now"),
        (59, "59 s ago"),
        (61, "1 min ago"),
        (7_200, "2 h ago"),
        (90_000, "yesterday"),
        (200_000, "2 days ago"),
        (3_000_000, "2026-03-02"),
    ] {
        let now = then + chrono::TimeDelta::seconds(seconds);
        assert_eq!(ago(Some(then), Some(now)), expected);
    }
    assert_eq!(ago(Some(then), None), "2026-03-02 22:00 UTC");
    assert_eq!(ago(None, None), "");
    for (seconds, expected) in
        [(-5, "0 s"), (12, "12 s"), (187, "3 min 07 s"), (3_720, "1 h 02 min")]
    {
        assert_eq!(took(then, then + chrono::TimeDelta::seconds(seconds)), expected);
    }
}

#[test]
fn figures_carry_their_unit() {
    assert_eq!(size(0), "0 B");
    assert_eq!(size(1023), "1023 B");
    assert_eq!(size(1536), "1.5 KiB");
    assert_eq!(size(u64::MAX), "16777216.0 TiB");
    assert_eq!(percent(0.755), "75.5 %");
    assert_eq!(count(1, "test"), "1 test");
    assert_eq!(count(0, "app"), "0 apps");
}
