// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IForkParameters} from "../../src/interfaces/IForkParameters.sol";
import {BackingEigen} from "../../src/token/BackingEigen.sol";
import {Eigen} from "../../src/token/Eigen.sol";
import {Escrow} from "../../src/token/Escrow.sol";
import {Test} from "../Test.sol";

/// @title For all amounts: the wrapper is backed, and the escrow pays neither early nor more than it holds.
/// @dev This contract is the holder, and it stands in for the strategy, the parameters and the DelegationManager.
contract TokenProof is Test {
    uint256 private constant SUPPLY = 1e30;
    uint32 private constant LAG = 100;

    BackingEigen private backing;
    Eigen private eigen;
    Escrow private escrow;
    address private staker = address(0x57a6e2);
    address private recipient = address(0x2ec1);

    function setUp() public {
        vm.roll(1_000);
        backing = new BackingEigen(1, address(this), SUPPLY);
        eigen = new Eigen(backing, address(this));
        escrow = new Escrow(
            address(this), backing, IForkParameters(address(this)), IDelegationManager(address(this)), LAG, 1
        );
        backing.approve(address(eigen), type(uint256).max);
        backing.approve(address(escrow), type(uint256).max);
    }

    function times() external pure returns (IForkParameters.Times memory none) {
        return none;
    }

    function minWithdrawalDelayBlocks() external pure returns (uint32) {
        return LAG;
    }

    function check_the_wrapper_is_backed_unit_for_unit(uint256 wrapped, uint256 unwrapped) public {
        eigen.wrap(wrapped);
        eigen.unwrap(unwrapped);
        assert(eigen.totalSupply() == wrapped - unwrapped);
        assert(backing.balanceOf(address(eigen)) == eigen.totalSupply());
        assert(eigen.unwrapped(address(this)) == unwrapped);
        assert(eigen.totalUnwrapped() == unwrapped);
    }

    function check_nothing_is_wrapped_after_the_stop(uint256 amount) public {
        eigen.stopWrapping();
        try eigen.wrap(amount) {
            assert(false);
        } catch {}
    }

    /// @dev Paid or owed, never more than was staked and what is owed is there.
    function check_the_escrow_covers_what_it_owes(uint256 staked, uint256 left, uint256 slashed, uint256 paid) public {
        escrow.deposit(staked);
        escrow.addStake(staker, staked);
        escrow.queueExit(staker, left);
        escrow.paySlashed(recipient, slashed, 1_000);
        vm.roll(1_000 + LAG + 1);
        escrow.payExit(staker, paid);
        assert(paid <= left && left <= staked);
        assert(paid + slashed <= staked);
        assert(escrow.held() == staked - slashed - paid);
        assert(escrow.owed() == slashed);
        assert(backing.balanceOf(address(escrow)) == escrow.held() + escrow.owed());
        assert(backing.balanceOf(staker) == paid);
    }

    function check_no_exit_is_paid_before_its_lag(uint256 staked, uint256 left, uint256 paid, uint256 waited) public {
        vm.assume(staked != 0 && paid != 0 && waited <= LAG);
        escrow.deposit(staked);
        escrow.addStake(staker, staked);
        escrow.queueExit(staker, left);
        vm.roll(1_000 + waited);
        try escrow.payExit(staker, paid) {
            assert(false);
        } catch {}
    }

    function check_no_slashed_stake_is_paid_before_its_lag(uint256 staked, uint256 slashed, uint256 waited) public {
        vm.assume(staked != 0 && waited <= LAG);
        escrow.deposit(staked);
        escrow.addStake(staker, staked);
        escrow.paySlashed(recipient, slashed, 1_000);
        vm.roll(1_000 + waited);
        assert(backing.balanceOf(recipient) == 0);
        try escrow.release(0) {
            assert(false);
        } catch {}
    }
}
