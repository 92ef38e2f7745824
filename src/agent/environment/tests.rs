use super::*;

#[test]
fn reserved_names_are_sorted_for_the_search() {
    assert!(RESERVED.is_sorted());
    assert!(RESERVED.iter().all(|name| is_reserved(name)));
    assert!(!is_reserved("PATH") && !is_reserved("BUDDYBUILD_MINE"));
}

#[test]
fn names_are_those_of_a_shell() {
    for name in ["A", "_x", "a1_B"] {
        assert!(is_well_formed(name), "{name}");
    }
    for name in ["", "1A", "A-B", "A B", "A=B", "Ä", "A\0"] {
        assert!(!is_well_formed(name), "{name:?}");
    }
}

#[test]
fn the_newest_ndk_is_chosen_by_number() {
    let sdk = tempfile::tempdir().unwrap();
    assert_eq!(newest_ndk(sdk.path()), None);
    for version in ["9.1.0", "25.2.9519653", "25.10.0"] {
        std::fs::create_dir_all(sdk.path().join("ndk").join(version)).unwrap();
    }
    assert_eq!(newest_ndk(sdk.path()), Some(sdk.path().join("ndk/25.10.0")));
}
