//! The liars that a local cloud can be started with, for whoever wants to watch a lie fail.
//!
//! Here are their names alone: they lie in a program of their own, `vouch-adversary`, which is no part of a node.

use std::fmt;
use std::str::FromStr;

/// Who lies, and how. The table is [`Adversary::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adversary {
    pub name: &'static str,
    pub role: Role,
    /// What it does.
    pub lie: &'static str,
    /// What is seen of it.
    pub seen: &'static str,
    /// With what to watch it fail; `APP` stands for a deployed app.
    pub watch: &'static str,
}

/// In whose place an adversary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An operator's node.
    Executor,
    /// The gateway's node.
    Gateway,
    /// The chain, as one operator sees it.
    Chain,
    /// Somebody who calls.
    Client,
}

impl Role {
    /// The node in whose place, or before which, an adversary of this role lies in a local cloud. No quorum needs the
    /// operator: 80 of 100 parts of the stake are left without it.
    #[must_use]
    pub fn node(self) -> Option<&'static str> {
        match self {
            Self::Executor | Self::Chain => Some("operator-3"),
            Self::Gateway => Some("gateway"),
            Self::Client => None,
        }
    }
}

const CALL: &str = "vouch app call APP --payload hello --receipt receipt.json && vouch receipt verify receipt.json";
const LOG: &str = "vouch app call APP --payload hello, and read the log of operator-3";

impl Adversary {
    /// All of them, by role.
    pub const ALL: [Self; 13] = [
        executor(
            "wrong-output",
            "reports another output than the program's",
            "it is outvoted: the receipt holds without it",
        ),
        executor(
            "another-batch",
            "signs another batch than the proposed one",
            "its signature is left out of the certificate",
        ),
        executor(
            "no-signature",
            "answers proposals with bytes that are no signature",
            "they are left out of the certificate",
        ),
        executor("slow-answers", "answers everything a second late", "calls do not wait for it"),
        executor(
            "die-before-signing",
            "ends at its first reservation, before it signs",
            "the call goes on without it; started again it signs nothing else for that slot",
        ),
        Self {
            name: "forged-receipt",
            role: Role::Gateway,
            lie: "changes the output in the receipts that it gives out",
            seen: "the caller refuses the receipt and names the check: output",
            watch: "vouch app call APP --payload hello",
        },
        Self {
            name: "dropping-gateway",
            role: Role::Gateway,
            lie: "drops everything after the first minute",
            seen: "a forced request stands overdue in the lane, which does nothing before it; operators may bring another gateway",
            watch: "vouch app force APP --payload hello, and vouch lane show APP",
        },
        chain("another-chain", "says that it is another chain", "the node does not start: it names both chain ids"),
        chain(
            "stale-chain",
            "shows no block any more after the first minute",
            "the node warns of its silence; calls do not need it",
        ),
        chain(
            "forked-chain",
            "shows another history after the first minute",
            "the node stops: finalized history changed",
        ),
        chain("dropped-logs", "leaves events out", "the node finds them in the receipts and goes no further"),
        chain("invented-logs", "makes events up", "the node finds that their block has none and goes no further"),
        Self {
            name: "lying-client",
            role: Role::Client,
            lie: "sends what no gateway may take: too much, too slowly, twice, and signed by or for others",
            seen: "each lie is refused with its own code, and honest calls are answered",
            watch: CALL,
        },
    ];

    /// Each name with what it does and what is seen, a line each.
    #[must_use]
    pub fn list() -> String {
        let width = Self::ALL.iter().map(|adversary| adversary.name.len()).max().unwrap_or_default();
        let line = |a: &Self| format!("{:<width$}  {}: {}; {}", a.name, a.role, a.lie, a.seen);
        Self::ALL.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

const fn executor(name: &'static str, lie: &'static str, seen: &'static str) -> Adversary {
    Adversary { name, role: Role::Executor, lie, seen, watch: CALL }
}

const fn chain(name: &'static str, lie: &'static str, seen: &'static str) -> Adversary {
    Adversary { name, role: Role::Chain, lie, seen, watch: LOG }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Executor => "an operator",
            Self::Gateway => "the gateway",
            Self::Chain => "an operator's chain",
            Self::Client => "a client",
        })
    }
}

/// There is no adversary of that name; says which there are.
#[derive(Debug, thiserror::Error)]
#[error("there is no adversary `{name}`; there are:\n{}", Adversary::list())]
pub struct Unknown {
    name: String,
}

impl FromStr for Adversary {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        let found = Self::ALL.into_iter().find(|adversary| adversary.name == name);
        found.ok_or_else(|| Unknown { name: name.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_and_is_found() {
        for adversary in Adversary::ALL {
            assert_eq!(adversary.name.parse::<Adversary>().unwrap(), adversary);
        }
        let error = "wrong-ouput".parse::<Adversary>().unwrap_err().to_string();
        assert!(error.contains("wrong-output") && error.contains("lying-client"), "{error}");
    }
}
