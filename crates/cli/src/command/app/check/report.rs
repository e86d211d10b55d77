//! What a check found, for people and for machines.

use std::fmt::Write;

use alloy_primitives::{B256, Bytes};
use serde_json::{Value, json};

use super::compare::{Difference, Side};
use super::examine::{Examination, Finding, TIME, Verdict};
use super::times::date;
use crate::command::app::run::printable;
use crate::command::receipt::status_name;
use crate::failure::Failure;
use crate::output::count;

/// Characters of a payload or a reason that are shown to people.
const SHOWN_MAX: usize = 60;
const PAGE: &str = "docs/how-to/check-a-program.md";

/// All that was checked in one go.
pub struct Report {
    pub checked: Vec<Checked>,
    pub expect_time_independent: bool,
}

/// One payload and what came of it.
pub struct Checked {
    pub payload: Vec<u8>,
    pub time: u64,
    pub seed: B256,
    pub examination: Examination,
}

/// What a finding means for whoever wrote the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Fine,
    /// To be looked at; it may be meant so.
    Warning,
    NotTried,
    Wrong,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::NotTried => "notTried",
            Self::Wrong => "wrong",
        }
    }
}

impl Report {
    /// How often the program was run.
    pub fn runs(&self) -> u32 {
        self.findings().map(|finding| finding.runs).sum()
    }

    /// Fails if anything is wrong, or could not be tried.
    pub fn verdict(&self) -> Result<(), Failure> {
        let names = |severity| {
            let mut names: Vec<_> =
                self.findings().filter(|found| self.severity(found) == severity).map(|found| found.name).collect();
            names.sort_unstable();
            names.dedup();
            names.join(", ")
        };
        let (wrong, not_tried) = (names(Severity::Wrong), names(Severity::NotTried));
        if !wrong.is_empty() {
            return Err(Failure::verification(format!("the answer depends on: {wrong}"), format!("see {PAGE}")));
        }
        if !not_tried.is_empty() {
            let message = format!("nothing was found, but this machine could not vary: {not_tried}");
            return Err(Failure::host(message, "the lines above say why; try again, or on another machine"));
        }
        Ok(())
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checked.iter().flat_map(|checked| &checked.examination.findings)
    }

    fn severity(&self, finding: &Finding) -> Severity {
        let strict = self.expect_time_independent && finding.name == TIME;
        match &finding.verdict {
            Verdict::Same | Verdict::Unclear => Severity::Fine,
            Verdict::OfRequest(found) if !strict && found.ends_alike() => Severity::Fine,
            Verdict::OfRequest(_) if !strict => Severity::Warning,
            Verdict::Switches(..) if !strict => Severity::Warning,
            Verdict::NotTried(_) => Severity::NotTried,
            Verdict::OfRequest(_) | Verdict::Switches(..) | Verdict::Differs(_) | Verdict::Breaks(..) => {
                Severity::Wrong
            }
        }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for checked in &self.checked {
            let answer = &checked.examination.answer;
            let payload = shown(&String::from_utf8_lossy(&checked.payload));
            let (status, bytes) = (status_name(answer.status), count(answer.output.len(), "byte"));
            let _infallible = writeln!(text, "payload \"{payload}\": {status}, {bytes}, at {}", date(checked.time));
            for finding in &checked.examination.findings {
                text.push_str(&self.line(finding));
            }
        }
        text
    }

    fn line(&self, finding: &Finding) -> String {
        let mark = match self.severity(finding) {
            Severity::Fine => ' ',
            Severity::Warning => '?',
            Severity::NotTried | Severity::Wrong => '!',
        };
        let runs = count(finding.runs as usize, "run");
        let mut text = format!("{mark} {:<18} {:<8} {}\n", finding.name, runs, describe(&finding.verdict));
        let shows = self.severity(finding) != Severity::Fine;
        if let Some(difference) = difference_of(&finding.verdict).filter(|_| shows) {
            difference.sides.iter().for_each(|side| text.push_str(&side_line(side)));
            text.push_str(&format!("    {}\n", meaning(finding)));
        }
        text
    }

    pub fn view(&self) -> Value {
        let payloads: Vec<Value> = self.checked.iter().map(|checked| self.payload_view(checked)).collect();
        json!({ "ok": self.verdict().is_ok(), "runs": self.runs(), "payloads": payloads })
    }

    fn payload_view(&self, checked: &Checked) -> Value {
        let answer = &checked.examination.answer;
        let findings: Vec<Value> = checked.examination.findings.iter().map(|found| self.finding_view(found)).collect();
        json!({
            "payload": Bytes::copy_from_slice(&checked.payload), "time": checked.time, "seed": checked.seed,
            "status": status_name(answer.status), "output": Bytes::copy_from_slice(&answer.output),
            "message": answer.message, "findings": findings,
        })
    }

    fn finding_view(&self, finding: &Finding) -> Value {
        let (at, reason) = match &finding.verdict {
            Verdict::Switches(at, _) | Verdict::Breaks(at, _) => (Some(*at), None),
            Verdict::NotTried(reason) => (None, Some(reason)),
            _ => (None, None),
        };
        json!({
            "name": finding.name, "runs": finding.runs, "verdict": code(&finding.verdict),
            "severity": self.severity(finding).name(), "fixedInCertifiedRuns": finding.is_fixed,
            "at": at, "date": at.map(date), "reason": reason,
            "difference": difference_of(&finding.verdict).map(difference_view),
        })
    }
}

fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Differs(_) => "differs",
        Verdict::OfRequest(_) => "ofRequest",
        Verdict::Switches(..) => "switches",
        Verdict::Breaks(..) => "breaks",
        Verdict::NotTried(_) => "notTried",
        Verdict::Unclear => "unclear",
    }
}

fn difference_of(verdict: &Verdict) -> Option<&Difference> {
    match verdict {
        Verdict::Differs(difference)
        | Verdict::OfRequest(difference)
        | Verdict::Switches(_, difference)
        | Verdict::Breaks(_, difference) => Some(difference),
        Verdict::Same | Verdict::NotTried(_) | Verdict::Unclear => None,
    }
}

fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => "same".into(),
        Verdict::Differs(difference) => format!("differs {}", place(difference)),
        Verdict::OfRequest(difference) => format!("part of the request, and used: differs {}", place(difference)),
        Verdict::Switches(at, _) => format!("another answer from {} on, for good", date(*at)),
        Verdict::Breaks(at, difference) => {
            format!("ends with `{}` from {} on", status_name(difference.sides[1].status), date(*at))
        }
        Verdict::NotTried(reason) => format!("not tried: {}", shown(reason)),
        Verdict::Unclear => "not told apart: the answers differ by themselves".into(),
    }
}

fn place(difference: &Difference) -> String {
    let [one, other] = &difference.sides;
    if !difference.ends_alike() {
        return format!("in how it ends: `{}`, not `{}`", status_name(other.status), status_name(one.status));
    }
    format!("at byte {}", difference.offset)
}

fn meaning(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Switches(..) => "fine if the program has a deadline; if not, something in it waits for that day",
        Verdict::Breaks(..) => "every operator would agree, and certify that it fails",
        Verdict::OfRequest(_) if finding.name == TIME => "every operator would agree, but it was expected not to look",
        Verdict::OfRequest(_) => "every operator would agree, and certify that it fails",
        _ if finding.is_fixed => "operators see the same value, so they would agree; do not rest an answer on it",
        _ => "operators differ in this, so they would not agree on any answer",
    }
}

fn side_line(side: &Side) -> String {
    let label = shown(&side.label);
    if side.bytes == 0 {
        let message = side.message.as_ref().map(|message| format!(": {}", shown(message))).unwrap_or_default();
        return format!("    {label:<32} {}, nothing{message}\n", status_name(side.status));
    }
    let hex: Vec<String> = side.excerpt.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "    {label:<32} {} from byte {}: {} |{}|\n",
        count(side.bytes, "byte"),
        side.from,
        hex.join(" "),
        ascii(side)
    )
}

fn ascii(side: &Side) -> String {
    side.excerpt.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

/// In one line that drives no terminal, and cut if it is long.
fn shown(text: &str) -> String {
    let plain = printable(text.trim()).replace('\n', " ");
    match plain.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

fn difference_view(difference: &Difference) -> Value {
    let sides = difference.sides.each_ref().map(|side| {
        json!({
            "label": side.label, "status": status_name(side.status), "bytes": side.bytes, "from": side.from,
            "excerpt": Bytes::copy_from_slice(&side.excerpt), "text": ascii(side), "message": side.message,
        })
    });
    json!({ "offset": difference.offset, "sides": sides })
}

#[cfg(test)]
mod tests {
    use vouch_compute::driver::Status;

    use super::super::compare::Answer;
    use super::*;

    fn difference() -> Difference {
        let answer = |output: &[u8]| Answer { status: Status::Ok, output: output.to_vec(), message: None };
        Difference::between(("usual", &answer(b"name vouch\n")), ("other\u{1b}[2J", &answer(b"name other"))).unwrap()
    }

    fn report(findings: Vec<(&'static str, bool, Verdict)>, expect_time_independent: bool) -> Report {
        let answer = Answer { status: Status::Ok, output: b"name vouch\n".to_vec(), message: None };
        let findings = findings.into_iter();
        let findings = findings.map(|(name, is_fixed, verdict)| Finding { name, is_fixed, runs: 2, verdict }).collect();
        let examination = Examination { answer, findings };
        let checked = Checked { payload: b"who\x07".to_vec(), time: 0, seed: B256::ZERO, examination };
        Report { checked: vec![checked], expect_time_independent }
    }

    #[test]
    fn a_report_shows_what_differs_and_drives_no_terminal() {
        let all = vec![
            ("repeat", false, Verdict::Same),
            ("host name", true, Verdict::Differs(difference())),
            ("file order", false, Verdict::NotTried("too large".into())),
            ("time", false, Verdict::Switches(86_400, difference())),
        ];
        let expected = "\
payload \"who?\": ok, 11 bytes, at 1970-01-01T00:00:00Z
  repeat             2 runs   same
! host name          2 runs   differs at byte 5
    usual                            11 bytes from byte 0: 6e 61 6d 65 20 76 6f 75 63 68 0a |name vouch.|
    other?[2J                        10 bytes from byte 0: 6e 61 6d 65 20 6f 74 68 65 72 |name other|
    operators see the same value, so they would agree; do not rest an answer on it
! file order         2 runs   not tried: too large
? time               2 runs   another answer from 1970-01-02T00:00:00Z on, for good
    usual                            11 bytes from byte 0: 6e 61 6d 65 20 76 6f 75 63 68 0a |name vouch.|
    other?[2J                        10 bytes from byte 0: 6e 61 6d 65 20 6f 74 68 65 72 |name other|
    fine if the program has a deadline; if not, something in it waits for that day
";
        assert_eq!(report(all, false).text(), expected);
    }

    #[test]
    fn what_is_wrong_fails_and_what_is_the_requests_does_not() {
        let fails = |name, verdict, strict| report(vec![(name, false, verdict)], strict).verdict().is_err();
        assert!(!fails("repeat", Verdict::Same, true));
        assert!(fails("repeat", Verdict::Differs(difference()), false));
        assert!(fails("file order", Verdict::NotTried("too large".into()), false));
        assert!(fails("time", Verdict::Breaks(1, difference()), false));
        for verdict in [Verdict::OfRequest as fn(Difference) -> Verdict, |found| Verdict::Switches(1, found)] {
            assert!(!fails("time", verdict(difference()), false));
            assert!(fails("time", verdict(difference()), true));
            assert!(!fails("seed", verdict(difference()), true));
        }
    }

    #[test]
    fn a_program_that_fails_for_some_seeds_is_pointed_out() {
        let answer = |status| Answer { status, output: Vec::new(), message: None };
        let (ok, trap) = (answer(Status::Ok), answer(Status::Trap));
        let found = Difference::between(("usual", &ok), ("seed", &trap)).unwrap();
        let report = report(vec![("seed", false, Verdict::OfRequest(found))], false);
        assert!(report.verdict().is_ok());
        assert!(report.text().contains("? seed "), "{}", report.text());
    }

    #[test]
    fn machines_get_all_of_it() {
        let view = report(vec![("time", false, Verdict::Breaks(86_400, difference()))], false).view();
        assert_eq!((view["ok"].as_bool(), view["runs"].as_u64()), (Some(false), Some(2)));
        let found = &view["payloads"][0]["findings"][0];
        assert_eq!((found["verdict"].as_str(), found["severity"].as_str()), (Some("breaks"), Some("wrong")));
        assert_eq!((found["at"].as_u64(), found["date"].as_str()), (Some(86_400), Some("1970-01-02T00:00:00Z")));
        assert_eq!(found["difference"]["offset"], 5);
        assert_eq!(found["difference"]["sides"][1]["text"], "name other");
        assert_eq!(found["difference"]["sides"][1]["excerpt"], "0x6e616d65206f74686572");
    }
}
