//! Events of the three core contracts, decoded and bounded.
//!
//! Whoever may emit an event may put anything into its strings, so these are cut and cleaned: PostgreSQL stores no NUL, and a
//! terminal should meet no control characters. No string can stop the index.

use alloy::rpc::types::Log;
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEventInterface;
use vouch_chain::bindings::allocation_manager::IAllocationManagerEvents;
use vouch_chain::bindings::delegation_manager::IDelegationManagerEvents;
use vouch_chain::bindings::strategy_manager::IStrategyManagerEvents;
use vouch_chain::deploy::Contracts;

/// Characters of a metadata URI or a slash's description that are kept.
pub const TEXT_CHARS_MAX: usize = 1_024;

/// An event of a core contract.
#[derive(Clone, Debug)]
pub enum Event {
    Delegation(IDelegationManagerEvents),
    Allocation(IAllocationManagerEvents),
    Strategies(IStrategyManagerEvents),
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub block: u64,
    pub transaction: B256,
    /// Its number in the index, from 1 on.
    pub sequence: u64,
}

/// The contracts whose events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    pub delegation_manager: Address,
    pub allocation_manager: Address,
    pub strategy_manager: Address,
}

impl Sources {
    #[must_use]
    pub fn of(contracts: &Contracts) -> Self {
        Self {
            delegation_manager: contracts.delegation_manager,
            allocation_manager: contracts.allocation_manager,
            strategy_manager: contracts.strategy_manager,
        }
    }

    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        vec![self.delegation_manager, self.allocation_manager, self.strategy_manager]
    }

    /// None for an event that these contracts' interfaces do not have.
    ///
    /// # Errors
    /// A log that bears an event's name and is none.
    pub fn decode(&self, log: &Log) -> Result<Option<Event>, alloy_sol_types::Error> {
        let (address, topics, data) = (log.address(), log.topics(), &log.inner.data.data);
        let Some(name) = topics.first() else { return Ok(None) };
        if address == self.delegation_manager && IDelegationManagerEvents::SELECTORS.contains(&name.0) {
            return IDelegationManagerEvents::decode_raw_log(topics, data).map(Event::Delegation).map(Some);
        }
        if address == self.allocation_manager && IAllocationManagerEvents::SELECTORS.contains(&name.0) {
            return IAllocationManagerEvents::decode_raw_log(topics, data).map(Event::Allocation).map(Some);
        }
        if address == self.strategy_manager && IStrategyManagerEvents::SELECTORS.contains(&name.0) {
            return IStrategyManagerEvents::decode_raw_log(topics, data).map(Event::Strategies).map(Some);
        }
        Ok(None)
    }
}

/// What is kept of a text that a stranger wrote.
pub(crate) fn bounded(text: &str) -> String {
    let clean = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    text.chars().take(TEXT_CHARS_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, LogData};
    use alloy_sol_types::SolEvent;
    use vouch_chain::bindings::delegation_manager::OperatorMetadataURIUpdated;

    use super::*;

    fn sources() -> Sources {
        let at = Address::repeat_byte;
        Sources { delegation_manager: at(1), allocation_manager: at(2), strategy_manager: at(3) }
    }

    fn log(address: Address, data: LogData) -> Log {
        Log { inner: alloy_primitives::Log { address, data }, ..Log::default() }
    }

    #[test]
    fn an_event_counts_only_from_its_own_contract() {
        let event = OperatorMetadataURIUpdated { operator: Address::ZERO, metadataURI: "x".to_owned() };
        let data = event.encode_log_data();
        assert!(matches!(
            sources().decode(&log(Address::repeat_byte(1), data.clone())),
            Ok(Some(Event::Delegation(_)))
        ));
        assert!(matches!(sources().decode(&log(Address::repeat_byte(2), data.clone())), Ok(None)));
        let unknown = LogData::new_unchecked(vec![B256::repeat_byte(7)], Bytes::new());
        assert!(matches!(sources().decode(&log(Address::repeat_byte(1), unknown)), Ok(None)));
        let cut = LogData::new_unchecked(data.topics().to_vec(), Bytes::new());
        assert!(sources().decode(&log(Address::repeat_byte(1), cut)).is_err());
    }

    #[test]
    fn a_text_that_is_none_cannot_stop_the_index() {
        let event = OperatorMetadataURIUpdated { operator: Address::ZERO, metadataURI: "abcd".to_owned() };
        let mut data = event.encode_log_data();
        let mut bytes = data.data.to_vec();
        bytes[64..68].copy_from_slice(&[0xff, 0, b'\n', b'd']);
        data.data = bytes.into();
        let Ok(Some(Event::Delegation(IDelegationManagerEvents::OperatorMetadataURIUpdated(found)))) =
            sources().decode(&log(Address::repeat_byte(1), data))
        else {
            panic!("the event was not decoded")
        };
        assert_eq!(bounded(&found.metadataURI), "\u{fffd}\u{fffd}\u{fffd}d");
        assert_eq!(bounded(&"é".repeat(5_000)).chars().count(), TEXT_CHARS_MAX);
    }
}
