//! Report files that are broken or made to hurt: the build succeeds, its log
//! says what could not be read, and the server stays well.

use super::shop::Shop;
use crate::harness::app::TestApp;

/// Writes one good report and many that are not.
const PLAN: &str = r#"steps:
  - name: Report
    run: |
      mkdir -p buddybuild_artifacts/unit
      cd buddybuild_artifacts/unit
      echo '<testsuite name="S"><testcase name="good()"/></testsuite>' > good.xml
      echo '<testsuite><testcase' > unfinished.xml
      printf '<testsuite name="\377\376"/>' > bytes.xml
      {
        echo '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
        previous=a
        for name in b c d e f g h i j; do
          echo "<!ENTITY $name \"&$previous;&$previous;&$previous;&$previous;&$previous;&$previous;&$previous;&$previous;\">"
          previous=$name
        done
        echo ']><testsuite name="&j;"><testcase name="boom()"/></testsuite>'
      } > laughs.xml
      echo '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"><testcase name="read()"/></testsuite>' > outside.xml
      { printf '<testsuite name="D">'; printf '<a>%.0s' $(seq 100000); } > deep.xml
      { echo '<testsuite name="L">'; head -c 60000000 /dev/zero | tr '\0' 'x'; } > long.xml
      head -c 300000000 /dev/zero | gzip -1 > bomb.xml.gz
      head -c 300000000 /dev/zero | gzip -1 > bomb.zip
      cp bomb.zip bomb.xml
      mkfifo pipe.xml
      ln -s /dev/zero endless.xml
      ln -s /etc/passwd passwd.xml
"#;

on_both! {
    async fn broken_and_hostile_reports_do_no_harm(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.commit("shipmate.yml", PLAN, "Report");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        let build = shop.finished(&id).await;
        let log = shop.log(&id).await;
        assert_eq!(build["build_status"], "success", "{log}");
        assert_eq!(build["test_summary"]["tests_count"], 1, "{log}");
        let line_of = |name: &str| {
            let path = format!("/{name}");
            let found = log.lines().find(|line| line.contains(&path));
            found.unwrap_or_else(|| panic!("no line about {name} in {log}")).to_owned()
        };
        for (name, said) in [
            ("good.xml", "1 tests, 0 failed"),
            ("unfinished.xml", "cannot be read: malformed XML"),
            ("bytes.xml", "cannot be read"),
            ("laughs.xml", "cannot be read: refused"),
            ("outside.xml", "cannot be read: refused"),
            ("deep.xml", "nested more than 64 deep"),
            ("long.xml", "the limit is 33554432"),
        ] {
            let line = line_of(name);
            assert!(line.contains(said), "{line}");
        }
        for (name, said) in [
            ("pipe.xml", "it is not a file"),
            ("endless.xml", "a link out of the workspace"),
            ("passwd.xml", "a link out of the workspace"),
        ] {
            let line = log.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {log}"));
            assert!(line.contains(said), "{line}");
        }
        // Nothing unpacks a file that only looks like a report.
        let tests = shop.json(&format!("/v1/builds/{id}/tests?showPassing=true")).await;
        assert_eq!(tests["tests"].as_array().unwrap().len(), 1);
        assert_eq!(tests["tests"][0]["test"], "good()");
        shop.get("/readyz").await;
        let next = shop.trigger(row.id.as_str()).await;
        assert_eq!(shop.finished(&next).await["build_status"], "success");
    }
}
