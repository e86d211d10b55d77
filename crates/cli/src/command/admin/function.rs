//! Functions that can be given to an appointee: by a short name, by their own name or signature, or by selector.

use std::fmt;

use alloy::json_abi::StateMutability;
use alloy_primitives::{Address, FixedBytes, keccak256};
use vouch_chain::artifacts::{self, Artifact};
use vouch_chain::deploy::Contracts;
use vouch_chain::network::Appointment;

use crate::failure::Failure;

/// A longer name is no name.
const NAME_BYTES_MAX: usize = 256;

/// Short names of what accounts most often give away, each with the function that it stands for.
const SHORT_NAMES: [(&str, &str); 12] = [
    ("allocate", "modifyAllocations"),
    ("allocation-delay", "setAllocationDelay"),
    ("join", "registerForOperatorSets"),
    ("leave", "deregisterFromOperatorSets"),
    ("keys", "registerKey"),
    ("operator-metadata", "updateOperatorMetadataURI"),
    ("approver", "modifyOperatorDetails"),
    ("avs-metadata", "updateAVSMetadataURI"),
    ("registrar", "setAVSRegistrar"),
    ("slasher", "updateSlasher"),
    ("add-strategies", "addStrategiesToOperatorSet"),
    ("remove-strategies", "removeStrategiesFromOperatorSet"),
];

/// One function of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub target: Address,
    pub selector: FixedBytes<4>,
    /// With its contract and its arguments' types where those are known.
    name: String,
}

impl Function {
    /// Finds `text` in the contracts that ask who may act for whom, or in any other `target` by selector or signature.
    pub fn parse(text: &str, target: Option<Address>, contracts: &Contracts) -> Result<Self, Failure> {
        if text.len() > NAME_BYTES_MAX {
            return Err(Failure::input("no function has so long a name", "give its selector: 0x and eight digits"));
        }
        if let Some(selector) = selector_of(text)? {
            return Self::by_selector(selector, target, contracts);
        }
        let name = SHORT_NAMES.iter().find(|(short, _)| *short == text).map_or(text, |(_, name)| name);
        let mut found: Vec<Self> = Vec::new();
        for (artifact, address) in permissioned(contracts) {
            if target.is_none_or(|target| target == address) {
                found.extend(functions(&artifact, address).filter(|function| function.plain_name() == name));
            }
        }
        match found.as_slice() {
            [function] => Ok(function.clone()),
            [] => Err(unknown(text)),
            several => Err(ambiguous(text, several)),
        }
    }

    fn by_selector(selector: FixedBytes<4>, target: Option<Address>, contracts: &Contracts) -> Result<Self, Failure> {
        let known = permissioned(contracts)
            .into_iter()
            .flat_map(|(artifact, address)| functions(&artifact, address).collect::<Vec<_>>());
        let mut known = known.filter(|function| function.selector == selector);
        match target {
            None => known.next().ok_or_else(|| unknown(&selector.to_string())),
            Some(target) => {
                let named = known.find(|function| function.target == target);
                Ok(named.unwrap_or_else(|| Self { target, selector, name: selector.to_string() }))
            }
        }
    }

    pub fn of(&self, appointee: Address) -> Appointment {
        Appointment { appointee, target: self.target, selector: self.selector }
    }

    fn plain_name(&self) -> &str {
        let name = self.name.rsplit('.').next().unwrap_or(&self.name);
        name.split('(').next().unwrap_or(name)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name.split('(').next().unwrap_or(&self.name))
    }
}

/// What a permission is called: contract and function where both are known.
pub fn name_of(target: Address, selector: FixedBytes<4>, contracts: &Contracts) -> String {
    match Function::by_selector(selector, Some(target), contracts) {
        Ok(function) if function.name != selector.to_string() => function.to_string(),
        _ => format!("{selector} of {target}"),
    }
}

/// The contracts that ask the PermissionController.
fn permissioned(contracts: &Contracts) -> [(Artifact, Address); 4] {
    [
        (artifacts::ALLOCATION_MANAGER, contracts.allocation_manager),
        (artifacts::DELEGATION_MANAGER, contracts.delegation_manager),
        (artifacts::KEY_REGISTRAR, contracts.key_registrar),
        (artifacts::RELEASE_MANAGER, contracts.release_manager),
    ]
}

/// What changes state in a contract; what only reads needs no permission.
fn functions(artifact: &Artifact, target: Address) -> impl Iterator<Item = Function> + use<> {
    let contract = artifact.name;
    let reads = |mutability| matches!(mutability, StateMutability::View | StateMutability::Pure);
    let all = artifact.abi().functions.into_values().flatten();
    all.filter(move |function| !reads(function.state_mutability)).map(move |function| {
        let name = format!("{contract}.{}", function.signature());
        Function { target, selector: function.selector(), name }
    })
}

/// A selector in hexadecimal, or of a whole signature; none where `text` is a name.
fn selector_of(text: &str) -> Result<Option<FixedBytes<4>>, Failure> {
    if text.starts_with("0x") {
        let selector = text.parse().map_err(|_| {
            Failure::input(format!("{text} is no selector"), "a selector is 0x and eight hexadecimal digits")
        })?;
        return Ok(Some(selector));
    }
    Ok(text.contains('(').then(|| FixedBytes::from_slice(&keccak256(text)[..4])))
}

fn unknown(text: &str) -> Failure {
    let names: Vec<&str> = SHORT_NAMES.iter().map(|(short, _)| *short).collect();
    Failure::input(
        format!("none of the contracts that ask for permission has a function {text}"),
        format!("give one of {}, a function's name, or --target ADDRESS with a selector", names.join(", ")),
    )
}

fn ambiguous(text: &str, several: &[Function]) -> Failure {
    let names: Vec<String> =
        several.iter().map(|function| format!("{} ({})", function.name, function.selector)).collect();
    Failure::input(
        format!("several functions are called {text}"),
        format!("give the selector of the one you mean: {}", names.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use vouch_chain::deploy::{Eigen, Stake};

    use super::*;

    fn contracts() -> Contracts {
        let at = Address::repeat_byte;
        Contracts {
            pauser_registry: at(1),
            permission_controller: at(2),
            strategy_manager: at(3),
            delegation_manager: at(4),
            allocation_manager: at(5),
            key_registrar: at(6),
            certificate_verifier: at(7),
            slash_router: at(8),
            slash_vault_factory: at(9),
            app_controller: at(10),
            batch_registry: at(11),
            equivocation_slasher: at(12),
            profile: at(13),
            forced_inbox: at(14),
            fee_vault: at(15),
            gateway_bonds: at(16),
            endpoints: at(17),
            release_manager: at(18),
            strategy_factory: at(19),
            open_registrar: at(20),
            eigen: Eigen { backing: at(21), token: at(22), fork_parameters: at(23), escrow: at(24), strategy: at(25) },
            stakes: Vec::<Stake>::new(),
        }
    }

    fn parse(text: &str, target: Option<Address>) -> Result<Function, Failure> {
        Function::parse(text, target, &contracts())
    }

    #[test]
    fn names_signatures_and_selectors_mean_the_same() {
        let contracts = contracts();
        let short = parse("allocate", None).unwrap();
        assert_eq!(short.target, contracts.allocation_manager);
        assert_eq!(parse("modifyAllocations", None).unwrap(), short);
        assert_eq!(parse(&short.selector.to_string(), None).unwrap(), short);
        let signature = short.name.strip_prefix("AllocationManager.").unwrap();
        assert_eq!(parse(signature, Some(contracts.allocation_manager)).unwrap(), short);
        assert_eq!(name_of(short.target, short.selector, &contracts), "AllocationManager.modifyAllocations");
    }

    #[test]
    fn every_short_name_stands_for_one_function() {
        for (short, name) in SHORT_NAMES {
            assert_eq!(parse(short, None).unwrap().plain_name(), name);
        }
    }

    #[test]
    fn what_is_unknown_or_ambiguous_is_refused() {
        assert!(parse("transferOwnership", None).unwrap_err().message().contains("transferOwnership"));
        assert!(parse("createOperatorSets", None).unwrap_err().next().contains("0x"));
        assert!(parse("0x12", None).unwrap_err().message().contains("no selector"));
        assert!(parse("0x12345678", None).is_err());
        assert!(parse("allocate", Some(Address::repeat_byte(99))).is_err());
        assert!(parse(&"x".repeat(1_000), None).is_err());
    }

    #[test]
    fn another_contracts_function_needs_its_address() {
        let other = Address::repeat_byte(77);
        let function = parse("poke(uint256)", Some(other)).unwrap();
        assert_eq!(
            (function.target, function.selector),
            (other, FixedBytes::from_slice(&keccak256("poke(uint256)")[..4]))
        );
        assert!(name_of(other, function.selector, &contracts()).ends_with(&other.to_string()));
    }
}
