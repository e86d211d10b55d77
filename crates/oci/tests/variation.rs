//! What can be varied shows inside, one thing at a time, and nothing of it in a run that may be certified.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::Bench;
use vouch_oci::container::{Failure, Files, Input, Settings, Status, Variation};

const INPUT: Input<'static> = Input { payload: b"", time: 1_700_000_000, seed: [7; 32] };

fn settings(bench: &Bench, args: &[&str]) -> Settings {
    let mut settings = bench.image.settings(args);
    settings.env = vec![("FIRST".into(), "1".into()), ("SECOND".into(), "2".into())];
    settings
}

fn varied(bench: &Bench, args: &[&str], variation: &Variation) -> String {
    let prepared = bench.runtime.prepare(settings(bench, args)).unwrap();
    let outcome = prepared.run_varied(&INPUT, variation).unwrap();
    assert_eq!(outcome.status, Status::Ok, "{args:?} {variation:?}: {outcome:?}");
    String::from_utf8(outcome.output).unwrap()
}

fn usual(bench: &Bench, args: &[&str]) -> String {
    let outcome = bench.runtime.prepare(settings(bench, args)).unwrap().run(&INPUT).unwrap();
    String::from_utf8(outcome.output).unwrap()
}

/// The lines that only one of two texts has.
fn changes(one: &str, other: &str) -> Vec<String> {
    let only = |one: &str, other: &str| {
        let lines: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !lines.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    [only(one, other), only(other, one)].concat()
}

#[test]
fn no_variation_is_a_certified_run() {
    let Some(bench) = Bench::new() else { return };
    for what in ["surroundings", "moment"] {
        assert_eq!(varied(&bench, &[what], &Variation::default()), usual(&bench, &[what]));
    }
}

#[test]
fn each_variation_changes_what_it_names_and_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    let surroundings = usual(&bench, &["surroundings"]);
    let other = Variation { host_name: Some("another-host".into()), ..Variation::default() };
    let changed = changes(&surroundings, &varied(&bench, &["surroundings"], &other));
    assert!(
        changed.len() == 2 && changed[0].contains("host vouch") && changed[1].contains("another-host"),
        "{changed:?}"
    );

    let reversed = varied(&bench, &["surroundings"], &Variation { reversed_environment: true, ..Variation::default() });
    assert_eq!(changes(&surroundings, &reversed), [""; 0]);
    let position = |text: &str, entry: &str| text.find(entry).unwrap();
    assert!(position(&surroundings, "FIRST") < position(&surroundings, "SECOND"));
    assert!(position(&reversed, "FIRST") > position(&reversed, "SECOND"));

    let moment = usual(&bench, &["moment"]);
    let cpus = varied(&bench, &["moment"], &Variation { cpus: Some(5), ..Variation::default() });
    assert!(changes(&moment, &cpus).iter().all(|line| line.contains("cpus")), "{cpus}");
    assert!(cpus.contains("cpus 5"), "{cpus}");
    let shown = varied(&bench, &["show", "/proc/cpuinfo"], &Variation { cpus: Some(5), ..Variation::default() });
    assert_eq!(shown.matches("processor").count(), 5);
}

#[test]
fn addresses_are_drawn_anew() {
    let Some(bench) = Bench::new() else { return };
    let random = Variation { random_addresses: true, ..Variation::default() };
    let drawn = [(); 3].map(|()| varied(&bench, &["moment"], &random));
    assert!(drawn[0] != drawn[1] || drawn[0] != drawn[2], "{}", drawn[0]);
    let usual = usual(&bench, &["moment"]);
    assert!(drawn.iter().all(|drawn| changes(drawn, &usual).iter().all(|line| line.contains("address"))), "{drawn:?}");
}

#[test]
fn files_are_copied_in_either_order() {
    let Some(bench) = Bench::new() else { return };
    for name in ["data/a", "data/b", "data/c"] {
        bench.image.add(name, name.as_bytes(), 0o644);
    }
    let list = |reversed| {
        let files = Some(Files { reversed, shift_seconds: 0 });
        let text = varied(&bench, &["list", "/data"], &Variation { files, ..Variation::default() });
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (forward, backward) = (list(false), list(true));
    assert_eq!(forward.iter().rev().collect::<Vec<_>>(), backward.iter().collect::<Vec<_>>());
    let files = Some(Files { reversed: true, shift_seconds: 86_400 });
    let shown = varied(&bench, &["show", "/data/b"], &Variation { files, ..Variation::default() });
    assert_eq!(shown, "data/b");
}

#[test]
fn a_program_stays_on_the_processor_that_was_chosen() {
    let Some(bench) = Bench::new() else { return };
    let allowed = |processor| {
        let variation = Variation { processor: Some(processor), ..Variation::default() };
        let status = varied(&bench, &["show", "/proc/self/status"], &variation);
        status.lines().find(|line| line.starts_with("Cpus_allowed_list")).unwrap().to_owned()
    };
    let count = std::thread::available_parallelism().unwrap().get() as u32;
    let each: Vec<_> = (0..count).map(allowed).collect();
    assert!(each.iter().all(|list| !list.contains(['-', ','])), "{each:?}");
    assert_eq!(each[0], allowed(count), "counted around");
    assert!(count == 1 || each[0] != each[1], "{each:?}");
}

#[test]
fn a_variation_that_cannot_be_is_this_hosts_failure() {
    let Some(bench) = Bench::new() else { return };
    let prepared = bench.runtime.prepare(settings(&bench, &["surroundings"])).unwrap();
    let failure = prepared.run_varied(&INPUT, &Variation { cpus: Some(0), ..Variation::default() }).unwrap_err();
    assert!(matches!(&failure, Failure::Setup(reason) if reason.contains("cpus")), "{failure}");
}
