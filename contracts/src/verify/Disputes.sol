// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ClaimStore} from "./ClaimStore.sol";

/// @title Disputes
/// @notice The stakes behind leaves, and how they are paid out; the second part of `ClaimRegistry`.
/// @dev A stake is its account's bond on one leaf. Of a loser's stake half burns, so that nobody gains by challenging itself; the other
/// half makes the winners whole for what instances and data cost them, and the rest goes to the first of them.
abstract contract Disputes is ClaimStore {
    /// @notice The leaf of a claim whose program has no one answer.
    bytes32 public constant NOT_REPRODUCIBLE = bytes32(uint256(1));
    bytes32 internal constant MISSING = bytes32(uint256(2));
    /// @notice Leaves that can be named against one claim before the first instance votes.
    uint256 public constant CHALLENGERS_MAX = 8;

    mapping(bytes32 claimId => Dispute) internal _disputes;
    mapping(bytes32 claimId => Stake[]) internal _stakes;
    mapping(bytes32 app => mapping(bytes32 programId => bool)) public isSuspended;

    function disputeOf(bytes32 claimId) external view returns (Dispute memory) {
        return _disputes[claimId];
    }

    function stakesOf(bytes32 claimId) external view returns (Stake[] memory) {
        return _stakes[claimId];
    }

    /// @dev The floor, what the challenge freezes, every instance once, one restart, and the data.
    function bondOf(bytes32 claimId) public view returns (uint256 bond) {
        Claim storage claim = _known(claimId);
        IAdjudicatedProfile.Adjudication memory rules = IAdjudicatedProfile(claim.profile).adjudication();
        uint256 highest = 0;
        for (uint256 i = 0; i < rules.verifiers.length; ++i) {
            uint256 fee = IVerifier(rules.verifiers[i]).fee();
            bond += fee;
            if (fee > highest) highest = fee;
        }
        bond += highest + rules.bondFloor + ledger.bondFor(claimId) + claim.pages * rules.pagePrice;
    }

    function appealBondOf(bytes32 claimId) public view returns (uint256) {
        return bondOf(claimId) << (_disputes[claimId].instance + 1);
    }

    /// @dev What is paid beyond what is due comes back: exposure may close between asking for the bond and paying it.
    function _addStake(bytes32 claimId, bytes32 leaf, uint256 due) internal {
        require(msg.value >= due, WrongPayment(msg.value, due));
        _stakes[claimId].push(Stake({account: msg.sender, leaf: leaf, bond: due, spent: 0}));
        _credit(claimId, msg.sender, msg.value - due);
    }

    function _spend(bytes32 claimId, uint256 payer, uint256 amount) internal {
        Stake storage stake = _stakes[claimId][payer];
        uint256 left = stake.bond - stake.spent;
        require(amount <= left, FeeAboveBond(amount, left));
        stake.spent += amount;
    }

    function _end(bytes32 claimId, Claim storage claim, Verdict verdict, bytes32 leaf) internal {
        (claim.state, claim.verdict) = (State.ENDED, verdict);
        endedAtOf[claimId] = uint48(block.timestamp);
        --openClaims[claim.operatorSetId];
        emit ClaimEnded(claimId, verdict, leaf);
        if (verdict == Verdict.VOID) _suspend(claimId, claim);
        if (claim.bonded) {
            _credit(claimId, claim.opener, IAdjudicatedProfile(claim.profile).adjudication().claimBond);
        }
        if (verdict == Verdict.UPHELD || verdict == Verdict.OVERTURNED) _payOut(claimId, claim.opener, verdict, leaf);
        else _giveBack(claimId);
    }

    function _suspend(bytes32 claimId, Claim storage claim) private {
        bytes32 app = appController.appOf(claim.operatorSetId);
        isSuspended[app][claim.programId] = true;
        emit ProgramSuspended(app, claim.programId, claimId);
    }

    function _giveBack(bytes32 claimId) private {
        Stake[] storage stakes = _stakes[claimId];
        for (uint256 i = 0; i < stakes.length; ++i) {
            _credit(claimId, stakes[i].account, stakes[i].bond - stakes[i].spent);
        }
    }

    /// @dev At most eight challengers and three appellants. Whoever appealed for the claimed leaf and was right wins too.
    function _payOut(bytes32 claimId, address opener, Verdict verdict, bytes32 leaf) private {
        Stake[] storage stakes = _stakes[claimId];
        (uint256 pool, uint256 burnt) = _takeFromLosers(stakes, leaf);
        address first = address(0);
        for (uint256 i = 0; i < stakes.length; ++i) {
            Stake storage stake = stakes[i];
            if (stake.leaf != leaf) continue;
            if (first == address(0)) first = stake.account;
            uint256 whole = stake.spent < pool ? stake.spent : pool;
            pool -= whole;
            _credit(claimId, stake.account, stake.bond - stake.spent + whole);
        }
        if (verdict == Verdict.OVERTURNED) rewardedOf[claimId] = first;
        else if (first == address(0)) first = opener;
        if (first == address(0)) (burnt, pool) = (burnt + pool, 0);
        else _credit(claimId, first, pool);
        _burn(claimId, burnt);
    }

    function _takeFromLosers(Stake[] storage stakes, bytes32 leaf) private view returns (uint256 pool, uint256 burnt) {
        for (uint256 i = 0; i < stakes.length; ++i) {
            Stake storage stake = stakes[i];
            if (stake.leaf == leaf) continue;
            uint256 left = stake.bond - stake.spent;
            uint256 half = (stake.bond + 1) / 2;
            uint256 burns = half < left ? half : left;
            burnt += burns;
            pool += left - burns;
        }
    }
}
