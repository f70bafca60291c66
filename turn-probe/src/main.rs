//! `turn-probe`: lists the configured STUN and TURN endpoints and asks each a STUN Binding request.
//!
//! Owns the command line and the exit status: 0 all answered, 1 some did not, 2 nothing to do or bad configuration.
//! Allocations, relaying, TLS and metrics come in a later version.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use turn_probe::{
    Endpoint,
    binding::{Answer, BindingError, Said, probe},
    parse_servers,
};

/// The variables that name endpoints.
const VARIABLES: [&str; 2] = ["WEBRTC_TURN_SERVERS", "WEBRTC_TURN_FALLBACK_SERVERS"];
/// Later ones win; the environment wins over both.
const ENV_FILES: [&str; 2] = [".env", ".env.local"];

/// Asks STUN and TURN endpoints whether they answer
///
/// Endpoints: WEBRTC_TURN_SERVERS and WEBRTC_TURN_FALLBACK_SERVERS (from the environment, .env.local or .env) and each
/// --turn-url. Exit status: 0 all answered, 1 some did not, 2 nothing to do or bad configuration. This version sends a
/// STUN Binding request over UDP or TCP; it does not allocate and does not speak TLS.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// One more endpoint, e.g. turn:turn.example.org:3478?transport=tcp
    #[arg(long, value_name = "URL")]
    turn_url: Vec<Endpoint>,
    /// Seconds for each endpoint
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let endpoints = match endpoints(&cli) {
        Ok(endpoints) if endpoints.is_empty() => {
            return stop("no endpoints: set WEBRTC_TURN_SERVERS or give --turn-url");
        }
        Ok(endpoints) => endpoints,
        Err(problem) => return stop(&problem),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return stop(&error.to_string()),
    };
    let answers = runtime.block_on(ask_all(&endpoints, Duration::from_secs(cli.timeout)));
    let mut out = io::stdout().lock();
    let (mut answered, mut failed) = (0usize, 0usize);
    for (endpoint, answer) in endpoints.iter().zip(&answers) {
        match answer {
            Ok(_) => answered = answered.saturating_add(1),
            Err(BindingError::Tls) => {}
            Err(_) => failed = failed.saturating_add(1),
        }
        let _ = writeln!(out, "{}", line(endpoint, answer));
    }
    match (answered, failed) {
        (0, 0) => ExitCode::from(2),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

/// All at once, so that the slowest alone decides how long it takes; answers in the order asked.
async fn ask_all(endpoints: &[Endpoint], limit: Duration) -> Vec<Result<Answer, BindingError>> {
    let asked: Vec<_> =
        endpoints.iter().cloned().map(|endpoint| tokio::spawn(async move { probe(&endpoint, limit).await })).collect();
    let mut answers = Vec::with_capacity(asked.len());
    for answer in asked {
        answers.push(answer.await.unwrap_or_else(|error| Err(BindingError::Io(io::Error::other(error)))));
    }
    answers
}

fn line(endpoint: &Endpoint, answer: &Result<Answer, BindingError>) -> String {
    match answer {
        Ok(Answer { server, took, said }) => {
            let said = match said {
                Said::Mapped(address) => format!("sees us at {address}"),
                Said::Refused(code) => format!("alive, refuses Binding with {code}"),
            };
            format!("ok       {endpoint}  {server}  {:.1} ms  {said}", took.as_secs_f64() * 1_000.0)
        }
        Err(error @ BindingError::Tls) => format!("skipped  {endpoint}  {error}"),
        Err(error) => format!("failed   {endpoint}  {error}"),
    }
}

fn endpoints(cli: &Cli) -> Result<Vec<Endpoint>, String> {
    let mut variables = BTreeMap::new();
    for file in ENV_FILES {
        let Ok(assignments) = dotenvy::from_path_iter(file) else { continue };
        for assignment in assignments {
            // The error would repeat the line, and a secret with it.
            let (name, value) = assignment.map_err(|_| format!("{file} has a line that is no assignment"))?;
            if !value.is_empty() {
                variables.insert(name, value);
            }
        }
    }
    let mut endpoints = Vec::new();
    for name in VARIABLES {
        let set = env::var(name).ok().filter(|value| !value.is_empty());
        let Some(text) = set.or_else(|| variables.remove(name)) else { continue };
        let servers = parse_servers(&text).map_err(|error| format!("{name}: {error}"))?;
        endpoints.extend(servers.into_iter().flat_map(|server| server.urls));
    }
    endpoints.extend(cli.turn_url.iter().cloned());
    Ok(endpoints)
}

fn stop(problem: &str) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "turn-probe: {problem}");
    ExitCode::from(2)
}
