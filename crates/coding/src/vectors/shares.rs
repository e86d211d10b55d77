//! `shares.json`: the arithmetic of shares, magnitudes, strategies and fork parameters, and whole lives of an operator.
//!
//! One table for each formula, its columns as lists of 256-bit words. The columns that a formula takes come from a seed or from
//! whoever wrote the file; `valid` and the others are computed from them, and a row that the contracts refuse (`valid` zero) has
//! zeros there. The contracts are held to the same file by `contracts/test/vectors/ShareVectors.t.sol`.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{B256, U256};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Error, SectionReport, parse, report};
use draw::Draw;

mod draw;
mod fork;
mod formulas;
mod life;

pub(super) const NAME: &str = "shares.json";

/// The most rows that a table may have.
const ROWS_MAX: usize = 100_000;
/// The column that says whether the contracts accept the row: 1 or 0.
const VALID: &str = "valid";

/// One formula: the columns that it takes and those that it makes of them.
struct Formula {
    name: &'static str,
    takes: &'static [&'static str],
    makes: &'static [&'static str],
    /// `None` where the contracts revert.
    compute: fn(&[U256]) -> Option<Vec<U256>>,
    /// The values of one row.
    draw: fn(&mut Draw) -> Vec<U256>,
}

type Columns = BTreeMap<String, Vec<B256>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    #[serde(rename = "seed")]
    _seed: Option<B256>,
    tables: BTreeMap<String, Columns>,
}

/// The text of a `shares.json` that follows from `seed`, with `rows` rows in each table but that of the lives, which has a tenth
/// as many: each is a dozen transactions.
pub fn shares_file(seed: B256, rows: usize) -> String {
    let table = |formula: &Formula| {
        let rows = if formula.name == life::FORMULA.name { rows.div_ceil(10) } else { rows };
        (formula.name, formula.table(seed, rows))
    };
    let file = json!({
        "about": "valid: whether the contracts accept the row; a row that they refuse has zeros in the columns after it",
        "seed": seed,
        "tables": all().map(table).collect::<BTreeMap<_, _>>(),
    });
    format!("{file:#}\n")
}

pub(super) fn check(text: &str, _folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    let mut cases = 0;
    for (name, columns) in &file.tables {
        let case = Case { section: NAME, name: name.clone() };
        let formula =
            all().find(|formula| formula.name == name).ok_or_else(|| case.fail("there is no such formula"))?;
        cases += formula.check(&case, columns)?;
    }
    report(NAME, cases, Vec::new())
}

fn all() -> impl Iterator<Item = &'static Formula> {
    formulas::FORMULAS.iter().chain([&fork::FORMULA, &life::FORMULA])
}

impl Formula {
    fn made(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(VALID).chain(self.makes.iter().copied())
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.takes.iter().copied().chain(self.made())
    }

    /// `valid` and what follows it.
    fn row(&self, taken: &[U256]) -> Vec<U256> {
        let made = (self.compute)(taken);
        let valid = U256::from(u8::from(made.is_some()));
        std::iter::once(valid).chain(made.unwrap_or_else(|| vec![U256::ZERO; self.makes.len()])).collect()
    }

    fn table(&self, seed: B256, rows: usize) -> Value {
        let mut columns = vec![Vec::with_capacity(rows); self.names().count()];
        let mut draw = Draw::new(seed, self.name);
        for _ in 0..rows {
            let mut row = (self.draw)(&mut draw);
            row.extend(self.row(&row));
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(B256::from(value)));
        }
        json!(self.names().zip(columns).collect::<BTreeMap<_, _>>())
    }

    /// How many rows the table has, all as this build computes them.
    fn check(&self, case: &Case, columns: &Columns) -> Result<usize, Error> {
        case.ensure(columns.len() == self.names().count(), "it does not have the formula's columns")?;
        let column = |name: &str| columns.get(name).ok_or_else(|| case.fail(format!("column {name} is missing")));
        let taken = self.takes.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
        let made = self.made().map(|name| column(name).map(|values| (name, values))).collect::<Result<Vec<_>, _>>()?;
        let rows = column(VALID)?.len();
        case.ensure(rows <= ROWS_MAX, &format!("it has {rows} rows; at most {ROWS_MAX} are read"))?;
        case.ensure(columns.values().all(|values| values.len() == rows), "its columns differ in length")?;
        for row in 0..rows {
            let inputs: Vec<U256> = taken.iter().map(|values| values[row].into()).collect();
            for (found, (name, expected)) in self.row(&inputs).iter().zip(&made) {
                let expected = U256::from_be_bytes(expected[row].0);
                case.ensure(*found == expected, &format!("row {row}: {name} is {found}, expected {expected}"))?;
            }
        }
        Ok(rows)
    }
}

/// The columns that a table's formula takes.
#[cfg(test)]
pub(super) fn taken(table: &str) -> &'static [&'static str] {
    all().find(|formula| formula.name == table).map_or(&[], |formula| formula.takes)
}
