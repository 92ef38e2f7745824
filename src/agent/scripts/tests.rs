use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_folder_is_no_script() {
    let root = tempfile::tempdir().unwrap();
    let workspace = root.path().canonicalize().unwrap();
    let path = workspace.join(PRE_BUILD);
    fs::create_dir(&path).unwrap();
    assert_eq!(find(PRE_BUILD, &workspace, &[]), Some(path.clone()));
    assert!(matches!(prepare(&path, &workspace), Err(ScriptError::NotAFile)));
}

#[test]
fn a_link_inside_of_the_workspace_runs_where_it_stands() {
    let root = tempfile::tempdir().unwrap();
    let workspace = root.path().canonicalize().unwrap();
    fs::create_dir(workspace.join("ci")).unwrap();
    fs::write(workspace.join("ci/real.sh"), "#!/bin/sh\n").unwrap();
    let link = workspace.join(POST_CLONE);
    symlink("ci/real.sh", &link).unwrap();
    let script = prepare(&link, &workspace).unwrap();
    assert_eq!((script.dir, script.program), (workspace, link));
    assert_eq!(script.interpreter, "/bin/sh");
}
