//! From the command line to an exit status.
//!
//! Owns the dispatch of commands and what is said about a bad one. Exit status: 0 done or asked to stop, 1 failure at
//! run time, 2 configuration.

use std::{env, ffi::OsString, future::Future, path::Path, process::ExitCode};

use super::AppError;
use crate::{
    admin,
    config::{self, Command, Config, ConfigError, MigrateCommand, Stop, Variables},
    doctor, seed,
    store::migrations,
    telemetry,
    terminal::{complain, pour, say, table},
};

/// Exit status for a configuration that cannot work.
const BAD_CONFIGURATION: u8 = 2;

/// Runs the process: reads the command line, the environment and the env files of the working directory, and does it.
#[must_use]
pub fn command_line() -> ExitCode {
    let line: Vec<OsString> = env::args_os().collect();
    let variables = match Variables::read(env::vars_os(), Path::new("")) {
        Ok(variables) => variables,
        Err(error) => return refuse(&line, &error),
    };
    let (config, command) = match config::parse(line.iter().cloned(), &variables) {
        Ok(parsed) => parsed,
        Err(Stop::Answered(text)) => {
            pour(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(Stop::Config(error)) => return refuse(&line, &error),
        Err(Stop::Usage(text)) => {
            complain_as_is(&text);
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut config::command(), "charge", &mut script);
            pour(&script);
            return ExitCode::SUCCESS;
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(config::command()).render(&mut page);
            pour(&page);
            return if rendered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => {}
    }
    telemetry::init(&config.settings.log);
    if matches!(command, Command::Serve | Command::Doctor) {
        for name in &config.unused {
            complain(&format!("{name} is set, and this version does not use it yet"));
        }
    }
    let done = run(async {
        match command {
            Command::Serve => super::serve(&config).await.map(|()| true),
            Command::Migrate(what) => migrate(&config, what).await.map(|()| true),
            Command::Doctor => Ok(doctor::examine(&config, &variables).await),
            Command::Seed => seed::seed(&config).await.map(|()| true),
            Command::Admin(what) => admin::run(&config, what).await.map(|()| true),
            Command::Completions { .. } | Command::Man => Ok(true),
        }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(error.exit_status())
        }
    }
}

fn run<T>(work: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // Whatever still runs (a password hash, a second signal's leftovers) must not hold the process back.
    runtime.shutdown_background();
    done
}

/// One line and exit status 2; for the doctor a row of its table, since finding this is its job.
fn refuse(line: &[OsString], error: &ConfigError) -> ExitCode {
    if line.iter().any(|word| word == "doctor") {
        say(&doctor::bad_configuration(error));
        return ExitCode::FAILURE;
    }
    complain(&error.to_string());
    ExitCode::from(BAD_CONFIGURATION)
}

fn complain_as_is(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

async fn migrate(config: &Config, what: MigrateCommand) -> Result<(), AppError> {
    let url = super::store_options(&config.settings).url;
    match what {
        MigrateCommand::Run => {
            let _alone = crate::secrets::DataDir::open(&config.settings.server.data_dir)?;
            let applied = migrations::run(&url).await?;
            for migration in &applied {
                say(&format!("applied {} {}", migration.version, migration.description));
            }
            if applied.is_empty() {
                say("nothing is pending");
            }
        }
        MigrateCommand::Info => {
            let mut rows = vec![["version", "state", "description"].map(str::to_owned).to_vec()];
            for migration in migrations::info(&url).await? {
                rows.push(vec![migration.version.to_string(), migration.state.as_str().into(), migration.description]);
            }
            say(&table(&rows));
        }
        MigrateCommand::Validate => {
            migrations::validate(&url).await?;
            say("the schema is as this binary expects it");
        }
    }
    Ok(())
}
