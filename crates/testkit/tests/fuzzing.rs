//! Holds `docs/fuzzing.md` against the sources: every file that decodes is in it, and every target that it names exists.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a source file calls that reads bytes of somebody else's making.
const MARKS: [&str; 13] = [
    "serde_json::from_",
    "postcard::from_bytes",
    "toml::from_str",
    "decode_log",
    "abi_decode",
    "Parser::new",
    "Archive::new",
    "GzDecoder",
    "ruzstd::",
    "prost::Message",
    "verify_proof(",
    "Rlp::decode",
    "fn decode(",
];
/// Crates whose sources are a user's or a node's; testkit's read what it started itself.
const CRATES: [&str; 9] = ["api", "chain", "cli", "coding", "compute", "core", "node", "oci", "sdk"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_file_that_decodes_is_in_the_table() {
    let document = fs::read_to_string(root().join("docs/fuzzing.md")).unwrap();
    let named: BTreeSet<&str> = document.split('`').skip(1).step_by(2).collect();
    let mut missing = Vec::new();
    for name in CRATES {
        let folder = root().join("crates");
        for path in sources(&folder.join(name).join("src")) {
            let decodes = MARKS.iter().any(|mark| production(&fs::read_to_string(&path).unwrap()).contains(mark));
            let short = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            if decodes && !is_named(&short, &named) {
                missing.push(short);
            }
        }
    }
    assert!(missing.is_empty(), "in no table of docs/fuzzing.md:\n{}", missing.join("\n"));
}

/// A file, or the module that it is a part of.
fn is_named(path: &str, named: &BTreeSet<&str>) -> bool {
    let parts = Path::new(path).ancestors().map(|part| part.with_extension("rs"));
    parts.filter_map(|part| part.to_str().map(str::to_owned)).any(|part| named.contains(part.as_str()))
}

#[test]
fn every_target_and_file_in_the_table_exists() {
    let document = fs::read_to_string(root().join("docs/fuzzing.md")).unwrap();
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 20, "docs/fuzzing.md has {} rows", rows.len());
    let all: String = sources(&root().join("crates")).into_iter().map(read).collect();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        for file in quoted(cells[1]) {
            assert!(root().join("crates").join(file).is_file(), "{file} of docs/fuzzing.md does not exist");
        }
        for test in quoted(cells[2]).filter(|name| name.contains('_')) {
            assert!(all.contains(&format!("fn {test}(")), "{test} of docs/fuzzing.md does not exist");
        }
    }
}

#[test]
fn a_target_of_another_name_than_its_corpus_is_found() {
    for name in CRATES {
        for path in sources(&root().join("crates").join(name).join("tests")) {
            let text = read(path.clone());
            for part in text.split("fuzz!(\"").skip(1) {
                let target = part.split('"').next().unwrap();
                assert!(text.contains(&format!("fn {target}(")), "{}: {target} is no test", path.display());
            }
        }
    }
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// What comes before a file's tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

/// All Rust files below a folder but for tests of a module.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    let is_source = |path: &PathBuf| path.extension().is_some_and(|found| found == "rs");
    found.filter(|path| is_source(path) && !path.ends_with("tests.rs")).collect()
}
