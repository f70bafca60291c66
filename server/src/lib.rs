//! Charge: voice and text rooms in one binary. Floors, from the ground up; imports go down only:
//! `domain`, `metrics` | `auth`, `store`, `edge` | `live` | `http` | `app`.

pub mod admin;
pub mod app;
pub mod auth;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod edge;
pub mod http;
pub mod live;
pub mod metrics;
pub mod secrets;
pub mod seed;
pub mod store;
pub mod telemetry;
pub mod terminal;
