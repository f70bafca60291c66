//! STUN and TURN endpoints as configuration writes them, and the probe that asks whether they answer.
//!
//! Owns the reading of endpoint lists. Never mints credentials.

pub mod endpoints;

pub use endpoints::{Endpoint, EndpointError, Host, IceServer, Scheme, Transport, parse_servers};
