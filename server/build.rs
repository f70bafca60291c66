//! Build script: the migrations are embedded by a macro, which does not see a new file on its own.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
