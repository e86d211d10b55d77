// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Profile} from "../../src/compute/Profile.sol";
import {IAdjudicatedProfile} from "../../src/interfaces/IAdjudicatedProfile.sol";
import {ClaimEvidence, IClaimRegistry, Page, Part, Parts} from "../../src/interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {Batch, Exchange, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {ClaimRegistry} from "../../src/verify/ClaimRegistry.sol";
import {ClaimSlasher} from "../../src/verify/ClaimSlasher.sol";
import {EvidenceChecker} from "../../src/verify/EvidenceChecker.sol";
import {ExposureLedger} from "../../src/verify/ExposureLedger.sol";
import {ProfileFactory} from "../../src/verify/ProfileFactory.sol";
import {Settlement} from "../../src/verify/Settlement.sol";
import {TestToken} from "../core/TestToken.sol";
import {VouchFixture} from "../VouchFixture.sol";
import {StandInJudge} from "./StandInJudge.sol";

/// @notice A real deployment with adjudication, three judges whose answers a test decides, and a batch of eight answers that operators
/// 0 to 2 signed. Answer 7 has two pages of payload, answer 6 no bytes at all.
abstract contract ClaimFixture is VouchFixture {
    bytes32 internal constant TRUTH = keccak256("truth");
    bytes32 internal constant OTHER = keccak256("other");
    uint256 internal constant CLAIM_BOND = 0.01 ether;
    uint256 internal constant BOND_FLOOR = 0.5 ether;
    uint256 internal constant FEE = 0.1 ether;
    uint256 internal constant PAGE_PRICE = 0.001 ether;
    uint256 internal constant QUOTA = 1_000 ether;
    uint256 internal constant EXCHANGE_COUNT = 8;
    uint32 internal constant APPEAL_WINDOW = 12 hours;
    uint32 internal constant FORK_LAG = 2 days;
    address internal constant BURNT = 0x000000000000000000000000000000000000dEaD;

    ProfileFactory internal factory;
    StandInJudge[] internal judges;
    EvidenceChecker internal checker;
    ExposureLedger internal ledger;
    ClaimRegistry internal claims;
    Settlement internal settlement;
    ClaimSlasher internal slasher;
    Batch internal batch;

    address internal consumer = makeAddr("consumer");
    address internal harmed = makeAddr("harmed");
    address internal challenger = makeAddr("challenger");
    address internal joiner = makeAddr("joiner");
    address internal client;
    uint256 private _clientKey;
    bytes32[] private _leaves;

    function deployClaims() internal {
        (client, _clientKey) = makeAddrAndKey("client");
        deployVouch();
        checker = new EvidenceChecker(controller, registry, factory);
        uint256 nonce = vm.getNonce(address(this));
        address claimsAt = vm.computeCreateAddress(address(this), nonce + 1);
        address settlementAt = vm.computeCreateAddress(address(this), nonce + 2);
        ledger = new ExposureLedger(ClaimRegistry(claimsAt), controller, registry, verifier, keyRegistrar, settlementAt);
        claims = new ClaimRegistry(controller, ledger, checker);
        settlement = new Settlement(claims, ledger, controller, router);
        assertEq(address(claims), claimsAt);
        assertEq(address(settlement), settlementAt);
        _fillRouter();
        _postAnswers();
        _prepareAccounts();
    }

    function makeProfile() internal override returns (Profile) {
        factory = new ProfileFactory(SLASHABLE_BLOCKS, SECONDS_PER_BLOCK, 40 days);
        IAdjudicatedProfile.Adjudication memory rules;
        rules.verifiers = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            judges.push(new StandInJudge(FEE));
            rules.verifiers[i] = instance(i);
        }
        (rules.appealWindow, rules.forkLag) = (APPEAL_WINDOW, FORK_LAG);
        (rules.burnBips, rules.rewardBips) = (2_000, 1_000);
        (rules.bondFloor, rules.claimBond, rules.pagePrice) = (BOND_FLOOR, CLAIM_BOND, PAGE_PRICE);
        IAdjudicatedProfile.Cover[] memory covers = new IAdjudicatedProfile.Cover[](2);
        for (uint256 j = 0; j < 2; ++j) {
            covers[j] = IAdjudicatedProfile.Cover(address(tokenOf(j)), 1e18, 1e16);
        }
        return Profile(factory.makeProfile(profileTimes(), demandLimitOf(), rules, covers));
    }

    /// @notice Who judges in instance `i`.
    function instance(uint256 i) internal virtual returns (address) {
        return address(judges[i]);
    }

    function demandLimitOf() internal pure virtual returns (uint64) {
        return 1 << 20;
    }

    function _fillRouter() private {
        slasher = new ClaimSlasher(
            claims, controller, registry, verifier, keyRegistrar, router, SLASHABLE_BLOCKS * SECONDS_PER_BLOCK
        );
        vm.startPrank(moduleAdder);
        router.queueModule(address(slasher));
        router.queueSettlement(address(settlement));
        vm.roll(vm.getBlockNumber() + ADD_DELAY_BLOCKS);
        router.addModule(address(slasher));
        router.addSettlement();
        router.renounceModuleAdder();
        vm.stopPrank();
    }

    function _postAnswers() private {
        for (uint256 i = 0; i < EXCHANGE_COUNT; ++i) {
            _leaves.push(VouchTypes.hash(exchangeOf(i)));
        }
        batch = batchAfter(1, 0, 0);
        batch.exchangeCount = uint32(EXCHANGE_COUNT);
        batch.exchangesRoot = _node(3, 0);
        registry.post(only(batch), certify(batch, list(3)));
    }

    function _prepareAccounts() private {
        for (uint256 j = 0; j < 2; ++j) {
            grant(consumer, j, QUOTA);
            TestToken token = tokenOf(j);
            token.mint(consumer, 1e6 ether);
            vm.prank(consumer);
            token.approve(address(ledger), type(uint256).max);
        }
        vm.deal(address(this), 1_000 ether);
        vm.deal(challenger, 1_000 ether);
        vm.deal(joiner, 1_000 ether);
        vm.deal(consumer, 1_000 ether);
    }

    function grant(address consumer_, uint256 j, uint256 quota) internal {
        vm.prank(appOwner);
        ledger.setTerms(app, consumer_, address(stakeStrategies[j]), IExposureLedger.Terms(quota, 1e10));
    }

    // Answers.

    function payloadOf(uint256 i) internal pure returns (bytes memory payload) {
        if (i == 6) return "";
        payload = i == 7 ? new bytes(20_000) : bytes("payload");
    }

    function outputOf(uint256 i) internal pure returns (bytes memory) {
        return i == 6 ? bytes("") : abi.encode("output", i);
    }

    function requestOf(uint256 i) internal view returns (Request memory request) {
        Part memory part = partOf(payloadOf(i));
        (request.app, request.programId, request.client, request.nonce) = (app, programId, client, uint64(i + 1));
        request.payloadHash = VouchTypes.pageRoot(part.length, part.pagesRoot);
        (request.time, request.deadline) = (tableTime - 60, tableTime + 3_600);
    }

    function exchangeOf(uint256 i) internal view returns (Exchange memory exchange) {
        exchange.requestId = VouchTypes.hash(requestOf(i));
        if (i == 6) {
            exchange.status = VouchTypes.STATUS_TRAP;
            return exchange;
        }
        Part memory part = partOf(outputOf(i));
        exchange.outputHash = VouchTypes.pageRoot(part.length, part.pagesRoot);
    }

    function partsOf(uint256 i) internal pure returns (Parts memory parts) {
        (parts.payload, parts.output) = (partOf(payloadOf(i)), partOf(outputOf(i)));
    }

    /// @notice Page roots of up to two pages, by hand.
    function partOf(bytes memory data) internal pure returns (Part memory) {
        if (data.length == 0) return Part(0, 0);
        if (data.length <= 16_384) return Part(uint64(data.length), keccak256(data));
        (bytes32 left, bytes32 right) = (keccak256(slice(data, 0)), keccak256(slice(data, 1)));
        return Part(uint64(data.length), keccak256(abi.encode(left, right)));
    }

    function slice(bytes memory data, uint256 page) internal pure returns (bytes memory part) {
        uint256 from = page * 16_384;
        uint256 size = data.length - from < 16_384 ? data.length - from : 16_384;
        part = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            part[i] = data[from + i];
        }
    }

    function evidenceOf(uint256 i) internal view returns (ClaimEvidence memory evidence) {
        evidence.batch = batch;
        evidence.exchange = exchangeOf(i);
        evidence.index = uint32(i);
        evidence.proof = new bytes32[](3);
        for (uint256 level = 0; level < 3; ++level) {
            evidence.proof[level] = _node(level, (i >> level) ^ 1);
        }
        evidence.request = requestOf(i);
        evidence.clientSignature = signatureFor(evidence.exchange.requestId);
        evidence.parts = partsOf(i);
    }

    function signatureFor(bytes32 requestId) internal view returns (bytes memory) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(registry.domainSeparator(), requestId);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_clientKey, digest);
        return abi.encodePacked(r, s, v);
    }

    function leafOf(uint256 i) internal view returns (bytes32) {
        return _leaves[i];
    }

    function _node(uint256 level, uint256 place) private view returns (bytes32) {
        if (level == 0) return _leaves[place];
        return keccak256(abi.encode(_node(level - 1, 2 * place), _node(level - 1, 2 * place + 1)));
    }

    // What parties do.

    function openOn(uint256 i) internal returns (bytes32) {
        return claims.openClaim{value: CLAIM_BOND}(evidenceOf(i), address(0));
    }

    function openInsured(uint256 i, uint256 amount) internal returns (bytes32 claimId, uint256 positionId) {
        ClaimEvidence memory evidence = evidenceOf(i);
        vm.prank(consumer);
        claimId = claims.openClaim(evidence, address(stakeStrategies[0]));
        positionId = expose(claimId, amount);
    }

    function expose(bytes32 claimId, uint256 amount) internal returns (uint256) {
        vm.prank(consumer);
        return ledger.open(claimId, address(stakeStrategies[0]), amount, harmed, type(uint256).max);
    }

    function commit(address who, bytes32 claimId, bytes32 leaf) internal {
        claims.commitChallenge(claims.commitmentOf(who, claimId, leaf, "salt"));
        vm.roll(vm.getBlockNumber() + 1);
    }

    function reveal(address who, bytes32 claimId, bytes32 leaf) internal {
        uint256 bond = claims.bondOf(claimId);
        vm.prank(who);
        claims.challenge{value: bond}(claimId, leaf, "salt");
    }

    /// @notice Commits, reveals and has the first instance asked.
    function challengeBy(address who, bytes32 claimId, bytes32 leaf) internal {
        commit(who, claimId, leaf);
        reveal(who, claimId, leaf);
        claims.advance(claimId);
    }

    function say(bytes32 claimId, IVerifier.Answer answer, bytes32 leaf) internal {
        IClaimRegistry.Dispute memory dispute = claims.disputeOf(claimId);
        judges[dispute.instance].say(address(claims), claimId, dispute.round, answer, leaf);
        claims.advance(claimId);
    }

    function decide(bytes32 claimId, bytes32 leaf) internal {
        say(claimId, IVerifier.Answer.DECIDED, leaf);
    }

    /// @notice Lets the appeal's time pass and writes the end down.
    function finishAppeals(bytes32 claimId) internal {
        vm.warp(claims.disputeOf(claimId).appealEndsAt + 1);
        claims.finish(claimId);
    }

    function overturn(bytes32 claimId) internal {
        challengeBy(challenger, claimId, TRUTH);
        decide(claimId, TRUTH);
        finishAppeals(claimId);
    }

    function appealBy(address who, bytes32 claimId, bytes32 leaf) internal {
        uint256 bond = claims.appealBondOf(claimId);
        vm.prank(who);
        claims.appeal{value: bond}(claimId, leaf);
    }

    function demandBy(address who, bytes32 claimId) internal {
        uint256 price = claims.demandPriceOf(claimId);
        vm.prank(who);
        claims.demandData{value: price}(claimId);
    }

    function answer(bytes32 claimId, uint256 i, uint8 part, uint256 index) internal {
        claims.answerPage(claimId, exchangeOf(i), requestOf(i), partsOf(i), pageOf(i, part, index));
    }

    function pageOf(uint256 i, uint8 part, uint256 index) internal pure returns (Page memory page) {
        bytes memory data = part == 0 ? payloadOf(i) : outputOf(i);
        (page.part, page.index, page.data) = (part, index, slice(data, index));
        if (data.length <= 16_384) return page;
        page.proof = new bytes32[](1);
        page.proof[0] = keccak256(slice(data, 1 - index));
    }

    function slashAll(bytes32 claimId) internal {
        uint32[] memory absent = new uint32[](1);
        absent[0] = 3;
        BN254OperatorInfoWitness[] memory signers = new BN254OperatorInfoWitness[](3);
        for (uint256 i = 0; i < 3; ++i) {
            signers[i] = witnessOf(i);
        }
        slasher.slashSigners(claimId, absent, signers);
    }

    /// @notice Brings slash `slashId`'s tokens to the vault.
    function collect(uint256 slashId) internal {
        vm.roll(vm.getBlockNumber() + 100_000);
        vault.collect(slashId);
    }

    function paid(address who) internal returns (uint256 amount) {
        if (claims.owed(who) == 0) return 0;
        vm.prank(who);
        amount = claims.withdraw(payable(makeAddr("purse")));
    }

    function tokenOf(uint256 j) internal view returns (TestToken) {
        return TestToken(address(stakeStrategies[j].underlyingToken()));
    }

    function verdict(bytes32 claimId, IClaimRegistry.Verdict expected) internal view {
        assertEq(uint256(claims.verdictOf(claimId)), uint256(expected));
    }
}
