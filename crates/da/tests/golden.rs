//! This build against the original's golden files, where this checkout has them beside it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use vouch_da::vectors::SECTIONS;

#[test]
fn the_originals_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vectors");
    let Ok(text) = std::fs::read_to_string(folder.join("hashes.json")) else {
        return eprintln!("not checked: {} is absent", folder.display());
    };
    let [(name, check)] = SECTIONS else { panic!("one section") };
    let report = check(&text, &folder).unwrap();
    assert_eq!((report.section.as_str(), *name), ("hashes.json", "hashes.json"));
    assert!(report.cases >= 25 && report.skipped.is_empty(), "{report:?}");
    // Any digit of any value counts, but for the sentence that says what the file is.
    let digits: Vec<usize> =
        text.match_indices("\": \"").map(|(at, _)| at + 8).filter(|at| is_checked(&text, *at)).collect();
    assert!(digits.len() > 100, "{}", digits.len());
    for at in digits {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(check(&changed, Path::new("/nowhere")).is_err(), "{}", &text[at - 40..at + 10]);
    }
}

fn is_checked(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
    !text[line..at].contains("\"about\"") && text.as_bytes()[at].is_ascii_hexdigit()
}
