//! `bench`: measures Charge, and beside it the servers it is compared with.
//!
//! Owns the entry: arguments, signals, exit status (0 measured, 1 failed or does not count, 2 bad arguments, 130 stopped).

mod cli;
mod connection;
mod dialect;
mod error;
mod figures;
mod frame;
mod procfs;
mod progress;
mod publisher;
mod report;
mod run;
mod server;
mod stamp;
mod subscriber;

use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use cli::{Cli, Command, TableArgs, TextArgs};
use error::BenchError;
use report::Record;
use tokio::signal::unix::{SignalKind, signal};

/// Exit status after Ctrl-C or SIGTERM, as shells expect it.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    procfs::raise_descriptors();
    match start(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> Result<ExitCode, BenchError> {
    match command {
        Command::Table(args) => table(&args).map(|()| ExitCode::SUCCESS),
        Command::Text(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(until_stopped(text(&args)))
        }
    }
}

/// Runs `work`; a signal drops it, and with it every server it has started.
async fn until_stopped(work: impl Future<Output = Result<(), BenchError>>) -> Result<ExitCode, BenchError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(STOPPED)),
        _ = terminate.recv() => Ok(ExitCode::from(STOPPED)),
    }
}

async fn text(args: &TextArgs) -> Result<(), BenchError> {
    let load_before = procfs::load();
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        runs.push(run::once(args).await?);
    }
    let record = Record::new(args, load_before, runs);
    let mut out = io::stdout().lock();
    if args.json {
        let line = serde_json::to_string(&record).map_err(|error| BenchError::defect(&error))?;
        writeln!(out, "{line}")?;
    } else {
        write!(out, "{}", record.for_people())?;
    }
    Ok(())
}

fn table(args: &TableArgs) -> Result<(), BenchError> {
    let tables = report::tables(&report::read_records(&fs::read_to_string(&args.records)?)?);
    let Some(page) = &args.into else {
        write!(io::stdout().lock(), "{tables}")?;
        return Ok(());
    };
    let replaced = report::replaced(&fs::read_to_string(page)?, &tables);
    let replaced = replaced.ok_or_else(|| BenchError::Setup(format!("{} has no bench marks", page.display())))?;
    fs::write(page, replaced)?;
    Ok(())
}
