use super::*;

fn in_pieces(bytes: &[u8], cuts: &[usize]) -> String {
    let mut repair = Repair::default();
    let mut out = String::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        out.push_str(&repair.push(&bytes[from..cut]));
        from = cut;
    }
    out.push_str(repair.finish());
    out
}

#[test]
fn every_split_reads_like_the_whole() {
    let cases: &[&[u8]] = &[
        "aé€😀z".as_bytes(),
        b"\xf0\x9f\x98",
        b"\xf0\x9f\x98\xf0\x9f\x98\x80",
        b"\xe2\x82a\xc3\xc3\xa9",
        b"\xff\xfe\x80\x80ok\xc0\xaf",
        b"\xed\xa0\x80 surrogate",
        b"\xf4\x90\x80\x80 too high",
        b"",
    ];
    for case in cases {
        let whole = String::from_utf8_lossy(case);
        for first in 0..=case.len() {
            for second in first..=case.len() {
                assert_eq!(in_pieces(case, &[first, second]), whole, "{case:?} {first} {second}");
            }
        }
        let each: Vec<usize> = (0..=case.len()).collect();
        assert_eq!(in_pieces(case, &each), whole, "{case:?} byte by byte");
    }
}

#[test]
fn sound_text_is_not_copied() {
    assert!(matches!(Repair::default().push("größe\n".as_bytes()), Cow::Borrowed(_)));
}
