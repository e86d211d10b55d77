// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {Page, Part, Parts} from "../interfaces/IClaimRegistry.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {Exchange, Request, VouchTypes} from "../libraries/VouchTypes.sol";
import {Disputes} from "./Disputes.sol";
import {Evidence} from "./Evidence.sol";

/// @title DataDemands
/// @notice Has signers show on chain what they signed; the third part of `ClaimRegistry`.
/// @dev Once a claim: whoever demands again and again pays for one answer and stops the clocks for one answer. An answer asks nobody
/// else to do anything, so nothing but the deadline can keep a signer from giving it.
abstract contract DataDemands is Disputes {
    using VouchTypes for Exchange;
    using VouchTypes for Request;

    mapping(bytes32 claimId => Demand) internal _demands;
    mapping(bytes32 claimId => mapping(uint8 part => uint256 pageBits)) public answeredPages;

    function demandData(bytes32 claimId) external payable {
        Claim storage claim = _known(claimId);
        uint256 due = demandPriceOf(claimId);
        require(msg.value == due, WrongPayment(msg.value, due));
        _requireRunning(claimId, claim);
        _openDemand(claimId, claim, msg.sender, due);
    }

    function answerPage(
        bytes32 claimId,
        Exchange calldata exchange,
        Request calldata request,
        Parts calldata parts,
        Page calldata page
    ) external {
        Claim storage claim = _inState(claimId, State.DEMANDED);
        Demand storage demand = _demands[claimId];
        require(block.timestamp <= demand.endsAt, AnswerTooLate(demand.endsAt));
        _requireExchange(claim.leaf, exchange, request, parts);
        require(page.part < Evidence.PARTS, InvalidPage(page.part, page.index));
        Part calldata part = Evidence.partAt(parts, page.part);
        bool valid = Evidence.isPage(part, page.index, page.data, page.proof);
        require(valid, InvalidPage(page.part, page.index));
        uint256 bit = uint256(1) << page.index;
        require(answeredPages[claimId][page.part] & bit == 0, PageKnown(page.part, page.index));

        answeredPages[claimId][page.part] |= bit;
        demand.prepaid -= demand.pagePrice;
        emit PageAnswered(claimId, page.part, page.index, msg.sender, page.data);
        _credit(claimId, msg.sender, demand.pagePrice);
        if (--demand.pagesLeft == 0) _resume(claimId, claim, demand);
    }

    function demandOf(bytes32 claimId) external view returns (Demand memory) {
        return _demands[claimId];
    }

    /// @dev Whoever interrupts an instance pays for asking it again.
    function demandPriceOf(bytes32 claimId) public view returns (uint256) {
        Claim storage claim = _known(claimId);
        IAdjudicatedProfile profile = IAdjudicatedProfile(claim.profile);
        uint256 price = claim.pages * profile.adjudication().pagePrice;
        if (claim.state != State.ADJUDICATING || _disputes[claimId].unasked) return price;
        return price + _verifierOf(claimId, claim).fee();
    }

    function _openDemand(bytes32 claimId, Claim storage claim, address demander, uint256 prepaid) internal {
        IAdjudicatedProfile profile = IAdjudicatedProfile(claim.profile);
        require(!claim.demanded, DemandedBefore(claimId));
        require(claim.pages != 0, NothingToDemand(claimId));
        uint256 endsAt = block.timestamp + profile.times().demand;
        uint256 endsBy = _endsBy(claim);
        require(endsAt <= endsBy, DemandTooLate(endsAt, endsBy));
        _demands[claimId] = Demand({
            demander: demander,
            openedAt: uint48(block.timestamp),
            endsAt: uint48(endsAt),
            resume: claim.state,
            pagesLeft: claim.pages,
            prepaid: prepaid,
            pagePrice: profile.adjudication().pagePrice
        });
        (claim.state, claim.demanded) = (State.DEMANDED, true);
        emit DataDemanded(claimId, demander, uint48(endsAt), claim.pages);
    }

    /// @dev A page that came in time keeps its price; the rest goes back to the demander, who is rewarded from the slash.
    function _endWithheld(bytes32 claimId, Claim storage claim) internal {
        Demand storage demand = _demands[claimId];
        require(block.timestamp > demand.endsAt, DemandRuns(demand.endsAt));
        uint256 left = demand.prepaid;
        demand.prepaid = 0;
        rewardedOf[claimId] = demand.demander;
        _credit(claimId, demand.demander, left);
        _end(claimId, claim, Verdict.WITHHELD, 0);
    }

    function _verifierOf(bytes32 claimId, Claim storage claim) internal view returns (IVerifier) {
        return IVerifier(IAdjudicatedProfile(claim.profile).verifierAt(_disputes[claimId].instance));
    }

    /// @dev What has been decided already can't be undone by interrupting it.
    function _requireRunning(bytes32 claimId, Claim storage claim) private view {
        Dispute storage dispute = _disputes[claimId];
        if (claim.state == State.PROPOSED) {
            require(block.timestamp <= claim.windowEndsAt, WindowClosed(claim.windowEndsAt));
        } else if (claim.state == State.DECIDED) {
            require(block.timestamp <= dispute.appealEndsAt, WindowClosed(dispute.appealEndsAt));
        } else {
            require(claim.state == State.ADJUDICATING, WrongState(claimId, claim.state));
            if (dispute.unasked) return;
            (IVerifier.Answer answer,) = _verifierOf(claimId, claim).status(address(this), claimId, dispute.round);
            require(answer == IVerifier.Answer.PENDING, AdvanceFirst(claimId));
        }
    }

    function _requireExchange(bytes32 leaf, Exchange calldata exchange, Request calldata request, Parts calldata parts)
        private
        pure
    {
        require(exchange.hash() == leaf, AnotherExchange(exchange.hash()));
        bytes32 requestId = request.hash();
        require(requestId == exchange.requestId, RequestNotAnswered(requestId));
        Evidence.requireParts(exchange, request.payloadHash, parts);
    }

    /// @dev The clocks that stood go on: a window is extended, an appeal's time moved, an instance asked anew by `advance`.
    function _resume(bytes32 claimId, Claim storage claim, Demand storage demand) private {
        Dispute storage dispute = _disputes[claimId];
        claim.state = demand.resume;
        emit DataAnswered(claimId);
        if (demand.resume == State.PROPOSED) {
            uint256 endsAt = block.timestamp + IProfile(claim.profile).times().reopenedWindow;
            if (endsAt > claim.windowEndsAt) claim.windowEndsAt = uint48(endsAt);
        } else if (demand.resume == State.DECIDED) {
            dispute.appealEndsAt = _capped(claim, dispute.appealEndsAt + block.timestamp - demand.openedAt);
        } else {
            dispute.unasked = true;
        }
    }
}
