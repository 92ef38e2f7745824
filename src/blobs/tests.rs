use futures_util::TryStreamExt;
use futures_util::stream;

use super::*;
use crate::model::ids::BuildId;
use crate::model::time::Millis;

fn parts(sizes: &[usize]) -> impl Stream<Item = std::result::Result<Bytes, String>> + Unpin {
    let parts: Vec<_> = sizes.iter().map(|n| Ok(Bytes::from(vec![b'x'; *n]))).collect();
    stream::iter(parts)
}

#[tokio::test]
async fn a_blob_is_hashed_and_read_by_range() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open_local(dir.path()).unwrap();
    let key = BlobKey::Log(BuildId::generate(Millis(0)));
    let stored = blobs.write(&key, parts(&[3, 0, 6_000_000]), 10_000_000).await.unwrap();
    assert_eq!(stored.bytes, 6_000_003);
    let read: Vec<Bytes> =
        blobs.read(&key.to_string(), 1..5).await.unwrap().try_collect().await.unwrap();
    assert_eq!(read.concat(), b"xxxx");
    blobs.delete(&key.to_string()).await.unwrap();
    blobs.delete(&key.to_string()).await.unwrap();
    assert!(blobs.read(&key.to_string(), 0..1).await.is_err());
}

#[tokio::test]
async fn too_much_or_broken_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open_local(dir.path()).unwrap();
    let key = BlobKey::Log(BuildId::generate(Millis(0)));
    assert!(matches!(blobs.write(&key, parts(&[6, 6]), 11).await, Err(Error::Invalid(_))));
    let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err("cut")]);
    assert!(matches!(blobs.write(&key, broken, 11).await, Err(Error::Invalid(_))));
    assert!(blobs.read(&key.to_string(), 0..1).await.is_err());
}
