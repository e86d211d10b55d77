use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

const BOARD: &str = include_str!("../../../../docs/operations/grafana.json");

fn names() -> BTreeSet<String> {
    let series = |note: Note| match note.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", note.name)).to_vec(),
        Kind::Counter | Kind::Gauge => vec![note.name.to_owned()],
    };
    notes().into_iter().flat_map(series).collect()
}

/// Everything in an expression that looks like a metric of a node.
fn metrics_of(expression: &str) -> Vec<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let own = words.filter(|word| word.starts_with("vouch_") || word.starts_with("process_"));
    own.map(str::to_owned).collect()
}

fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(|expression| expression.as_str()).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn every_metric_of_the_board_is_in_the_registry() {
    let board: serde_json::Value = serde_json::from_str(BOARD).unwrap();
    let (mut found, names) = (Vec::new(), names());
    expressions(&board, &mut found);
    let used: BTreeSet<String> = found.iter().flat_map(|expression| metrics_of(expression)).collect();
    assert!(used.len() > 20, "the board shows only {used:?}");
    let unknown: Vec<_> = used.difference(&names).collect();
    assert!(unknown.is_empty(), "the board shows what no node has: {unknown:?}");
}

#[test]
fn what_is_documented_is_what_is_served() {
    let mut catalogue = Catalogue::default();
    let watch = Watch::new(&mut catalogue, |_, _| "wasm");
    let node = node::Metrics::new(&mut catalogue);
    watch.gateway.call_ended("certified".to_owned(), Duration::from_millis(3));
    watch.executor.ran("wasm", "ok".to_owned(), Duration::from_millis(1));
    // A family shows once it has a member.
    watch.gateway.round_ended("execute", Duration::from_millis(1));
    watch.gateway.certified(1, 1);
    watch.gateway.signature_refused("floor".to_owned());
    watch.gateway.posted(1, 1);
    watch.gateway.post_failed();
    watch.executor.refused("execute", "floor".to_owned());
    node.evidence(&std::collections::BTreeMap::from([("dissent".to_owned(), 1)]));
    node.transactions(&[]);
    node.started("1.0.0", "gateway".to_owned());
    let text = catalogue.encode().unwrap();
    assert!(text.contains("vouch_gateway_calls_total{outcome=\"certified\"} 1"), "{text}");
    assert!(text.contains("vouch_gateway_call_duration_seconds_bucket{le=\"0.005\"} 1"), "{text}");
    assert!(text.contains("vouch_executor_runs_total{driver=\"wasm\",status=\"ok\"} 1"), "{text}");
    assert!(text.trim_end().ends_with("# EOF"), "{text}");
    for note in catalogue.into_notes() {
        let family = note.name.strip_suffix("_total").unwrap_or(note.name);
        assert!(text.contains(&format!("# TYPE {family} {}\n", note.kind.name())), "{family}");
        assert!(document().contains(&format!("| `{}` |", note.name)), "{}", note.name);
    }
}

#[test]
fn names_end_in_base_units_and_no_label_is_an_id() {
    for note in notes() {
        assert_eq!(note.kind == Kind::Counter, note.name.ends_with("_total"), "{}", note.name);
        for unit in ["_ms", "_millis", "_kib", "_mib", "_minutes"] {
            assert!(!note.name.contains(unit), "{}", note.name);
        }
        for label in note.labels {
            let known =
                ["outcome", "round", "ending", "reason", "result", "driver", "status", "kind", "version", "roles"];
            assert!(known.contains(label), "{label} of {} is not known to be bounded", note.name);
        }
    }
}
