use super::*;

fn chunk(text: &[u8], meta: &ChunkMeta) -> Vec<u8> {
    let mut body = serde_json::to_vec(meta).unwrap();
    body.push(b'\n');
    body.extend(zstd::bulk::compress(text, 1).unwrap());
    body
}

fn meta(bytes: u64, lines: u32) -> ChunkMeta {
    let run = Run { lines, partial: false, at: 5, stream: Stream::Stdout, step: 0 };
    ChunkMeta { bytes, lines: u64::from(lines), steps: vec!["a".into()], runs: vec![run] }
}

#[test]
fn a_well_formed_chunk_passes() {
    let Checked { meta, text, frame } = check_chunk(&chunk(b"one\ntwo\n", &meta(8, 2))).unwrap();
    assert_eq!((meta.lines, &text[..]), (2, &b"one\ntwo\n"[..]));
    assert_eq!(unpack(&frame).unwrap(), text);
}

#[test]
fn a_chunk_that_lies_is_refused() {
    let bomb = vec![b'x'; MAX_CHUNK_BYTES + 1];
    let mut far = meta(8, 2);
    far.runs[0].step = 1;
    let bad = [
        chunk(b"one\ntwo\n", &meta(7, 2)),
        chunk(b"one\ntwo\n", &meta(8, 1)),
        chunk(b"one\ntwo\n", &far),
        chunk(b"\xff\n", &meta(2, 1)),
        chunk(&bomb, &meta(bomb.len() as u64, 0)),
        b"{}\nnot zstd".to_vec(),
        b"no newline".to_vec(),
        Vec::new(),
    ];
    for (index, body) in bad.iter().enumerate() {
        assert!(matches!(check_chunk(body), Err(Error::Invalid(_))), "case {index}");
    }
}
