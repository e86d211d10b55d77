// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice The limits of one run of a program; part of its identity. Zero means that the limit does not apply to the runtime.
struct Limits {
    uint64 fuel;
    uint64 memoryBytes;
    uint64 payloadBytes;
    uint64 outputBytes;
    uint64 wallMillis;
    uint64 cpuMillis;
    uint32 pids;
}

/// @notice What runs. Its hash is the programId.
/// @dev `interfaceName` is `command`, `http` or `performer`; zero hashes mean "none".
struct Program {
    string runtime;
    bytes32 artifactDigest;
    string interfaceName;
    bytes32 argsHash;
    bytes32 envHash;
    Limits limits;
    string hardwareClass;
    bytes32 state;
    bytes32 egress;
    bytes32 secrets;
    bytes32 verifierKeysHash;
}

/// @notice What a client asks for. Signed by the client (EIP-712, the BatchRegistry's domain).
/// @dev `time` and `deadline` are Unix seconds; `seedBlock` zero means that the seed is the requestId alone.
struct Request {
    bytes32 app;
    bytes32 programId;
    address client;
    uint64 nonce;
    bytes32 payloadHash;
    uint64 time;
    uint64 seedBlock;
    uint64 deadline;
    uint256 maxFee;
}

/// @notice One answer: a leaf of a batch.
struct Exchange {
    bytes32 requestId;
    bytes32 readsHash;
    uint8 status;
    bytes32 outputHash;
    bytes32 preState;
    bytes32 postState;
}

/// @notice What the quorum signs.
struct Batch {
    uint256 chainId;
    address registry;
    bytes32 app;
    uint32 operatorSetId;
    address profileId;
    bytes32 programId;
    uint32 lane;
    uint64 sequence;
    bytes32 parent;
    bytes32 exchangesRoot;
    uint32 exchangeCount;
    bytes32 feesRoot;
    uint64 inboxCursor;
    uint256 dataCommitmentX;
    uint256 dataCommitmentY;
    uint64 dataLength;
    uint32 referenceTimestamp;
}

/// @notice What one exchange costs: a leaf of a batch's `feesRoot`, at the exchange's index.
struct Charge {
    bytes32 requestId;
    address client;
    uint256 fee;
    /// What the client owes on the batch's lane with this exchange, since the lane's first.
    uint256 total;
}

/// @title VouchTypes
/// @notice Hashes of everything that Vouch signs: keccak256 over `abi.encode(typehash, fields)`; a nested struct enters
/// as its own hash and a dynamic field as keccak256 of its bytes (EIP-712's hashStruct). Vectors: `vectors/types.json`.
library VouchTypes {
    bytes32 internal constant LIMITS_TYPEHASH = keccak256(
        "Limits(uint64 fuel,uint64 memoryBytes,uint64 payloadBytes,uint64 outputBytes,uint64 wallMillis,uint64 cpuMillis,uint32 pids)"
    );
    bytes32 internal constant PROGRAM_TYPEHASH = keccak256(
        "Program(string runtime,bytes32 artifactDigest,string interfaceName,bytes32 argsHash,bytes32 envHash,Limits limits,string hardwareClass,bytes32 state,bytes32 egress,bytes32 secrets,bytes32 verifierKeysHash)Limits(uint64 fuel,uint64 memoryBytes,uint64 payloadBytes,uint64 outputBytes,uint64 wallMillis,uint64 cpuMillis,uint32 pids)"
    );
    bytes32 internal constant REQUEST_TYPEHASH = keccak256(
        "Request(bytes32 app,bytes32 programId,address client,uint64 nonce,bytes32 payloadHash,uint64 time,uint64 seedBlock,uint64 deadline,uint256 maxFee)"
    );
    bytes32 internal constant EXCHANGE_TYPEHASH = keccak256(
        "Exchange(bytes32 requestId,bytes32 readsHash,uint8 status,bytes32 outputHash,bytes32 preState,bytes32 postState)"
    );
    bytes32 internal constant BATCH_TYPEHASH = keccak256(
        "Batch(uint256 chainId,address registry,bytes32 app,uint32 operatorSetId,address profileId,bytes32 programId,uint32 lane,uint64 sequence,bytes32 parent,bytes32 exchangesRoot,uint32 exchangeCount,bytes32 feesRoot,uint64 inboxCursor,uint256 dataCommitmentX,uint256 dataCommitmentY,uint64 dataLength,uint32 referenceTimestamp)"
    );
    bytes32 internal constant CHARGE_TYPEHASH =
        keccak256("Charge(bytes32 requestId,address client,uint256 fee,uint256 total)");
    bytes32 internal constant PAGES_TYPEHASH = keccak256("Pages(uint64 byteLength,bytes32 merkleRoot)");
    bytes32 internal constant APP_TYPEHASH = keccak256("App(uint256 chainId,address controller,uint32 operatorSetId)");

    uint256 internal constant PAGE_BYTES = 16_384;

    uint8 internal constant STATUS_OK = 0;
    uint8 internal constant STATUS_TRAP = 1;
    uint8 internal constant STATUS_OUT_OF_FUEL = 2;
    uint8 internal constant STATUS_OUTPUT_TOO_LARGE = 3;

    function hash(Limits memory limits) internal pure returns (bytes32) {
        return keccak256(abi.encode(LIMITS_TYPEHASH, limits));
    }

    /// @return The programId.
    function hash(Program memory program) internal pure returns (bytes32) {
        // Encoded in two halves: twelve words at once are more than the stack holds.
        return keccak256(
            bytes.concat(
                abi.encode(
                    PROGRAM_TYPEHASH,
                    keccak256(bytes(program.runtime)),
                    program.artifactDigest,
                    keccak256(bytes(program.interfaceName)),
                    program.argsHash,
                    program.envHash
                ),
                abi.encode(
                    hash(program.limits),
                    keccak256(bytes(program.hardwareClass)),
                    program.state,
                    program.egress,
                    program.secrets,
                    program.verifierKeysHash
                )
            )
        );
    }

    /// @return The requestId.
    function hash(Request memory request) internal pure returns (bytes32) {
        return keccak256(abi.encode(REQUEST_TYPEHASH, request));
    }

    /// @return The exchange's leaf.
    function hash(Exchange memory exchange) internal pure returns (bytes32) {
        return keccak256(abi.encode(EXCHANGE_TYPEHASH, exchange));
    }

    /// @return The charge's leaf.
    function hash(Charge memory charge) internal pure returns (bytes32) {
        return keccak256(abi.encode(CHARGE_TYPEHASH, charge));
    }

    /// @return The batchHash.
    function hash(Batch memory batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_TYPEHASH, batch));
    }

    /// @notice The hash of a byte string of `byteLength` bytes whose pages have the Merkle root `merkleRoot`.
    function pageRoot(uint64 byteLength, bytes32 merkleRoot) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAGES_TYPEHASH, byteLength, merkleRoot));
    }

    function appId(address controller, uint32 operatorSetId) internal view returns (bytes32) {
        return keccak256(abi.encode(APP_TYPEHASH, block.chainid, controller, operatorSetId));
    }
}
