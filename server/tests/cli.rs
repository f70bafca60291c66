//! The binary as people and scripts use it: help, configuration, exit status, every command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod process;

use std::{collections::BTreeSet, fs, net::TcpListener, os::unix::fs::MetadataExt as _, path::Path};

use process::{Server, charge, err, out, run};
use rustix::process::Signal;

const NO_ARGUMENTS: [&str; 0] = [];

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

// --- what it says about itself -----------------------------------------------------------------------------------------

#[test]
fn help_lists_every_command_and_every_variable() {
    let help = run(dir().path(), &[], &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = out(&help);
    for name in charge::config::names() {
        assert!(text.contains(&format!("{name}]")) || text.contains(&format!(" {name}")), "{name} is not in --help");
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        assert!(text.contains(&flag), "{flag} is not in --help");
    }
    for command in ["serve", "migrate", "doctor", "seed", "admin", "completions", "man"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(command)), "{command}");
    }
    let migrate = out(&run(dir().path(), &[], &["migrate", "--help"]));
    assert!(["run", "info", "validate"].iter().all(|what| migrate.contains(what)), "{migrate}");
    assert!(!migrate.contains("repair") && !migrate.contains("baseline"));
}

#[test]
fn version_completions_and_manual() {
    let dir = dir();
    assert_eq!(out(&run(dir.path(), &[], &["--version"])), format!("charge {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&run(dir.path(), &[], &["completions", shell])).contains("charge"));
    }
    let manual = out(&run(dir.path(), &[], &["man"]));
    assert!(manual.contains(".TH charge") && manual.contains("\\-\\-listen"));
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "none of this leaves a trace");
}

#[test]
fn an_unknown_command_or_flag_is_a_bad_configuration() {
    for line in [&["frobnicate"][..], &["--frobnicate"], &["migrate"], &["admin", "frobnicate"]] {
        assert_eq!(run(dir().path(), &[], line).status.code(), Some(2), "{line:?}");
    }
}

// --- configuration -----------------------------------------------------------------------------------------------------

/// A value that cannot be read for every variable that has such values.
const BAD: &[(&str, &str)] = &[
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
    ("CHAT_HISTORY_DEFAULT_LIMIT", "many"),
    ("CHAT_HISTORY_MAX_LIMIT", "-1"),
    ("CHAT_MESSAGE_MAX_LENGTH", "2001"),
    ("CORS_ALLOW_ORIGIN_REGEX", "("),
    ("CORS_ORIGINS", "*"),
    ("DATABASE_URL", "mysql://db"),
    ("DEBUG", "perhaps"),
    ("DRAIN_SECONDS", "1h"),
    ("ENVIRONMENT", "staging"),
    ("JWT_ALGORITHM", "none"),
    ("JWT_SECRET_KEY", "short"),
    ("LISTEN", "8080"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud"),
    ("PUBLIC_URL", "chat.example.org/path"),
    ("RATE_LIMIT_MESSAGES_PER_10S", "-1"),
    ("RATE_LIMIT_SIGN_IN_PER_ADDRESS", "x"),
    ("RATE_LIMIT_SIGN_IN_PER_MINUTE", "x"),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "0"),
    ("REGISTRATION", "maybe"),
    ("TRUSTED_PROXIES", "10.0.0.0/33"),
    ("TURN_CREDENTIAL_TTL_SECONDS", "1"),
    ("TURN_SECRET", "k1:a,k1:b"),
    ("VOICE_SLOTS", "0"),
    ("WEBRTC_TURN_FALLBACK_SERVERS", "[{}]"),
    ("WEBRTC_TURN_SERVERS", "turn://turn.example.org"),
    ("WEBSOCKET_RECEIVE_TIMEOUT_SECONDS", "0"),
];

/// Variables that take any text.
const FREE: &[&str] = &["APP_NAME", "DATA_DIR", "WEBRTC_TURN_CREDENTIAL", "WEBRTC_TURN_USERNAME"];

#[test]
fn every_bad_value_is_one_line_and_exit_status_2() {
    let dir = dir();
    let tried: BTreeSet<_> = BAD.iter().map(|(name, _)| *name).chain(FREE.iter().copied()).map(str::to_owned).collect();
    assert_eq!(tried, charge::config::names().into_iter().collect(), "every variable is tried");
    for (name, value) in BAD {
        let refused = run(dir.path(), &[(name, value)], &NO_ARGUMENTS);
        let line = err(&refused);
        assert_eq!(refused.status.code(), Some(2), "{name}: {line}");
        assert_eq!(line.lines().count(), 1, "{name}: {line}");
        assert!(line.starts_with(&format!("charge: {name}")), "{line}");
        assert!(refused.stdout.is_empty());
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing was started");
}

/// What `PUBLIC_URL` came to, seen through the setup link.
fn public_url(dir: &Path, variables: &[(&str, &str)], line: &[&str]) -> String {
    let printed = run(dir, variables, &[&["admin", "setup-link"], line].concat());
    let link = out(&printed);
    link.split("/setup#").next().unwrap_or_else(|| panic!("{}", err(&printed))).to_owned()
}

#[test]
fn flag_environment_local_file_shared_file_default() {
    let dir = dir();
    let env = [("PUBLIC_URL", "https://environment.example")];
    assert_eq!(public_url(dir.path(), &[("LISTEN", "127.0.0.1:9999")], &[]), "http://localhost:9999");
    fs::write(dir.path().join(".env"), "PUBLIC_URL=https://shared.example\n").unwrap();
    assert_eq!(public_url(dir.path(), &[], &[]), "https://shared.example");
    fs::write(dir.path().join(".env.local"), "PUBLIC_URL=https://local.example\n").unwrap();
    assert_eq!(public_url(dir.path(), &[], &[]), "https://local.example");
    assert_eq!(public_url(dir.path(), &[("PUBLIC_URL", "")], &[]), "https://local.example", "empty counts as unset");
    assert_eq!(public_url(dir.path(), &env, &[]), "https://environment.example");
    assert_eq!(public_url(dir.path(), &env, &["--public-url", "https://flag.example"]), "https://flag.example");
}

#[test]
fn a_bad_value_in_a_file_is_named_with_the_file() {
    let dir = dir();
    fs::write(dir.path().join(".env.local"), "LISTEN=nowhere\n").unwrap();
    let line = err(&run(dir.path(), &[], &NO_ARGUMENTS));
    assert!(line.starts_with("charge: LISTEN in .env.local: "), "{line}");
    fs::write(dir.path().join(".env.local"), "A=1\nsecret without equals\n").unwrap();
    let refused = run(dir.path(), &[], &NO_ARGUMENTS);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("line 2") && !err(&refused).contains("without equals"), "{}", err(&refused));
}

#[test]
fn the_committed_defaults_are_known_and_hold_no_secret() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".env");
    let known = charge::config::names();
    for (name, _) in charge::config::read_file(&file).unwrap().unwrap() {
        assert!(known.contains(&name), "{name}");
        assert!(!name.contains("SECRET") && !name.contains("CREDENTIAL") && !name.contains("PASSWORD"), "{name}");
    }
}

#[test]
fn production_refuses_weak_secrets_plain_http_and_debug() {
    let good = "n8Qm2xVtR5yLw0KfZb7JcE4hUaSgD9pX6oTi";
    let https = ("PUBLIC_URL", "https://chat.example.org");
    let production = ("ENVIRONMENT", "production");
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("PUBLIC_URL", &[production]),
        ("PUBLIC_URL", &[production, ("PUBLIC_URL", "http://chat.example.org")]),
        ("JWT_SECRET_KEY", &[production, https, ("JWT_SECRET_KEY", "changeme-changeme-changeme-changeme-changeme")]),
        ("JWT_SECRET_KEY", &[production, https, ("JWT_SECRET_KEY", "short")]),
        ("TURN_SECRET", &[production, https, ("TURN_SECRET", "k1:short")]),
        ("DEBUG", &[production, https, ("DEBUG", "true")]),
        ("TURN_SECRET", &[production, https, ("REDIS_URL", "redis://r"), ("JWT_SECRET_KEY", good)]),
    ];
    let dir = dir();
    for (named, variables) in cases {
        let refused = run(dir.path(), variables, &NO_ARGUMENTS);
        let line = err(&refused);
        assert_eq!(refused.status.code(), Some(2), "{named}: {line}");
        assert!(line.starts_with(&format!("charge: {named}")) && line.lines().count() == 1, "{line}");
        assert!(!line.contains("changeme-"), "{line}");
    }
    let fine = [production, https, ("JWT_SECRET_KEY", good)];
    assert_eq!(run(dir.path(), &fine, &["migrate", "info"]).status.code(), Some(0));
}

#[test]
fn what_does_nothing_yet_is_told_at_the_start() {
    let dir = dir();
    fs::write(dir.path().join(".env"), "TLS_CERT_FILE=cert.pem\n").unwrap();
    let server = Server::start(dir.path(), &[("REDIS_URL", "redis://localhost")]);
    server.wait_for_log("REDIS_URL is set, and this version does not use it yet");
    server.wait_for_log("TLS_CERT_FILE is set, and this version does not use it yet");
}

// --- start -------------------------------------------------------------------------------------------------------------

#[test]
fn one_server_per_port_and_per_data_directory() {
    let (dir, other) = (dir(), dir());
    let server = Server::start(dir.path(), &[]);
    let refused = |dir: &Path, variables: &[(&str, &str)], part: &str| {
        let ended = run(dir, variables, &NO_ARGUMENTS);
        let line = err(&ended);
        assert_eq!(ended.status.code(), Some(1), "{line}");
        assert!(line.contains(part) && line.lines().count() == 1, "{line}");
    };
    refused(dir.path(), &[("LISTEN", "127.0.0.1:0")], "in use by another charge process");
    refused(other.path(), &[("LISTEN", &server.address.to_string())], "the port is in use");
    refused(other.path(), &[("LISTEN", "192.0.2.1:80")], "does not have that address");
    fs::write(other.path().join("file"), "").unwrap();
    refused(other.path(), &[("DATA_DIR", "file")], "is not a directory");
    refused(other.path(), &[("DATA_DIR", "file/deeper")], "cannot be created");
}

#[test]
fn secrets_are_made_once_for_this_user_and_never_printed() {
    let dir = dir();
    let mut first = Server::start(dir.path(), &[("LOG_LEVEL", "trace"), ("LOG_FORMAT", "json")]);
    let data = dir.path().join("data");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let secrets: Vec<String> = ["jwt_secret_key", "turn_secret"]
        .iter()
        .map(|name| {
            assert_eq!(mode(&data.join(name)), 0o600);
            fs::read_to_string(data.join(name)).unwrap().trim().to_owned()
        })
        .collect();
    assert!(secrets.iter().all(|secret| secret.len() >= 43));
    first.signal(Signal::TERM);
    assert_eq!(first.ended().code(), Some(0));
    first.wait_for_log("\"message\":\"stopped\"");
    let said = first.said();
    for secret in secrets.iter().flat_map(|secret| secret.split(':')).filter(|part| part.len() > 10) {
        assert!(!said.contains(secret), "a secret was printed");
    }
    drop(Server::start(dir.path(), &[]));
    assert_eq!(fs::read_to_string(data.join("jwt_secret_key")).unwrap().trim(), secrets[0]);
}

#[test]
fn a_secret_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir();
    drop(Server::start(dir.path(), &[]));
    let file = dir.path().join("data/jwt_secret_key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = run(dir.path(), &[("LISTEN", "127.0.0.1:0")], &NO_ARGUMENTS);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("chmod 600"), "{}", err(&refused));
    assert!(out(&run(dir.path(), &[], &["doctor"])).contains("WRONG  generated secrets"));
}

// --- commands ----------------------------------------------------------------------------------------------------------

#[test]
fn migrations_are_listed_applied_and_judged() {
    let dir = dir();
    let info = || out(&run(dir.path(), &[], &["migrate", "info"]));
    assert!(info().contains("pending") && !info().contains("applied"), "{}", info());
    assert!(!dir.path().join("data").exists(), "looking creates nothing");
    assert!(out(&run(dir.path(), &[], &["migrate", "run"])).contains("applied 1"));
    assert!(info().contains("applied") && !info().contains("pending"), "{}", info());
    assert_eq!(out(&run(dir.path(), &[], &["migrate", "run"])), "nothing is pending\n");
    assert_eq!(run(dir.path(), &[], &["migrate", "validate"]).status.code(), Some(0));
    fs::write(dir.path().join("data/charge.db"), "this is no database, whatever its name says").unwrap();
    assert_eq!(run(dir.path(), &[], &["migrate", "validate"]).status.code(), Some(1));
}

#[test]
fn the_doctor_is_content_before_and_while_a_server_runs() {
    let dir = dir();
    let examine = |listen: &str| {
        let examined = run(dir.path(), &[("LISTEN", listen)], &["doctor"]);
        (examined.status.code(), out(&examined))
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (status, table) = examine(&free);
    assert_eq!(status, Some(0), "{table}");
    assert!(table.contains("is free") && table.contains("is not there yet"), "{table}");
    let server = Server::start(dir.path(), &[]);
    let (status, table) = examine(&server.address.to_string());
    assert_eq!(status, Some(0), "{table}");
    assert!(table.contains("this server is running and answers"), "{table}");
    assert!(table.contains("opens, reads and writes"), "{table}");
}

#[test]
fn the_doctor_says_what_to_mend() {
    let dir = dir();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.set_nonblocking(true).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let variables = [
        ("LISTEN", listen.as_str()),
        ("DATA_DIR", "file"),
        ("PUBLIC_URL", "http://chat.example.org"),
        ("REDIS_URL", "redis://r"),
    ];
    let examined = run(dir.path(), &variables, &["doctor"]);
    let table = out(&examined);
    assert_eq!(examined.status.code(), Some(1), "{table}");
    for row in ["note   configuration", "WRONG  data directory", "WRONG  port", "WRONG  public address", "ok     clock"]
    {
        assert!(table.lines().any(|line| line.starts_with(row)), "{row} in\n{table}");
    }
    assert!(table.contains("microphones"), "{table}");
    let examined = run(dir.path(), &[("LISTEN", "nowhere")], &["doctor"]);
    assert_eq!(examined.status.code(), Some(1));
    assert!(out(&examined).starts_with("WRONG  configuration  LISTEN"), "{}", out(&examined));
}

#[test]
fn seeding_twice_adds_nothing_and_spares_production() {
    let dir = dir();
    let first = run(dir.path(), &[], &["seed"]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    assert!(out(&first).contains("Sign in as `lea` with the password") && !out(&first).contains(" 0 messages"));
    let second = out(&run(dir.path(), &[], &["seed"]));
    assert!(second.contains(" 0 messages are new") && !second.contains("Sign in as"), "{second}");
    let link = |text: &str| text.lines().find(|line| line.contains("/i/")).unwrap().to_owned();
    assert_eq!(link(&out(&first)), link(&second));

    let production = [("ENVIRONMENT", "production"), ("PUBLIC_URL", "https://chat.example.org")];
    let refused = run(dir.path(), &production, &["seed"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("production"));
    let _server = Server::start(dir.path(), &[]);
    assert!(err(&run(dir.path(), &[], &["seed"])).contains("in use by another charge process"));
}

#[tokio::test]
async fn a_reset_password_ends_sign_ins_and_lets_in() {
    let dir = dir();
    let server = Server::start(dir.path(), &[]);
    let client = reqwest::Client::new();
    let account = serde_json::json!({"username": "ada", "password": "correct horse battery"});
    let registered = client.post(server.url("/api/auth/register")).json(&account).send().await.unwrap();
    let registered: serde_json::Value = registered.json().await.unwrap();
    let token = registered["access_token"].as_str().unwrap().to_owned();
    let me = || client.get(server.url("/api/me")).bearer_auth(&token).send();
    assert_eq!(me().await.unwrap().status(), 200);
    let sign_in = |password: String| {
        let body = serde_json::json!({"username": "ada", "password": password});
        client.post(server.url("/api/auth/login")).json(&body).send()
    };

    let users = out(&run(dir.path(), &[], &["admin", "users"]));
    assert!(users.lines().nth(1).unwrap().starts_with("ada"), "{users}");
    let reset = run(dir.path(), &[], &["admin", "reset-password", "ADA"]);
    assert_eq!(reset.status.code(), Some(0), "{}", err(&reset));
    assert!(err(&reset).contains("1 sign-ins ended"), "{}", err(&reset));
    assert_eq!(me().await.unwrap().status(), 401);
    assert_eq!(sign_in("correct horse battery".into()).await.unwrap().status(), 401);
    assert_eq!(sign_in(out(&reset).trim().to_owned()).await.unwrap().status(), 200);

    use std::io::Write as _;
    let mut command = charge(dir.path(), &[]);
    command.args(["admin", "reset-password", "ada", "--stdin"]).stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a password of my own\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(sign_in("a password of my own".into()).await.unwrap().status(), 200);
    for (name, part) in [("nobody", "there is no account"), ("!", "there is no account")] {
        let refused = run(dir.path(), &[], &["admin", "reset-password", name]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(err(&refused).contains(part), "{}", err(&refused));
    }
}
