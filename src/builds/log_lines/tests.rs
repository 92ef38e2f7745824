use super::*;
use crate::db::logs::ChunkHead;

fn piece(first_line: i64, text: &str, runs: &[(u32, bool, i64)]) -> Piece {
    let lines = text.matches('\n').count() as i64;
    let run = |&(lines, partial, at)| Run { lines, partial, at, stream: Stream::Stderr, step: 0 };
    let meta = ChunkMeta {
        bytes: text.len() as u64,
        lines: lines as u64,
        steps: vec!["a".into()],
        runs: runs.iter().map(run).collect(),
    };
    let head = ChunkHead {
        ordinal: 0,
        attempt: 1,
        seq: 0,
        first_byte: 0,
        first_line,
        bytes: text.len() as i64,
        lines,
        meta: serde_json::to_string(&meta).unwrap(),
        blob_offset: None,
        blob_bytes: 0,
    };
    Piece { head, text: text.to_owned().into() }
}

fn taken(first: u64, count: u64, pieces: &[Piece]) -> Vec<(u64, i64, String)> {
    let mut taker = Taker::new(first, count);
    for piece in pieces {
        taker.take(piece).unwrap();
        if taker.is_full() {
            break;
        }
    }
    if !taker.is_full() {
        taker.end_unfinished();
    }
    taker.lines.into_iter().map(|line| (line.number, line.at, line.text)).collect()
}

#[test]
fn lines_go_across_chunks() {
    let pieces = [
        piece(0, "one\ntw", &[(1, true, 10)]),
        piece(1, "o\n", &[(1, false, 20)]),
        piece(2, "three\nfour", &[(0, false, 25), (1, false, 30), (0, true, 40)]),
    ];
    let all = [(0, 10, "one"), (1, 20, "two"), (2, 30, "three"), (3, 40, "four")];
    let all: Vec<_> = all.iter().map(|(n, at, text)| (*n, *at, (*text).to_owned())).collect();
    assert_eq!(taken(0, 10, &pieces), all);
    assert_eq!(taken(1, 2, &pieces), all[1..3]);
    assert_eq!(taken(3, 1, &pieces), all[3..]);
    assert_eq!(taken(4, 1, &pieces), []);
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let long = "é".repeat(MAX_LINE);
    let mut taker = Taker::new(0, 2);
    taker.take(&piece(0, &format!("x{long}\ny\n"), &[(2, false, 1)])).unwrap();
    assert!(taker.lines[0].cut && taker.lines[0].text.len() <= MAX_LINE);
    assert!(taker.lines[0].text.chars().all(|c| c == 'x' || c == 'é'));
    assert_eq!((taker.lines[1].text.as_str(), taker.lines[1].cut), ("y", false));
}

fn hits(needle: &str, pieces: &[Piece]) -> (u64, Vec<u64>) {
    let mut scan = Scan { needle: needle.to_ascii_lowercase(), ..Scan::default() };
    for piece in pieces {
        scan = scan.take(piece);
    }
    let last = std::mem::take(&mut scan.carry);
    scan.look(&last);
    (scan.hits.count, scan.hits.lines)
}

#[test]
fn search_sees_what_shows() {
    let pieces = [
        piece(
            0,
            "Error here, error there\n\u{1b}[31mer\u{1b}[0mror\nnothing\nerr",
            &[(3, true, 1)],
        ),
        piece(3, "or at the seam\nno\nlast error", &[(2, true, 1)]),
    ];
    assert_eq!(hits("ERROR", &pieces), (4, vec![0, 1, 3, 5]));
    assert_eq!(hits("[31m", &pieces), (0, vec![]));
}
