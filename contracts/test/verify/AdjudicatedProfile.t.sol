// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile} from "../../src/interfaces/IAdjudicatedProfile.sol";
import {IProfile} from "../../src/interfaces/IProfile.sol";
import {AdjudicatedProfile} from "../../src/verify/AdjudicatedProfile.sol";
import {ProfileFactory} from "../../src/verify/ProfileFactory.sol";
import {Test} from "../Test.sol";

/// @notice A judge of whom only the times and the fee are asked.
contract TimedVerifier {
    uint32 public duration;
    uint32 public seedWait;
    uint256 public fee;

    constructor(uint32 duration_, uint32 seedWait_, uint256 fee_) {
        (duration, seedWait, fee) = (duration_, seedWait_, fee_);
    }
}

/// @title A profile refuses every dispute that could outlast stake or data, and every price at which lying pays.
contract AdjudicatedProfileTest is Test {
    uint256 private constant BLOCKS = 216_000;
    uint256 private constant SECONDS = 12;
    uint256 private constant KEPT = 40 days;
    uint64 private constant LIMIT = 1 << 20;
    address private constant TOKEN = address(0x70);

    IProfile.Times private _times;
    IAdjudicatedProfile.Adjudication private _rules;
    IAdjudicatedProfile.Cover[] private _covers;

    function setUp() public {
        _times = IProfile.Times({
            claimAge: 1 days,
            window: 4 days,
            demand: 4 days,
            reopenedWindow: 4 days,
            seedWait: 1 hours,
            verifiers: 5 days,
            appeals: 4 days,
            paging: 1 days,
            staleness: 12 hours
        });
        _rules.verifiers.push(address(new TimedVerifier(1 days, 1 hours, 0.1 ether)));
        _rules.verifiers.push(address(new TimedVerifier(2 days, 30 minutes, 0.2 ether)));
        _rules.appealWindow = 12 hours;
        (_rules.burnBips, _rules.rewardBips) = (2_000, 1_999);
        (_rules.bondFloor, _rules.claimBond, _rules.pagePrice) = (0.4 ether, 0.01 ether, 1);
        _covers.push(IAdjudicatedProfile.Cover({token: TOKEN, unitsPerEigen: 5e17, bondPerUnits: 1e16}));
    }

    function test_itSaysWhatItWasMadeOf() public {
        AdjudicatedProfile profile = _make();
        assertEq(keccak256(abi.encode(profile.adjudication())), keccak256(abi.encode(_rules)));
        assertEq(profile.verifierCount(), 2);
        assertEq(profile.verifierAt(1), _rules.verifiers[1]);
        assertEq(profile.coverOf(TOKEN).unitsPerEigen, 5e17);
        assertEq(profile.payableOf(1e18), 0.6001e18);
        // 28,800 blocks of 8 pages for claims of 3 x 64 pages.
        assertEq(profile.openClaimsMax(), 1_200);
        assertFalse(profile.isEconomic());
        _times.window = 302_399;
        assertTrue(_make().isEconomic());
    }

    function test_theFactoryVouchesForWhatItMadeAlone() public {
        ProfileFactory factory = new ProfileFactory(BLOCKS, SECONDS, KEPT);
        address made = factory.makeProfile(_times, LIMIT, _rules, _covers);
        assertTrue(factory.isProfile(made));
        assertFalse(factory.isProfile(address(_make())));
        assertEq(AdjudicatedProfile(made).wholeTime(), 23 days + 1 hours);
    }

    function test_timesThatAreOneSecondShort() public {
        // First instance, a restart of the longest, and the wait for its seed.
        _times.verifiers = 3 days + 1 hours;
        _make();
        _times.verifiers -= 1;
        _refused(
            abi.encodeWithSelector(IAdjudicatedProfile.VerifiersDoNotFit.selector, 3 days + 1 hours, _times.verifiers)
        );
        _times.verifiers = 5 days;
        // Two windows, one appeal and the wait for its seed.
        _times.appeals = 3 days + 1 hours;
        _make();
        _times.appeals -= 1;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.AppealsDoNotFit.selector, 3 days + 1 hours, _times.appeals));
        _times.appeals = 4 days;
        _times.seedWait = 1 hours - 1;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.SeedDoesNotFit.selector, 1 hours, 1 hours - 1));
    }

    function test_dataThatIsGoneBeforeTheVerdict() public {
        uint256 whole = 23 days + 1 hours;
        vm.expectRevert(abi.encodeWithSelector(IAdjudicatedProfile.DataKeptTooShort.selector, whole, whole));
        new AdjudicatedProfile(_times, LIMIT, BLOCKS, SECONDS, whole, _rules, _covers);
        new AdjudicatedProfile(_times, LIMIT, BLOCKS, SECONDS, whole + 1, _rules, _covers);
    }

    function test_aDemandThatCensorshipCouldSitOut() public {
        _times.demand = 302_399;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.DemandBelowCensorshipBound.selector, 302_399, 302_400));
        _rules.test = true;
        _make();
    }

    function test_aRewardThatPaysForChallengingOneself() public {
        _rules.rewardBips = 2_000;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidShares.selector, 2_000, 2_000));
        (_rules.burnBips, _rules.rewardBips) = (8_001, 1_999);
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidShares.selector, 8_001, 1_999));
    }

    function test_bondsThatDoNotPayTheJudges() public {
        _rules.bondFloor = 0.4 ether - 1;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.BondBelowFees.selector, 0.4 ether - 1, 0.4 ether));
        _rules.bondFloor = 0;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.ZeroBond.selector));
        _rules.bondFloor = 0.4 ether;
        _rules.claimBond = 0;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.ZeroBond.selector));
        _rules.claimBond = 1;
        _rules.pagePrice = 0;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.ZeroBond.selector));
        _rules.pagePrice = 1;
        _rules.appealWindow = 0;
        _refused(abi.encodeWithSelector(IProfile.ZeroTime.selector, "appealWindow"));
    }

    function test_judgesThatAreNone() public {
        address judge = _rules.verifiers[1];
        _rules.verifiers[1] = address(0xdead);
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidVerifier.selector, address(0xdead)));
        address instant = address(new TimedVerifier(0, 0, 0));
        _rules.verifiers[1] = instant;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidVerifier.selector, instant));
        _rules.verifiers[1] = judge;
        for (uint256 i = 0; i < 3; ++i) {
            _rules.verifiers.push(judge);
        }
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidVerifierCount.selector, 5, 4));
        delete _rules.verifiers;
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidVerifierCount.selector, 0, 4));
    }

    function test_exchangesThatCannotBeShownOnChain() public {
        uint64 limitMax = 256 * 16_384;
        bytes memory tooLarge =
            abi.encodeWithSelector(IAdjudicatedProfile.DemandLimitTooLarge.selector, limitMax + 1, limitMax);
        vm.expectRevert(tooLarge);
        new AdjudicatedProfile(_times, limitMax + 1, BLOCKS, SECONDS, KEPT, _rules, _covers);
        // 768 pages are 96 blocks; one second less than these is too little for one claim.
        _rules.test = true;
        _times.demand = 96 * 12 - 1;
        bytes memory tooMany = abi.encodeWithSelector(
            IAdjudicatedProfile.ClaimsCannotBeAnswered.selector, uint256(96 * 12 - 1), uint256(96 * 12)
        );
        vm.expectRevert(tooMany);
        new AdjudicatedProfile(_times, limitMax, BLOCKS, SECONDS, KEPT, _rules, _covers);
        _times.demand = 96 * 12;
        AdjudicatedProfile profile = new AdjudicatedProfile(_times, limitMax, BLOCKS, SECONDS, KEPT, _rules, _covers);
        assertEq(profile.openClaimsMax(), 1);
    }

    function test_coversThatMeanNothing() public {
        _covers.push(_covers[0]);
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidCover.selector, TOKEN));
        _covers[1].token = address(0);
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidCover.selector, address(0)));
        _covers[1] = IAdjudicatedProfile.Cover({token: address(1), unitsPerEigen: 0, bondPerUnits: 1});
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.InvalidCover.selector, address(1)));
        _covers.pop();
        AdjudicatedProfile profile = _make();
        vm.expectRevert(abi.encodeWithSelector(IAdjudicatedProfile.NotCovered.selector, address(1)));
        profile.coverOf(address(1));
        for (uint160 i = 1; i < 17; ++i) {
            _covers.push(IAdjudicatedProfile.Cover({token: address(i), unitsPerEigen: 1, bondPerUnits: 1}));
        }
        _refused(abi.encodeWithSelector(IAdjudicatedProfile.TooManyCovers.selector, 17, 16));
    }

    function _make() private returns (AdjudicatedProfile) {
        return new AdjudicatedProfile(_times, LIMIT, BLOCKS, SECONDS, KEPT, _rules, _covers);
    }

    function _refused(bytes memory reason) private {
        (IProfile.Times memory times, IAdjudicatedProfile.Adjudication memory rules) = (_times, _rules);
        IAdjudicatedProfile.Cover[] memory covers = _covers;
        vm.expectRevert(reason);
        new AdjudicatedProfile(times, LIMIT, BLOCKS, SECONDS, KEPT, rules, covers);
    }
}
