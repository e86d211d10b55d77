// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {SlashingLib, WAD} from "../libraries/SlashingLib.sol";
import {DelegatedShares} from "./DelegatedShares.sol";
import {Pausable} from "./Pausable.sol";
import {Permissioned} from "./Permissioned.sol";
import {WithdrawalQueue} from "./WithdrawalQueue.sol";

/// @title Who delegates to whom, and how many shares that gives each operator.
/// @dev Immutable and without an owner: it slashes. New delegation has a pause; slashing and withdrawals have none.
contract DelegationManager is WithdrawalQueue, Pausable, Permissioned, EIP712 {
    uint8 internal constant PAUSED_NEW_DELEGATION = 0;
    uint8 internal constant PAUSED_ENTER_WITHDRAWAL_QUEUE = 1;
    uint8 internal constant PAUSED_EXIT_WITHDRAWAL_QUEUE = 2;
    bytes32 public constant DELEGATION_APPROVAL_TYPEHASH = keccak256(
        "DelegationApproval(address delegationApprover,address staker,address operator,bytes32 salt,uint256 expiry)"
    );

    mapping(address operator => address) public delegationApprover;
    mapping(address approver => mapping(bytes32 salt => bool)) public delegationApproverSaltIsSpent;

    constructor(
        address strategyManager_,
        address allocationManager_,
        address controller,
        address registry,
        uint32 withdrawalDelay
    )
        DelegatedShares(strategyManager_, allocationManager_, withdrawalDelay)
        Pausable(registry)
        Permissioned(controller)
        EIP712("EigenLayer", "1")
    {
        require(strategyManager_ != address(0) && allocationManager_ != address(0), InputAddressZero());
        require(controller != address(0), InputAddressZero());
    }

    function registerAsOperator(address initDelegationApprover, uint32 allocationDelay, string calldata metadataURI)
        external
        whenNotPaused(PAUSED_NEW_DELEGATION)
    {
        require(!isDelegated(msg.sender), ActivelyDelegated());
        delegationApprover[msg.sender] = initDelegationApprover;
        emit DelegationApproverUpdated(msg.sender, initDelegationApprover);
        emit OperatorRegistered(msg.sender, initDelegationApprover);
        emit OperatorMetadataURIUpdated(msg.sender, metadataURI);
        _delegate(msg.sender, msg.sender);
        IAllocationManager(allocationManager).setAllocationDelay(msg.sender, allocationDelay);
    }

    function modifyOperatorDetails(address operator, address newDelegationApprover) external {
        _requireOperatorSide(operator);
        delegationApprover[operator] = newDelegationApprover;
        emit DelegationApproverUpdated(operator, newDelegationApprover);
    }

    function updateOperatorMetadataURI(address operator, string calldata metadataURI) external {
        _requireOperatorSide(operator);
        emit OperatorMetadataURIUpdated(operator, metadataURI);
    }

    function delegateTo(address operator, SignatureWithExpiry calldata approverSignatureAndExpiry, bytes32 approverSalt)
        external
        whenNotPaused(PAUSED_NEW_DELEGATION)
    {
        _delegateTo(operator, approverSignatureAndExpiry, approverSalt);
    }

    function undelegate(address staker) external returns (bytes32[] memory withdrawalRoots) {
        return _undelegate(staker);
    }

    function redelegate(address newOperator, SignatureWithExpiry calldata newOperatorApproverSig, bytes32 approverSalt)
        external
        whenNotPaused(PAUSED_NEW_DELEGATION)
        returns (bytes32[] memory withdrawalRoots)
    {
        withdrawalRoots = _undelegate(msg.sender);
        _delegateTo(newOperator, newOperatorApproverSig, approverSalt);
    }

    function increaseDelegatedShares(address staker, address strategy, uint256 prevDepositShares, uint256 addedShares)
        external
    {
        require(msg.sender == strategyManager, OnlyStrategyManagerOrEigenPodManager());
        _increase(delegatedTo[staker], staker, strategy, prevDepositShares, addedShares);
    }

    function slashOperatorShares(
        address operator,
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy,
        uint64 prevMaxMagnitude,
        uint64 newMaxMagnitude
    ) external returns (uint256 totalSlashedShares) {
        require(msg.sender == allocationManager, OnlyAllocationManager());
        totalSlashedShares = _slash(operator, strategy, prevMaxMagnitude, newMaxMagnitude);
        if (totalSlashedShares == 0) return 0;
        IStrategyManager(strategyManager)
            .increaseBurnOrRedistributableShares(operatorSet, slashId, strategy, totalSlashedShares);
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function calculateDelegationApprovalDigestHash(
        address staker,
        address operator,
        address approver,
        bytes32 approverSalt,
        uint256 expiry
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(DELEGATION_APPROVAL_TYPEHASH, approver, staker, operator, approverSalt, expiry))
        );
    }

    function _delegateTo(address operator, SignatureWithExpiry calldata signature, bytes32 salt) private {
        require(!isDelegated(msg.sender), ActivelyDelegated());
        require(isOperator(operator), OperatorNotRegistered());
        _requireApproval(msg.sender, operator, signature, salt);
        _delegate(msg.sender, operator);
    }

    /// @dev The operator's side may force a staker out; what is queued is slashable under this operator as before.
    function _undelegate(address staker) private returns (bytes32[] memory roots) {
        address operator = delegatedTo[staker];
        require(operator != address(0), NotActivelyDelegated());
        require(operator != staker, OperatorsCannotUndelegate());
        if (msg.sender != staker) {
            require(msg.sender == delegationApprover[operator] || _canCall(operator), CallerCannotUndelegate());
            emit StakerForceUndelegated(staker, operator);
        }
        roots = _queueAll(staker, operator);
        _setOperator(staker, address(0));
        emit StakerUndelegated(staker, operator);
    }

    /// @dev Each strategy enters with what the staker can withdraw now, as if it were deposited anew.
    function _delegate(address staker, address operator) private {
        _setOperator(staker, operator);
        emit StakerDelegated(staker, operator);
        (address[] memory strategies, uint256[] memory shares) = IStrategyManager(strategyManager).getDeposits(staker);
        for (uint256 i = 0; i < strategies.length; i++) {
            uint256 worth = SlashingLib.withdrawable(shares[i], depositScalingFactor(staker, strategies[i]), WAD);
            _increase(operator, staker, strategies[i], 0, worth);
        }
    }

    /// @dev A salt is spent per approver, also across operators that share one.
    function _requireApproval(address staker, address operator, SignatureWithExpiry calldata signature, bytes32 salt)
        private
    {
        address approver = delegationApprover[operator];
        if (approver == address(0) || msg.sender == approver || msg.sender == operator) return;
        require(block.timestamp <= signature.expiry, SignatureExpired());
        require(!delegationApproverSaltIsSpent[approver][salt], SaltSpent());
        delegationApproverSaltIsSpent[approver][salt] = true;
        bytes32 digest = calculateDelegationApprovalDigestHash(staker, operator, approver, salt, signature.expiry);
        require(SignatureChecker.isValidSignatureNow(approver, digest, signature.signature), InvalidSignature());
    }

    function _requireOperatorSide(address operator) private view {
        require(_canCall(operator), InvalidPermissions());
        require(isOperator(operator), OperatorNotRegistered());
    }

    function _pausableBits() internal pure override returns (uint256) {
        return 1 << PAUSED_NEW_DELEGATION;
    }

    function _requirePausable(uint256 newPausedStatus) internal pure override {
        uint256 exits = (1 << PAUSED_ENTER_WITHDRAWAL_QUEUE) | (1 << PAUSED_EXIT_WITHDRAWAL_QUEUE);
        require(newPausedStatus & exits == 0, WithdrawalsCannotBePaused());
    }
}
