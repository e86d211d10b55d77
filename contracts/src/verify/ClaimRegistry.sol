// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IEvidenceChecker} from "../interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ClaimStore} from "./ClaimStore.sol";
import {DataDemands} from "./DataDemands.sol";

/// @title ClaimRegistry
/// @notice See `IClaimRegistry`. Immutable, without an owner and without a pause; it holds bonds and prepayments, pays who comes for
/// them, and judges nothing itself.
/// @dev A challenge freezes its claim before any instance is asked: where no instance can be asked, the claim ends void, never good.
contract ClaimRegistry is DataDemands {
    /// @notice The block in which a challenge was put down.
    mapping(bytes32 commitment => uint256 blockNumber) public committedAt;

    constructor(IAppController appController_, IExposureLedger ledger_, IEvidenceChecker checker_)
        ClaimStore(appController_, ledger_, checker_)
    {}

    function commitChallenge(bytes32 commitment) external {
        require(committedAt[commitment] == 0, CommitmentKnown(commitment));
        committedAt[commitment] = block.number;
        emit ChallengeCommitted(commitment, msg.sender);
    }

    function challenge(bytes32 claimId, bytes32 leaf, bytes32 salt) external payable {
        Claim storage claim = _known(claimId);
        _requireCommitted(commitmentOf(msg.sender, claimId, leaf, salt));
        _requireLeaf(claimId, claim, leaf);
        require(block.timestamp <= claim.windowEndsAt, WindowClosed(claim.windowEndsAt));
        uint256 bond = bondOf(claimId);
        if (claim.state == State.PROPOSED) _freeze(claimId, claim);
        else _requireJoinable(claimId, claim);
        _addStake(claimId, leaf, bond);
        emit ChallengeRevealed(claimId, msg.sender, leaf, bond);
    }

    function advance(bytes32 claimId) external {
        Claim storage claim = _inState(claimId, State.ADJUDICATING);
        Dispute storage dispute = _disputes[claimId];
        if (dispute.unasked) return _ask(claimId, claim, dispute);
        IVerifier verifier = _verifierOf(claimId, claim);
        (IVerifier.Answer answer, bytes32 leaf) = verifier.status(address(this), claimId, dispute.round);
        uint256 deadline = verifier.deadline(address(this), claimId, dispute.round);
        require(answer != IVerifier.Answer.PENDING, StillJudging(deadline));
        if (answer == IVerifier.Answer.DECIDED) {
            _decide(claimId, claim, dispute, leaf, deadline);
        } else if (answer == IVerifier.Answer.NOT_REPRODUCIBLE) {
            _decide(claimId, claim, dispute, NOT_REPRODUCIBLE, deadline);
        } else if (answer == IVerifier.Answer.MISSING && !claim.demanded && claim.pages != 0) {
            _demandForSeats(claimId, claim, dispute);
        } else {
            _split(claimId, claim, dispute);
        }
    }

    function appeal(bytes32 claimId, bytes32 leaf) external payable {
        Claim storage claim = _inState(claimId, State.DECIDED);
        Dispute storage dispute = _disputes[claimId];
        require(block.timestamp <= dispute.appealEndsAt, WindowClosed(dispute.appealEndsAt));
        require(leaf != 0 && leaf != MISSING && leaf != dispute.leaf, InvalidLeaf(leaf));
        uint256 bond = appealBondOf(claimId);
        emit Appealed(claimId, msg.sender, leaf, bond);
        dispute.payer = uint8(_stakes[claimId].length);
        _addStake(claimId, leaf, bond);
        (dispute.leaf, claim.state) = (0, State.ADJUDICATING);
        ++dispute.instance;
        dispute.unasked = true;
    }

    /// @dev An instance that nobody could ask, or whose answer nobody took over in the longest life of the claim, leaves it void.
    function finish(bytes32 claimId) external {
        Claim storage claim = _known(claimId);
        if (claim.state == State.PROPOSED) {
            require(block.timestamp > claim.windowEndsAt, WindowOpen(claim.windowEndsAt));
            _end(claimId, claim, Verdict.UNCHALLENGED, claim.leaf);
        } else if (claim.state == State.DECIDED) {
            uint256 endsAt = _disputes[claimId].appealEndsAt;
            require(block.timestamp > endsAt, WindowOpen(endsAt));
            _endDecided(claimId, claim, _disputes[claimId].leaf);
        } else if (claim.state == State.DEMANDED) {
            _endWithheld(claimId, claim);
        } else {
            require(claim.state == State.ADJUDICATING, WrongState(claimId, claim.state));
            uint256 endsBy = _endsBy(claim);
            require(block.timestamp > endsBy, StillJudging(endsBy));
            _end(claimId, claim, Verdict.VOID, 0);
        }
    }

    function commitmentOf(address sender, bytes32 claimId, bytes32 leaf, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), sender, claimId, leaf, salt));
    }

    /// @dev Whoever copies a reveal that it sees has no commitment from an earlier block.
    function _requireCommitted(bytes32 commitment) private view {
        uint256 at = committedAt[commitment];
        require(at != 0 && at < block.number, NotCommittedBefore(commitment));
    }

    /// @dev A leaf counts for who named it first.
    function _requireLeaf(bytes32 claimId, Claim storage claim, bytes32 leaf) private view {
        require(leaf != 0 && leaf != MISSING && leaf != claim.leaf, InvalidLeaf(leaf));
        Stake[] storage stakes = _stakes[claimId];
        require(stakes.length < CHALLENGERS_MAX, TooManyChallengers(CHALLENGERS_MAX));
        for (uint256 i = 0; i < stakes.length; ++i) {
            require(stakes[i].leaf != leaf, LeafNamed(leaf));
        }
    }

    function _freeze(bytes32 claimId, Claim storage claim) private {
        claim.state = State.ADJUDICATING;
        Dispute storage dispute = _disputes[claimId];
        (dispute.snapshotAt, dispute.unasked) = (uint48(block.timestamp), true);
    }

    /// @dev Until the first instance votes: who joins later could have read the answer from the votes.
    function _requireJoinable(bytes32 claimId, Claim storage claim) private view {
        require(claim.state == State.ADJUDICATING, WrongState(claimId, claim.state));
        Dispute storage dispute = _disputes[claimId];
        bool first = dispute.instance == 0 && dispute.round <= 1;
        require(first && !(dispute.unasked && dispute.round == 1), WindowClosed(dispute.snapshotAt));
        if (dispute.unasked) return;
        IVerifier verifier = _verifierOf(claimId, claim);
        uint256 until = verifier.deadline(address(this), claimId, 1) - verifier.duration();
        require(block.timestamp < until, WindowClosed(until));
    }

    /// @dev What a demander prepaid for the restart goes first, then the stake that brought the claim here.
    function _ask(bytes32 claimId, Claim storage claim, Dispute storage dispute) private {
        IVerifier verifier = _verifierOf(claimId, claim);
        uint256 fee = verifier.fee();
        uint256 prepaid = _demands[claimId].prepaid;
        uint256 fromDemand = prepaid < fee ? prepaid : fee;
        _demands[claimId].prepaid = 0;
        _credit(claimId, _demands[claimId].demander, prepaid - fromDemand);
        _spend(claimId, dispute.payer, fee - fromDemand);
        dispute.unasked = false;
        uint32 round = ++dispute.round;
        emit InstanceAsked(claimId, dispute.instance, address(verifier), round, fee);
        verifier.open{value: fee}(claimId, round, dispute.snapshotAt);
    }

    /// @dev The appeal's clock starts no later than the instance's own deadline, whenever somebody takes its answer over.
    function _decide(bytes32 claimId, Claim storage claim, Dispute storage dispute, bytes32 leaf, uint256 deadline)
        private
    {
        IAdjudicatedProfile profile = IAdjudicatedProfile(claim.profile);
        uint256 from = block.timestamp < deadline ? block.timestamp : deadline;
        bool last = dispute.instance + 1 == profile.verifierCount();
        uint48 endsAt = last ? 0 : _capped(claim, from + profile.adjudication().appealWindow);
        emit InstanceAnswered(claimId, dispute.instance, leaf, endsAt);
        (dispute.leaf, dispute.appealEndsAt, claim.state) = (leaf, endsAt, State.DECIDED);
        if (last) _endDecided(claimId, claim, leaf);
    }

    /// @dev No leaf has enough votes: the next instance judges at the challenger's expense; after the last one nobody knows.
    function _split(bytes32 claimId, Claim storage claim, Dispute storage dispute) private {
        emit InstanceAnswered(claimId, dispute.instance, 0, 0);
        if (dispute.instance + 1 == IAdjudicatedProfile(claim.profile).verifierCount()) {
            return _end(claimId, claim, Verdict.VOID, 0);
        }
        ++dispute.instance;
        _ask(claimId, claim, dispute);
    }

    function _demandForSeats(bytes32 claimId, Claim storage claim, Dispute storage dispute) private {
        uint256 price = claim.pages * IAdjudicatedProfile(claim.profile).adjudication().pagePrice;
        _spend(claimId, dispute.payer, price);
        _openDemand(claimId, claim, _stakes[claimId][dispute.payer].account, price);
    }

    function _endDecided(bytes32 claimId, Claim storage claim, bytes32 leaf) private {
        if (leaf == NOT_REPRODUCIBLE) return _end(claimId, claim, Verdict.VOID, leaf);
        _end(claimId, claim, leaf == claim.leaf ? Verdict.UPHELD : Verdict.OVERTURNED, leaf);
    }
}
