//! Floor 4: logs.
//!
//! Owns the one subscriber, its format and the line a panic leaves. Never decides what is worth a line.

use std::{io, panic};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Crates whose details hold what passes through them: tokens, passwords, message texts. They stay at `info` whatever is
/// configured.
const CARRIERS: [&str; 9] =
    ["h2", "hyper", "hyper_util", "sqlx", "sqlx_core", "sqlx_sqlite", "tokio_tungstenite", "tungstenite", "tower"];

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Which lines are written: a level, or directives such as `info,charge::live=debug`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLevel(String);

impl std::str::FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A single unknown word would be taken for a module's name and silence everything.
        let word = !text.contains(['=', ',', '[']);
        if word && text.parse::<tracing::level_filters::LevelFilter>().is_err() {
            return Err("not one of off, error, warn, info, debug, trace".to_owned());
        }
        EnvFilter::try_new(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

impl LogLevel {
    fn filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.0).unwrap_or_else(|_| EnvFilter::new("info"))
    }
}

/// What an operator may set about logs.
#[derive(Clone, Debug, clap::Args)]
pub struct LogArgs {
    /// Which log lines are written: off, error, warn, info, debug or trace, or by module: info,charge::live=debug
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
    /// How: text for people, json for machines; to stderr
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", default_value = "text", ignore_case = true)]
    pub log_format: LogFormat,
}

/// Installs the subscriber and the panic hook for the process. A second call changes nothing.
pub fn init(args: &LogArgs) {
    let installed = match args.log_format {
        LogFormat::Text => {
            let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
            let builder = tracing_subscriber::fmt().with_env_filter(args.log_level.filter());
            builder.with_writer(io::stderr).with_ansi(is_terminal).finish().with(filter_fn(may_be_told)).try_init()
        }
        LogFormat::Json => json(&args.log_level, io::stderr).try_init(),
    };
    if installed.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// One JSON object a line.
fn json(level: &LogLevel, to: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    let builder = tracing_subscriber::fmt().with_env_filter(level.filter()).with_writer(to);
    builder.json().flatten_event(true).finish().with(filter_fn(may_be_told))
}

/// One line instead of the default report, so that a panic is found where all else is.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        panic.message = message,
        panic.location = location,
        thread.name = thread.name().unwrap_or("unnamed"),
        "a task panicked"
    );
}

/// Whether a line may be written at all.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    let source = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !CARRIERS.contains(&source)
}

#[cfg(test)]
mod tests {
    //! What counts as a level; the lines themselves are seen in `tests/cli.rs`.

    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn levels_and_directives() {
        for good in ["info", "WARN", "off", "info,charge::live=debug", "charge=trace"] {
            assert!(good.parse::<LogLevel>().is_ok(), "{good}");
        }
        for bad in ["loud", "infoo", "charge=loud", "a,=b="] {
            assert!(bad.parse::<LogLevel>().is_err(), "{bad}");
        }
    }
    /// Collects what is written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_libraries_carry_is_never_told() {
        for level in ["trace", "trace,tungstenite=trace,tungstenite::protocol=trace,hyper::proto=trace,sqlx=debug"] {
            let lines = Lines::default();
            let to = lines.clone();
            tracing::subscriber::with_default(json(&level.parse().unwrap(), move || to.clone()), || {
                tracing::trace!(target: "tungstenite::protocol::frame", "secret of a frame");
                tracing::debug!(target: "tokio_tungstenite", "secret of a stream");
                tracing::debug!(target: "hyper::proto::h1", "secret of a header");
                tracing::debug!(target: "sqlx::query", "secret of a statement");
                tracing::warn!(target: "sqlx::query", "a slow statement");
                tracing::trace!(target: "charge::live", "our own");
            });
            let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(said.contains("a slow statement") && said.contains("our own"), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
