use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::model::secret::Secret;

#[test]
fn a_credential_is_for_one_host_and_one_user_of_the_machine() {
    let home = tempfile::tempdir().unwrap();
    let private = home.path().join("it's \"here\"");
    std::fs::create_dir(&private).unwrap();
    let file = private.join("git-credentials");
    let credential = Credential {
        username: Secret::new("ada@example.com"),
        password: Secret::new("a:b/c\nhost=evil"),
    };
    let remote = Remote::parse("https://example.com:8443/o/r.git").unwrap();
    let access = Access { credential: Some(&credential), ssh: None };
    configure_home(home.path(), &private, Some(&remote), access).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "https://ada%40example%2Ecom:a%3Ab%2Fc%0Ahost%3Devil@example.com:8443\n");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let config = std::fs::read_to_string(home.path().join(".gitconfig")).unwrap();
    assert!(!config.contains("a:b/c") && !config.contains("safe"), "{config}");
}

#[test]
fn a_credential_without_an_http_remote_is_written_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("git-credentials");
    let credential = Credential { username: Secret::new("ada"), password: Secret::new("x") };
    for url in ["git@example.com:o/r.git", "/srv/r.git"] {
        let remote = Remote::parse(url).unwrap();
        let access = Access { credential: Some(&credential), ssh: None };
        configure_home(home.path(), home.path(), Some(&remote), access).unwrap();
        assert!(!file.exists());
    }
}
