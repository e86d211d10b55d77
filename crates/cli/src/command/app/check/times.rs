//! How a program's answer goes by the request's time, from now into the next century.

use super::compare::Answer;

/// Seconds after the first time at which the program is asked again: a second to half a year, then years.
const STEPS: [u64; 5] = [1, 3_600, 86_400, 31 * 86_400, 183 * 86_400];
const YEARS: [u64; 11] = [1, 2, 3, 4, 5, 8, 12, 17, 25, 40, 60];
const YEAR: u64 = 31_556_952;
/// Seconds that some clock does not count beyond: NTP's first era, and Unix time in 31 and in 32 bits.
const ENDS_OF_CLOCKS: [u64; 3] = [2_085_978_496, 2_147_483_648, 4_294_967_296];
/// The latest time that every runtime can show: in the year 2255.
pub const TIME_MAX: u64 = 9_000_000_000;

/// What becomes of the answer as time goes by.
#[derive(Debug)]
pub enum Course {
    /// Nothing.
    Constant,
    /// It changes and changes again: the program looks at its clock.
    Changing {
        /// The first second of the first other answer.
        at: u64,
        other: Answer,
    },
    /// It is one answer up to a date, and another ever after.
    Switching { at: u64, other: Answer },
    /// The program ends otherwise at a later date: it traps, or no longer does.
    Breaking { at: u64, other: Answer },
}

/// The times at which a program is asked, in order, after `first`.
fn samples(first: u64) -> Vec<u64> {
    let steps = STEPS.into_iter().chain(YEARS.map(|years| years * YEAR)).filter_map(|step| first.checked_add(step));
    let mut times: Vec<u64> =
        steps.chain(ENDS_OF_CLOCKS).filter(|time| (first + 1..=TIME_MAX).contains(time)).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// Follows the answer from `first` on, at which it is `usual`. With `status_only`, answers of one status count as the same.
/// A change is followed to its very second, for which the program is run about 30 times.
pub fn follow<E>(
    first: u64,
    usual: &Answer,
    status_only: bool,
    mut ask: impl FnMut(u64) -> Result<Answer, E>,
) -> Result<Course, E> {
    let mut asked = vec![(first, usual.clone())];
    for time in samples(first) {
        asked.push((time, ask(time)?));
    }
    let ends_alike = |answer: &Answer| answer.status == usual.status;
    if let Some((low, high)) = first_change(&asked, ends_alike) {
        let (at, other) = narrow(low, high, ends_alike, &mut ask)?;
        return Ok(Course::Breaking { at, other });
    }
    let is_usual = |answer: &Answer| answer.is_same(usual);
    match first_change(&asked, is_usual) {
        Some((low, high)) if !status_only => {
            let changes = asked.windows(2).filter(|pair| !pair[0].1.is_same(&pair[1].1)).count();
            let (at, other) = narrow(low, high, is_usual, &mut ask)?;
            Ok(if changes > 1 { Course::Changing { at, other } } else { Course::Switching { at, other } })
        }
        _ => Ok(Course::Constant),
    }
}

type Asked = (u64, Answer);

/// The last time up to which all is as `holds` wants it, and the next one that was asked for.
fn first_change(asked: &[Asked], holds: impl Fn(&Answer) -> bool) -> Option<(u64, Asked)> {
    let at = asked.iter().position(|(_, answer)| !holds(answer))?;
    Some((asked.get(at.checked_sub(1)?)?.0, asked[at].clone()))
}

/// The first second at which the answer is no longer as `holds` wants it, by halving: there is no change within what is
/// left out, if there is but one.
fn narrow<E>(
    mut low: u64,
    mut high: Asked,
    holds: impl Fn(&Answer) -> bool,
    ask: &mut impl FnMut(u64) -> Result<Answer, E>,
) -> Result<Asked, E> {
    while high.0 - low > 1 {
        let middle = low + (high.0 - low) / 2;
        let answer = ask(middle)?;
        if holds(&answer) {
            low = middle;
        } else {
            high = (middle, answer);
        }
    }
    Ok(high)
}

/// A date as people write it, in UTC; years have their Gregorian length, seconds none is added to.
pub fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", year + era * 400)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use vouch_compute::driver::Status;

    use super::*;

    /// 2026-11-22T00:00:00Z.
    const NOW: u64 = 1_795_305_600;
    /// 2030-01-01T00:00:00Z.
    const LATER: u64 = 1_893_456_000;

    fn ok(output: impl Into<String>) -> Answer {
        Answer { status: Status::Ok, output: output.into().into_bytes(), message: None }
    }

    fn trap() -> Answer {
        Answer { status: Status::Trap, output: Vec::new(), message: None }
    }

    fn course(status_only: bool, program: impl Fn(u64) -> Answer) -> Course {
        let mut runs = 0;
        let followed = follow(NOW, &program(NOW), status_only, |time| {
            runs += 1;
            assert!(runs < 64, "it takes too many runs");
            Ok::<_, Infallible>(program(time))
        });
        followed.unwrap()
    }

    #[test]
    fn a_bomb_is_found_to_its_second() {
        let bomb = |time| if time >= LATER { trap() } else { ok("fine") };
        assert!(matches!(course(false, bomb), Course::Breaking { at: LATER, .. }));
        assert!(matches!(course(true, bomb), Course::Breaking { at: LATER, .. }));
        let clock = |time: u64| if time > LATER { trap() } else { ok(time.to_string()) };
        assert!(matches!(course(false, clock), Course::Breaking { at, .. } if at == LATER + 1));
        let healed = |time| if time < LATER { trap() } else { ok("fine") };
        assert!(matches!(course(false, healed), Course::Breaking { at: LATER, .. }));
        let soon = |time| if time > NOW { trap() } else { ok("fine") };
        assert!(matches!(course(false, soon), Course::Breaking { at, .. } if at == NOW + 1));
    }

    #[test]
    fn an_answer_that_switches_once_is_told_from_one_that_shows_the_time() {
        assert!(matches!(course(false, |_| ok("fine")), Course::Constant));
        assert!(matches!(course(false, |time| ok(time.to_string())), Course::Changing { at, .. } if at == NOW + 1));
        let day = |time: u64| ok((time / 86_400).to_string());
        assert!(matches!(course(false, day), Course::Changing { at, .. } if at == NOW + 86_400));
        let switch = |time| ok(if time < LATER { "before" } else { "after" });
        assert!(matches!(course(false, switch), Course::Switching { at: LATER, other } if other.output == b"after"));
        assert!(matches!(course(true, switch), Course::Constant));
    }

    #[test]
    fn times_lie_ahead_and_can_be_shown() {
        for first in [0, NOW, 4_294_967_295, TIME_MAX - 1, TIME_MAX] {
            let times = samples(first);
            assert!(times.iter().all(|time| *time > first && *time <= TIME_MAX) && times.is_sorted(), "{first}");
        }
        assert!(samples(TIME_MAX).is_empty());
        assert!(samples(NOW).iter().any(|time| *time > 4_200_000_000), "into the next century");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LATER, "2030-01-01T00:00:00Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
