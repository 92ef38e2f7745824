use super::*;

fn error(text: &str) -> String {
    match Plan::parse(text) {
        Ok(plan) => panic!("{text:?} was taken: {plan:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn everything_that_a_plan_can_say() {
    let plan = Plan::parse(
        "steps:\n- name: Unit tests\n  run: |\n    one\n    two\n  working_directory: app\n  env: {A: text, B: 1, C: true}\n  timeout: 10m\n- run: second\nschemes: [App]\nartifacts: ['dist/**']\ntests: ['**/TEST-*.xml']\ncoverage: [lcov.info]\n",
    )
    .unwrap();
    let [first, second] = &plan.steps[..] else { panic!("{plan:?}") };
    assert_eq!(first.name, Some(Text("Unit tests".to_owned())));
    assert_eq!(first.run, "one\ntwo\n");
    assert_eq!(first.working_directory.0, Path::new("app"));
    let env: Vec<_> = first.env.iter().map(|(name, value)| (&*name.0, &*value.0)).collect();
    assert_eq!(env, [("A", "text"), ("B", "1"), ("C", "true")]);
    assert_eq!(first.timeout, Some(Timeout(Duration::from_secs(600))));
    assert_eq!((&second.name, second.timeout), (&None, None));
    assert_eq!(plan.schemes, [Text("App".to_owned())]);
    assert!(plan.artifacts.matches(Path::new("dist/a/b")));
    assert!(!plan.artifacts.matches(Path::new("other/dist/a")));
    assert!(plan.tests.matches(Path::new("a/b/TEST-x.xml")));
    assert!(!plan.coverage.matches(Path::new("a/lcov.info")));
}

#[test]
fn an_empty_file_asks_for_nothing() {
    for text in ["", "# later\n", "---\n", "{}\n"] {
        let plan = Plan::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(plan.steps.is_empty() && plan.tests.is_empty());
    }
}

#[test]
fn a_wrong_file_gives_line_column_and_expectation() {
    let cases = [
        ("stepps: []", "shipmate.yml:1:1: unknown field `stepps`, expected one of steps, schemes"),
        ("steps:\n- name: x\n", "shipmate.yml:2:3: missing field `run`"),
        ("steps: 3\n", "shipmate.yml:1:8:"),
        ("steps:\n- run: x\n  timeout: soon\n", "shipmate.yml:3:12: expected seconds"),
        ("steps:\n- run: x\n  timeout: 0\n", "expected seconds"),
        ("steps:\n- run: x\n  timeout: -5s\n", "expected seconds"),
        ("steps:\n- run: x\n  timeout: 99999999999h\n", "expected seconds"),
        ("steps:\n- run: x\n  working_directory: /etc\n", "expected a folder below the root"),
        ("steps:\n- run: x\n  env: {BUDDYBUILD_BRANCH: x}\n", "BUDDYBUILD_BRANCH is set by"),
        ("steps:\n- run: x\n  env: {a-b: x}\n", "expected a variable name"),
        ("artifacts: ['a[']\n", "shipmate.yml:1:13: expected a pattern"),
        ("artifacts: ['../x']\n", "below the root of the repository"),
        ("steps:\n- run: x\n  name: \"two\\nlines\"\n", "expected one line of 1 to 100 bytes"),
        ("steps: [{run: x}]\nsteps: []\n", "shipmate.yml:2:1:"),
        ("steps:\n- run: ''\n", "a step has nothing to run"),
        ("steps: [{name: a, run: x}, {name: a, run: y}]\n", "two steps are called \"a\""),
        ("steps: [\n", "shipmate.yml:"),
        ("a: b\n---\nc: d\n", "shipmate.yml"),
    ];
    for (text, expected) in cases {
        let shown = error(text);
        assert!(shown.contains(expected), "{text:?} gave {shown:?}");
        assert!(!shown.contains('\n'), "one line: {shown:?}");
    }
    let many = "steps:\n".to_owned() + &"- run: x\n".repeat(MAX_STEPS + 1);
    assert!(error(&many).contains("101 steps, the limit is 100"));
}

#[test]
fn a_small_file_cannot_grow_large() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{}]\n", [&*before; 10].join(", "));
    }
    let begin = std::time::Instant::now();
    error(&laughs);
    error(&format!("schemes: {}", "[".repeat(100_000)));
    error(&format!("schemes: &a [{}*a]", "*a, ".repeat(10)));
    let aliased = format!("artifacts: &a ['x']\ntests: [{}]\n", vec!["*a"; 500].join(", "));
    error(&aliased);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

#[test]
fn the_file_itself_is_held_to_limits() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().canonicalize().unwrap();
    let file = workspace.join(FILE);
    assert!(Plan::of_workspace(&workspace).unwrap().is_none());
    let fails = |words: &str| {
        let shown = Plan::of_workspace(&workspace).unwrap_err().to_string();
        assert!(shown.contains(words), "{shown}");
        let _ = std::fs::remove_file(&file);
    };
    std::fs::write(&file, vec![b' '; MAX_BYTES + 1]).unwrap();
    fails("the limit is 262144");
    std::fs::write(&file, b"steps: \xff").unwrap();
    fails("not UTF-8 text at byte 7");
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    fails("not a file of the repository");
    std::os::unix::fs::symlink("/nowhere", &file).unwrap();
    fails("a link that leads nowhere");
    std::fs::create_dir(&file).unwrap();
    fails("not a file of the repository");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a switch of the developer, not of the product")]
fn the_published_schema_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/shipmate.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(published, text, "run this test with UPDATE_SNAPSHOTS=1");
}

#[test]
fn the_documented_example_is_a_plan() {
    let guide = include_str!("../../../docs/shipmate-yml.md");
    let example = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let plan = Plan::parse(example.expect("the guide has an example")).unwrap();
    assert!(!plan.steps.is_empty() && !plan.artifacts.is_empty() && !plan.coverage.is_empty());
}
