//! The command line of `bench`.
//!
//! Owns names, defaults and bounds of the options. Never runs anything.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Most connections of one run: beyond it a single machine runs out of descriptors before the server is the subject.
const MAX_CONNECTIONS: i64 = 15_000;
/// Longest measured part of one run, in seconds: a benchmark is bounded.
const MAX_SECONDS: i64 = 600;

/// Load generator for Charge and the servers it is compared with.
#[derive(Parser, Debug)]
#[command(name = "bench", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `bench` can do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Measure text: deliveries, latency, CPU, memory, durable sends.
    Text(TextArgs),
    /// Turn the lines that `--json` wrote into the tables of RESULTS.md.
    Table(TableArgs),
}

/// Which server is measured.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ServerKind {
    /// Charge itself: sign-in, permissions, SQLite with a commit on disk before the answer.
    Charge,
    /// Plain broadcast over npm `ws`.
    Ws,
    /// Plain broadcast over Socket.IO.
    Socketio,
    /// NATS with its WebSocket listener.
    Nats,
}

impl ServerKind {
    /// The name on the command line and in records.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ServerKind::Charge => "charge",
            ServerKind::Ws => "ws",
            ServerKind::Socketio => "socketio",
            ServerKind::Nats => "nats",
        }
    }
}

/// What is measured.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// A fixed rate of messages, whatever the server does.
    Paced,
    /// As fast as answered and delivered, with `--window` messages in flight.
    Saturated,
    /// `--size` messages at once, the next burst when all subscribers have the last.
    Burst,
    /// Connections that do nothing: memory of each.
    Idle,
    /// Acknowledged sends with nobody listening: `--clients` with one message in flight each.
    Durable,
}

impl Mode {
    /// The name on the command line and in records.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Paced => "paced",
            Mode::Saturated => "saturated",
            Mode::Burst => "burst",
            Mode::Idle => "idle",
            Mode::Durable => "durable",
        }
    }
}

/// Options of `bench text`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TextArgs {
    /// The server to start and measure.
    #[arg(long, value_enum, default_value = "charge")]
    pub(crate) server: ServerKind,
    /// What to measure.
    #[arg(long, value_enum, default_value = "paced")]
    pub(crate) mode: Mode,
    /// Connections that receive (paced, saturated, burst).
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=MAX_CONNECTIONS))]
    pub(crate) subscribers: u32,
    /// Connections that send; they share rate, window and burst [default: 1, burst and saturated 4].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) publishers: Option<u32>,
    /// Messages a second of all publishers together (paced).
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// Messages in flight of all publishers together (saturated).
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) window: u32,
    /// Messages of one burst (burst).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) size: u32,
    /// Connections that do nothing (idle).
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=MAX_CONNECTIONS))]
    pub(crate) connections: u32,
    /// Sending connections, one message in flight each (durable).
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=MAX_CONNECTIONS))]
    pub(crate) clients: u32,
    /// Length of the measured part of one run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    pub(crate) seconds: u32,
    /// Runs, each with a fresh server; the report is the median of each figure.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=25))]
    pub(crate) runs: u32,
    /// Length of a message's text.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(64..=2000))]
    pub(crate) text_bytes: u32,
    /// Threads that receive.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: u32,
    /// One line of JSON on standard output instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The `charge` binary [default: beside this one].
    #[arg(long, value_name = "FILE")]
    pub(crate) charge_binary: Option<PathBuf>,
    /// Another setting for Charge, may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Where Charge's temporary data directory is made; must be a real disk [default: the system's].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_parent: Option<PathBuf>,
    /// The folder of the peer servers in Node.
    #[arg(long, value_name = "DIR", default_value = "bench/peers")]
    pub(crate) peers: PathBuf,
}

/// Options of `bench table`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TableArgs {
    /// A file of lines that `bench text --json` wrote.
    pub(crate) records: PathBuf,
    /// Replace the part between the `bench:begin` and `bench:end` marks of this file instead of printing.
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
}

impl TextArgs {
    /// Sending connections of this run.
    #[must_use]
    pub(crate) fn publisher_count(&self) -> u32 {
        match (self.mode, self.publishers) {
            (Mode::Durable, _) => self.clients,
            (Mode::Idle, _) => 0,
            (_, Some(publishers)) => publishers,
            (Mode::Paced, None) => 1,
            (Mode::Saturated | Mode::Burst, None) => 4,
        }
    }

    /// Receiving connections of this run.
    #[must_use]
    pub(crate) fn subscriber_count(&self) -> u32 {
        match self.mode {
            Mode::Durable => 0,
            Mode::Idle => self.connections,
            Mode::Paced | Mode::Saturated | Mode::Burst => self.subscribers,
        }
    }

    /// The measured part of one run.
    #[must_use]
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// The options that matter in this mode, as on the command line: what makes two servers comparable.
    #[must_use]
    pub(crate) fn work(&self) -> Vec<(&'static str, u32)> {
        let fan_out = [("subscribers", self.subscribers), ("publishers", self.publisher_count())];
        let mut options = match self.mode {
            Mode::Paced => [&fan_out[..], &[("rate", self.rate)]].concat(),
            Mode::Saturated => [&fan_out[..], &[("window", self.window)]].concat(),
            Mode::Burst => [&fan_out[..], &[("size", self.size)]].concat(),
            Mode::Idle => vec![("connections", self.connections)],
            Mode::Durable => vec![("clients", self.clients)],
        };
        if self.mode != Mode::Idle {
            options.extend([("seconds", self.seconds), ("text-bytes", self.text_bytes)]);
        }
        options
    }

    /// The command that repeats this measurement.
    #[must_use]
    pub(crate) fn command_line(&self) -> String {
        let mut line = format!("bench text --server {} --mode {}", self.server.as_str(), self.mode.as_str());
        for (name, value) in self.work() {
            line.push_str(&format!(" --{name} {value}"));
        }
        line.push_str(&format!(" --runs {} --threads {}", self.runs, self.threads));
        for (name, _) in &self.settings {
            // Only the name: a value may be a credential.
            line.push_str(&format!(" --env {name}=..."));
        }
        line
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(arguments: &[&str]) -> Result<TextArgs, clap::Error> {
        let all = ["bench", "text"].iter().chain(arguments);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Text(args) => args,
            Command::Table(_) => unreachable!("asked for text"),
        })
    }

    #[test]
    fn defaults_fit_the_mode() {
        let paced = text(&[]).unwrap();
        assert_eq!((paced.server, paced.mode), (ServerKind::Charge, Mode::Paced));
        assert_eq!((paced.publisher_count(), paced.subscriber_count()), (1, 1000));
        let burst = text(&["--mode", "burst"]).unwrap();
        assert_eq!(burst.publisher_count(), 4);
        assert_eq!(text(&["--mode", "burst", "--publishers", "1"]).unwrap().publisher_count(), 1);
        let durable = text(&["--mode", "durable", "--clients", "1024", "--publishers", "3"]).unwrap();
        assert_eq!((durable.publisher_count(), durable.subscriber_count()), (1024, 0));
        let idle = text(&["--mode", "idle"]).unwrap();
        assert_eq!((idle.publisher_count(), idle.subscriber_count()), (0, 10_000));
    }

    #[test]
    fn bounds_are_kept() {
        for bad in [
            ["--subscribers", "0"],
            ["--connections", "15001"],
            ["--seconds", "601"],
            ["--runs", "0"],
            ["--text-bytes", "63"],
            ["--server", "irc"],
            ["--env", "NOVALUE"],
            ["--env", "=x"],
        ] {
            assert!(text(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_command_line_repeats_the_work_and_hides_values() {
        let args = text(&[
            "--mode",
            "saturated",
            "--window",
            "32",
            "--server",
            "ws",
            "--env",
            "DATABASE_URL=postgres://u:p@h",
        ])
        .unwrap();
        let line = args.command_line();
        assert!(
            line.starts_with("bench text --server ws --mode saturated --subscribers 1000 --publishers 4 --window 32")
        );
        assert!(!line.contains("u:p"), "{line}");
    }

    #[test]
    fn settings_split_at_the_first_equals_sign() {
        assert_eq!(setting("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
    }
}
