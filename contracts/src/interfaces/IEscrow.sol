// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IForkParameters} from "./IForkParameters.sol";

/// @title Where staked bEIGEN lies, and the only way out of it.
/// @dev Immutable and without an owner or a pause. One strategy keeps its accounts; whatever that strategy says, a unit leaves only
/// after the withdrawal lag: an exit from the block in which it was queued, slashed stake from the block of its slash.
/// A staker is paid no more than it queued a lag ago. The lag outlasts a vote and the redemption of a fork, so that who is
/// accused cannot be out, and redeem as a holder, before redemption ends.
interface IEscrow {
    struct Outflow {
        address recipient;
        uint48 releaseBlock;
        uint256 amount;
    }

    error OnlyStrategy();
    error InputAddressZero();
    /// @notice The lag in seconds is shorter than the parameters demand.
    error LagTooShort(uint256 lagSeconds, uint256 requiredSeconds);
    /// @notice The lag outlasts the withdrawal queue, which would make stakers wait twice.
    error LagTooLong(uint256 lagBlocks, uint256 withdrawalDelayBlocks);
    /// @notice `staker` has queued no more than `matured` early enough.
    error ExitNotMatured(address staker, uint256 amount, uint256 matured);
    error StakeTooSmall(address staker, uint256 amount, uint256 stake);
    /// @notice A deposit is assigned whole and at once.
    error DepositUnassigned(uint256 amount);
    error UnknownOutflow(uint256 outflowId);
    error TooEarly(uint256 releaseBlock);
    /// @notice Only blocks before this one are settled.
    error NotPast(uint256 blockNumber);
    error NotHeld(uint256 amount, uint256 held);

    event Deposited(uint256 amount);
    /// @param stake What `staker` has now.
    event StakeIncreased(address indexed staker, uint256 amount, uint256 stake);
    /// @param matureBlock The first block in which it can leave.
    event ExitQueued(address indexed staker, uint256 amount, uint256 matureBlock);
    event ExitPaid(address indexed staker, uint256 amount);
    /// @notice What was queued became stake again.
    event ExitReturned(address indexed staker, uint256 amount);
    event OutflowQueued(uint256 indexed outflowId, address indexed recipient, uint256 amount, uint256 releaseBlock);
    event OutflowPaid(address indexed recipient, uint256 amount);

    /// @notice Takes `amount` from the strategy. Only the strategy, which assigns it to a staker next.
    function deposit(uint256 amount) external;
    /// @notice Gives `staker` the deposit just made, or returns what it had queued. Only the strategy.
    function addStake(address staker, uint256 amount) external;
    /// @notice Starts the clock of `amount`. Only the strategy.
    function queueExit(address staker, uint256 amount) external;
    /// @notice Pays a matured exit. Only the strategy.
    function payExit(address staker, uint256 amount) external;
    /// @notice Pays slashed stake, or queues it until the lag after `slashBlock` has passed. Only the strategy.
    function paySlashed(address recipient, uint256 amount, uint256 slashBlock) external;
    /// @notice Pays a queued outflow whose block has come. Anyone.
    function release(uint256 outflowId) external;

    function strategy() external view returns (address);
    function token() external view returns (IERC20);
    function parameters() external view returns (IForkParameters);
    /// @notice Blocks that pass after the one in which an exit was queued before it can leave.
    function lagBlocks() external view returns (uint32);
    /// @notice Staked or queued, slashed or not. Tokens that nobody deposited do not count.
    function held() external view returns (uint256);
    /// @notice Of slashed stake whose outflow waits.
    function owed() external view returns (uint256);
    function outflow(uint256 outflowId) external view returns (Outflow memory);
    /// @notice How many outflows were ever queued; their ids count from 0.
    function outflowCount() external view returns (uint256);
    /// @notice Whether enough of the token is staked for a fork to be worth its cost.
    function isForkable() external view returns (bool);

    /// @notice Deposit shares of `staker`, not queued; slashing does not change them.
    function stakeOf(address staker) external view returns (uint256);
    /// @notice What `staker` has queued a lag ago and not taken out since.
    function maturedOf(address staker) external view returns (uint256);
    // As of the end of a past block.
    function stakeAt(address staker, uint256 blockNumber) external view returns (uint256);
    function totalStakeAt(uint256 blockNumber) external view returns (uint256);
    /// @notice All that `staker` had ever queued.
    function queuedAt(address staker, uint256 blockNumber) external view returns (uint256);
    /// @notice All that `staker` had ever taken out, or back into stake.
    function settledAt(address staker, uint256 blockNumber) external view returns (uint256);
    /// @notice What the stake of `staker` was worth after slashing, and to whom it was delegated.
    function worthAt(address staker, uint256 blockNumber) external view returns (address operator, uint256 worth);
}
