use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::ids::ProgramId;
use crate::words::{TypeString, Words};

/// The limits of one run; part of a program's identity. Zero: the limit does not apply to the runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    pub fuel: u64,
    pub memory_bytes: u64,
    pub payload_bytes: u64,
    pub output_bytes: u64,
    pub wall_millis: u64,
    pub cpu_millis: u64,
    pub pids: u32,
}

/// A macro, because EIP-712 appends it to the type string of whatever has limits.
macro_rules! limits_type {
    () => {
        "Limits(uint64 fuel,uint64 memoryBytes,uint64 payloadBytes,uint64 outputBytes,uint64 wallMillis,uint64 cpuMillis,\
        uint32 pids)"
    };
}

static LIMITS_TYPE: TypeString = TypeString::new(limits_type!());

impl Limits {
    /// The EIP-712 struct hash.
    pub fn hash(&self) -> B256 {
        Words::typed(&LIMITS_TYPE)
            .uint(self.fuel)
            .uint(self.memory_bytes)
            .uint(self.payload_bytes)
            .uint(self.output_bytes)
            .uint(self.wall_millis)
            .uint(self.cpu_millis)
            .uint(self.pids)
            .hash()
    }
}

/// What runs. Zero hashes mean "none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    pub runtime: String,
    pub artifact_digest: B256,
    /// `command`, `http` or `performer`.
    pub interface_name: String,
    pub args_hash: B256,
    pub env_hash: B256,
    pub limits: Limits,
    pub hardware_class: String,
    pub state: B256,
    pub egress: B256,
    pub secrets: B256,
    pub verifier_keys_hash: B256,
}

static PROGRAM_TYPE: TypeString = TypeString::new(concat!(
    "Program(string runtime,bytes32 artifactDigest,string interfaceName,bytes32 argsHash,bytes32 envHash,Limits limits,",
    "string hardwareClass,bytes32 state,bytes32 egress,bytes32 secrets,bytes32 verifierKeysHash)",
    limits_type!()
));

impl Program {
    /// Whether its batches are signed under the set's one table of all wasm programs; the contract names them by this
    /// prefix too. Any other program has a table of its own, with the operators that accepted it.
    #[must_use]
    pub fn is_wasm(&self) -> bool {
        self.runtime.starts_with("wasmtime-")
    }

    pub fn id(&self) -> ProgramId {
        let words = Words::typed(&PROGRAM_TYPE)
            .hashed(self.runtime.as_bytes())
            .bytes32(self.artifact_digest)
            .hashed(self.interface_name.as_bytes())
            .bytes32(self.args_hash)
            .bytes32(self.env_hash)
            .bytes32(self.limits.hash())
            .hashed(self.hardware_class.as_bytes())
            .bytes32(self.state)
            .bytes32(self.egress)
            .bytes32(self.secrets)
            .bytes32(self.verifier_keys_hash);
        ProgramId(words.hash())
    }
}
