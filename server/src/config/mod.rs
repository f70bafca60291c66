//! Floor 4: what an operator may set, read once at the start.
//!
//! Owns precedence (flag, environment, `.env.local`, `.env`, default), the one line a bad value gets and the refusals
//! of production. Every floor defines its own variables; this flattens them into one command. Never prints a secret.

mod args;
mod check;
mod commands;
mod examples;
mod variables;

pub use args::{DatabaseUrl, Environment, IceServers, RoomArgs, ServerArgs, TurnArgs};
pub use check::reread_keyring;
pub use commands::{AdminCommand, Command, MigrateCommand};
pub use examples::{EXAMPLES, NOT_YET};
pub use variables::{LOCAL_FILE, Origin, SHARED_FILE, Variables, read_file};

use std::{error::Error as _, ffi::OsString, fmt, path::PathBuf};

use clap::{
    Args as _, CommandFactory as _, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use crate::{auth::AuthArgs, http::HttpArgs, telemetry::LogArgs};

/// Longest piece of a bad value that is repeated, in characters.
const SHOWN_VALUE: usize = 60;

/// Everything an operator may set.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// The process.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Credentials.
    #[command(flatten, next_help_heading = "Sign-in")]
    pub auth: AuthArgs,
    /// What the web side takes.
    #[command(flatten, next_help_heading = "Web")]
    pub http: HttpArgs,
    /// Text rooms.
    #[command(flatten)]
    pub rooms: RoomArgs,
    /// STUN and TURN.
    #[command(flatten)]
    pub turn: TurnArgs,
    /// Logs.
    #[command(flatten, next_help_heading = "Logs")]
    pub log: LogArgs,
}

/// What the command line, the environment and the env files came to.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything an operator may set.
    pub settings: Settings,
    /// Where the TURN keyring came from, for SIGHUP.
    pub keyring_origin: KeyringOrigin,
    /// Variables that are set and that this version does not use yet.
    pub unused: Vec<&'static str>,
}

/// Where the TURN keyring came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyringOrigin {
    /// A flag or the environment: fixed for the life of the process.
    Fixed,
    /// `.env.local`: read again on SIGHUP.
    LocalFile(PathBuf),
    /// `.env` or generated; the `.env.local` there was, if any, may bring one on SIGHUP.
    Other(Option<PathBuf>),
}

/// Why the server does not start: one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError(String);

impl ConfigError {
    /// `variable`'s `problem`, and an `example` of what would do.
    #[must_use]
    pub fn new(variable: &str, problem: impl fmt::Display, example: Option<&str>) -> Self {
        Self(match example {
            Some(example) => format!("{variable}: {problem}; for example {example}"),
            None => format!("{variable}: {problem}"),
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Stop {
    /// `--help` or `--version`: the text for stdout, exit status 0.
    Answered(String),
    /// One line, exit status 2.
    Config(ConfigError),
    /// An unknown flag or command: clap's own text for stderr, exit status 2.
    Usage(String),
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

#[derive(Debug, Parser)]
#[command(name = "charge", version, about = "Voice and text rooms you own: one binary, in the browser")]
#[command(after_help = "Every flag is also a variable of the same name. A flag wins over the environment, that over \
                        .env.local, that over .env in the working directory. An empty variable counts as unset.")]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// One variable: its name in the environment and its flag.
struct Variable {
    id: String,
    name: String,
    flag: String,
    secret: bool,
}

/// Reads the command line (with the program's name first) over `variables`.
///
/// # Errors
/// See [`Stop`].
pub fn parse(line: impl IntoIterator<Item = OsString>, variables: &Variables) -> Result<(Config, Command), Stop> {
    let line: Vec<OsString> = line.into_iter().collect();
    // Once with the flags alone, so that a flag hides a bad variable; then with the variables put in front.
    let flags = command().try_get_matches_from(&line).map_err(|error| stop(&error, None))?;
    let mut whole: Vec<OsString> = line.first().cloned().into_iter().collect();
    let mut from_flags = Vec::new();
    for variable in known() {
        if flags.value_source(&variable.id) == Some(ValueSource::CommandLine) {
            from_flags.push(variable.name);
        } else if let Some(value) = variables.value(&variable.name) {
            let mut argument = OsString::from(format!("--{}=", variable.flag));
            argument.push(value);
            whole.push(argument);
        }
    }
    whole.extend(line.into_iter().skip(1));
    let matches = command().try_get_matches_from(whole).map_err(|error| stop(&error, Some(variables)))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| stop(&error, Some(variables)))?;
    check::check(&cli.settings, variables)?;
    let keyring_origin = match (from_flags.iter().any(|name| name == "TURN_SECRET"), variables.origin("TURN_SECRET")) {
        (true, _) | (_, Some(Origin::Environment)) => KeyringOrigin::Fixed,
        (_, Some(Origin::LocalFile)) => {
            variables.local_file().map_or(KeyringOrigin::Other(None), |file| KeyringOrigin::LocalFile(file.to_owned()))
        }
        _ => KeyringOrigin::Other(variables.local_file().map(Into::into)),
    };
    let unused = NOT_YET.iter().copied().filter(|name| variables.value(name).is_some()).collect();
    Ok((Config { settings: cli.settings, keyring_origin, unused }, cli.command.unwrap_or(Command::Serve)))
}

/// The command as help, completions and manual show it.
///
/// clap's own reading of the environment is off: it knows neither env files nor that empty means unset. The name of the
/// variable is put into the help text instead.
#[must_use]
pub fn command() -> clap::Command {
    // The long form of clap's help spreads each flag over six lines.
    let help = clap::Arg::new("help").short('h').long("help").help("Print this").action(clap::ArgAction::HelpShort);
    let help = help.help_heading(clap::builder::Resettable::Reset);
    let command = Cli::command().disable_help_flag(true).arg(help.global(true));
    command.mut_args(|arg| {
        let Some(name) = arg.get_env().map(|name| name.to_string_lossy().into_owned()) else { return arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.env(clap::builder::Resettable::Reset).global(true).help(format!("{help} [env: {name}]"))
    })
}

/// The names of all variables this version honours.
#[must_use]
pub fn names() -> Vec<String> {
    known().into_iter().map(|variable| variable.name).collect()
}

fn known() -> Vec<Variable> {
    let settings = Settings::augment_args(clap::Command::new("charge"));
    let variable = |arg: &clap::Arg| {
        Some(Variable {
            id: arg.get_id().to_string(),
            name: arg.get_env()?.to_str()?.to_owned(),
            flag: arg.get_long()?.to_owned(),
            secret: arg.is_hide_env_values_set(),
        })
    };
    settings.get_arguments().filter_map(variable).collect()
}

/// What clap found wrong, as one line about one variable where it is about a value.
fn stop(error: &clap::Error, variables: Option<&Variables>) -> Stop {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Stop::Answered(error.render().to_string()),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8 => {}
        _ => return Stop::Usage(error.render().to_string()),
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg).unwrap_or_default();
    let flag = flag.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default();
    let Some(variable) = known().into_iter().find(|variable| variable.flag == flag) else {
        return Stop::Usage(error.render().to_string());
    };
    let place = match variables {
        Some(variables) => match variables.origin(&variable.name) {
            Some(Origin::Environment) | None => variable.name.clone(),
            Some(file) => format!("{} in {file}", variable.name),
        },
        None => format!("--{} ({})", variable.flag, variable.name),
    };
    let mut problem = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) => format!("must be one of {}", valid.join(", ")),
        _ => "is not valid".to_owned(),
    };
    match text(ContextKind::InvalidValue) {
        Some(value) if value.is_empty() => problem = "needs a value".to_owned(),
        Some(value) if !variable.secret => {
            let shown: String = value.chars().take(SHOWN_VALUE).collect();
            problem = format!("{shown:?}: {problem}");
        }
        _ => {}
    }
    let example =
        EXAMPLES.iter().find(|(name, _)| *name == variable.name).map(|(name, value)| format!("{name}={value}"));
    Stop::Config(ConfigError::new(&place, problem, example.as_deref()))
}

#[cfg(test)]
mod tests;
