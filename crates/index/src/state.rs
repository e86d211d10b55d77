//! The rows that the events of a page read and write.
//!
//! Rules ask for rows as if all were in memory. One that is not stops the rule with [`Stop::Need`]; whoever drives it loads
//! that row and starts the rule again, whose half-done writes are forgotten. So rules stay plain functions, and say nowhere a
//! second time which rows they read.

use std::collections::BTreeMap;

use crate::field::Cell;
use crate::row::{Place, Row};

/// Why a rule did not end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// Load this row and start again.
    Need(Place),
    /// The event cannot follow on what came before: events are missing, or the endpoint made them up.
    Contradiction(String),
}

type Cells = Option<Vec<Cell>>;

/// A working set.
#[derive(Debug, Default)]
pub struct State {
    /// As they are now; none for a row that does not exist.
    rows: BTreeMap<Place, Cells>,
    /// Places that differ from the database.
    changed: BTreeMap<Place, ()>,
    /// What the running rule wrote.
    draft: BTreeMap<Place, Cells>,
}

impl State {
    /// # Errors
    /// [`Stop::Need`] for a row that was not loaded.
    pub fn get<R: Row>(&self, key: &R::Key) -> Result<Option<R>, Stop> {
        let place = Place::of::<R>(key);
        let Some(cells) = self.draft.get(&place).or_else(|| self.rows.get(&place)) else {
            return Err(Stop::Need(place));
        };
        let Some(cells) = cells else { return Ok(None) };
        let damaged = || Stop::Contradiction(format!("the row {place} holds what this program does not write"));
        R::of_cells(cells).map(Some).ok_or_else(damaged)
    }

    /// The row, or the one from before anything happened.
    ///
    /// # Errors
    /// [`Stop::Need`] for a row that was not loaded.
    pub fn get_or_empty<R: Row>(&self, key: R::Key) -> Result<R, Stop> {
        Ok(self.get::<R>(&key)?.unwrap_or_else(|| R::empty(key)))
    }

    pub fn put<R: Row>(&mut self, row: &R) {
        let cells = row.cells();
        let key = cells[..R::TABLE.keys.len()].to_vec();
        self.draft.insert(Place { table: R::TABLE, key }, Some(cells));
    }

    pub fn delete<R: Row>(&mut self, key: &R::Key) {
        self.draft.insert(Place::of::<R>(key), None);
    }

    /// A row as the database has it.
    pub fn load(&mut self, place: Place, cells: Cells) {
        self.rows.insert(place, cells);
    }

    /// Runs a rule; what it wrote counts only if it ends well.
    ///
    /// # Errors
    /// Why it did not end.
    pub fn run(&mut self, rule: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        let ended = rule(self);
        let draft = std::mem::take(&mut self.draft);
        ended?;
        for (place, cells) in draft {
            self.changed.insert(place.clone(), ());
            self.rows.insert(place, cells);
        }
        Ok(())
    }

    /// What the database does not have yet; none stands for a row to delete.
    pub fn changes(&self) -> impl Iterator<Item = (&Place, Option<&[Cell]>)> {
        self.changed.keys().filter_map(|place| {
            let cells = self.rows.get(place)?;
            Some((place, cells.as_deref()))
        })
    }
}

/// Runs a rule on a state that stands for an empty database.
#[cfg(test)]
pub fn run_alone(state: &mut State, rule: impl Fn(&mut State) -> Result<(), Stop>) -> Result<(), Stop> {
    loop {
        match state.run(&rule) {
            Err(Stop::Need(place)) => state.load(place, None),
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;
    use crate::rows::Strategy;

    #[test]
    fn a_rule_that_stops_leaves_nothing_behind() {
        let key = |byte| (Address::repeat_byte(byte),);
        let mut state = State::default();
        let rule = |state: &mut State| {
            state.put(&Strategy { open: true, ..Strategy::empty(key(1)) });
            state.get::<Strategy>(&key(2))?;
            Ok(())
        };
        assert_eq!(state.run(rule), Err(Stop::Need(Place::of::<Strategy>(&key(2)))));
        assert_eq!(state.changes().count(), 0);
        state.load(Place::of::<Strategy>(&key(2)), None);
        assert_eq!(state.run(rule), Ok(()));
        assert_eq!(state.changes().count(), 1);
        assert!(state.get::<Strategy>(&key(1)).unwrap().unwrap().open);
    }
}
