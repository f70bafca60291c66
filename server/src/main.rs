//! The `charge` binary: everything is in the library.

fn main() {}
