//! The rules: what each event makes of the rows.
//!
//! Rules are strict. An event that cannot follow on what came before (shares below zero, a slash whose number was skipped, a
//! withdrawal that was never queued) is a [`Stop::Contradiction`]: the endpoint left events out or made some up, and an index
//! that went on would be wrong without a word.

use crate::event::{At, Event};
use crate::state::{State, Stop};

mod allocation;
mod delegation;
mod strategies;
#[cfg(test)]
mod tests;

/// Brings `state` from before `event` to after it.
///
/// # Errors
/// See [`Stop`].
pub fn apply(state: &mut State, at: At, event: &Event) -> Result<(), Stop> {
    state.run(|state| match event {
        Event::Delegation(event) => delegation::apply(state, at, event),
        Event::Allocation(event) => allocation::apply(state, at, event),
        Event::Strategies(event) => strategies::apply(state, at, event),
    })
}

fn contradiction<T>(detail: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Contradiction(detail.into()))
}

/// A number that the contracts keep far below 2^63.
fn small<T: TryInto<i64>>(what: &str, number: T) -> Result<u64, Stop> {
    let small = number.try_into().ok().and_then(|number| u64::try_from(number).ok());
    small.ok_or_else(|| Stop::Contradiction(format!("{what} is beyond what the contracts allow")))
}
