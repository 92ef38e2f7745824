use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn chunks_stay_on_disk_until_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("one");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("7"), "of an earlier agent").unwrap();
    let spool = Spool::create(folder.clone(), 1 << 20).unwrap();
    for text in ["zero", "one", "two"] {
        spool.push(Bytes::from(text));
    }
    assert_eq!(names(&folder), ["0", "1", "2"]);
    assert_eq!(spool.next().await, Some(0));
    spool.acknowledge(2);
    assert_eq!(names(&folder), ["2"]);
    assert_eq!(spool.next().await, Some(2));
    assert_eq!(spool.read(2).unwrap(), "two");
    spool.acknowledge(99);
    assert_eq!(spool.waiting(), 0);
    spool.push(Bytes::from("three"));
    assert_eq!(spool.next().await, Some(3));
    spool.acknowledge(4);
    spool.close();
    assert_eq!(spool.next().await, None);
    drop(spool);
    assert!(!folder.exists());
}

#[test]
fn a_full_spool_says_so() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::create(home.path().join("one"), 10).unwrap();
    spool.push(Bytes::from("12345678"));
    assert!(!spool.is_full());
    spool.push(Bytes::from("90"));
    assert!(spool.is_full());
    spool.acknowledge(1);
    assert!(!spool.is_full());
}

#[test]
fn without_a_disk_one_chunk_stays_in_memory() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("one");
    let spool = Spool::create(folder.clone(), 1 << 20).unwrap();
    spool.push(Bytes::from("zero"));
    std::fs::remove_dir_all(&folder).unwrap();
    spool.push(Bytes::from("one"));
    assert!(spool.is_full());
    spool.acknowledge(1);
    assert!(spool.is_full());
    assert_eq!(spool.read(1).unwrap(), "one");
    spool.acknowledge(2);
    assert!(!spool.is_full());
}
