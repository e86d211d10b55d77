//! Asks one program the same thing again and again, each time with one thing changed, and says which change shows.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use alloy_primitives::B256;
use vouch_compute::driver::{HostFailure, RunInput};

use super::compare::{Answer, Difference};
use super::times::{self, Course, date};

/// Runs at the same time, while every processor is kept busy.
const PARALLEL: usize = 3;
/// How often a run is made again before a difference is blamed on what was varied.
const CONFIRMATIONS: u32 = 2;
/// Seeds other than the request's.
const SEEDS: [B256; 2] = [B256::repeat_byte(0x5a), B256::repeat_byte(0xa5)];

pub const USUAL: &str = "usual";
pub const REPEAT: &str = "repeat";
pub const LOAD: &str = "load";
pub const SEED: &str = "seed";
pub const TIME: &str = "time";

/// One way to run the program.
pub struct Way<'a> {
    /// What is different about it.
    pub label: String,
    pub run: Run<'a>,
}

pub type Run<'a> = Box<dyn Fn(&RunInput<'_>) -> Result<Answer, HostFailure> + Sync + 'a>;

/// One thing that may differ between hosts, and must not show.
pub struct Dimension<'a> {
    pub name: &'static str,
    /// Whether all certified runs of a request give it one value.
    pub is_fixed: bool,
    /// What the others are compared with, if not with the usual way.
    pub reference: Option<Way<'a>>,
    pub ways: Vec<Way<'a>>,
}

/// A program and the ways to run it.
pub struct Subject<'a> {
    /// As operators do.
    pub usual: Way<'a>,
    pub dimensions: Vec<Dimension<'a>>,
}

/// What varying one thing showed.
#[derive(Debug)]
pub struct Finding {
    pub name: &'static str,
    pub is_fixed: bool,
    pub runs: u32,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    /// It does not show.
    Same,
    /// It shows, and is the host's.
    Differs(Difference),
    /// It shows, and is the request's: the same on every host.
    OfRequest(Difference),
    /// From this second on, the answer is another one, for good.
    Switches(u64, Difference),
    /// From this second on, the program ends otherwise.
    Breaks(u64, Difference),
    /// This host could not vary it.
    NotTried(String),
    /// The answers differ without it as well.
    Unclear,
}

/// What one payload showed.
#[derive(Debug)]
pub struct Examination {
    pub answer: Answer,
    pub findings: Vec<Finding>,
}

/// Tries everything on one request. Fails if the program cannot even be run as usual.
pub fn examine(subject: &Subject<'_>, request: &RunInput<'_>, repeats: u32) -> Result<Examination, HostFailure> {
    let answer = (subject.usual.run)(request)?;
    let mut examiner = Examiner { subject, request, answer, runs: 1, unsteady: None };
    let mut findings = vec![examiner.finding(REPEAT, false, |examiner| examiner.repeat(repeats))?];
    findings.push(examiner.finding(LOAD, false, Examiner::load)?);
    for dimension in &subject.dimensions {
        findings.push(examiner.finding(dimension.name, dimension.is_fixed, |examiner| examiner.vary(dimension))?);
    }
    findings.push(examiner.finding(SEED, true, Examiner::seed)?);
    findings.push(examiner.finding(TIME, true, Examiner::time)?);
    // What was found out later is repeated here: it is what the others rest on.
    if let (Some(difference), Verdict::Same) = (examiner.unsteady, &findings[0].verdict) {
        findings[0].verdict = Verdict::Differs(difference);
    }
    Ok(Examination { answer: examiner.answer, findings })
}

struct Examiner<'a> {
    subject: &'a Subject<'a>,
    request: &'a RunInput<'a>,
    answer: Answer,
    /// Runs since the last finding.
    runs: u32,
    /// Two runs without any change that differ.
    unsteady: Option<Difference>,
}

type Verdicted = Result<Verdict, HostFailure>;

impl Examiner<'_> {
    fn finding(
        &mut self,
        name: &'static str,
        is_fixed: bool,
        find: impl FnOnce(&mut Self) -> Verdicted,
    ) -> Result<Finding, HostFailure> {
        let verdict = find(self)?;
        Ok(Finding { name, is_fixed, runs: std::mem::take(&mut self.runs), verdict })
    }

    fn run(&mut self, way: &Way<'_>) -> Result<Answer, HostFailure> {
        self.runs += 1;
        (way.run)(self.request)
    }

    /// The usual way, asked something else.
    fn ask(&mut self, request: &RunInput<'_>) -> Result<Answer, HostFailure> {
        self.runs += 1;
        (self.subject.usual.run)(request)
    }

    fn repeat(&mut self, repeats: u32) -> Verdicted {
        for _ in 1..repeats {
            if !self.is_steady()? {
                break;
            }
        }
        Ok(self.unsteady.clone().map_or(Verdict::Same, Verdict::Differs))
    }

    /// Runs the usual way once more. A program that answers it otherwise is not looked into any further.
    fn is_steady(&mut self) -> Result<bool, HostFailure> {
        let again = self.run(&self.subject.usual)?;
        self.unsteady = Difference::between((USUAL, &self.answer), ("again", &again));
        Ok(self.unsteady.is_none())
    }

    fn load(&mut self) -> Verdicted {
        if self.unsteady.is_some() {
            return Ok(Verdict::Unclear);
        }
        self.runs += PARALLEL as u32;
        let answers = match run_under_load(&self.subject.usual, self.request) {
            Ok(answers) => answers,
            Err(failure) => return Ok(Verdict::NotTried(failure.to_string())),
        };
        let usual = self.answer.clone();
        let label = format!("one of {PARALLEL} at a time, on busy processors");
        self.blame(answers.iter().find_map(|answer| Difference::between((USUAL, &usual), (&label, answer))))
    }

    fn vary(&mut self, dimension: &Dimension<'_>) -> Verdicted {
        if self.unsteady.is_some() {
            return Ok(Verdict::Unclear);
        }
        match self.compare(dimension) {
            Ok(difference) => self.blame(difference),
            Err(failure) => Ok(Verdict::NotTried(failure.to_string())),
        }
    }

    fn compare(&mut self, dimension: &Dimension<'_>) -> Result<Option<Difference>, HostFailure> {
        let reference = match &dimension.reference {
            Some(way) => (way.label.as_str(), self.run(way)?),
            None => (USUAL, self.answer.clone()),
        };
        for way in &dimension.ways {
            let other = self.run(way)?;
            let difference = Difference::between((reference.0, &reference.1), (&way.label, &other));
            if difference.is_some() {
                return Ok(difference);
            }
        }
        Ok(None)
    }

    /// A difference is a dimension's only if the usual way still gives what it gave.
    fn blame(&mut self, difference: Option<Difference>) -> Verdicted {
        let Some(difference) = difference else { return Ok(Verdict::Same) };
        for _ in 0..CONFIRMATIONS {
            if !self.is_steady()? {
                return Ok(Verdict::Unclear);
            }
        }
        Ok(Verdict::Differs(difference))
    }

    fn seed(&mut self) -> Verdicted {
        if self.unsteady.is_some() {
            return Ok(Verdict::Unclear);
        }
        for seed in SEEDS.into_iter().filter(|seed| *seed != self.request.seed) {
            let other = self.ask(&RunInput { seed, ..*self.request })?;
            if let Some(difference) = Difference::between((USUAL, &self.answer), (&format!("seed {seed}"), &other)) {
                return Ok(Verdict::OfRequest(difference));
            }
        }
        Ok(Verdict::Same)
    }

    fn time(&mut self) -> Verdicted {
        let (usual, first) = (self.answer.clone(), self.request.time);
        let unsteady = self.unsteady.is_some();
        let request = *self.request;
        let course = times::follow(first, &usual, unsteady, |time| self.ask(&RunInput { time, ..request }))?;
        let usually = format!("at {}", date(first));
        let difference =
            |at: u64, other: &Answer| Difference::between((&usually, &usual), (&format!("at {}", date(at)), other));
        Ok(match &course {
            Course::Constant if unsteady => Verdict::Unclear,
            Course::Constant => Verdict::Same,
            Course::Changing { at, other } => difference(*at, other).map_or(Verdict::Same, Verdict::OfRequest),
            Course::Switching { at, other } => {
                difference(*at, other).map_or(Verdict::Same, |shown| Verdict::Switches(*at, shown))
            }
            Course::Breaking { at, other } => {
                difference(*at, other).map_or(Verdict::Same, |shown| Verdict::Breaks(*at, shown))
            }
        })
    }
}

/// Several runs at once, on processors that have something else to do as well.
fn run_under_load(way: &Way<'_>, request: &RunInput<'_>) -> Result<Vec<Answer>, HostFailure> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let runs: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(|| (way.run)(request))).collect();
        let panicked = |_| HostFailure::Engine("a run panicked".into());
        let answers = runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| Err(panicked(panic)))).collect();
        done.store(true, Ordering::Relaxed);
        answers
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use vouch_compute::driver::Status;

    use super::*;

    /// 2026-11-22T00:00:00Z and 2030-01-01T00:00:00Z.
    const NOW: u64 = 1_795_305_600;
    const LATER: u64 = 1_893_456_000;

    fn way<'a>(label: &str, run: impl Fn(&RunInput<'_>) -> String + Sync + 'a) -> Way<'a> {
        let run = move |input: &RunInput<'_>| match run(input) {
            output if output == "trap" => Ok(Answer { status: Status::Trap, output: Vec::new(), message: None }),
            output if output == "host" => Err(HostFailure::Resources("none".into())),
            output => Ok(Answer { status: Status::Ok, output: output.into_bytes(), message: None }),
        };
        Way { label: label.into(), run: Box::new(run) }
    }

    fn dimension<'a>(name: &'static str, output: &'static str) -> Dimension<'a> {
        Dimension { name, is_fixed: false, reference: None, ways: vec![way(name, move |_| output.into())] }
    }

    fn check(subject: &Subject<'_>) -> Vec<Finding> {
        let request = RunInput { payload: b"", time: NOW, seed: B256::ZERO };
        examine(subject, &request, 5).unwrap().findings
    }

    fn verdict<'a>(findings: &'a [Finding], name: &str) -> &'a Verdict {
        &findings.iter().find(|finding| finding.name == name).unwrap().verdict
    }

    #[test]
    fn a_clean_program_is_the_same_throughout() {
        let subject = Subject {
            usual: way(USUAL, |_| "fine".into()),
            dimensions: vec![dimension("one", "fine"), dimension("two", "fine")],
        };
        let findings = check(&subject);
        assert_eq!(
            findings.iter().map(|found| found.name).collect::<Vec<_>>(),
            [REPEAT, LOAD, "one", "two", SEED, TIME]
        );
        assert!(findings.iter().all(|finding| matches!(finding.verdict, Verdict::Same)), "{findings:?}");
        assert!(findings.iter().all(|finding| finding.runs > 0), "{findings:?}");
    }

    #[test]
    fn a_difference_is_put_down_to_what_was_varied() {
        let subject = Subject {
            usual: way(USUAL, |_| "fine".into()),
            dimensions: vec![dimension("one", "fine"), dimension("two", "find"), dimension("three", "trap")],
        };
        let findings = check(&subject);
        assert!(matches!(verdict(&findings, "one"), Verdict::Same));
        assert!(matches!(verdict(&findings, "two"), Verdict::Differs(found) if found.offset == 3));
        assert!(matches!(verdict(&findings, "three"), Verdict::Differs(_)));
        assert!(matches!(verdict(&findings, REPEAT), Verdict::Same));
    }

    #[test]
    fn a_dimension_is_compared_with_its_own_reference() {
        let reference = |output: &'static str| Dimension {
            reference: Some(way("reference", move |_| output.into())),
            ..dimension("order", "copied")
        };
        for (output, same) in [("copied", true), ("fine", false)] {
            let subject = Subject { usual: way(USUAL, |_| "fine".into()), dimensions: vec![reference(output)] };
            assert_eq!(matches!(verdict(&check(&subject), "order"), Verdict::Same), same);
        }
    }

    #[test]
    fn a_program_that_differs_by_itself_is_not_blamed_on_anything_else() {
        // From the first repetition on, and only after it was repeated often enough to look steady.
        for steady_runs in [1, 9] {
            let count = AtomicU32::new(0);
            let usual = way(USUAL, |_| (count.fetch_add(1, Ordering::Relaxed) / steady_runs).to_string());
            let findings = check(&Subject { usual, dimensions: vec![dimension("one", "other")] });
            assert!(matches!(verdict(&findings, REPEAT), Verdict::Differs(_)), "{findings:?}");
            assert!(matches!(verdict(&findings, "one"), Verdict::Unclear), "{findings:?}");
        }
    }

    #[test]
    fn what_the_request_fixes_is_told_from_what_the_host_decides() {
        let usual = way(USUAL, |input| format!("{} {}", input.seed, input.time));
        let findings = check(&Subject { usual, dimensions: Vec::new() });
        assert!(matches!(verdict(&findings, SEED), Verdict::OfRequest(_)));
        assert!(matches!(verdict(&findings, TIME), Verdict::OfRequest(_)));
        assert!(matches!(verdict(&findings, REPEAT), Verdict::Same));
    }

    #[test]
    fn a_time_bomb_is_found_in_an_unsteady_program_too() {
        let count = AtomicU32::new(0);
        let usual = way(USUAL, |input| match input.time {
            LATER.. => "trap".into(),
            _ => count.fetch_add(1, Ordering::Relaxed).to_string(),
        });
        let findings = check(&Subject { usual, dimensions: Vec::new() });
        assert!(matches!(verdict(&findings, TIME), Verdict::Breaks(LATER, _)), "{findings:?}");
    }

    #[test]
    fn what_this_host_cannot_vary_is_said() {
        let usual = || way(USUAL, |_| "fine".into());
        let findings = check(&Subject { usual: usual(), dimensions: vec![dimension("one", "host")] });
        assert!(matches!(verdict(&findings, "one"), Verdict::NotTried(reason) if reason.contains("none")));
        let request = RunInput { payload: b"", time: NOW, seed: B256::ZERO };
        let broken = Subject { usual: way(USUAL, |_| "host".into()), dimensions: Vec::new() };
        assert!(examine(&broken, &request, 5).is_err());
    }
}
