// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimRegistry, Page, Part} from "../../src/interfaces/IClaimRegistry.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {Evidence} from "../../src/verify/Evidence.sol";
import {Test} from "../Test.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @title A page is what its place and its part's length say.
contract PagesTest is Test {
    function isPage(Part calldata part, uint256 page, bytes calldata data, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return Evidence.isPage(part, page, data, proof);
    }

    /// @dev Who signed a length that its pages do not have can't show them.
    function test_aPageOfAnotherLengthThanWasSigned() public view {
        bytes memory data = "sixteen bytes ..";
        bytes32[] memory proof = new bytes32[](0);
        assertTrue(this.isPage(Part(16, keccak256(data)), 0, data, proof));
        assertFalse(this.isPage(Part(17, keccak256(data)), 0, data, proof));
        assertFalse(this.isPage(Part(16_384, keccak256(data)), 0, data, proof));
        assertFalse(this.isPage(Part(16, keccak256(data)), 1, data, proof));
    }

    /// @dev The hashes of two pages are 64 bytes that hash to their root.
    function test_anInnerNodeIsNoPage() public view {
        bytes memory node = abi.encode(keccak256("left"), keccak256("right"));
        bytes32[] memory proof = new bytes32[](0);
        assertFalse(this.isPage(Part(20_000, keccak256(node)), 0, node, proof));
    }
}

/// @title Who signed shows the data, or loses its stake; who demands pays for it, once.
contract DataDemandsTest is ClaimFixture {
    bytes32 private _claimId;
    address private _demander = makeAddr("demander");
    address private _signer = makeAddr("signer");

    function setUp() public {
        deployClaims();
        _claimId = openOn(7);
        vm.deal(_demander, 10 ether);
    }

    function test_anAnswerPageByPage() public {
        assertEq(claims.demandPriceOf(_claimId), 3 * PAGE_PRICE);
        demandBy(_demander, _claimId);
        vm.startPrank(_signer);
        answer(_claimId, 7, 2, 0);
        answer(_claimId, 7, 0, 1);
        assertEq(claims.demandOf(_claimId).pagesLeft, 1);
        vm.warp(claims.demandOf(_claimId).endsAt);
        answer(_claimId, 7, 0, 0);
        vm.stopPrank();
        assertEq(claims.owed(_signer), 3 * PAGE_PRICE);
        IClaimRegistry.Claim memory claim = claims.claimOf(_claimId);
        assertEq(uint256(claim.state), uint256(IClaimRegistry.State.PROPOSED));
        assertEq(claim.windowEndsAt, block.timestamp + 4 days);
        // The window that was extended is open.
        challengeBy(challenger, _claimId, TRUTH);
    }

    function test_withheld() public {
        challengeBy(challenger, _claimId, TRUTH);
        demandBy(_demander, _claimId);
        answer(_claimId, 7, 2, 0);
        uint256 endsAt = claims.demandOf(_claimId).endsAt;
        vm.warp(endsAt);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.DemandRuns.selector, endsAt));
        claims.finish(_claimId);
        vm.warp(endsAt + 1);
        claims.finish(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.WITHHELD);
        assertEq(claims.rewardedOf(_claimId), _demander);
        // Two pages and the fee of the restart come back, and the challenger's bond but for what its instance cost.
        assertEq(claims.owed(_demander), 2 * PAGE_PRICE + FEE);
        assertEq(claims.owed(challenger), claims.bondOf(_claimId) - FEE);
        assertEq(claims.owed(address(this)), CLAIM_BOND + PAGE_PRICE);
        assertEq(claims.openClaims(set.id), 0);
    }

    function test_aThirdOfTheSeatsDemandsFromTheChallengersBond() public {
        challengeBy(challenger, _claimId, TRUTH);
        uint256 bond = claims.bondOf(_claimId);
        say(_claimId, IVerifier.Answer.MISSING, 0);
        assertEq(claims.demandOf(_claimId).demander, challenger);
        _answerAll();
        // The instance is asked again, and missing data is no answer to it any more.
        claims.advance(_claimId);
        assertEq(claims.disputeOf(_claimId).round, 2);
        assertEq(claims.stakesOf(_claimId)[0].spent, 2 * FEE + 3 * PAGE_PRICE);
        say(_claimId, IVerifier.Answer.MISSING, 0);
        assertEq(claims.disputeOf(_claimId).instance, 1);
        decide(_claimId, TRUTH);
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.OVERTURNED);
        assertEq(claims.owed(challenger), bond - 3 * FEE - 3 * PAGE_PRICE);
    }

    function test_missingDataThatStaysMissingIsWithheldNeverVoid() public {
        challengeBy(challenger, _claimId, TRUTH);
        say(_claimId, IVerifier.Answer.MISSING, 0);
        vm.warp(claims.demandOf(_claimId).endsAt + 1);
        claims.finish(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.WITHHELD);
        assertEq(claims.owed(challenger), claims.bondOf(_claimId) - FEE);
    }

    function test_whoInterruptsAnInstancePaysForItsRestart() public {
        challengeBy(challenger, _claimId, TRUTH);
        assertEq(claims.demandPriceOf(_claimId), 3 * PAGE_PRICE + FEE);
        demandBy(_demander, _claimId);
        _answerAll();
        claims.advance(_claimId);
        assertEq(claims.stakesOf(_claimId)[0].spent, FEE);
        assertEq(claims.demandOf(_claimId).prepaid, 0);
        assertEq(claims.owed(_demander), 0);
        decide(_claimId, TRUTH);
    }

    function test_aDemandStopsTheAppealsClock() public {
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, leafOf(7));
        uint256 endsAt = claims.disputeOf(_claimId).appealEndsAt;
        demandBy(_demander, _claimId);
        vm.warp(block.timestamp + 2 days);
        _answerAll();
        assertEq(claims.disputeOf(_claimId).appealEndsAt, endsAt + 2 days);
        appealBy(joiner, _claimId, TRUTH);
    }

    function test_whatIsDecidedCantBeInterrupted() public {
        challengeBy(challenger, _claimId, TRUTH);
        judges[0].say(address(claims), _claimId, 1, IVerifier.Answer.DECIDED, TRUTH);
        _demandRefused(_claimId, abi.encodeWithSelector(IClaimRegistry.AdvanceFirst.selector, _claimId));
    }

    /// @dev Demanding again and again: once a claim.
    function test_aSecondDemand() public {
        demandBy(_demander, _claimId);
        bytes memory state =
            abi.encodeWithSelector(IClaimRegistry.WrongState.selector, _claimId, IClaimRegistry.State.DEMANDED);
        _demandRefused(_claimId, state);
        _answerAll();
        _demandRefused(_claimId, abi.encodeWithSelector(IClaimRegistry.DemandedBefore.selector, _claimId));
    }

    function test_aDemandThatNobodyPaid() public {
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WrongPayment.selector, 0, 3 * PAGE_PRICE));
        claims.demandData(_claimId);
    }

    function test_aDemandForNothing() public {
        bytes32 claimId = openOn(6);
        _demandRefused(claimId, abi.encodeWithSelector(IClaimRegistry.NothingToDemand.selector, claimId));
    }

    function test_demandsOutOfTime() public {
        bytes32 other = openOn(2);
        uint256 endsAt = claims.claimOf(_claimId).windowEndsAt;
        vm.warp(endsAt + 1);
        _demandRefused(_claimId, abi.encodeWithSelector(IClaimRegistry.WindowClosed.selector, endsAt));
        vm.warp(endsAt);
        commit(challenger, other, TRUTH);
        reveal(challenger, other, TRUTH);
        uint256 endsBy = claims.backingOf(other).endsBy;
        vm.warp(endsBy - 4 days + 1);
        _demandRefused(other, abi.encodeWithSelector(IClaimRegistry.DemandTooLate.selector, endsBy + 1, endsBy));
    }

    function test_pagesThatAnswerNothing() public {
        vm.expectRevert(
            abi.encodeWithSelector(IClaimRegistry.WrongState.selector, _claimId, IClaimRegistry.State.PROPOSED)
        );
        claims.answerPage(_claimId, exchangeOf(7), requestOf(7), partsOf(7), pageOf(7, 0, 0));
        demandBy(_demander, _claimId);
        _pageRefused(7, _page(3, 0, "x"), abi.encodeWithSelector(IClaimRegistry.InvalidPage.selector, 3, 0));
        _pageRefused(7, _page(1, 0, ""), abi.encodeWithSelector(IClaimRegistry.InvalidPage.selector, 1, 0));
        _pageRefused(7, _page(0, 2, ""), abi.encodeWithSelector(IClaimRegistry.InvalidPage.selector, 0, 2));
        _pageRefused(7, _page(2, 0, "lie"), abi.encodeWithSelector(IClaimRegistry.InvalidPage.selector, 2, 0));
        Page memory page = pageOf(7, 0, 0);
        page.data = bytes.concat(page.data, "x");
        _pageRefused(7, page, abi.encodeWithSelector(IClaimRegistry.InvalidPage.selector, 0, 0));
        _pageRefused(2, pageOf(2, 0, 0), abi.encodeWithSelector(IClaimRegistry.AnotherExchange.selector, leafOf(2)));
        answer(_claimId, 7, 0, 0);
        _pageRefused(7, pageOf(7, 0, 0), abi.encodeWithSelector(IClaimRegistry.PageKnown.selector, 0, 0));
        uint256 endsAt = claims.demandOf(_claimId).endsAt;
        vm.warp(endsAt + 1);
        _pageRefused(7, pageOf(7, 0, 1), abi.encodeWithSelector(IClaimRegistry.AnswerTooLate.selector, endsAt));
    }

    function test_aPageOfAnotherRequest() public {
        demandBy(_demander, _claimId);
        bytes32 other = exchangeOf(2).requestId;
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.RequestNotAnswered.selector, other));
        claims.answerPage(_claimId, exchangeOf(7), requestOf(2), partsOf(7), pageOf(7, 0, 0));
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.PartMismatch.selector, "payload"));
        claims.answerPage(_claimId, exchangeOf(7), requestOf(7), partsOf(2), pageOf(2, 0, 0));
    }

    function _answerAll() private {
        answer(_claimId, 7, 0, 0);
        answer(_claimId, 7, 0, 1);
        answer(_claimId, 7, 2, 0);
    }

    function _demandRefused(bytes32 claimId, bytes memory reason) private {
        uint256 price = claims.demandPriceOf(claimId);
        uint256 balance = address(claims).balance;
        vm.expectRevert(reason);
        claims.demandData{value: price}(claimId);
        assertEq(address(claims).balance, balance);
    }

    function _pageRefused(uint256 i, Page memory page, bytes memory reason) private {
        uint256 prepaid = claims.demandOf(_claimId).prepaid;
        vm.expectRevert(reason);
        claims.answerPage(_claimId, exchangeOf(i), requestOf(i), partsOf(i), page);
        assertEq(claims.demandOf(_claimId).prepaid, prepaid);
    }

    function _page(uint8 part, uint256 index, bytes memory data) private pure returns (Page memory page) {
        (page.part, page.index, page.data) = (part, index, data);
    }
}
