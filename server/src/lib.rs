//! Charge: voice and text rooms in one binary. Floors, from the ground up; imports go down only:
//! `domain`, `metrics` | `auth`, `store`, `edge` | `live` | `http` | `app`.

pub mod auth;
pub mod config;
pub mod domain;
pub mod edge;
pub mod http;
pub mod live;
pub mod metrics;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod terminal;
