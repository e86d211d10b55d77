// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IBN254CertificateVerifier} from "../interfaces/IBN254CertificateVerifier.sol";
import {IClaimOutcomes, IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {ISlashVault} from "../interfaces/ISlashRouter.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title ExposureLedger
/// @notice See `IExposureLedger`. Immutable, without an owner and without a pause; it holds fees and nothing else.
/// @dev Exposure is counted in shares, rounded up: stake is shares, and a share never loses tokens. The sum of all that is open never
/// exceeds the cap of any table under which it grew, so a slash of that table's threshold pays every position in full.
contract ExposureLedger is IExposureLedger {
    using SafeERC20 for IERC20;

    /// @dev What a challenge of a claim freezes.
    struct Frozen {
        /// Positions that have not ended.
        uint64 positions;
        /// Wei of bond for all that were ever opened.
        uint192 bond;
    }

    uint256 private constant BIPS = 10_000;
    uint256 private constant UNIT = 1e18;

    IClaimOutcomes public immutable claims;
    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    IBN254CertificateVerifier public immutable verifier;
    IKeyRegistrar public immutable keyRegistrar;
    address public immutable settlement;

    uint256 public positionCount;
    mapping(uint256 positionId => Position) private _positions;
    mapping(bytes32 app => mapping(address strategy => uint256)) public openShares;
    mapping(bytes32 app => mapping(address consumer => mapping(address strategy => Terms))) private _terms;
    /// @notice Units of the token that a consumer has open.
    mapping(bytes32 app => mapping(address consumer => mapping(address strategy => uint256))) public openAmount;
    mapping(bytes32 claimId => Frozen) private _frozen;
    mapping(bytes32 claimId => mapping(address strategy => uint256)) public fees;
    mapping(bytes32 claimId => mapping(address strategy => uint256 operatorBits)) private _feesTaken;

    constructor(
        IClaimOutcomes claims_,
        IAppController appController_,
        IBatchRegistry batchRegistry_,
        IBN254CertificateVerifier verifier_,
        IKeyRegistrar keyRegistrar_,
        address settlement_
    ) {
        (claims, appController, batchRegistry) = (claims_, appController_, batchRegistry_);
        (verifier, keyRegistrar, settlement) = (verifier_, keyRegistrar_, settlement_);
    }

    function setTerms(bytes32 app, address consumer, address strategy, Terms calldata terms) external {
        IAppController.App memory info = appController.appInfo(app);
        require(info.owner == msg.sender, NotAppOwner(app, msg.sender));
        _indexOf(info.strategies, strategy);
        _terms[app][consumer][strategy] = terms;
        emit TermsSet(app, consumer, strategy, terms);
    }

    function open(bytes32 claimId, address strategy, uint256 amount, address beneficiary, uint256 feeMax)
        external
        returns (uint256 positionId)
    {
        require(amount != 0, ZeroAmount());
        require(beneficiary != address(0), ZeroBeneficiary());
        IClaimOutcomes.Backing memory backing = claims.requireReliable(claimId);
        IERC20 token = IStrategy(strategy).underlyingToken();
        _freeze(claimId, IAdjudicatedProfile(backing.profile).coverOf(address(token)).bondPerUnits, amount);
        uint256 fee = _grow(backing, strategy, amount);
        require(fee <= feeMax, FeeTooHigh(fee, feeMax));
        uint256 shares = _sharesUp(strategy, amount);
        _requireCap(backing, strategy, shares);

        positionId = ++positionCount;
        _positions[positionId] = Position({
            claimId: claimId,
            consumer: msg.sender,
            closed: false,
            beneficiary: beneficiary,
            strategy: strategy,
            amount: SafeCast.toUint128(amount),
            shares: SafeCast.toUint128(shares)
        });
        openShares[backing.app][strategy] += shares;
        fees[claimId][strategy] += fee;
        emit PositionOpened(positionId, claimId, msg.sender, beneficiary, strategy, amount, fee);
        _collect(token, fee);
    }

    function close(uint256 positionId) external {
        Position storage position = _open(positionId);
        IClaimOutcomes.Outcome outcome = claims.outcomeOf(position.claimId);
        require(outcome != IClaimOutcomes.Outcome.OPEN, ClaimStillOpen(position.claimId));
        require(outcome != IClaimOutcomes.Outcome.BAD, OwedBySettlement(positionId));
        _end(positionId, position, false);
    }

    function settle(uint256 positionId) external returns (Position memory) {
        require(msg.sender == settlement, NotSettlement(msg.sender));
        Position storage position = _open(positionId);
        require(claims.outcomeOf(position.claimId) == IClaimOutcomes.Outcome.BAD, NotHarmed(positionId));
        _end(positionId, position, true);
        return position;
    }

    function payFee(
        bytes32 claimId,
        address strategy,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer
    ) external returns (uint256 amount) {
        IClaimOutcomes.Outcome outcome = claims.outcomeOf(claimId);
        require(outcome != IClaimOutcomes.Outcome.OPEN, ClaimStillOpen(claimId));
        require(outcome != IClaimOutcomes.Outcome.BAD, FeesForfeited(claimId));
        IClaimOutcomes.Backing memory backing = claims.backingOf(claimId);
        uint256 index = _indexOf(appController.appInfo(backing.app).strategies, strategy);
        uint256 signedWeight = _requireSigner(backing, nonSignerIndices, signer, index);
        _take(claimId, strategy, signer.operatorIndex);
        amount = Math.mulDiv(fees[claimId][strategy], signer.operatorInfo.weights[index], signedWeight);
        address operator = _operatorOf(signer);
        emit FeePaid(claimId, strategy, operator, amount);
        IStrategy(strategy).underlyingToken().safeTransfer(operator, amount);
    }

    function positionOf(uint256 positionId) external view returns (Position memory) {
        return _positions[positionId];
    }

    function termsOf(bytes32 app, address consumer, address strategy) external view returns (Terms memory) {
        return _terms[app][consumer][strategy];
    }

    function openPositions(bytes32 claimId) external view returns (uint256) {
        return _frozen[claimId].positions;
    }

    function bondFor(bytes32 claimId) external view returns (uint256) {
        return _frozen[claimId].bond;
    }

    function capOf(bytes32 claimId, address strategy) external view returns (uint256) {
        return _cap(claims.backingOf(claimId), strategy);
    }

    function _freeze(bytes32 claimId, uint256 bondPerUnits, uint256 amount) private {
        Frozen storage frozen = _frozen[claimId];
        uint256 bond = Math.mulDiv(amount, bondPerUnits, UNIT, Math.Rounding.Ceil);
        ++frozen.positions;
        frozen.bond = SafeCast.toUint192(frozen.bond + bond);
    }

    /// @dev Counts the amount into the sender's quota. The fee is for the claim's longest life: what ends early has paid for it.
    function _grow(IClaimOutcomes.Backing memory backing, address strategy, uint256 amount)
        private
        returns (uint256 fee)
    {
        Terms memory terms = _terms[backing.app][msg.sender][strategy];
        uint256 wanted = openAmount[backing.app][msg.sender][strategy] + amount;
        require(wanted <= terms.quota, AboveQuota(wanted, terms.quota));
        openAmount[backing.app][msg.sender][strategy] = wanted;
        uint256 time = backing.endsBy > block.timestamp ? backing.endsBy - block.timestamp : 0;
        return Math.mulDiv(amount, terms.feeRate * time, UNIT, Math.Rounding.Ceil);
    }

    function _requireCap(IClaimOutcomes.Backing memory backing, address strategy, uint256 shares) private view {
        uint256 cap = _cap(backing, strategy);
        uint256 wanted = openShares[backing.app][strategy] + shares;
        require(wanted <= cap, AboveCap(wanted, cap));
    }

    /// @dev What a slash of the least quorum leaves for the harmed, by the batch's own table. Whatever the set lost since that
    /// table is taken off what signed, whoever lost it.
    function _cap(IClaimOutcomes.Backing memory backing, address strategy) private view returns (uint256) {
        IAppController.App memory app = appController.appInfo(backing.app);
        uint256 index = _indexOf(app.strategies, strategy);
        bytes32 table = appController.tableOf(backing.app, backing.programId);
        uint256 total =
            verifier.getOperatorSetInfoOf(_setOf(app), table, backing.referenceTimestamp).totalWeights[index];
        uint256 required = Math.mulDiv(total, app.thresholdBips, BIPS, Math.Rounding.Ceil);
        uint256 signed = batchRegistry.recordOf(backing.batchHash).signedWeights[index];
        uint256 slashed = ISlashVault(app.slashVault).slashedSharesSince(strategy, backing.referenceTimestamp);
        uint256 left = signed > slashed ? signed - slashed : 0;
        require(left >= required, BackingTooThin(left, required));
        return IAdjudicatedProfile(backing.profile).payableOf(required);
    }

    function _requireSigner(
        IClaimOutcomes.Backing memory backing,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer,
        uint256 index
    ) private view returns (uint256 signedWeight) {
        IBatchRegistry.BatchRecord memory record = batchRegistry.recordOf(backing.batchHash);
        bytes32 signersHash = keccak256(abi.encode(backing.referenceTimestamp, nonSignerIndices));
        require(record.signersHash == signersHash, SignersMismatch(signersHash));
        for (uint256 i = 0; i < nonSignerIndices.length; ++i) {
            require(nonSignerIndices[i] != signer.operatorIndex, DidNotSign(signer.operatorIndex));
        }
        IAppController.App memory app = appController.appInfo(backing.app);
        bytes32 table = appController.tableOf(backing.app, backing.programId);
        verifier.requireMember(_setOf(app), table, backing.referenceTimestamp, signer);
        return record.signedWeights[index];
    }

    function _take(bytes32 claimId, address strategy, uint32 operatorIndex) private {
        uint256 bit = uint256(1) << operatorIndex;
        require(_feesTaken[claimId][strategy] & bit == 0, FeeTaken(operatorIndex));
        _feesTaken[claimId][strategy] |= bit;
    }

    function _end(uint256 positionId, Position storage position, bool harmed) private {
        bytes32 app = claims.backingOf(position.claimId).app;
        position.closed = true;
        openShares[app][position.strategy] -= position.shares;
        openAmount[app][position.consumer][position.strategy] -= position.amount;
        --_frozen[position.claimId].positions;
        emit PositionEnded(positionId, harmed);
    }

    /// @dev A token that takes a part of a transfer would have this contract owe more than it has.
    function _collect(IERC20 token, uint256 fee) private {
        if (fee == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), fee);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == fee, TransferShort(received, fee));
    }

    function _open(uint256 positionId) private view returns (Position storage position) {
        position = _positions[positionId];
        require(position.amount != 0, UnknownPosition(positionId));
        require(!position.closed, PositionClosed(positionId));
    }

    function _operatorOf(BN254OperatorInfoWitness calldata signer) private view returns (address) {
        bytes32 keyHash = keccak256(abi.encode(signer.operatorInfo.pubkey.X, signer.operatorInfo.pubkey.Y));
        return keyRegistrar.getOperatorFromKeyHash(keyHash);
    }

    /// @dev One share more than the strategy says: its rounding is down.
    function _sharesUp(address strategy, uint256 amount) private view returns (uint256) {
        return IStrategy(strategy).underlyingToSharesView(amount) + 1;
    }

    function _setOf(IAppController.App memory app) private view returns (OperatorSet memory) {
        return OperatorSet({avs: address(appController), id: app.operatorSetId});
    }

    function _indexOf(address[] memory strategies, address strategy) private pure returns (uint256) {
        for (uint256 i = 0; i < strategies.length; ++i) {
            if (strategies[i] == strategy) return i;
        }
        revert NotInSet(strategy);
    }
}
