//! The house rules, as tests: floors, names, where SQL and axum may stand, what must be documented.
//!
//! Every rule is a function from files to findings, and is shown a bad file once to prove that it can fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// Lines past which a file is named in the output, and past which it is a finding.
const LONG_FILE: usize = 600;
const TOO_LONG_FILE: usize = 900;

/// Folders and files that are not ours, not source, or private to whoever runs this.
const SKIPPED: [&str; 8] =
    ["target", "node_modules", "vendor", ".git", "data", "results", "playwright-report", ".env.local"];

/// A file: its path from the root of the workspace, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The module of `server/src` it belongs to, e.g. `live` for `server/src/live/room.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("server/src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources() -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    assert!(found.len() > 50, "the sources were found: {}", found.len());
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// Rust code without comments; string literals stay. Line ends stay too.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skip = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => {
                let end = string_end(rest);
                code.push_str(&rest[..end]);
                end
            }
            'r' if rest.starts_with("r\"")
                || rest.starts_with("r#") && rest.trim_start_matches(['r', '#']).starts_with('"') =>
            {
                let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
                let close = format!("\"{}", "#".repeat(hashes));
                let start = 1 + hashes + 1;
                let end = rest[start..].find(&close).map_or(rest.len(), |at| start + at + close.len());
                code.push_str(&rest[..end]);
                end
            }
            // A quote inside a character literal opens no string.
            '\'' if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") => {
                let end = rest[1..].find("'").map_or(rest.len(), |at| at + 2);
                let end = if rest.starts_with("'\\") { 4 } else { end };
                code.push_str(&rest[..end]);
                end
            }
            other => {
                code.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[skip..];
    }
    code
}

/// Bytes of the string literal at the start of `text`, quotes included.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

// --- floors ------------------------------------------------------------------------------------------------------------

fn floor(module: &str) -> Option<u8> {
    Some(match module {
        "domain" | "metrics" => 0,
        "store" | "auth" | "edge" | "media" | "turn" => 1,
        "live" => 2,
        "http" => 3,
        "app" | "config" | "telemetry" | "secrets" | "doctor" | "seed" | "admin" | "terminal" => 4,
        _ => return None,
    })
}

/// The modules that `crate::x` and `crate::{x, y::z}` name, anywhere in the code.
fn imports(text: &str) -> BTreeSet<String> {
    let code = without_comments(text);
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.extend(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    names.extend(first_word(&group[start..at]));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.extend(first_word(&group[start..at]));
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

fn floors(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let Some(module) = source.module().filter(|module| !matches!(*module, "lib" | "main")) else { continue };
        let Some(own) = floor(module) else {
            findings.push(format!("{}: module `{module}` stands on no floor", source.path));
            continue;
        };
        for import in imports(&source.text) {
            let below = match floor(&import) {
                Some(other) => other < own || import == module || (other == own && matches!(own, 0 | 4)),
                None => false,
            };
            if !below {
                findings.push(format!("{}: `{module}` (floor {own}) imports crate::{import}", source.path));
            }
        }
    }
    findings
}

#[test]
fn imports_go_down_only() {
    assert_none(&floors(&sources()));
}

#[test]
fn an_import_upwards_or_sideways_is_found() {
    let bad = |path: &str, text: &str| floors(&[Source::new(path, text)]).len();
    assert_eq!(bad("server/src/store/x.rs", "use crate::http::Router;"), 1);
    assert_eq!(bad("server/src/store.rs", "use crate::{domain::{A, B}, auth::Tokens, live};"), 2);
    assert_eq!(bad("server/src/domain/x.rs", "fn f() { let s = \"//\"; crate::store::open() }"), 1);
    assert_eq!(bad("server/src/live/x.rs", "use crate::app;"), 1);
    assert_eq!(bad("server/src/attic/x.rs", ""), 1);
    assert_eq!(bad("server/src/live/x.rs", "use crate::{store::Store, live::Room, domain}; // crate::app"), 0);
    assert_eq!(bad("server/src/live/x.rs", "/* crate::app */ let x = r#\"crate::\"#; mycrate::app();"), 0);
}

// --- where things may stand --------------------------------------------------------------------------------------------

/// What it is, its pattern, and which modules of `server/src` may hold it.
type PlaceRule<'a> = (&'a str, &'a str, fn(&str) -> bool);

fn places(sources: &[Source]) -> Vec<String> {
    let sql =
        r#""[^"]*\b(SELECT|INSERT INTO|INSERT OR|UPDATE [a-z_]+ SET|DELETE FROM|CREATE TABLE|CREATE INDEX|PRAGMA) "#;
    let rules: [PlaceRule; 6] = [
        ("SQL", sql, |module| module == "store"),
        ("sqlx", r"\bsqlx::", |module| module == "store"),
        ("axum", r"\baxum::", |module| matches!(module, "http" | "app")),
        ("tokio", r"\btokio::", |module| !matches!(module, "domain" | "metrics")),
        ("a clock", r"\b(SystemTime|Instant|Timestamp)::now\b", |module| module != "domain"),
        ("println!", r"\be?print(ln)?!", |_| false),
    ];
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let Some(module) = source.module() else { continue };
        let code = without_comments(&source.text);
        // Tests of a module stand at its end and may do more.
        let code = code.split("#[cfg(test)]").next().unwrap();
        for (what, pattern, allowed) in &rules {
            if !allowed(module) && Regex::new(pattern).unwrap().is_match(code) {
                findings.push(format!("{}: {what} does not belong in `{module}`", source.path));
            }
        }
    }
    findings
}

#[test]
fn sql_axum_tokio_and_clocks_stay_in_their_place() {
    assert_none(&places(&sources()));
}

#[test]
fn what_stands_in_the_wrong_place_is_found() {
    let bad = |path: &str, text: &str| places(&[Source::new(path, text)]).len();
    assert_eq!(bad("server/src/http/x.rs", r#"let q = "SELECT 1 FROM x";"#), 1);
    assert_eq!(bad("server/src/live/x.rs", "use axum::Router; use sqlx::Row;"), 2);
    assert_eq!(bad("server/src/domain/x.rs", "tokio::spawn(f(Instant::now()))"), 2);
    assert_eq!(bad("server/src/app.rs", "println!()"), 1);
    assert_eq!(bad("server/src/store/x.rs", r#"sqlx::query("DELETE FROM x WHERE y")"#), 0);
    assert_eq!(
        bad("server/src/live/x.rs", "// axum::Router\nfn f() {}\n#[cfg(test)]\nmod tests { use axum::Router; }"),
        0
    );
}

// --- names and words ---------------------------------------------------------------------------------------------------

fn banned_names(sources: &[Source]) -> Vec<String> {
    let banned = ["util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"];
    let module = Regex::new(r"(?m)^\s*(pub(\([a-z]+\))? )?mod ([a-z_]+)").unwrap();
    let mut findings = Vec::new();
    for source in sources {
        let parts = source.path.split(['/', '.']);
        let mut names: Vec<&str> = parts.collect();
        if source.is_rust() {
            names.extend(module.captures_iter(&source.text).map(|found| found.get(3).unwrap().as_str()));
        }
        if let Some(name) = names.into_iter().find(|name| banned.contains(name)) {
            findings.push(format!("{}: `{name}` says nothing about what is in it", source.path));
        }
    }
    findings
}

/// Words about how or where the project was written, hosts of registries, paths of one machine. In pieces, so that this
/// file does not hold them.
fn banned_words(sources: &[Source]) -> Vec<String> {
    let pieces: [&[&str]; 15] = [
        &["clau", "de"],
        &["anthro", "pic"],
        &["open", "ai"],
        &["chat", "gpt"],
        &["co", "pilot"],
        &["language ", "model"],
        &["ai ", "agent"],
        &["sub", "agent"],
        &["coding ", "agent"],
        &["work", "tree"],
        &["/wo", "rk/"],
        &["/ro", "ot/"],
        &["registry.", "npmjs"],
        &["index.", "crates"],
        &["static.", "crates"],
    ];
    let words: Vec<String> = pieces.iter().map(|pieces| pieces.concat()).collect();
    let mut findings = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            let lower = line.to_lowercase();
            if let Some(word) = words.iter().find(|word| lower.contains(word.as_str())) {
                findings.push(format!("{}:{}: {word:?}", source.path, at + 1));
            }
        }
    }
    findings
}

#[test]
fn names_say_what_is_inside_and_words_fit_the_product() {
    assert_none(&banned_names(&sources()));
    assert_none(&banned_words(&sources()));
}

#[test]
fn bad_names_and_words_are_found() {
    assert_eq!(banned_names(&[Source::new("server/src/live/helpers.rs", "")]).len(), 1);
    assert_eq!(banned_names(&[Source::new("static/utils/x.js", "")]).len(), 1);
    assert_eq!(banned_names(&[Source::new("bench/src/lib.rs", "pub mod common;")]).len(), 1);
    assert_eq!(banned_words(&[Source::new("README.md", &["see /wo", "rk/main"].concat())]).len(), 1);
    assert_eq!(banned_words(&[Source::new("a.js", &["// by Clau", "de"].concat())]).len(), 1);
    assert_eq!(banned_words(&[Source::new("a.js", "network/x user_agent framework")]).len(), 0);
}

// --- form of files -----------------------------------------------------------------------------------------------------

fn headless_or_long(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        if source.is_rust() && !source.text.starts_with("//!") {
            findings.push(format!("{}: does not open with //! (what it owns, what it never does)", source.path));
        }
        let lines = source.text.lines().count();
        let code = [".rs", ".js", ".mjs", ".css"].iter().any(|end| source.path.ends_with(end));
        if code && lines > TOO_LONG_FILE {
            findings.push(format!("{}: {lines} lines", source.path));
        } else if code && lines > LONG_FILE {
            eprintln!("long: {} has {lines} lines", source.path);
        }
    }
    findings
}

#[test]
fn files_say_what_they_own_and_stay_readable() {
    assert_none(&headless_or_long(&sources()));
}

#[test]
fn a_file_without_a_head_and_an_endless_one_are_found() {
    assert_eq!(headless_or_long(&[Source::new("a.rs", "fn main() {}")]).len(), 1);
    assert_eq!(headless_or_long(&[Source::new("a.js", &"x\n".repeat(TOO_LONG_FILE + 1))]).len(), 1);
    assert_eq!(headless_or_long(&[Source::new("a.rs", "//! A\n")]).len(), 0);
}

/// What the strict Content-Security-Policy would block, or what would let a message become markup.
fn unsafe_markup(sources: &[Source]) -> Vec<String> {
    let in_script = r#"(?i)\.(innerHTML|outerHTML)\b|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|new Function\(|\bstyle=["'`]|https?://cdn\."#;
    let in_page = r#"(?is)<script(?:\s[^>]*)?>\s*[^<\s]|\sstyle=|\son[a-z]+\s*=|javascript:"#;
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("static/")) {
        let pattern = match source.path.rsplit('.').next() {
            Some("js" | "mjs") => in_script,
            Some("html" | "svg") => in_page,
            _ => continue,
        };
        if let Some(found) = Regex::new(pattern).unwrap().find(&source.text) {
            let line = source.text[..found.start()].lines().count();
            findings.push(format!("{}:{line}: {:?}", source.path, found.as_str()));
        }
    }
    findings
}

#[test]
fn the_client_makes_no_markup_from_text() {
    assert_none(&unsafe_markup(&sources()));
}

#[test]
fn unsafe_markup_is_found() {
    let bad = |path: &str, text: &str| unsafe_markup(&[Source::new(path, text)]).len();
    assert_eq!(bad("static/a.js", "node.innerHTML = text"), 1);
    assert_eq!(bad("static/a.js", "html`<p style=\"x\">`"), 1);
    assert_eq!(bad("static/a.html", "<script>alert(1)</script>"), 1);
    assert_eq!(bad("static/a.html", "<body onload='x'>"), 1);
    assert_eq!(bad("static/a.html", "<script type=\"module\" src=\"/app.js\"></script>"), 0);
    assert_eq!(bad("static/a.js", "html`<p style=${{ color }}>`"), 0);
}

// --- documentation -----------------------------------------------------------------------------------------------------

/// The names in backticks in the first column of the tables of a page.
fn documented(page: &str, form: &str) -> BTreeSet<String> {
    let name = Regex::new(&format!("`({form})`")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| name.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>()).collect()
}

fn differences(page: &str, documented: &BTreeSet<String>, real: &BTreeSet<String>) -> Vec<String> {
    let missing = real.difference(documented).map(|name| format!("{page} does not document {name}"));
    let stale = documented.difference(real).map(|name| format!("{page} documents {name}, which does not exist"));
    missing.chain(stale).collect()
}

#[test]
fn every_variable_is_documented_and_nothing_else() {
    let page = fs::read_to_string(root().join("docs/operations/configuration.md")).unwrap();
    let real = charge::config::names().into_iter().collect();
    assert_none(&differences("configuration.md", &documented(&page, "[A-Z][A-Z0-9_]+"), &real));
}

#[test]
fn every_metric_is_documented_and_nothing_else() {
    let page = fs::read_to_string(root().join("docs/operations/metrics.md")).unwrap();
    let code = fs::read_to_string(root().join("server/src/metrics.rs")).unwrap();
    let name = Regex::new(r#""(charge_[a-z0-9_]+)""#).unwrap();
    let real: BTreeSet<String> = name.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    assert!(real.len() > 5);
    assert_none(&differences("metrics.md", &documented(&page, "charge_[a-z0-9_]+"), &real));
}

#[test]
fn a_gap_in_the_documentation_is_found() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(documented("| `A`, `B_1` | `C` |\n`D`", "[A-Z][A-Z0-9_]*"), set(&["A", "B_1"]));
    assert_eq!(differences("page", &set(&["A", "B"]), &set(&["B", "C"])).len(), 2);
}
