//! Signals: SIGTERM and SIGINT ask to stop, SIGHUP to read the TURN keyring again.
//!
//! Owns their meaning. Never stops anything itself.

use std::{io, path::Path};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Running;
use crate::config::{Config, KeyringOrigin, reread_keyring};

/// The signals this process listens to from its first moment on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns at the next SIGTERM or SIGINT; calls `reload` at every SIGHUP before.
    pub(super) async fn until_asked_to_stop(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => reload(),
            }
        }
    }
}

/// SIGHUP: the keyring as `.env.local` has it now. One line says what came of it; the old one stays when it is refused.
pub(super) fn reload_keyring(config: &Config, running: &Running) {
    let file: &Path = match &config.keyring_origin {
        KeyringOrigin::Fixed => {
            tracing::warn!("SIGHUP: TURN_SECRET came from the environment or a flag and stays as it is");
            return;
        }
        KeyringOrigin::LocalFile(file) | KeyringOrigin::Other(Some(file)) => file,
        KeyringOrigin::Other(None) => {
            tracing::warn!("SIGHUP: there was no .env.local at the start, nothing to read again");
            return;
        }
    };
    match reread_keyring(file, config.settings.server.environment) {
        Ok(keyring) => {
            let keys = keyring.keys().count();
            running.set_keyring(keyring);
            tracing::info!(turn.keys = keys, "SIGHUP: TURN keyring read again");
        }
        Err(error) => tracing::warn!(%error, "SIGHUP: TURN keyring stays as it is"),
    }
}
