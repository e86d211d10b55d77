//! `assignments.json`: which operators store which chunks, by their stakes in one or more quorums.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{B256, U256, keccak256};
use serde::Deserialize;
use vouch_core::OperatorId;

use super::{Case, Error, SectionReport, parse, report};
use crate::assignment::{Stakes, assign};
use crate::shape::Parameters;

pub(super) const NAME: &str = "assignments.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    params: ParametersCase,
    cases: Vec<AssignmentCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersCase {
    coding_rate: usize,
    max_num_operators: usize,
    num_chunks: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssignmentCase {
    assignments: BTreeMap<String, Indices>,
    quorums: usize,
    stakes: BTreeMap<u8, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Indices {
    chunks: usize,
    first: u32,
    last: u32,
    keccak256_of_u32be_indices: String,
}

pub(super) fn check(text: &str, _folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    for (number, case) in file.cases.iter().enumerate() {
        case.check(&file.params, &Case { section: NAME, name: format!("case {number}") })?;
    }
    report(NAME, file.cases.len(), Vec::new())
}

impl AssignmentCase {
    fn check(&self, parameters: &ParametersCase, case: &Case) -> Result<(), Error> {
        let ParametersCase { coding_rate: rate, max_num_operators, num_chunks: chunks } = *parameters;
        let stakes = self.stakes(case)?;
        case.ensure(stakes.len() == self.quorums, "stakes of another number of quorums are given")?;
        let found = assign(Parameters { chunks, rate }, max_num_operators, &stakes);
        let found = found.map_err(|error| case.fail(error.to_string()))?;
        case.ensure(found.len() == self.assignments.len(), "another number of operators is expected")?;
        for (name, expected) in &self.assignments {
            let indices = found.get(&operator(case, name)?).map(Vec::as_slice).unwrap_or_default();
            let same = (indices.len(), indices.first(), indices.last())
                == (expected.chunks, Some(&expected.first), Some(&expected.last));
            case.ensure(same, &format!("{name} has {} chunks, expected {}", indices.len(), expected.chunks))?;
            let bytes: Vec<u8> = indices.iter().flat_map(|index| index.to_be_bytes()).collect();
            case.same_bytes(name, keccak256(bytes).as_slice(), &expected.keccak256_of_u32be_indices)?;
        }
        Ok(())
    }

    fn stakes(&self, case: &Case) -> Result<Stakes, Error> {
        let quorum = |(quorum, stakes): (&u8, &BTreeMap<String, String>)| {
            let stake = |(name, stake): (&String, &String)| Ok((operator(case, name)?, number(case, stake)?));
            Ok((*quorum, stakes.iter().map(stake).collect::<Result<_, Error>>()?))
        };
        self.stakes.iter().map(quorum).collect()
    }
}

/// A decimal number, as text because JSON's are short.
fn number(case: &Case, text: &str) -> Result<U256, Error> {
    U256::from_str_radix(text, 10).map_err(|error| case.fail(format!("stake {text}: {error}")))
}

fn operator(case: &Case, name: &str) -> Result<OperatorId, Error> {
    let bytes = case.bytes("operator id", name)?;
    let id =
        B256::try_from(bytes.as_slice()).map_err(|_| case.fail(format!("{name} is no operator id of 32 bytes")))?;
    Ok(OperatorId(id))
}
