//! The binary as people and scripts use it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    path::Path,
    process::{Command, Output},
    thread,
};

fn run(dir: &Path, line: &[&str], servers: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turn-probe"))
        .args(line)
        .current_dir(dir)
        .env("WEBRTC_TURN_SERVERS", servers)
        .env_remove("WEBRTC_TURN_FALLBACK_SERVERS")
        .output()
        .unwrap()
}

/// A STUN server that answers every Binding request from 127.0.0.1 for as long as the test runs.
fn server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 256];
        while let Ok((_, from)) = socket.recv_from(&mut bytes) {
            // Binding success, one XOR-MAPPED-ADDRESS of 127.0.0.1 (RFC 8489, 14.2).
            let mut answer = vec![1, 1, 0, 12];
            answer.extend_from_slice(&bytes[4..20]);
            answer.extend_from_slice(&[0, 0x20, 0, 8, 0, 1]);
            answer.extend_from_slice(&(from.port() ^ 0x2112).to_be_bytes());
            answer.extend_from_slice(&[127 ^ 0x21, 0x12, 0xa4, 1 ^ 0x42]);
            socket.send_to(&answer, from).unwrap();
        }
    });
    format!("stun:{address}")
}

#[test]
fn exit_status_says_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let good = server();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bad = format!("turn:{closed}?transport=tcp");

    let all_well = run(dir.path(), &[], &good);
    let text = String::from_utf8_lossy(&all_well.stdout).into_owned();
    assert_eq!(all_well.status.code(), Some(0), "{text}");
    assert!(text.starts_with("ok ") && text.contains("sees us at 127.0.0.1:"), "{text}");

    let some_failed = run(dir.path(), &["--turn-url", &bad], &good);
    let text = String::from_utf8_lossy(&some_failed.stdout).into_owned();
    assert_eq!(some_failed.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("failed   {bad}")), "{text}");

    assert_eq!(run(dir.path(), &[], "").status.code(), Some(2));
    assert_eq!(run(dir.path(), &[], "turns:localhost").status.code(), Some(2));
    let mistyped = run(dir.path(), &[], "turn//x");
    assert_eq!(mistyped.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&mistyped.stderr).contains("WEBRTC_TURN_SERVERS"));
}

#[test]
fn env_files_count_and_the_environment_wins() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), "WEBRTC_TURN_SERVERS=turn//x\n").unwrap();
    fs::write(dir.path().join(".env.local"), format!("WEBRTC_TURN_SERVERS={}\n", server())).unwrap();
    assert_eq!(run(dir.path(), &[], "").status.code(), Some(0));
    assert_eq!(run(dir.path(), &[], "turn//y").status.code(), Some(2));
}
