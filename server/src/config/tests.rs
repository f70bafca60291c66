//! Precedence and complaints, through the whole command.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    let dir = tempfile::tempdir().unwrap();
    Variables::read(pairs.iter().map(|(name, value)| (name.into(), value.into())), dir.path()).unwrap()
}

fn run(line: &[&str], pairs: &[(&str, &str)]) -> Result<(Config, Command), Stop> {
    parse(std::iter::once("charge").chain(line.iter().copied()).map(OsString::from), &variables(pairs))
}

fn complaint(line: &[&str], pairs: &[(&str, &str)]) -> String {
    match run(line, pairs) {
        Err(Stop::Config(error)) => error.to_string(),
        other => panic!("no complaint but {other:?}"),
    }
}

#[test]
fn the_command_is_sound() {
    command().debug_assert();
}

#[test]
fn defaults_without_anything() {
    let (config, command) = run(&[], &[]).unwrap();
    assert_eq!(command, Command::Serve);
    assert_eq!(config.settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.settings.server.environment, Environment::Development);
    assert_eq!(config.keyring_origin, KeyringOrigin::Other(None));
    assert!(config.unused.is_empty());
}

#[test]
fn a_flag_wins_wherever_it_stands_and_hides_a_bad_variable() {
    for line in [&["--drain-seconds", "7"][..], &["serve", "--drain-seconds=7"], &["--drain-seconds=7", "doctor"]] {
        let (config, _) = run(line, &[("DRAIN_SECONDS", "never")]).unwrap();
        assert_eq!(config.settings.server.drain_seconds, 7);
    }
    let (config, _) = run(&["admin", "users"], &[("DRAIN_SECONDS", "3")]).unwrap();
    assert_eq!(config.settings.server.drain_seconds, 3);
}

#[test]
fn values_may_begin_with_a_dash() {
    let (config, _) = run(&[], &[("WEBRTC_TURN_USERNAME", "--help")]).unwrap();
    assert_eq!(config.settings.turn.webrtc_turn_username.as_deref(), Some("--help"));
}

#[test]
fn every_variable_has_an_example_that_is_accepted() {
    let mut known = names();
    known.sort();
    let with_example: Vec<_> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, with_example, "in alphabetical order");
    for (name, example) in EXAMPLES {
        run(&[], &[("PUBLIC_URL", "https://chat.example.org"), (name, example)])
            .unwrap_or_else(|stop| panic!("{name}: {stop:?}"));
    }
    for name in NOT_YET {
        assert!(!known.iter().any(|known| known == name), "{name} is honoured and listed as unused");
    }
}

#[test]
fn a_bad_value_is_one_line_with_name_problem_and_example() {
    assert_eq!(
        complaint(&[], &[("LISTEN", "nowhere")]),
        r#"LISTEN: "nowhere": invalid socket address syntax; for example LISTEN=127.0.0.1:8080"#
    );
    assert_eq!(
        complaint(&["--drain-seconds", "700"], &[]),
        r#"--drain-seconds (DRAIN_SECONDS): "700": 700 is not in 0..=600; for example DRAIN_SECONDS=10"#
    );
    let line = complaint(&[], &[("ENVIRONMENT", "staging")]);
    assert!(line.contains("must be one of development, production"), "{line}");
    assert!(complaint(&["--listen="], &[]).contains("needs a value"));
    assert!(complaint(&[], &[("DATABASE_URL", "postgres://db")]).contains("does not use PostgreSQL yet"));
}

#[test]
fn no_complaint_repeats_a_secret() {
    for (name, value) in [
        ("TURN_SECRET", "id with blank:hunter2hunter2"),
        ("WEBRTC_TURN_SERVERS", "hunter2"),
        ("JWT_SECRET_KEY", "hunter2"),
    ] {
        let line = complaint(&[], &[(name, value)]);
        assert!(line.starts_with(name), "{line}");
        assert!(name == "WEBRTC_TURN_SERVERS" || !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn production_refuses_what_development_lets_pass() {
    let long = "k1:mD3pQx7RkT0vY5bN8sW2jH6fL9cZ4gXa1uE";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("JWT_SECRET_KEY", "change-me-change-me-change-me-change-me")], "JWT_SECRET_KEY"),
        (&[("TURN_SECRET", "short")], "TURN_SECRET"),
        (&[("TURN_SECRET", "k1:change-me-change-me-change-me-change-me")], "TURN_SECRET"),
        (&[("REDIS_URL", "redis://r"), ("TURN_SECRET", long)], "JWT_SECRET_KEY"),
    ];
    for (pairs, named) in cases {
        assert!(run(&[], pairs).is_ok(), "{named}");
        let mut pairs = pairs.to_vec();
        pairs.extend([("ENVIRONMENT", "production"), ("PUBLIC_URL", "https://chat.example.org")]);
        let line = complaint(&[], &pairs);
        assert!(line.starts_with(named), "{line}");
    }
    let fine = [("ENVIRONMENT", "production"), ("TURN_SECRET", long), ("PUBLIC_URL", "https://chat.example.org")];
    assert!(run(&[], &fine).is_ok());
    assert!(complaint(&[], &fine[..2]).starts_with("PUBLIC_URL"));
    assert!(complaint(&["--public-url", "http://chat.example.org"], &fine[..2]).starts_with("PUBLIC_URL"));
    assert!(complaint(&["--debug"], &fine).starts_with("DEBUG"));
}

#[test]
fn what_does_nothing_yet_is_named() {
    let (config, _) = run(&[], &[("REDIS_URL", "redis://r"), ("TLS_CERT_FILE", "c.pem")]).unwrap();
    assert_eq!(config.unused, ["REDIS_URL", "TLS_CERT_FILE"]);
}

#[test]
fn where_the_keyring_came_from() {
    let origin = |line: &[&str], pairs: &[(&str, &str)]| run(line, pairs).unwrap().0.keyring_origin;
    assert_eq!(origin(&["--turn-secret", "x"], &[]), KeyringOrigin::Fixed);
    assert_eq!(origin(&[], &[("TURN_SECRET", "x")]), KeyringOrigin::Fixed);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(LOCAL_FILE), "TURN_SECRET=x").unwrap();
    let variables = Variables::read([], dir.path()).unwrap();
    let (config, _) = parse([OsString::from("charge")], &variables).unwrap();
    assert_eq!(config.keyring_origin, KeyringOrigin::LocalFile(dir.path().join(LOCAL_FILE)));
}
