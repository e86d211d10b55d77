//! Round 1's outcome: on which exchanges does a stake threshold agree? Pure; the engine feeds it answers.

use std::collections::HashMap;

use alloy_primitives::{B256, U256};
use vouch_core::{Exchange, RequestId};

use super::callers::Said;
use crate::wire::Report;

/// What is known about one request.
#[derive(Clone, Debug)]
struct Row {
    /// What each member said, by its index in the table.
    said: Vec<Option<Said>>,
    /// Weight behind each leaf, and the exchange itself.
    leaves: HashMap<B256, (U256, Exchange)>,
}

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The threshold agrees on this exchange.
    Agreed(Exchange),
    /// Not yet.
    Open,
    /// Those who are left could not bring any leaf to the threshold.
    Hopeless,
}

/// Collects the reports of one call.
#[derive(Clone, Debug)]
pub struct Agreement {
    requests: Vec<RequestId>,
    weights: Vec<U256>,
    threshold: U256,
    rows: Vec<Row>,
    answered: Vec<bool>,
}

impl Agreement {
    /// `weights`: primary weight of every member, by table index; `threshold`: what must agree.
    pub fn new(requests: Vec<RequestId>, weights: Vec<U256>, threshold: U256) -> Self {
        let row = Row { said: vec![None; weights.len()], leaves: HashMap::new() };
        let (rows, answered) = (vec![row; requests.len()], vec![false; weights.len()]);
        Self { requests, weights, threshold, rows, answered }
    }

    /// Takes a member's list. A list of another form counts as no answer; a second list is ignored.
    pub fn reports(&mut self, member: usize, reports: &[Report]) {
        if !self.first_answer(member) {
            return;
        }
        let fits = reports.len() == self.requests.len()
            && reports.iter().zip(&self.requests).all(|(report, request)| subject(report) == *request);
        if !fits {
            return self.mark(member, &Said::Nothing("its reports are not about what was asked".into()));
        }
        for (row, report) in self.rows.iter_mut().zip(reports) {
            row.say(member, self.weights[member], report);
        }
    }

    /// The member gives no answer (any more).
    pub fn silent(&mut self, member: usize, why: String) {
        if self.first_answer(member) {
            self.mark(member, &Said::Nothing(why));
        }
    }

    pub fn verdict(&self, index: usize) -> Verdict {
        let row = &self.rows[index];
        let best = row.leaves.values().max_by_key(|(weight, _)| *weight);
        let best_weight = best.map_or(U256::ZERO, |(weight, _)| *weight);
        if let Some((_, exchange)) = best.filter(|(weight, _)| *weight >= self.threshold) {
            return Verdict::Agreed(*exchange);
        }
        if best_weight.saturating_add(self.open_weight()) < self.threshold { Verdict::Hopeless } else { Verdict::Open }
    }

    /// Whether more answers could change nothing.
    pub fn is_decided(&self) -> bool {
        self.answered.iter().all(|answered| *answered)
            || (0..self.requests.len()).all(|index| self.verdict(index) != Verdict::Open)
    }

    /// Whether the threshold has answered, whatever it said: from here on stragglers are waited for only briefly.
    pub fn threshold_answered(&self) -> bool {
        let answered = self.weights.iter().zip(&self.answered).filter(|(_, answered)| **answered);
        answered.fold(U256::ZERO, |sum, (weight, _)| sum.saturating_add(*weight)) >= self.threshold
    }

    /// What every member said about a request, by table index; none where it did not answer.
    pub fn said(&self, index: usize) -> &[Option<Said>] {
        &self.rows[index].said
    }

    /// What one member said about each request.
    pub fn said_by(&self, member: usize) -> impl Iterator<Item = (RequestId, Said)> + '_ {
        let words = self.requests.iter().zip(&self.rows);
        words.filter_map(move |(id, row)| Some((*id, row.said[member].clone()?)))
    }

    /// A member whose own result is the agreed one, so that its output can be used.
    pub fn holder(&self, index: usize, leaf: B256) -> Option<usize> {
        self.rows[index].said.iter().position(|said| *said == Some(Said::Leaf(leaf)))
    }

    /// Whether the member reported a leaf that is not the agreed one.
    pub fn dissents(&self, member: usize) -> bool {
        (0..self.requests.len()).any(|index| match (&self.rows[index].said[member], self.verdict(index)) {
            (Some(Said::Leaf(leaf)), Verdict::Agreed(exchange)) => *leaf != exchange.leaf(),
            _ => false,
        })
    }

    fn first_answer(&mut self, member: usize) -> bool {
        !std::mem::replace(&mut self.answered[member], true)
    }

    fn mark(&mut self, member: usize, said: &Said) {
        for row in &mut self.rows {
            row.said[member] = Some(said.clone());
        }
    }

    fn open_weight(&self) -> U256 {
        let open = self.weights.iter().zip(&self.answered).filter(|(_, answered)| !**answered);
        open.fold(U256::ZERO, |sum, (weight, _)| sum.saturating_add(*weight))
    }
}

impl Row {
    fn say(&mut self, member: usize, weight: U256, report: &Report) {
        self.said[member] = Some(match report {
            Report::Refused(_, refusal) => Said::Refused(refusal.clone()),
            Report::Ran(exchange) => {
                let leaf = exchange.leaf();
                let entry = self.leaves.entry(leaf).or_insert_with(|| (U256::ZERO, *exchange));
                entry.0 = entry.0.saturating_add(weight);
                Said::Leaf(leaf)
            }
        });
    }
}

fn subject(report: &Report) -> RequestId {
    match report {
        Report::Ran(exchange) => exchange.request_id,
        Report::Refused(request, _) => *request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Refusal;

    const ONE: RequestId = RequestId(B256::repeat_byte(1));

    fn ran(output: u8) -> Vec<Report> {
        vec![Report::Ran(Exchange { request_id: ONE, output_hash: B256::repeat_byte(output), ..Exchange::default() })]
    }

    /// Weights 400, 300, 200, 100; 667 must agree.
    fn agreement() -> Agreement {
        Agreement::new(vec![ONE], [400, 300, 200, 100].map(U256::from).to_vec(), U256::from(667))
    }

    fn after(answers: &[(usize, Vec<Report>)]) -> Agreement {
        let mut agreement = agreement();
        answers.iter().for_each(|(member, reports)| agreement.reports(*member, reports));
        agreement
    }

    #[test]
    fn weight_counts_and_not_heads() {
        let two_heavy = after(&[(0, ran(1)), (1, ran(1))]);
        assert!(matches!(two_heavy.verdict(0), Verdict::Agreed(_)) && two_heavy.is_decided());
        let three_light = after(&[(1, ran(1)), (2, ran(1)), (3, ran(1))]);
        assert_eq!(three_light.verdict(0), Verdict::Open);
    }

    #[test]
    fn one_wei_short_is_no_agreement() {
        let mut short = Agreement::new(vec![ONE], vec![U256::from(666), U256::from(334)], U256::from(667));
        short.reports(0, &ran(1));
        assert_eq!(short.verdict(0), Verdict::Open);
        short.silent(1, "late".into());
        assert_eq!(short.verdict(0), Verdict::Hopeless);
    }

    #[test]
    fn a_member_counts_once() {
        let twice = after(&[(0, ran(1)), (0, ran(1))]);
        assert_eq!(twice.verdict(0), Verdict::Open);
    }

    #[test]
    fn a_split_is_hopeless_before_the_rest_answers() {
        let split = after(&[(0, ran(1)), (1, ran(2))]);
        assert_eq!(split.verdict(0), Verdict::Open, "the last two could still join the first");
        let split = after(&[(0, ran(1)), (1, ran(2)), (2, ran(3))]);
        assert!(split.verdict(0) == Verdict::Hopeless && split.is_decided());
    }

    #[test]
    fn a_list_of_another_form_counts_as_silence() {
        for reports in [vec![], [ran(1), ran(1)].concat(), vec![Report::Refused(RequestId::ZERO, Refusal::Busy)]] {
            let odd = after(&[(0, reports)]);
            assert!(matches!(odd.said(0)[0], Some(Said::Nothing(_))));
        }
    }

    #[test]
    fn dissent_is_a_leaf_other_than_the_agreed_one() {
        let agreement = after(&[(0, ran(1)), (1, ran(1)), (2, ran(2)), (3, vec![Report::Refused(ONE, Refusal::Busy)])]);
        assert_eq!([0, 1, 2, 3].map(|member| agreement.dissents(member)), [false, false, true, false]);
    }
}
