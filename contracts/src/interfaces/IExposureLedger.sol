// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifierTypes} from "./IBN254CertificateVerifier.sol";

/// @title What a ledger asks about claims, and nothing more.
interface IClaimOutcomes {
    enum Outcome {
        OPEN,
        /// Its window passed without a challenge, or it was upheld.
        GOOD,
        /// Overturned or withheld: whoever relied on it is harmed.
        BAD,
        /// Nobody knows: nothing is paid and nobody is slashed.
        VOID
    }

    /// @notice What stands behind a claim.
    struct Backing {
        bytes32 app;
        bytes32 programId;
        bytes32 batchHash;
        uint32 referenceTimestamp;
        address profile;
        /// When the claim has ended at the latest, Unix seconds.
        uint64 endsBy;
    }

    /// @notice Reverts unless the claim is open and neither challenged nor too old to be relied on now.
    function requireReliable(bytes32 claimId) external view returns (Backing memory);
    function backingOf(bytes32 claimId) external view returns (Backing memory);
    function outcomeOf(bytes32 claimId) external view returns (Outcome);
    /// @return Who showed that the claim is bad; zero if nobody did.
    function rewardedOf(bytes32 claimId) external view returns (address);
}

/// @title What contracts may lose if answers that they rely on are lies, kept below the stake that would pay for it.
/// @notice One account per operator set and strategy: no token enlarges the cap of another.
interface IExposureLedger is IBN254CertificateVerifierTypes {
    struct Position {
        bytes32 claimId;
        address consumer;
        bool closed;
        address beneficiary;
        address strategy;
        /// Units of the strategy's token.
        uint128 amount;
        /// What they were in shares when the position was opened; rounds up.
        uint128 shares;
    }

    struct Terms {
        /// The most that one consumer may have open, in units of the token.
        uint256 quota;
        /// Units of the token for each 1e18 units and second of exposure.
        uint256 feeRate;
    }

    error NotAppOwner(bytes32 app, address caller);
    error ZeroAmount();
    error ZeroBeneficiary();
    error NotInSet(address strategy);
    error AboveQuota(uint256 wanted, uint256 quota);
    error AboveCap(uint256 wantedShares, uint256 capShares);
    /// @notice What signed, less what was slashed since its table, is below the threshold.
    error BackingTooThin(uint256 weight, uint256 required);
    error UnknownPosition(uint256 positionId);
    error PositionClosed(uint256 positionId);
    error ClaimStillOpen(bytes32 claimId);
    error OwedBySettlement(uint256 positionId);
    error NotSettlement(address caller);
    error NotHarmed(uint256 positionId);
    error FeesForfeited(bytes32 claimId);
    error SignersMismatch(bytes32 signersHash);
    error DidNotSign(uint32 operatorIndex);
    error FeeTaken(uint32 operatorIndex);
    error FeeTooHigh(uint256 fee, uint256 feeMax);
    error TransferShort(uint256 received, uint256 expected);

    event TermsSet(bytes32 indexed app, address indexed consumer, address indexed strategy, Terms terms);
    event PositionOpened(
        uint256 indexed positionId,
        bytes32 indexed claimId,
        address indexed consumer,
        address beneficiary,
        address strategy,
        uint256 amount,
        uint256 fee
    );
    event PositionEnded(uint256 indexed positionId, bool harmed);
    event FeePaid(bytes32 indexed claimId, address indexed strategy, address indexed operator, uint256 amount);

    /// @notice Grants a consumer its quota and price. Only the app's owner; what is open stays as it is.
    function setTerms(bytes32 app, address consumer, address strategy, Terms calldata terms) external;
    /// @notice Opens a position of the sender, before value moves, and takes the fee for the claim's longest life.
    /// @param feeMax The sender pays no more: the app's owner may change its price at any time.
    function open(bytes32 claimId, address strategy, uint256 amount, address beneficiary, uint256 feeMax)
        external
        returns (uint256 positionId);
    /// @notice Closes a position whose claim has ended well or void. Anyone.
    function close(uint256 positionId) external;
    /// @notice Closes a position whose claim has ended badly, and says whom to pay what. Only the settlement.
    function settle(uint256 positionId) external returns (Position memory);
    /// @notice Pays an operator its part, by weight, of the fees of a claim that ended well or void. Anyone.
    /// @param nonSignerIndices As recorded with the batch's certificate.
    function payFee(
        bytes32 claimId,
        address strategy,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer
    ) external returns (uint256 amount);

    function positionOf(uint256 positionId) external view returns (Position memory);
    function termsOf(bytes32 app, address consumer, address strategy) external view returns (Terms memory);
    /// @notice Open shares of a set's strategy.
    function openShares(bytes32 app, address strategy) external view returns (uint256);
    /// @notice Positions of a claim that have not ended.
    function openPositions(bytes32 claimId) external view returns (uint256);
    /// @notice Wei that a challenge of the claim has to put down for the positions that it freezes.
    function bondFor(bytes32 claimId) external view returns (uint256);
    /// @notice Most shares that can be open on the table of a claim's batch; reverts if its backing is too thin.
    function capOf(bytes32 claimId, address strategy) external view returns (uint256);
}
