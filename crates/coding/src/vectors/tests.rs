use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// The original's golden files, where this checkout has them beside it.
fn originals() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vectors");
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("not checked: {} is absent", folder.display());
    None
}

fn section_of(name: &str) -> Check {
    SECTIONS.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn the_originals_pass() {
    let Some(folder) = originals() else { return };
    let reports = check_dir(&folder, &[]).unwrap();
    for name in ["codec.json", "points.json", "commitments.json", "assignments.json"] {
        let report = reports.iter().find(|report| report.section == name).unwrap();
        assert!(report.cases >= 10, "{report:?}");
    }
    let frames = reports.iter().find(|report| report.section == "frames.json").unwrap();
    assert!(frames.cases >= 8 && frames.skipped.is_empty(), "{frames:?}");
    let unknown = reports.iter().find(|report| report.section == "hashes.json").unwrap();
    assert_eq!((unknown.cases, unknown.skipped.len()), (0, 1), "another crate's");
}

/// Changes the middle digit of every checked value, one at a time; each change alone must be noticed.
fn check_every_change(name: &str, trim: fn(&mut Value)) {
    let Some(folder) = originals() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let mut file: Value = serde_json::from_str(&read(&folder.join(name)).unwrap()).unwrap();
    trim(&mut file);
    let section = section_of(name);
    section(&file.to_string(), elsewhere.path()).unwrap();
    for pointer in values(&file, String::new()) {
        let mut changed = file.clone();
        change(changed.pointer_mut(&pointer).unwrap());
        assert!(section(&changed.to_string(), elsewhere.path()).is_err(), "{name}{pointer}");
    }
}

/// The pointers of all values but those that only explain.
fn values(value: &Value, at: String) -> Vec<String> {
    let free = ["about", "name", "original_error", "encoded_payload_hex", "ceremony_commitment"];
    match value {
        Value::Object(fields) => {
            let checked = fields.iter().filter(|(key, _)| !free.contains(&key.as_str()));
            checked.flat_map(|(key, value)| values(value, format!("{at}/{key}"))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(i, item)| values(item, format!("{at}/{i}"))).collect()
        }
        _ => vec![at],
    }
}

fn change(value: &mut Value) {
    *value = match value {
        Value::Bool(flag) => Value::Bool(!*flag),
        Value::Number(number) => Value::from(number.as_u64().unwrap() + 1),
        Value::String(text) => {
            let middle = text.len() / 2;
            let digit = if text[middle..].starts_with('1') { "2" } else { "1" };
            Value::from(format!("{}{digit}{}", &text[..middle], &text[middle + 1..]))
        }
        other => panic!("{other}"),
    };
}

fn keep(file: &mut Value, list: &str, count: usize) {
    file[list].as_array_mut().unwrap().truncate(count);
}

#[test]
fn every_changed_codec_value_is_noticed() {
    check_every_change("codec.json", |file| {
        keep(file, "payloads", 12);
        // The label of an empty payload decides nothing.
        file["payloads"].as_array_mut().unwrap().retain(|case| case["payload_length"] != 0);
    });
}

#[test]
fn every_changed_point_is_noticed() {
    check_every_change("points.json", |file| {
        ["g1", "g2", "bls"].into_iter().for_each(|list| keep(file, list, 5));
        let decoding = file["decoding"].as_array_mut().unwrap();
        // Elsewhere one digit need not decide whether bytes decode.
        decoding.retain(|case| case["group"] == "g1" && case["decodes"] == true);
    });
}

#[test]
fn every_changed_commitment_is_noticed() {
    check_every_change("commitments.json", |file| keep(file, "blobs", 3));
}

/// The first bundle, frame and hash of the smallest blob; all of them would take minutes.
#[test]
fn a_changed_frame_is_noticed() {
    let Some(folder) = originals() else { return };
    let mut file: Value = serde_json::from_str(&read(&folder.join("frames.json")).unwrap()).unwrap();
    keep(&mut file, "sets", 1);
    file["sets"][0]["blobs"].as_array_mut().unwrap().truncate(1);
    let check = |file: &Value| section_of("frames.json")(&file.to_string(), &folder);
    check(&file).unwrap();
    for value in ["frames/1", "bundle_of_frames_3_4_5/hex", "keccak256_of_all_proofs", "chunk_length"] {
        let mut changed = file.clone();
        change(changed.pointer_mut(&format!("/sets/0/blobs/0/{value}")).unwrap());
        assert!(check(&changed).is_err(), "{value}");
    }
}

/// Another stake or limit need not change a share; the shares themselves are all checked.
#[test]
fn every_changed_share_is_noticed() {
    let Some(folder) = originals() else { return };
    let mut file: Value = serde_json::from_str(&read(&folder.join("assignments.json")).unwrap()).unwrap();
    keep(&mut file, "cases", 2);
    let check = |file: &Value| section_of("assignments.json")(&file.to_string(), &folder);
    check(&file).unwrap();
    let shares = |case: usize| values(&file["cases"][case]["assignments"], format!("/cases/{case}/assignments"));
    for pointer in [0, 1].into_iter().flat_map(shares) {
        let mut changed = file.clone();
        change(changed.pointer_mut(&pointer).unwrap());
        assert!(check(&changed).is_err(), "{pointer}");
    }
}

#[test]
fn broken_folders_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("codec.json"), text).unwrap();
    assert!(matches!(check_dir(&folder.path().join("nowhere"), &[]), Err(Error::Read { .. })));
    let empty = check_dir(folder.path(), &[]).unwrap();
    assert!(empty.iter().all(|report| report.cases == 0 && report.skipped[0].why == "the file is absent"));
    write("{");
    assert!(matches!(check_dir(folder.path(), &[]), Err(Error::Form { section: "codec.json", .. })));
    write(r#"{"payloads": [], "malformed": [], "more": []}"#);
    assert!(matches!(check_dir(folder.path(), &[]), Err(Error::Form { .. })), "an unknown list would go unchecked");
    write(r#"{"payloads": [], "malformed": []}"#);
    assert!(matches!(check_dir(folder.path(), &[]), Err(Error::Empty { section: "codec.json" })));
}

#[test]
fn changed_points_beside_the_vectors_are_noticed() {
    let Some(folder) = originals() else { return };
    let file: Value = serde_json::from_str(&read(&folder.join("commitments.json")).unwrap()).unwrap();
    let mut small = file;
    keep(&mut small, "blobs", 2);
    let check = |file: &Value| section_of("commitments.json")(&file.to_string(), &folder);
    check(&small).unwrap();
    let second = small["blobs"][1]["ceremony_commitment"].clone();
    small["blobs"][0]["ceremony_commitment"] = second;
    assert!(matches!(check(&small), Err(Error::Difference { .. })));
}

/// A file of the arithmetic passes as it was made; a changed digit in any column, a missing one and a longer one do not.
#[test]
fn every_number_of_the_shares_file_is_checked() {
    let text = shares_file(keccak256("the shares file"), 20);
    let count = shares::check(&text, Path::new("")).unwrap().cases;
    assert_eq!(count, 10 * 20 + 2);
    let file: Value = serde_json::from_str(&text).unwrap();
    for (name, table) in file["tables"].as_object().unwrap() {
        for column in table.as_object().unwrap().keys() {
            let refused = |damage: fn(&mut Vec<Value>)| {
                let mut damaged = file.clone();
                damage(damaged["tables"][name][column].as_array_mut().unwrap());
                shares::check(&damaged.to_string(), Path::new("")).is_err()
            };
            // Another input can have the same outcome.
            assert!(
                refused(|column| change_last(column)) || shares::taken(name).contains(&column.as_str()),
                "{name}.{column}"
            );
            assert!(refused(drop_last), "{name}.{column}");
            let mut without = file.clone();
            without["tables"][name].as_object_mut().unwrap().remove(column);
            assert!(shares::check(&without.to_string(), Path::new("")).is_err(), "{name} without {column}");
        }
    }
}

fn change_last(column: &mut [Value]) {
    let last = column.last_mut().unwrap();
    let changed = last.as_str().unwrap().strip_suffix('0').map_or("0", |_| "1");
    let text = last.as_str().unwrap();
    *last = Value::String(format!("{}{changed}", &text[..text.len() - 1]));
}

fn drop_last(column: &mut Vec<Value>) {
    column.pop();
}
