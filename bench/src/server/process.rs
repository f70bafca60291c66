//! A child process that does not outlive its owner.
//!
//! Owns the child. It is killed outright: its data is thrown away, so there is nothing to end properly.

use std::process::{Child, Command};

use crate::error::BenchError;

/// A running child; dropping it kills it and waits for its end.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// The program is not there or cannot be run.
    pub(crate) fn start(mut command: Command) -> Result<Self, BenchError> {
        let child = command.spawn();
        let name = command.get_program().to_string_lossy();
        child.map(Self).map_err(|error| BenchError::Setup(format!("{name}: {error}")))
    }

    /// The process id.
    #[must_use]
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// # Errors
    /// It has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<(), BenchError> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(BenchError::Setup(format!("the server ended: {status}"))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn dropping_ends_the_child() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut process = Process::start(command).unwrap();
        let proc = format!("/proc/{}", process.id());
        process.check_alive().unwrap();
        assert!(Path::new(&proc).exists());
        drop(process);
        assert!(!Path::new(&proc).exists());
    }

    #[test]
    fn a_panic_ends_the_child_too() {
        let id = std::panic::catch_unwind(|| {
            let mut command = Command::new("sleep");
            command.arg("600");
            let process = Process::start(command).unwrap();
            std::panic::panic_any(process.id());
        })
        .unwrap_err();
        let id = id.downcast_ref::<u32>().unwrap();
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Process::start(Command::new("no-such-program-here")).err().unwrap();
        assert!(error.to_string().starts_with("no-such-program-here: "));
    }
}
