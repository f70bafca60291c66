//! `turn-secret`: makes secrets, puts them into env files, mints a credential by hand.
//!
//! Owns the command line and the exit status: 0 done, 1 failed, 2 asked wrongly. Never talks to a relay; rotation comes
//! in a later version.

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand};
use turn_secret::{Key, Keyring, env_file, keyring};

/// The variable whose value is a keyring, not a single secret.
const KEYRING_VARIABLE: &str = "TURN_SECRET";
/// Env files a keyring is looked for in when the environment has none, the first found wins.
const ENV_FILES: [&str; 2] = [".env.local", ".env"];

/// Makes a secret for TURN and prints it
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    /// Random bytes in the secret
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(16..=256))]
    bytes: u16,
    /// The variable to set; for TURN_SECRET the new key is put first under a fresh id and the older ones stay
    #[arg(long, default_value = "WEBRTC_TURN_CREDENTIAL", value_name = "NAME")]
    variable: String,
    /// Write the secret into this env file, in place, keeping everything else
    #[arg(long, value_name = "FILE")]
    update_env: Option<PathBuf>,
    /// Print nothing
    #[arg(long, requires = "update_env")]
    silent: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Mint a credential with the first key of TURN_SECRET (environment, .env.local, .env) and print it as JSON
    Credential {
        /// Whose
        #[arg(long, value_parser = parse_user)]
        user: String,
        /// Seconds it is good for
        #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
        ttl: u64,
    },
}

/// What goes wrong, and with which exit status.
enum Failure {
    Asked(String),
    Failed(String),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Credential { user, ttl }) => credential(user, *ttl),
        None => secret(&cli),
    };
    let (line, status) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(line)) => (line, 1),
        Err(Failure::Asked(line)) => (line, 2),
    };
    let _ = writeln!(io::stderr().lock(), "turn-secret: {line}");
    ExitCode::from(status)
}

fn secret(cli: &Cli) -> Result<(), Failure> {
    if !env_file::is_name(&cli.variable) {
        return Err(Failure::Asked(format!("--variable {:?} is not a variable name", cli.variable)));
    }
    let bytes = usize::from(cli.bytes);
    let Some(file) = &cli.update_env else { return print(&keyring::random_secret(bytes)) };
    let mut made = String::new();
    let changed = env_file::update(file, &cli.variable, |old| {
        if cli.variable != KEYRING_VARIABLE {
            made = keyring::random_secret(bytes);
            return Ok(made.clone());
        }
        let key = Key::generate(bytes);
        key.secret().clone_into(&mut made);
        let ring = match old {
            None => Keyring::new(key),
            Some(old) => old.parse::<Keyring>().and_then(|ring| ring.with_first(key)).map_err(|why| why.to_string())?,
        };
        Ok(ring.to_text())
    });
    changed.map_err(|error| Failure::Failed(error.to_string()))?;
    if cli.silent { Ok(()) } else { print(&made) }
}

fn credential(user: &str, ttl: u64) -> Result<(), Failure> {
    let ring = find_keyring()?.parse::<Keyring>();
    let ring = ring.map_err(|error| Failure::Asked(format!("{KEYRING_VARIABLE}: {error}")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| Failure::Failed(error.to_string()))?;
    let made = ring.credential(user, Duration::from_secs(ttl), now.as_secs());
    let json = serde_json::to_string(&made).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&json)
}

/// The keyring's text; an empty variable counts as unset.
fn find_keyring() -> Result<String, Failure> {
    if let Ok(text) = env::var(KEYRING_VARIABLE)
        && !text.is_empty()
    {
        return Ok(text);
    }
    for file in ENV_FILES {
        let found = env_file::value(file.as_ref(), KEYRING_VARIABLE);
        if let Some(text) = found.map_err(|error| Failure::Failed(error.to_string()))? {
            return Ok(text);
        }
    }
    Err(Failure::Asked(format!(
        "{KEYRING_VARIABLE} is not set in the environment, {} or {}",
        ENV_FILES[0], ENV_FILES[1]
    )))
}

fn parse_user(text: &str) -> Result<String, &'static str> {
    if (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("1 to 200 visible ASCII characters")
    }
}

fn print(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(|error| Failure::Failed(error.to_string()))
}
