//! Charge: voice and text rooms in one binary. Floors, from the ground up; imports go down only:
//! `domain`, `metrics` | `auth`, `store`, `edge` | `live` | `http` | `app`.

pub mod auth;
pub mod domain;
pub mod http;
pub mod live;
pub mod metrics;
pub mod store;
