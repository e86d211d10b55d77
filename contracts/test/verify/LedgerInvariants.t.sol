// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimOutcomes, IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {Test} from "../Test.sol";
import {LedgerFixture} from "./LedgerFixture.sol";

/// @notice Opens, slashes, ends, closes, settles and takes fees at random, and keeps its own books.
contract LedgerHandler is LedgerFixture {
    bytes32[] private _claimIds;
    uint256[] private _positionIds;
    uint256 public feesIn;
    uint256 public feesOut;
    uint256 public harmedTwice;
    mapping(uint256 positionId => uint256) private _settled;

    constructor() {
        deployLedger();
        _claimIds.push(CLAIM);
    }

    function addClaim() external {
        if (_claimIds.length == 8) return;
        bytes32 claimId = keccak256(abi.encode("claim", _claimIds.length));
        claimOn(claimId, batch);
        _claimIds.push(claimId);
    }

    function openOne(uint256 pick, uint256 amount) external {
        uint256 before = tokenOf(0).balanceOf(address(ledger));
        _positionIds.push(open(_claimIds[pick % _claimIds.length], 0, bound(amount, 1, 30 ether)));
        feesIn += tokenOf(0).balanceOf(address(ledger)) - before;
    }

    function slashOne(uint256 pick) external {
        if (pick % 8 < OPERATOR_COUNT) slash(pick % 8);
    }

    function endOne(uint256 pick, uint256 outcome) external {
        claims.end(_claimIds[pick % _claimIds.length], IClaimOutcomes.Outcome(1 + outcome % 3));
    }

    function closeOne(uint256 pick) external {
        ledger.close(_positionIds[pick % _positionIds.length]);
    }

    function settleOne(uint256 pick) external {
        uint256 positionId = _positionIds[pick % _positionIds.length];
        vm.prank(settlement);
        ledger.settle(positionId);
        if (++_settled[positionId] > 1) ++harmedTwice;
    }

    function payOne(uint256 pick, uint256 who) external {
        uint32[] memory absent = new uint32[](1);
        absent[0] = 3;
        feesOut += ledger.payFee(
            _claimIds[pick % _claimIds.length], address(stakeStrategies[0]), absent, witnessOf(who % OPERATOR_COUNT)
        );
    }

    /// @return open What the positions that are not closed add up to, in shares.
    /// @return recorded What the ledger says that this is.
    /// @return stake What was slashed since the table, and what is still allocated.
    function sums() external view returns (uint256 open, uint256 recorded, uint256 stake) {
        for (uint256 i = 0; i < _positionIds.length; ++i) {
            IExposureLedger.Position memory position = ledger.positionOf(_positionIds[i]);
            if (!position.closed) open += position.shares;
        }
        recorded = ledger.openShares(app, address(stakeStrategies[0]));
        stake = vault.slashedShares(address(stakeStrategies[0]));
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            stake += allocatedStake(i, 0);
        }
    }

    function held() external view returns (uint256) {
        return tokenOf(0).balanceOf(address(ledger));
    }

    function cap() external pure returns (uint256) {
        return capShares();
    }
}

/// @title Whatever happens: exposure is what the positions say, stake pays for it, and fees go out once.
contract LedgerInvariants is Test {
    LedgerHandler private _handler;

    function setUp() public {
        _handler = new LedgerHandler();
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = LedgerHandler.addClaim.selector;
        selectors[1] = LedgerHandler.openOne.selector;
        selectors[2] = LedgerHandler.slashOne.selector;
        selectors[3] = LedgerHandler.endOne.selector;
        selectors[4] = LedgerHandler.closeOne.selector;
        selectors[5] = LedgerHandler.settleOne.selector;
        selectors[6] = LedgerHandler.payOne.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector({addr: address(_handler), selectors: selectors}));
    }

    function invariant_exposureIsNeverAboveTheStakeThatPaysForIt() public view {
        (uint256 open, uint256 recorded, uint256 stake) = _handler.sums();
        assertEq(recorded, open);
        assertLe(open, _handler.cap());
        assertLe(open, stake);
    }

    function invariant_feesAreConservedAndNobodyIsSettledTwice() public view {
        assertEq(_handler.held(), _handler.feesIn() - _handler.feesOut());
        assertEq(_handler.harmedTwice(), 0);
    }
}
