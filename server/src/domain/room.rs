//! The rules of a room as pure code: `(state, command, now) -> effects`.
//!
//! Owns who may do what and who hears of it. Never awaits, stores, sends or reads a clock.
