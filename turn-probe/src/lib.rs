//! STUN and TURN endpoints as configuration writes them, and the probe that asks whether they answer.
//!
//! Owns the reading of endpoint lists and a STUN Binding request to one of them. Never mints credentials and, in this
//! version, never allocates a relay.

#[cfg(feature = "probe")]
pub mod binding;
pub mod endpoints;

pub use endpoints::{Endpoint, EndpointError, Host, IceServer, Scheme, Transport, parse_servers};
