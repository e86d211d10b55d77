//! Holds `docs/lies.md` against the sources: every test that the lie catalogue names exists, in Rust or in Solidity.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Fewer rows than this are no catalogue.
const ROWS_MIN: usize = 30;
/// Role, lie, what catches it, test, cost.
const COLUMNS: usize = 5;
/// Which of them names the tests.
const TESTS: usize = 3;
/// Attributes and comments between a test's attribute and its name.
const LINES_BETWEEN_MAX: usize = 8;

#[test]
fn every_lie_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tests = tests_of(&root);
    let catalogue = fs::read_to_string(root.join("docs/lies.md")).unwrap();
    let rows = rows_of(&catalogue);
    assert!(rows.len() >= ROWS_MIN, "docs/lies.md has {} rows, expected {ROWS_MIN} or more", rows.len());
    let wrong: Vec<String> = rows.iter().filter_map(|row| what_is_wrong(row, &tests)).collect();
    assert!(wrong.is_empty(), "docs/lies.md:\n{}", wrong.join("\n"));
    let lies: BTreeSet<&str> = rows.iter().map(|row| row.text).collect();
    assert_eq!(lies.len(), rows.len(), "docs/lies.md has a row twice");
}

#[test]
fn a_row_that_says_too_little_is_found() {
    let tests = BTreeSet::from(["it_holds".to_owned()]);
    let check = |line: &str, expected: Option<&str>| {
        let text = format!("| role | lie | what catches it | test | cost |\n|---|---|---|---|---|\n{line}\n");
        let found = what_is_wrong(&rows_of(&text)[0], &tests);
        assert_eq!(found.as_deref().map(|said| said.split(": ").nth(1).unwrap()), expected, "{line}");
    };
    check("| a | b | c | `it_holds` | d |", None);
    check("| a | b | c | `it_holds`, `it_held` | d |", Some("no test is named `it_held`"));
    check("| a | b | c | it_holds | d |", Some("it names no test in backticks"));
    check("| a | b | c | `it_holds` | |", Some("a column is empty"));
    check("| a | b | `it_holds` | d |", Some("it has 4 columns, expected 5"));
}

/// A line of the table.
struct Row<'a> {
    line: usize,
    text: &'a str,
    cells: Vec<&'a str>,
}

/// The rows of all tables of the text, without their heads.
fn rows_of(text: &str) -> Vec<Row<'_>> {
    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
    let rows = lines.map(|(index, text)| {
        let cells = text.trim().trim_matches('|').split('|').map(str::trim).collect();
        Row { line: index + 1, text, cells }
    });
    rows.skip_while(|row| !row.text.starts_with("|---")).skip(1).collect()
}

/// A line about the row, if it names no test, one that is nowhere, or has an empty column.
fn what_is_wrong(row: &Row<'_>, tests: &BTreeSet<String>) -> Option<String> {
    let said = |what: String| Some(format!("line {}: {what}: {}", row.line, row.text));
    if row.cells.len() != COLUMNS {
        return said(format!("it has {} columns, expected {COLUMNS}", row.cells.len()));
    }
    if row.cells.iter().any(|cell| cell.is_empty()) {
        return said("a column is empty".to_owned());
    }
    let named: Vec<&str> = row.cells[TESTS].split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return said("it names no test in backticks".to_owned());
    }
    let missing = named.iter().find(|name| !tests.contains(**name))?;
    said(format!("no test is named `{missing}`"))
}

/// The names of all tests of the workspace and of the contracts.
fn tests_of(root: &Path) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in files(&root.join("crates"), "rs") {
        tests.extend(rust_tests(&fs::read_to_string(path).unwrap()));
    }
    for path in files(&root.join("contracts/test"), "sol") {
        tests.extend(solidity_tests(&fs::read_to_string(path).unwrap()));
    }
    tests
}

/// Functions with an attribute `#[test]` or `#[tokio::test(…)]` above them.
fn rust_tests(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let marked = lines.iter().enumerate().filter(|(_, line)| is_test(line));
    marked
        .filter_map(|(index, _)| lines[index..].iter().take(LINES_BETWEEN_MAX).find_map(|line| name(line, "fn ")))
        .collect()
}

/// Functions that forge runs: by their names.
fn solidity_tests(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| name(line.trim(), "function "));
    names.filter(|name| name.starts_with("test") || name.starts_with("invariant_")).collect()
}

/// The name of the function that the line declares.
fn name(line: &str, keyword: &str) -> Option<String> {
    let before = line.split("//").next()?;
    let (_, declared) = before.split_once(keyword)?;
    let (name, _) = declared.split_once(['(', '<'])?;
    Some(name.trim().to_owned())
}

/// All files below the folder whose names end so, but for what was built.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_built = path.ends_with("target") || path.ends_with("node_modules");
        if path.is_dir() && !is_built && !path.is_symlink() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}
