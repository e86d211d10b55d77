// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch} from "../libraries/VouchTypes.sol";

/// @title Bonds of gateways: a gateway that signs two proposals for one slot loses all that it has put down.
/// @notice Amounts are in the chain's native coin, wei. A bond belongs to a gateway's address and stands behind every proposal that
/// its key signs, in whatever lane.
interface IGatewayBonds {
    struct Bond {
        /// All that can be slashed.
        uint256 amount;
        /// How much of `amount` is on its way out; it no longer counts for lanes.
        uint256 leaving;
        /// When `leaving` can be fetched.
        uint64 leavesAt;
        /// Whether the gateway has equivocated; it is never bonded again.
        bool slashed;
    }

    /// @notice A header with the gateway's signature over its hash, r ‖ s ‖ v.
    struct SignedHeader {
        Batch batch;
        bytes signature;
    }

    error ZeroAmount();
    error ZeroDelay();
    error InvalidGateway();
    error GatewaySlashed(address gateway);
    error BondTooSmall(uint256 amount, uint256 bond);
    error NothingLeaves(address gateway);
    error TooEarly(uint64 leavesAt);
    error PaymentRefused(address to);
    error NotAppOwner(bytes32 app, address caller);
    error UnknownLane(bytes32 app, uint32 lane);
    error SameBatch();
    error DifferentSlots();
    error DifferentSigners(address first, address second);
    error InvalidSignature();
    error WrongDeployment();
    error NothingToSlash(address gateway);

    event BondChanged(address indexed gateway, uint256 amount, uint256 leaving, uint64 leavesAt);
    event MinimumBondSet(bytes32 indexed app, uint32 indexed lane, uint256 amount, uint64 effectiveAt);
    event GatewayEquivocationProven(
        address indexed gateway, bytes32 indexed firstBatchHash, bytes32 indexed secondBatchHash, address reporter
    );
    event BondSlashed(address indexed gateway, uint256 burnt, uint256 rewarded, address reporter);

    /// @notice Adds to a gateway's bond. Anyone may.
    function deposit(address gateway) external payable;
    /// @notice Starts the clock after which `amount` of the sender's bond can be fetched; replaces an earlier word. It can be slashed
    /// until it is fetched, and counts for no lane from now on.
    function requestWithdrawal(uint256 amount) external;
    function withdraw(address payable to) external returns (uint256 amount);
    /// @notice Sets what executors ask of the lane's gateway. Only the app's owner; it holds after `noticeSeconds`, so that an honest
    /// gateway can raise its bond first.
    function setMinimumBond(bytes32 app, uint32 lane, uint256 amount) external;
    /// @notice Two different headers for one slot (chainId, registry, app, operatorSetId, lane, sequence), signed by one key, take its
    /// whole bond: a share for the reporter, the rest is burnt.
    function proveEquivocation(SignedHeader calldata first, SignedHeader calldata second) external;

    function bondOf(address gateway) external view returns (Bond memory);
    /// @notice What counts for lanes: the bond without what leaves.
    function standingOf(address gateway) external view returns (uint256);
    function minimumBond(bytes32 app, uint32 lane) external view returns (uint256);
    function withdrawalDelay() external view returns (uint32);
    function noticeSeconds() external view returns (uint32);
}
