//! The `charge` binary: the library's command line, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    charge::app::command_line()
}
