// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile} from "../../src/interfaces/IAdjudicatedProfile.sol";
import {IClaimOutcomes, IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {ExposureLedger} from "../../src/verify/ExposureLedger.sol";
import {TestToken} from "../core/TestToken.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @notice Claims whose course a test decides.
contract StandInClaims is IClaimOutcomes {
    error Unreliable(bytes32 claimId);

    mapping(bytes32 claimId => Backing) private _backings;
    mapping(bytes32 claimId => bool) public unreliable;
    mapping(bytes32 claimId => Outcome) public outcomeOf;
    mapping(bytes32 claimId => address) public rewardedOf;

    function set(bytes32 claimId, Backing calldata backing) external {
        _backings[claimId] = backing;
    }

    function challenge(bytes32 claimId) external {
        unreliable[claimId] = true;
    }

    function end(bytes32 claimId, Outcome outcome) external {
        (unreliable[claimId], outcomeOf[claimId]) = (true, outcome);
    }

    function reward(bytes32 claimId, address account) external {
        rewardedOf[claimId] = account;
    }

    function requireReliable(bytes32 claimId) external view returns (Backing memory) {
        require(_backings[claimId].app != 0 && !unreliable[claimId], Unreliable(claimId));
        return _backings[claimId];
    }

    function backingOf(bytes32 claimId) external view returns (Backing memory) {
        return _backings[claimId];
    }
}

/// @notice What the ledger asks of a profile: a fifth burns, a fifth less one rewards.
contract StandInTerms {
    address[] private _tokens;

    constructor(address[] memory tokens) {
        _tokens = tokens;
    }

    function coverOf(address token) external view returns (IAdjudicatedProfile.Cover memory cover) {
        for (uint256 i = 0; i < _tokens.length; ++i) {
            if (_tokens[i] == token) return IAdjudicatedProfile.Cover(token, 1e18, 1e16);
        }
        revert IAdjudicatedProfile.NotCovered(token);
    }

    function payableOf(uint256 amount) external pure returns (uint256) {
        return amount * 6_001 / 10_000;
    }
}

/// @notice A real deployment with a batch that operators 0 to 2 signed, and a ledger over claims of it.
abstract contract LedgerFixture is VouchFixture {
    bytes32 internal constant CLAIM = keccak256("claim");
    uint256 internal constant QUOTA = 1_000 ether;
    /// @dev Of each 1e18 units and second: a tenth of the amount in 1e7 seconds.
    uint256 internal constant FEE_RATE = 1e10;

    StandInClaims internal claims;
    ExposureLedger internal ledger;
    StandInTerms internal terms;
    Batch internal batch;
    address internal settlement = makeAddr("settlement");
    address internal consumer = makeAddr("consumer");
    address internal harmed = makeAddr("harmed");

    function deployLedger() internal {
        deployVouch();
        claims = new StandInClaims();
        ledger = new ExposureLedger(claims, controller, registry, verifier, keyRegistrar, settlement);
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(tokenOf(0)), address(tokenOf(1)));
        terms = new StandInTerms(tokens);
        batch = batchAfter(1, 0, 0);
        registry.post(only(batch), certify(batch, list(3)));
        claimOn(CLAIM, batch);
        for (uint256 j = 0; j < 2; ++j) {
            grant(consumer, j, QUOTA, FEE_RATE);
            TestToken token = tokenOf(j);
            token.mint(consumer, 1e6 ether);
            vm.prank(consumer);
            token.approve(address(ledger), type(uint256).max);
        }
    }

    function claimOn(bytes32 claimId, Batch memory batch_) internal {
        claims.set(
            claimId,
            IClaimOutcomes.Backing({
                app: app,
                programId: programId,
                batchHash: hashOf(batch_),
                referenceTimestamp: batch_.referenceTimestamp,
                profile: address(terms),
                endsBy: uint64(block.timestamp) + 1e6
            })
        );
    }

    function grant(address consumer_, uint256 j, uint256 quota, uint256 feeRate) internal {
        vm.prank(appOwner);
        ledger.setTerms(app, consumer_, address(stakeStrategies[j]), IExposureLedger.Terms(quota, feeRate));
    }

    function open(bytes32 claimId, uint256 j, uint256 amount) internal returns (uint256) {
        vm.prank(consumer);
        return ledger.open(claimId, address(stakeStrategies[j]), amount, harmed, type(uint256).max);
    }

    function slash(uint256 i) internal {
        vm.prank(address(equivocationSlasher));
        router.slash(set, operatorOf(i), address(this), "test");
    }

    /// @notice What the least quorum of the fixture's table leaves for the harmed; by hand.
    function capShares() internal pure returns (uint256) {
        uint256 required = (uint256(100 ether + 6) * 6_667 + 9_999) / 10_000;
        return required * 6_001 / 10_000;
    }

    function tokenOf(uint256 j) internal view returns (TestToken) {
        return TestToken(address(stakeStrategies[j].underlyingToken()));
    }
}
