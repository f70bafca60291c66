//! What `charge` can be told to do.
//!
//! Owns the grammar of sub-commands. Never does any of it.

use clap::Subcommand;
use clap_complete::Shell;

/// The sub-commands; none given means [`Command::Serve`].
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Command {
    /// Serve (the default)
    Serve,
    /// The database's schema
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Check the configuration, the data directory, the port and the database, and say what to mend
    Doctor,
    /// Fill the database with a demo room, its people and their messages (never in production)
    Seed,
    /// Accounts and the setup link
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// `charge migrate ...`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Subcommand)]
pub enum MigrateCommand {
    /// Apply what is pending
    Run,
    /// List the migrations and which are applied
    Info,
    /// Check that what was applied is what this binary carries; exit status 1 when not
    Validate,
}

/// `charge admin ...`
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum AdminCommand {
    /// List all accounts
    Users,
    /// Give an account a new password and end its sign-ins; prints a random one unless --stdin
    ResetPassword {
        /// Whose
        username: String,
        /// Read the new password from the first line of stdin
        #[arg(long)]
        stdin: bool,
    },
    /// Print a fresh one-time link that makes whoever opens it the server's admin; earlier links are void
    SetupLink,
}
