// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IGatewayBonds} from "../interfaces/IGatewayBonds.sol";
import {Batch, VouchTypes} from "../libraries/VouchTypes.sol";

/// @title GatewayBonds
/// @notice See `IGatewayBonds`. Immutable, without an owner, a pause or a judge: two signatures are all the evidence.
/// @dev Nothing asks whether the signer served the lane, or when it signed: whoever signs two headers for one slot has signed what no
/// gateway may. Evidence does not age either; what ends it is that the bond has left, after a delay as long as stake is slashable.
/// The reporter is whoever's transaction comes first, so evidence is best sent privately.
contract GatewayBonds is IGatewayBonds {
    using VouchTypes for Batch;

    /// @param current In force until `effectiveAt`.
    /// @param next In force from `effectiveAt` on.
    struct Minimum {
        uint256 current;
        uint256 next;
        uint64 effectiveAt;
    }

    /// @notice The reporter's share of what is slashed: less than equivocating costs, so that nobody gains by reporting itself.
    uint256 public constant REPORTER_BIPS = 1_000;
    /// @notice Where the rest goes; nobody has its key. No victim can be named: a quorum refused one of the two.
    address public constant BURNT = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant BIPS = 10_000;

    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    uint32 public immutable withdrawalDelay;
    uint32 public immutable noticeSeconds;

    mapping(address gateway => Bond) private _bonds;
    mapping(bytes32 app => mapping(uint32 lane => Minimum)) private _minimums;

    constructor(
        IAppController appController_,
        IBatchRegistry batchRegistry_,
        uint32 withdrawalDelay_,
        uint32 noticeSeconds_
    ) {
        require(withdrawalDelay_ != 0 && noticeSeconds_ != 0, ZeroDelay());
        appController = appController_;
        batchRegistry = batchRegistry_;
        withdrawalDelay = withdrawalDelay_;
        noticeSeconds = noticeSeconds_;
    }

    function deposit(address gateway) external payable {
        require(msg.value != 0, ZeroAmount());
        require(gateway != address(0), InvalidGateway());
        Bond storage bond = _bonds[gateway];
        require(!bond.slashed, GatewaySlashed(gateway));
        bond.amount += msg.value;
        _changed(gateway, bond);
    }

    function requestWithdrawal(uint256 amount) external {
        Bond storage bond = _bonds[msg.sender];
        require(amount <= bond.amount, BondTooSmall(amount, bond.amount));
        bond.leaving = amount;
        bond.leavesAt = amount == 0 ? 0 : uint64(block.timestamp) + withdrawalDelay;
        _changed(msg.sender, bond);
    }

    function withdraw(address payable to) external returns (uint256 amount) {
        Bond storage bond = _bonds[msg.sender];
        amount = bond.leaving;
        require(amount != 0, NothingLeaves(msg.sender));
        require(block.timestamp >= bond.leavesAt, TooEarly(bond.leavesAt));
        bond.amount -= amount;
        (bond.leaving, bond.leavesAt) = (0, 0);
        _changed(msg.sender, bond);
        _pay(to, amount);
    }

    function setMinimumBond(bytes32 app, uint32 lane, uint256 amount) external {
        require(appController.appInfo(app).owner == msg.sender, NotAppOwner(app, msg.sender));
        require(lane != 0 && lane <= batchRegistry.laneCount(app), UnknownLane(app, lane));
        uint64 effectiveAt = uint64(block.timestamp) + noticeSeconds;
        _minimums[app][lane] = Minimum({current: minimumBond(app, lane), next: amount, effectiveAt: effectiveAt});
        emit MinimumBondSet(app, lane, amount, effectiveAt);
    }

    function proveEquivocation(SignedHeader calldata first, SignedHeader calldata second) external {
        (bytes32 firstHash, bytes32 secondHash) = (first.batch.hash(), second.batch.hash());
        require(firstHash != secondHash, SameBatch());
        require(_slotOf(first.batch) == _slotOf(second.batch), DifferentSlots());
        bool here = first.batch.chainId == block.chainid && first.batch.registry == address(batchRegistry);
        require(here, WrongDeployment());
        address gateway = _signerOf(firstHash, first.signature);
        address other = _signerOf(secondHash, second.signature);
        require(gateway == other, DifferentSigners(gateway, other));
        uint256 amount = _bonds[gateway].amount;
        require(amount != 0, NothingToSlash(gateway));
        _bonds[gateway] = Bond({amount: 0, leaving: 0, leavesAt: 0, slashed: true});
        uint256 reward = amount * REPORTER_BIPS / BIPS;
        emit GatewayEquivocationProven(gateway, firstHash, secondHash, msg.sender);
        emit BondSlashed(gateway, amount - reward, reward, msg.sender);
        _changed(gateway, _bonds[gateway]);
        _pay(BURNT, amount - reward);
        _pay(msg.sender, reward);
    }

    function bondOf(address gateway) external view returns (Bond memory) {
        return _bonds[gateway];
    }

    function standingOf(address gateway) external view returns (uint256) {
        Bond storage bond = _bonds[gateway];
        return bond.amount - bond.leaving;
    }

    function minimumBond(bytes32 app, uint32 lane) public view returns (uint256) {
        Minimum storage minimum = _minimums[app][lane];
        return block.timestamp >= minimum.effectiveAt ? minimum.next : minimum.current;
    }

    function _changed(address gateway, Bond storage bond) private {
        emit BondChanged(gateway, bond.amount, bond.leaving, bond.leavesAt);
    }

    function _pay(address to, uint256 amount) private {
        (bool paid,) = to.call{value: amount}("");
        require(paid, PaymentRefused(to));
    }

    /// @dev Refuses the other, equally valid form of a signature (high s), so nobody turns one proposal into two pieces of evidence;
    /// the batch hashes have to differ anyway.
    function _signerOf(bytes32 batchHash, bytes calldata signature) private pure returns (address signer) {
        ECDSA.RecoverError failure;
        (signer, failure,) = ECDSA.tryRecover(batchHash, signature);
        require(failure == ECDSA.RecoverError.NoError, InvalidSignature());
    }

    function _slotOf(Batch calldata batch) private pure returns (bytes32) {
        return keccak256(
            abi.encode(batch.chainId, batch.registry, batch.app, batch.operatorSetId, batch.lane, batch.sequence)
        );
    }
}
