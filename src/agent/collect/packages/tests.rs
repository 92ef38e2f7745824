use std::path::PathBuf;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/formats/fixtures/packages").join(name)
}

async fn line_of(name: &str) -> String {
    describe(name, &read(name, &fixture(name)).await.unwrap())
}

#[tokio::test]
async fn a_line_says_what_a_package_is() {
    let apk = "Shop “Zoë”, org.example.shop, 1.4.2 (57)";
    let signer = "CN=Ann Example, OU=Mobile, O=Example Ltd, C=CA";
    assert_eq!(line_of("signed.apk").await, format!("signed.apk: {apk}, signed v1+v2 by {signer}"));
    assert_eq!(line_of("unsigned.apk").await, format!("unsigned.apk: {apk}, not signed"));
    assert_eq!(line_of("bundle.aab").await, format!("bundle.aab: {apk}, not signed"));
    assert_eq!(line_of("simulator.ipa").await, format!("simulator.ipa: {apk}, for the simulator"));
    let line = line_of("ad_hoc.ipa").await;
    let profile = "ad_hoc profile \"Shop ad_hoc\" for 2 devices until 2030-02-28T23:59:59.000Z by ";
    assert!(
        line.starts_with(&format!("ad_hoc.ipa: {apk}, {profile}C=CA, O=Example Ltd")),
        "{line}"
    );
}

#[tokio::test]
async fn the_digest_of_a_certificate_is_apksigners() {
    let said = std::fs::read_to_string(fixture("signed.signers")).unwrap();
    let facts = read("signed.apk", &fixture("signed.apk")).await.unwrap().facts.unwrap();
    let sha256 = facts.signing.certificate.unwrap().sha256;
    assert!(said.contains(&format!("SHA-256 digest: {sha256}\n")), "{sha256}");
}

#[tokio::test]
async fn other_files_are_not_opened_and_broken_ones_give_a_reason() {
    assert_eq!(read("notes.txt", Path::new("/nowhere")).await, None);
    let missing = read("a.apk", Path::new("/nowhere")).await.unwrap();
    assert!(missing.facts.is_err() && missing.icon.is_none());
    let line = describe("release.apk", &read("a.apk", &fixture("release.der")).await.unwrap());
    let start = "release.apk cannot be read as an app package: this is not a readable ZIP archive";
    assert!(line.starts_with(start), "{line}");
}
