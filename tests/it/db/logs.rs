//! Log heads and chunks.

use shipmate::db::logs::{self, ChunkHead, Folded, LogHead, NewChunk};
use shipmate::db::{Db, Tx};
use shipmate::error::Error;
use shipmate::model::ids::BuildId;

use super::*;

async fn head(tx: &mut Tx, id: &BuildId) -> LogHead {
    logs::find_head(tx, id).await.unwrap().expect("the build has a log")
}

async fn append(tx: &mut Tx, id: &BuildId, seq: i64, data: &[u8], lines: i64) {
    let head = head(tx, id).await;
    let chunk = NewChunk {
        attempt: head.attempt,
        seq,
        bytes: 10,
        lines,
        meta: ODD.into(),
        data: data.to_vec(),
    };
    logs::append(tx, &head, chunk).await.unwrap();
}

/// A build with chunks of 10 bytes: two of attempt 1, one of the server's.
async fn sample(tx: &mut Tx) -> BuildId {
    let app = add_app(tx).await;
    let id = add_build(tx, &app, 1, T).await;
    logs::insert_head(tx, &id).await.unwrap();
    assert_eq!(logs::start_attempt(tx, &id, 1).await.unwrap(), 1);
    append(tx, &id, 0, &[0, 255, 0], 1).await;
    append(tx, &id, 1, b"second", 2).await;
    append(tx, &id, -1, b"server", 1).await;
    id
}

on_both! {
    async fn two_writers_take_turns(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        tx.commit().await.unwrap();
        let mut first = write(&db).await;
        logs::lock(&mut first, &id).await.unwrap();
        let (other, its) = (db.clone(), id.clone());
        let second = tokio::spawn(async move {
            let mut tx = write(&other).await;
            logs::lock(&mut tx, &its).await.unwrap();
            append(&mut tx, &its, 2, b"second", 1).await;
            tx.commit().await.unwrap();
        });
        append(&mut first, &id, -1, b"first", 1).await;
        first.commit().await.unwrap();
        second.await.expect("it waits, and sees what the first has written");
        assert_eq!(head(&mut read(&db).await, &id).await.chunks, 5);
    }

    async fn a_head_counts_what_is_appended(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        tx.commit().await.unwrap();
        let mut tx = read(&db).await;
        let expected = LogHead {
            build_id: id.clone(),
            state: "live".into(),
            attempt: 1,
            next_seq: 2,
            chunks: 3,
            bytes: 30,
            lines: 4,
            complete: true,
            blob_key: None,
            blob_bytes: None,
            sha256: None,
        };
        assert_eq!(head(&mut tx, &id).await, expected);
        assert_eq!(logs::find_head(&mut tx, &BuildId::generate(T)).await.unwrap(), None);
    }

    async fn a_build_has_one_head(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        let again = logs::insert_head(&mut tx, &id).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    }

    async fn chunks_are_listed_from_a_byte(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        let chunk = |ordinal, seq, first_line, lines, blob_bytes| ChunkHead {
            ordinal,
            attempt: 1,
            seq,
            first_byte: ordinal * 10,
            first_line,
            bytes: 10,
            lines,
            meta: ODD.into(),
            blob_offset: None,
            blob_bytes,
        };
        let all = [chunk(0, 0, 0, 1, 3), chunk(1, 1, 1, 2, 6), chunk(2, -1, 3, 1, 6)];
        assert_eq!(logs::list_chunks(&mut tx, &id, 0, 99).await.unwrap(), all);
        assert_eq!(logs::list_chunks(&mut tx, &id, 9, 2).await.unwrap(), all[..2]);
        assert_eq!(logs::list_chunks(&mut tx, &id, 10, 99).await.unwrap(), all[1..]);
        assert_eq!(logs::list_chunks(&mut tx, &id, 29, 99).await.unwrap(), all[2..]);
        assert_eq!(logs::list_chunks(&mut tx, &id, 30, 99).await.unwrap(), []);
        assert_eq!(logs::list_chunks(&mut tx, &id, i64::MAX, 99).await.unwrap(), []);
        assert_eq!(logs::find_data(&mut tx, &id, 0).await.unwrap().as_deref(), Some(&[0, 255, 0][..]));
        assert_eq!(logs::find_data(&mut tx, &id, 3).await.unwrap(), None);
    }

    async fn an_attempt_starts_its_own_sequence(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        assert_eq!(logs::start_attempt(&mut tx, &id, 2).await.unwrap(), 1);
        append(&mut tx, &id, 0, b"again", 1).await;
        let head = head(&mut tx, &id).await;
        assert_eq!((head.attempt, head.next_seq, head.chunks, head.bytes), (2, 1, 4, 40));
    }

    async fn a_place_in_the_log_is_taken_once(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        let mut stale = head(&mut tx, &id).await;
        stale.chunks = 2;
        let chunk =
            NewChunk { attempt: 1, seq: 2, bytes: 1, lines: 0, meta: "{}".into(), data: vec![1] };
        let taken = logs::append(&mut tx, &stale, chunk).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    }

    async fn a_log_is_closed_then_folded(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        let folded = Folded { blob_key: "logs/x", blob_bytes: i64::MAX, sha256: "00" };
        assert_eq!(logs::set_folded(&mut tx, &id, &folded).await.unwrap(), 0);
        assert_eq!(logs::close(&mut tx, &id, false).await.unwrap(), 1);
        assert_eq!(logs::close(&mut tx, &id, true).await.unwrap(), 0);
        assert_eq!(logs::start_attempt(&mut tx, &id, 2).await.unwrap(), 0);
        let closed = head(&mut tx, &id).await;
        assert_eq!((closed.state.as_str(), closed.complete, closed.attempt), ("closed", false, 1));

        assert_eq!(logs::set_folded(&mut tx, &id, &folded).await.unwrap(), 1);
        assert_eq!(logs::set_folded(&mut tx, &id, &folded).await.unwrap(), 0);
        logs::set_offset(&mut tx, &id, 1, 1 << 40).await.unwrap();
        let head = head(&mut tx, &id).await;
        assert_eq!(head.state, "folded");
        assert_eq!((head.blob_key.as_deref(), head.blob_bytes), (Some("logs/x"), Some(i64::MAX)));
        assert_eq!(head.sha256.as_deref(), Some("00"));
        assert_eq!(logs::find_data(&mut tx, &id, 1).await.unwrap(), None);
        assert!(logs::find_data(&mut tx, &id, 2).await.unwrap().is_some());
        let chunks = logs::list_chunks(&mut tx, &id, 0, 9).await.unwrap();
        let places: Vec<_> = chunks.iter().map(|c| c.blob_offset).collect();
        assert_eq!(places, [None, Some(1 << 40), None]);
    }

    async fn a_line_is_found_in_its_chunk(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        // First lines 0, 1 and 3; a chunk without a newline begins in line 4.
        append(&mut tx, &id, 2, b"part", 0).await;
        append(&mut tx, &id, 3, b"rest", 1).await;
        for (line, ordinal) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 4), (i64::MAX, 4)] {
            let found = logs::find_chunk_before(&mut tx, &id, line).await.unwrap();
            assert_eq!(found.map(|chunk| chunk.ordinal), Some(ordinal), "line {line}");
        }
        let none = BuildId::generate(T);
        assert_eq!(logs::find_chunk_before(&mut tx, &none, 0).await.unwrap(), None);
    }

    async fn an_outline_is_replaced(db: Db) {
        let mut tx = write(&db).await;
        let id = sample(&mut tx).await;
        assert_eq!(logs::find_outline(&mut tx, &id).await.unwrap(), None);
        for outline in ["{}", ODD] {
            logs::set_outline(&mut tx, &id, outline).await.unwrap();
            assert_eq!(logs::find_outline(&mut tx, &id).await.unwrap().as_deref(), Some(outline));
        }
    }
}
