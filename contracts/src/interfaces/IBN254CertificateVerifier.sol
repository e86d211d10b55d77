// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {BN254} from "../libraries/BN254.sol";

/// @notice Types shared by the certificate verifier and those who build certificates. ABI as EigenLayer's.
interface IBN254CertificateVerifierTypes {
    /// @notice A member of an operator table; its leaf is keccak256(0x75 || abi.encode(info)).
    struct BN254OperatorInfo {
        BN254.G1Point pubkey;
        uint256[] weights;
    }

    struct BN254OperatorInfoWitness {
        uint32 operatorIndex;
        bytes operatorInfoProof;
        BN254OperatorInfo operatorInfo;
    }

    /// @notice A quorum signature; the witnesses are the non-signers, strictly ascending by index.
    struct BN254Certificate {
        uint32 referenceTimestamp;
        bytes32 messageHash;
        BN254.G1Point signature;
        BN254.G2Point apk;
        BN254OperatorInfoWitness[] nonSignerWitnesses;
    }

    struct BN254OperatorSetInfo {
        bytes32 operatorInfoTreeRoot;
        uint256 numOperators;
        BN254.G1Point aggregatePubkey;
        uint256[] totalWeights;
    }
}

/// @notice What an AVS tells the verifier when a table is made. An AVS that answers falsely harms its own sets only.
interface IOperatorTableSource {
    struct TableParameters {
        /// The strategies of the set in the order of the weights; the first is the primary one.
        address[] strategies;
        /// An operator's slashable shares below this count as zero, per strategy.
        uint256[] minimumStake;
        /// A total below this gives the whole strategy no weight, per strategy.
        uint256[] requiredStake;
        /// Weights are the minimum slashable stake from now to this many blocks ahead.
        uint32 horizonBlocks;
        /// A table is refused when it is older than this many seconds.
        uint32 stalenessSeconds;
    }

    /// @dev Reverts if the set is unknown.
    function tableParameters(uint32 operatorSetId) external view returns (TableParameters memory);

    /// @notice Whether `operator` belongs in the table of `programId` (zero: all wasm programs of the set, always true).
    function isAccepter(uint32 operatorSetId, bytes32 programId, address operator) external view returns (bool);
}

/// @title Certificates of an operator set, checked against tables that anyone can make from this chain's state.
/// @dev Operators stand in a table in the order in which `AllocationManager.getMembers` names them, those left out skipped. Left
/// out are members without a BN254 key in the KeyRegistrar, members whose weights are all zero, and, for a programId other than
/// zero, members that did not accept the program. A table is never changed; its staleness bound is the AVS's of that moment.
interface IBN254CertificateVerifier is IBN254CertificateVerifierTypes {
    error UnknownTable();
    /// @notice Nobody in the set has a key, the program's acceptance and any weight: there would be nothing to sign with.
    error EmptyTable();
    /// @notice The AVS named no strategies, too many, or lists of different lengths.
    error InvalidTableParameters();
    error TableTooOld(uint256 referenceTimestamp, uint256 oldestAllowed);
    error TooManyOperators(uint256 count, uint256 countMax);
    error NonSignersNotAscending();
    error InvalidWitness(uint32 operatorIndex);
    error EveryOperatorAbsent();
    error InvalidSignature();
    error LengthMismatch();

    /// @notice A table was made. `operators[i]` and `infos[i]` are the leaf of index i.
    event OperatorTableUpdated(
        address indexed avs,
        uint32 indexed operatorSetId,
        bytes32 indexed programId,
        uint32 referenceTimestamp,
        address[] operators,
        BN254OperatorInfo[] infos
    );

    /// @notice Makes the table of (set, programId) as of this block; its reference timestamp is the block's. Anyone may call.
    /// A second call in the same block is a no-op. Reverts if no operator would be in it.
    function updateOperatorTable(OperatorSet calldata operatorSet, bytes32 programId)
        external
        returns (uint32 referenceTimestamp);

    /// @notice The newest table's timestamp; zero if there is none. EigenLayer's ABI reads the wasm table (programId zero).
    function latestReferenceTimestamp(OperatorSet calldata operatorSet) external view returns (uint32);
    function latestReferenceTimestampOf(OperatorSet calldata operatorSet, bytes32 programId)
        external
        view
        returns (uint32);

    /// @notice What a table says in total. Reverts if there is none of this timestamp.
    function getOperatorSetInfo(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (BN254OperatorSetInfo memory);
    function getOperatorSetInfoOf(OperatorSet calldata operatorSet, bytes32 programId, uint32 referenceTimestamp)
        external
        view
        returns (BN254OperatorSetInfo memory);

    function isReferenceTimestampSet(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (bool);
    function getOperatorCount(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256);
    function getTotalStakeWeights(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256[] memory);
    /// @notice The leaf of an operator: keccak256(0x75 || abi.encode(info)).
    function calculateOperatorInfoLeaf(BN254OperatorInfo calldata operatorInfo) external pure returns (bytes32);

    /// @notice Checks a certificate against the wasm table (programId zero). Reverts unless it holds.
    /// @return signedWeights The weight that signed, per strategy.
    function verifyCertificate(OperatorSet calldata operatorSet, BN254Certificate calldata certificate)
        external
        view
        returns (uint256[] memory signedWeights);
    function verifyCertificateOf(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        BN254Certificate calldata certificate
    ) external view returns (uint256[] memory signedWeights);
    /// @notice As `verifyCertificateOf` but without the staleness bound: for evidence, which outlives it.
    function verifyHistoricCertificate(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        BN254Certificate calldata certificate
    ) external view returns (uint256[] memory signedWeights);

    /// @notice True if at least ceil(total * bps / 10,000) signed in each weight.
    function verifyCertificateProportion(
        OperatorSet calldata operatorSet,
        BN254Certificate calldata certificate,
        uint16[] calldata totalStakeProportionThresholds
    ) external view returns (bool);
    function verifyCertificateNominal(
        OperatorSet calldata operatorSet,
        BN254Certificate calldata certificate,
        uint256[] calldata totalStakeNominalThresholds
    ) external view returns (bool);

    /// @notice The message an operator signs: keccak256(abi.encode(typehash, referenceTimestamp, messageHash)).
    function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) external view returns (bytes32);

    /// @notice Reverts unless `witness` is in the table. Reads no staleness bound.
    function requireMember(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        uint32 referenceTimestamp,
        BN254OperatorInfoWitness calldata witness
    ) external view;
}
