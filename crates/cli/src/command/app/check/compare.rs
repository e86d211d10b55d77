//! Where two answers part.

use vouch_compute::driver::{Outcome, Status};

/// Bytes shown before the first one that differs, and from it on.
const BEFORE: usize = 8;
const AFTER: usize = 16;

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: Status,
    pub output: Vec<u8>,
    /// Why it trapped, in the program's own words; not part of what operators sign.
    pub message: Option<String>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { status: outcome.status, output: outcome.output, message: outcome.message }
    }
}

impl Answer {
    /// Whether operators would sign the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.status == other.status && self.output == other.output
    }
}

/// Two answers to the same question, and the first byte in which they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Counted from zero; the shorter answer's length if the longer one starts with it.
    pub offset: usize,
    pub sides: [Side; 2],
}

/// One of two answers, cut to what is around the first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// What was varied in its run.
    pub label: String,
    pub status: Status,
    /// Length of the whole answer.
    pub bytes: usize,
    /// Some of the answer's bytes, from [`Self::from`] on.
    pub excerpt: Vec<u8>,
    pub from: usize,
    pub message: Option<String>,
}

impl Difference {
    /// Whether both ended in the same way, and differ in what they answered.
    pub fn ends_alike(&self) -> bool {
        self.sides[0].status == self.sides[1].status
    }

    /// None if operators would sign the same.
    pub fn between(one: (&str, &Answer), other: (&str, &Answer)) -> Option<Self> {
        if one.1.is_same(other.1) {
            return None;
        }
        let (left, right) = (&one.1.output, &other.1.output);
        let common = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        Some(Self { offset: common, sides: [one, other].map(|(label, answer)| Side::new(label, answer, common)) })
    }
}

impl Side {
    fn new(label: &str, answer: &Answer, offset: usize) -> Self {
        let output = &answer.output;
        let from = offset.saturating_sub(BEFORE);
        let to = offset.saturating_add(AFTER).min(output.len());
        Self {
            label: label.to_owned(),
            status: answer.status,
            bytes: output.len(),
            excerpt: output[from..to].to_vec(),
            from,
            message: answer.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(output: &[u8]) -> Answer {
        Answer { status: Status::Ok, output: output.to_vec(), message: None }
    }

    fn between(one: &[u8], other: &[u8]) -> Option<Difference> {
        Difference::between(("one", &answer(one)), ("other", &answer(other)))
    }

    #[test]
    fn the_first_byte_that_differs_is_found() {
        assert_eq!(between(b"", b""), None);
        assert_eq!(between(b"same", b"same"), None);
        for (one, other, offset) in [
            (&b"abc"[..], &b"abd"[..], 2),
            (b"", b"x", 0),
            (b"abc", b"ab", 2),
            (b"xbc", b"ybc", 0),
            (b"a1b2", b"a3b4", 1),
        ] {
            assert_eq!(between(one, other).unwrap().offset, offset, "{one:?} {other:?}");
            assert_eq!(between(other, one).unwrap().offset, offset, "{other:?} {one:?}");
        }
    }

    #[test]
    fn what_is_shown_lies_around_the_difference() {
        let (mut one, mut other) = (vec![b'.'; 100], vec![b'.'; 70]);
        (one[50], other[50]) = (b'a', b'b');
        let difference = between(&one, &other).unwrap();
        let [left, right] = &difference.sides;
        assert_eq!((left.from, left.excerpt.as_slice(), left.bytes), (42, b"........a...............".as_slice(), 100));
        assert_eq!(
            (right.from, right.excerpt.as_slice(), right.bytes),
            (42, b"........b...............".as_slice(), 70)
        );
    }

    #[test]
    fn a_trap_is_another_answer_than_none_and_its_message_is_not() {
        let trap = |message: &str| Answer { status: Status::Trap, output: Vec::new(), message: Some(message.into()) };
        assert!(Difference::between(("", &answer(b"")), ("", &trap("why"))).is_some());
        assert!(Difference::between(("", &trap("one")), ("", &trap("other"))).is_none());
    }
}
