use super::*;
use crate::protocol::MAX_CHUNK_BODY;

fn place(at: i64, stream: Stream, step: &str) -> Place<'_> {
    Place { at, stream, step }
}

fn filled(parts: &[(&str, Place<'_>)]) -> Chunk {
    let mut chunk = Chunk::default();
    for (text, place) in parts {
        assert_eq!(chunk.append(text, *place, Instant::now()), text.len());
    }
    chunk
}

#[test]
fn lines_of_the_same_moment_stream_and_step_are_one_run() {
    let chunk = filled(&[
        ("a\nb\n", place(1, Stream::Stdout, "x")),
        ("c\npart", place(1, Stream::Stdout, "x")),
        ("ial\n", place(1, Stream::Stdout, "x")),
        ("d\n", place(2, Stream::Stdout, "x")),
        ("e", place(2, Stream::Stderr, "x")),
        ("f\n", place(2, Stream::Stdout, "y")),
        ("g\n", place(2, Stream::Stdout, "x")),
    ]);
    let runs: Vec<_> = chunk
        .meta
        .runs
        .iter()
        .map(|run| (run.lines, run.partial, run.at, run.stream, run.step))
        .collect();
    assert_eq!(
        runs,
        [
            (4, false, 1, Stream::Stdout, 0),
            (1, false, 2, Stream::Stdout, 0),
            (0, true, 2, Stream::Stderr, 0),
            (1, false, 2, Stream::Stdout, 1),
            (1, false, 2, Stream::Stdout, 0),
        ]
    );
    assert_eq!(chunk.meta.steps, ["x", "y"]);
    assert_eq!((chunk.meta.bytes, chunk.meta.lines), (chunk.text.len() as u64, 7));
}

#[test]
fn a_full_chunk_is_cut_after_a_line_or_else_a_character() {
    let here = place(1, Stream::Stdout, "x");
    let line = format!("{}\n", "y".repeat(MAX_CHUNK_BYTES - 10));
    let mut chunk = filled(&[(&line, here)]);
    assert_eq!(chunk.append("1234\n5678\n90", here, Instant::now()), 5);
    assert_eq!(chunk.append("5678\n90", here, Instant::now()), 0);

    let wide = "€".repeat(MAX_CHUNK_BYTES);
    let mut chunk = Chunk::default();
    let taken = chunk.append(&wide, here, Instant::now());
    assert_eq!(taken, MAX_CHUNK_BYTES / 3 * 3);
    assert!(chunk.meta.runs[0].partial);
}

#[test]
fn the_worst_chunk_fits_into_a_call() {
    let step = |n: usize| format!("{n:03}{}", "\"".repeat(1000));
    let mut chunk = Chunk::default();
    let mut n = 0;
    // A run a line, with times as long as they get.
    while chunk.append(
        "\n",
        place(i64::MAX - n as i64, Stream::System, &step(n % 256)),
        Instant::now(),
    ) > 0
    {
        n += 1;
    }
    assert_eq!(n, MAX_RUNS);
    let mut dice = crate::agent::scripted_server::Dice::new(1);
    let noise: String = (0..MAX_CHUNK_BYTES / 2 - n)
        .map(|_| char::from_u32(0x80 + dice.up_to(0x700) as u32).unwrap())
        .collect();
    let last_step = step((n - 1) % 256);
    let last = place(i64::MAX - (n - 1) as i64, Stream::System, &last_step);
    assert!(chunk.append(&noise, last, Instant::now()) > 0);
    let (body, _) = Packer::new().unwrap().pack(chunk).unwrap();
    assert!(body.len() < MAX_CHUNK_BODY, "{} bytes", body.len());
}

#[test]
fn too_many_steps_start_a_new_chunk() {
    let mut chunk = Chunk::default();
    for n in 0..MAX_STEPS {
        let name = n.to_string();
        assert_eq!(chunk.append("a\n", place(1, Stream::Stdout, &name), Instant::now()), 2);
    }
    assert_eq!(chunk.append("a\n", place(1, Stream::Stdout, "more"), Instant::now()), 0);
}

#[test]
fn a_packer_can_be_used_again() {
    let mut packer = Packer::new().unwrap();
    for text in ["first\n", "second, which is longer\n", "x\n"] {
        let (body, _) = packer.pack(filled(&[(text, place(1, Stream::Stdout, "x"))])).unwrap();
        let end = body.iter().position(|byte| *byte == b'\n').unwrap();
        let meta: ChunkMeta = serde_json::from_slice(&body[..end]).unwrap();
        assert_eq!(meta.bytes, text.len() as u64);
        assert_eq!(zstd::bulk::decompress(&body[end + 1..], 100).unwrap(), text.as_bytes());
    }
}
