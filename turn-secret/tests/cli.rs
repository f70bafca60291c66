//! The binary as people and scripts use it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use turn_secret::Keyring;

fn run(dir: &Path, line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turn-secret"))
        .args(line)
        .current_dir(dir)
        .env_remove("TURN_SECRET")
        .output()
        .unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap().trim_end()
}

#[test]
fn prints_a_secret_of_the_asked_length() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (run(dir.path(), &[]), run(dir.path(), &["--bytes", "16"]));
    assert_eq!(out(&first).len(), 43);
    assert_eq!(out(&second).len(), 22);
    assert_ne!(out(&first), out(&run(dir.path(), &[])));
}

#[test]
fn a_new_turn_secret_mints_and_the_old_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(".env.local");
    fs::write(&file, "# mine\nTURN_SECRET=older\nA=1\n").unwrap();
    let done = run(dir.path(), &["--variable", "TURN_SECRET", "--update-env", ".env.local"]);
    assert!(done.status.success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# mine\nTURN_SECRET=k") && text.ends_with(",k0:older\nA=1\n"), "{text}");
    let ring: Keyring = text.lines().nth(1).unwrap().strip_prefix("TURN_SECRET=").unwrap().parse().unwrap();
    assert_eq!(ring.keys().next().unwrap().secret(), out(&done));

    let minted = run(dir.path(), &["credential", "--user", "u1", "--ttl", "60"]);
    let minted: serde_json::Value = serde_json::from_str(out(&minted)).unwrap();
    let (name, password) = (minted["username"].as_str().unwrap(), minted["credential"].as_str().unwrap());
    assert_eq!(ring.verify(name, password, 0).unwrap().user, "u1");
}

#[test]
fn a_plain_variable_is_replaced_and_silence_kept() {
    let dir = tempfile::tempdir().unwrap();
    let done = run(dir.path(), &["--update-env", "new.env", "--silent"]);
    assert!(done.status.success() && done.stdout.is_empty());
    let text = fs::read_to_string(dir.path().join("new.env")).unwrap();
    assert_eq!(text.len(), "WEBRTC_TURN_CREDENTIAL=".len() + 43 + 1);
}

#[test]
fn exit_status_says_whose_fault_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let status = |line: &[&str]| run(dir.path(), line).status.code().unwrap();
    assert_eq!(status(&["--bytes", "1"]), 2);
    assert_eq!(status(&["--silent"]), 2);
    assert_eq!(status(&["--variable", "A B"]), 2);
    assert_eq!(status(&["credential", "--user", "u"]), 2);
    assert_eq!(status(&["--update-env", "missing/dir/env"]), 1);
    fs::write(dir.path().join("twice"), "X=1\nX=2\n").unwrap();
    assert_eq!(status(&["--update-env", "twice", "--variable", "X"]), 1);
}
