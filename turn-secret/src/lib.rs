//! Short-lived TURN credentials and the secrets they are made from.
//!
//! Owns the keyring and the safe change of a secret inside an env file. Never talks to a relay and never logs.

pub mod env_file;
pub mod keyring;

pub use env_file::EnvFileError;
pub use keyring::{Credential, Key, Keyring, KeyringError, Refusal, Verified};
