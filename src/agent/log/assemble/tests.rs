use super::*;
use crate::agent::log::chunk::Packer;
use crate::model::log::ChunkMeta;
use crate::model::secret::Secret;

fn now(at: i64) -> Now {
    Now { at, instant: Instant::now() }
}

fn unpack(chunk: Chunk) -> (ChunkMeta, String) {
    let (body, text) = Packer::new().unwrap().pack(chunk).unwrap();
    let end = body.iter().position(|byte| *byte == b'\n').unwrap();
    (serde_json::from_slice(&body[..end]).unwrap(), text)
}

/// Everything so far, as (stream, step, lines, partial) and text.
fn taken(assembler: &mut Assembler) -> (Vec<(Stream, String, u32, bool)>, String) {
    let (mut runs, mut all) = (Vec::new(), String::new());
    while let Some(chunk) = assembler.take_full().or_else(|| assembler.take_open()) {
        let (meta, text) = unpack(chunk);
        all.push_str(&text);
        runs.extend(meta.runs.iter().map(|run| {
            (run.stream, meta.steps[usize::from(run.step)].clone(), run.lines, run.partial)
        }));
    }
    (runs, all)
}

#[test]
fn streams_do_not_tear_each_others_lines() {
    let mut log = Assembler::default();
    log.write("s", Stream::Stdout, b"out 1\nout ", now(1));
    log.write("s", Stream::Stderr, b"err 1\n", now(1));
    log.write("s", Stream::Stdout, b"2\n", now(1));
    let (runs, text) = taken(&mut log);
    assert_eq!(text, "out 1\nerr 1\nout 2\n");
    let streams: Vec<_> = runs.iter().map(|run| run.0).collect();
    assert_eq!(streams, [Stream::Stdout, Stream::Stderr, Stream::Stdout]);
}

#[test]
fn a_system_line_starts_a_line() {
    let mut log = Assembler::default();
    log.write("a", Stream::Stdout, b"no end", now(1));
    log.system("b", "=== Next ===", now(1));
    log.write("b", Stream::Stdout, b"more", now(1));
    log.finish(now(1));
    let (runs, text) = taken(&mut log);
    assert_eq!(text, "no end\n=== Next ===\nmore");
    let expected = [
        (Stream::Stdout, "a".to_owned(), 1, false),
        (Stream::System, "b".to_owned(), 1, false),
        (Stream::Stdout, "b".to_owned(), 0, true),
    ];
    assert_eq!(runs, expected);
}

#[test]
fn a_new_step_ends_the_streams_of_the_old_one() {
    let mut log = Assembler::default();
    log.masks.add(&Secret::new("hunter22"));
    log.write("a", Stream::Stdout, b"tail hunter", now(1));
    log.write("a", Stream::Stderr, b"warned\xE2\x82", now(1));
    log.write("b", Stream::Stdout, b"22\n", now(1));
    log.write("b", Stream::Stderr, b"fine\n", now(1));
    log.finish(now(1));
    let (runs, text) = taken(&mut log);
    assert_eq!(text, "warnedtail hunter22\n\u{FFFD}fine\n");
    assert_eq!(runs[0].1, "a");
}

#[test]
fn system_lines_are_masked() {
    let mut log = Assembler::default();
    log.masks.add(&Secret::new("hunter22"));
    log.system("a", "$ login hunter22", now(1));
    assert_eq!(taken(&mut log).1, "$ login ********\n");
}

#[test]
fn writers_are_told_when_there_is_no_room() {
    let mut log = Assembler::default();
    let line = format!("{}\n", "x".repeat(99_999));
    let mut lines = 0;
    while log.has_room() {
        log.write("a", Stream::Stdout, line.as_bytes(), now(1));
        lines += 1;
    }
    assert_eq!(lines, 21);
    log.take_full().unwrap();
    assert!(log.has_room());
}
