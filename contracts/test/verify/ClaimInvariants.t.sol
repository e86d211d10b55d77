// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IClaimOutcomes, IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {Test} from "../Test.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @notice An adversary that challenges, joins, appeals, demands, withholds, votes, slashes and pays at random, and keeps its own books.
/// Answers with an even index are right, odd ones are lies. Two things it can't do: have a committee decide for a lie, and keep an
/// honest signer from showing what it signed.
contract ClaimHandler is ClaimFixture {
    bytes32[] private _claimIds;
    mapping(bytes32 claimId => uint256) private _answerOf;
    uint256 private _positionCount;
    address[] private _actors;
    /// @notice Whether somebody harmed could not be paid although every signer was slashed.
    bool public unpaid;
    uint256 public payments;
    /// @notice How often claims ended with each verdict.
    uint256[6] public endings;

    constructor() {
        deployClaims();
        _actors = [address(this), consumer, challenger, joiner];
        for (uint256 i = 0; i < 4; ++i) {
            (bytes32 claimId,) = openInsured(i, (i + 1) * 1 ether);
            _know(claimId, i);
            ++_positionCount;
        }
    }

    function openOne(uint256 pick) external {
        uint256 i = pick % EXCHANGE_COUNT;
        _know(openOn(i), i);
    }

    function exposeOne(uint256 pick, uint256 amount) external {
        expose(_pick(pick), bound(amount, 1, 20 ether));
        ++_positionCount;
    }

    function challengeOne(uint256 pick, uint256 who, uint256 leaf) external {
        (bytes32 claimId, address actor) = (_pick(pick), _actors[2 + who % 2]);
        bytes32 named = leaf % 3 == 0 ? bytes32(uint256(1)) : leaf % 3 == 1 ? TRUTH : OTHER;
        commit(actor, claimId, named);
        reveal(actor, claimId, named);
    }

    function advanceOne(uint256 pick) external {
        claims.advance(_pickIn(pick, IClaimRegistry.State.ADJUDICATING));
    }

    function judgeOne(uint256 pick, uint256 kind) external {
        bytes32 claimId = _pickIn(pick, IClaimRegistry.State.ADJUDICATING);
        if (claims.disputeOf(claimId).unasked) claims.advance(claimId);
        uint256 i = _answerOf[claimId];
        if (kind % 8 == 0) say(claimId, IVerifier.Answer.MISSING, 0);
        else if (kind % 8 == 1) say(claimId, IVerifier.Answer.SPLIT, 0);
        else if (kind % 8 == 2) say(claimId, IVerifier.Answer.NOT_REPRODUCIBLE, 0);
        else decide(claimId, i % 2 == 0 ? leafOf(i) : TRUTH);
    }

    function appealOne(uint256 pick, uint256 who, uint256 leaf) external {
        bytes32 claimId = _pickIn(pick, IClaimRegistry.State.DECIDED);
        bytes32 named = leaf % 3 == 0 ? leafOf(_answerOf[claimId]) : leaf % 3 == 1 ? TRUTH : OTHER;
        appealBy(_actors[2 + who % 2], claimId, named);
    }

    function demandOne(uint256 pick, uint256 who) external {
        if (who % 4 == 0) demandBy(_actors[2 + pick % 2], _pick(pick));
    }

    function answerOne(uint256 pick, uint256 part, uint256 page) external {
        bytes32 claimId = _pickIn(pick, IClaimRegistry.State.DEMANDED);
        answer(claimId, _answerOf[claimId], part % 2 == 0 ? 0 : 2, page % 2);
    }

    function pass(uint256 seconds_) external {
        _passTo(block.timestamp + bound(seconds_, 1, 6 hours));
    }

    /// @dev Waits for the clock of a claim and ends it; a demand for what is right has been answered by then.
    function finishOne(uint256 pick) external {
        bytes32 claimId = _pick(pick);
        IClaimRegistry.State state = claims.claimOf(claimId).state;
        if (state == IClaimRegistry.State.PROPOSED && pick % 4 == 0) _passTo(claims.claimOf(claimId).windowEndsAt + 1);
        if (state == IClaimRegistry.State.DECIDED) _passTo(claims.disputeOf(claimId).appealEndsAt + 1);
        if (state == IClaimRegistry.State.DEMANDED) _passTo(claims.demandOf(claimId).endsAt + 1);
        claims.finish(claimId);
        ++endings[uint256(claims.verdictOf(claimId))];
    }

    function slashFor(uint256 pick) external {
        slashAll(_pickBad(pick));
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
    }

    function closeOne(uint256 pick) external {
        ledger.close(1 + pick % _positionCount);
    }

    function payOne(uint256 pick) external {
        for (uint256 p = 0; p < _positionCount; ++p) {
            uint256 positionId = 1 + (pick % _positionCount + p) % _positionCount;
            IExposureLedger.Position memory position = ledger.positionOf(positionId);
            if (position.closed || !_isBad(position.claimId)) continue;
            _passTo(claims.endedAtOf(position.claimId) + FORK_LAG);
            return _pay(positionId);
        }
        settlement.payHarm(1 + pick % _positionCount); // refused
    }

    function settleOne(uint256 pick) external {
        uint256 slashId = 1 + pick % 3;
        if (pick % 8 == 0 && vault.slashedAtOf(slashId) != 0) _passTo(settlement.barDateOf(app, slashId));
        settlement.settleSlash(app, slashId, address(stakeStrategies[0]));
    }

    function burnOne() external {
        settlement.burnRest(app, address(stakeStrategies[0]));
    }

    function withdrawOne(uint256 pick) external {
        paid(_actors[pick % _actors.length]);
    }

    // The books.

    /// @return held What the claims hold.
    /// @return owes What they owe to whoever put it down or earned it.
    function wei_() external view returns (uint256 held, uint256 owes) {
        held = address(claims).balance;
        for (uint256 a = 0; a < _actors.length; ++a) {
            owes += claims.owed(_actors[a]);
        }
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            IClaimRegistry.Claim memory claim = claims.claimOf(_claimIds[c]);
            if (claim.state == IClaimRegistry.State.ENDED) continue;
            if (claim.bonded) owes += CLAIM_BOND;
            owes += claims.demandOf(_claimIds[c]).prepaid;
            IClaimRegistry.Stake[] memory stakes = claims.stakesOf(_claimIds[c]);
            for (uint256 s = 0; s < stakes.length; ++s) {
                owes += stakes[s].bond - stakes[s].spent;
            }
        }
    }

    /// @return got What the harmed have.
    /// @return due What positions that ended badly come to.
    function harm() external view returns (uint256 got, uint256 due) {
        got = tokenOf(0).balanceOf(harmed);
        for (uint256 p = 1; p <= _positionCount; ++p) {
            IExposureLedger.Position memory position = ledger.positionOf(p);
            if (position.closed && _isBad(position.claimId)) due += position.amount;
        }
    }

    /// @return open What the positions that are not closed add up to, in shares.
    /// @return recorded What the ledger says that this is.
    /// @return stake What was slashed, and what is still allocated.
    function exposure() external view returns (uint256 open, uint256 recorded, uint256 stake) {
        for (uint256 p = 1; p <= _positionCount; ++p) {
            IExposureLedger.Position memory position = ledger.positionOf(p);
            if (!position.closed) open += position.shares;
        }
        recorded = ledger.openShares(app, address(stakeStrategies[0]));
        stake = vault.slashedShares(address(stakeStrategies[0]));
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            stake += allocatedStake(i, 0);
        }
    }

    /// @return Whether a right answer ended badly, or somebody was slashed who signed no lie.
    function isHonestHarmed() external view returns (bool) {
        bool anyBad = false;
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            if (!_isBad(_claimIds[c])) continue;
            if (_answerOf[_claimIds[c]] % 2 == 0) return true;
            anyBad = true;
        }
        if (allocatedStake(3, 0) != stakeOf(3)) return true;
        return !anyBad && vault.slashedShares(address(stakeStrategies[0])) != 0;
    }

    /// @return stuck Claims that don't end when the last of their clocks has run out.
    function stuckAfterTheEnd() external returns (uint256 stuck) {
        uint256 snapshot = vm.snapshotState();
        uint256 last = 0;
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            uint256 endsBy = claims.backingOf(_claimIds[c]).endsBy;
            if (endsBy > last) last = endsBy;
        }
        if (block.timestamp <= last) vm.warp(last + 1);
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            if (claims.claimOf(_claimIds[c]).state == IClaimRegistry.State.ENDED) continue;
            try claims.finish(_claimIds[c]) {}
            catch {
                ++stuck;
            }
        }
        if (claims.openClaims(set.id) != 0) ++stuck;
        vm.revertToState(snapshot);
    }

    function cap() external pure returns (uint256) {
        uint256 required = (uint256(100 ether + 6) * 6_667 + 9_999) / 10_000;
        return required * 7_000 / 10_000;
    }

    function _pay(uint256 positionId) private {
        bool due = slasher.slashedOf(hashOf(batch)) == 7;
        try settlement.payHarm(positionId) {
            ++payments;
        } catch {
            if (due) unpaid = true;
        }
    }

    /// @dev Time passes only after honest signers have answered what is demanded of them.
    function _passTo(uint256 timestamp) private {
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            _answerHonestly(_claimIds[c]);
        }
        if (timestamp > block.timestamp) vm.warp(timestamp);
    }

    /// @return The first claim from the picked one on that is in the state, or the picked one.
    function _pickIn(uint256 pick, IClaimRegistry.State state) private view returns (bytes32) {
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            bytes32 claimId = _claimIds[(pick % _claimIds.length + c) % _claimIds.length];
            if (claims.claimOf(claimId).state == state) return claimId;
        }
        return _pick(pick);
    }

    function _pickBad(uint256 pick) private view returns (bytes32) {
        for (uint256 c = 0; c < _claimIds.length; ++c) {
            bytes32 claimId = _claimIds[(pick % _claimIds.length + c) % _claimIds.length];
            if (_isBad(claimId)) return claimId;
        }
        return _pick(pick);
    }

    function _answerHonestly(bytes32 claimId) private {
        uint256 i = _answerOf[claimId];
        if (i % 2 == 1 || claims.claimOf(claimId).state != IClaimRegistry.State.DEMANDED) return;
        if (claims.answeredPages(claimId, 0) & 1 == 0) answer(claimId, i, 0, 0);
        if (claims.answeredPages(claimId, 2) & 1 == 0) answer(claimId, i, 2, 0);
    }

    function _isBad(bytes32 claimId) private view returns (bool) {
        return claims.outcomeOf(claimId) == IClaimOutcomes.Outcome.BAD;
    }

    function _know(bytes32 claimId, uint256 i) private {
        _claimIds.push(claimId);
        _answerOf[claimId] = i;
    }

    function _pick(uint256 pick) private view returns (bytes32) {
        return _claimIds[pick % _claimIds.length];
    }
}

/// @title Whatever an adversary does: money is conserved, the harmed are paid once, every claim ends, and the honest keep their stake.
contract ClaimInvariants is Test {
    ClaimHandler private _handler;

    function setUp() public {
        _handler = new ClaimHandler();
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = ClaimHandler.openOne.selector;
        selectors[1] = ClaimHandler.exposeOne.selector;
        selectors[2] = ClaimHandler.challengeOne.selector;
        selectors[3] = ClaimHandler.advanceOne.selector;
        selectors[4] = ClaimHandler.judgeOne.selector;
        selectors[5] = ClaimHandler.appealOne.selector;
        selectors[6] = ClaimHandler.demandOne.selector;
        selectors[7] = ClaimHandler.answerOne.selector;
        selectors[8] = ClaimHandler.pass.selector;
        selectors[9] = ClaimHandler.finishOne.selector;
        selectors[10] = ClaimHandler.slashFor.selector;
        selectors[11] = ClaimHandler.closeOne.selector;
        selectors[12] = ClaimHandler.payOne.selector;
        selectors[13] = ClaimHandler.settleOne.selector;
        selectors[14] = ClaimHandler.burnOne.selector;
        selectors[15] = ClaimHandler.withdrawOne.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector({addr: address(_handler), selectors: selectors}));
    }

    /// @dev What the handler never reaches, the invariants say nothing about.
    function test_theHandlerGetsFromALieToItsPayment() public {
        _handler.challengeOne(1, 0, 1);
        _handler.judgeOne(1, 7);
        _handler.finishOne(1);
        assertEq(_handler.endings(uint256(IClaimRegistry.Verdict.OVERTURNED)), 1);
        _handler.slashFor(0);
        _handler.payOne(0);
        assertEq(_handler.payments(), 1);
        invariant_bondsAreConserved();
        invariant_theHarmedArePaidInFullAndOnce();
        invariant_everyClaimEnds();
    }

    function invariant_bondsAreConserved() public view {
        (uint256 held, uint256 owes) = _handler.wei_();
        assertEq(held, owes);
    }

    function invariant_theHarmedArePaidInFullAndOnce() public view {
        (uint256 got, uint256 due) = _handler.harm();
        assertEq(got, due);
        assertFalse(_handler.unpaid());
    }

    function invariant_exposureIsNeverAboveTheStakeThatPaysForIt() public view {
        (uint256 open, uint256 recorded, uint256 stake) = _handler.exposure();
        assertEq(recorded, open);
        assertLe(open, _handler.cap());
        assertLe(open, stake);
    }

    function invariant_theHonestAreNeverSlashed() public view {
        assertFalse(_handler.isHonestHarmed());
    }

    function invariant_everyClaimEnds() public {
        assertEq(_handler.stuckAfterTheEnd(), 0);
    }
}
