// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IForcedInbox} from "../interfaces/IForcedInbox.sol";
import {Program, Request, VouchTypes} from "../libraries/VouchTypes.sol";
import {Pages} from "../periphery/Pages.sol";
import {FuelPrice} from "./FuelPrice.sol";

/// @title ForcedInbox
/// @notice See `IForcedInbox`. Immutable, without an owner, a pause or a way to send anything but change.
/// @dev Nonces of entries start at 2^63 and are never used twice, whoever submits to whatever lane; executors refuse signed requests with
/// such a nonce. So nobody can have the request of an entry answered before, under another signature, and block the lane with the repeat.
contract ForcedInbox is IForcedInbox {
    using VouchTypes for Program;
    using VouchTypes for Request;

    /// @param fuel What this block has taken in so far, if `blockNumber` is this block.
    /// @param excess Fuel above target up to the last block that took anything in.
    struct LaneState {
        uint64 count;
        uint64 blockNumber;
        uint128 fuel;
        uint256 excess;
    }

    uint64 public constant NONCE_FIRST = 1 << 63;

    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    uint64 private immutable _fuelTarget;
    uint64 private immutable _fuelPerEntry;
    uint64 private immutable _fuelPerByte;
    uint64 private immutable _priceMin;
    uint32 private immutable _seedDelayBlocks;
    uint32 private immutable _deadlineMin;
    uint32 private immutable _deadlineMax;
    uint32 private immutable _payloadBytesMax;

    uint64 private _nonce = NONCE_FIRST;
    mapping(bytes32 app => mapping(uint32 lane => LaneState)) private _lanes;
    mapping(bytes32 requestId => Place) private _places;

    constructor(IAppController appController_, IBatchRegistry batchRegistry_, Rules memory rules_) {
        require(rules_.fuelTarget != 0, InvalidRules("fuelTarget"));
        require(rules_.fuelPerEntry != 0, InvalidRules("fuelPerEntry"));
        require(rules_.priceMin != 0, InvalidRules("priceMin"));
        require(rules_.seedDelayBlocks != 0, InvalidRules("seedDelayBlocks"));
        require(rules_.deadlineMin != 0 && rules_.deadlineMin < rules_.deadlineMax, InvalidRules("deadlineMin"));
        appController = appController_;
        batchRegistry = batchRegistry_;
        (_fuelTarget, _fuelPerEntry, _fuelPerByte) = (rules_.fuelTarget, rules_.fuelPerEntry, rules_.fuelPerByte);
        (_priceMin, _seedDelayBlocks, _payloadBytesMax) =
        (rules_.priceMin, rules_.seedDelayBlocks, rules_.payloadBytesMax);
        (_deadlineMin, _deadlineMax) = (rules_.deadlineMin, rules_.deadlineMax);
    }

    function submit(bytes32 app, uint32 lane, Program calldata program, bytes calldata payload, uint64 deadline)
        external
        payable
        returns (uint64 index, bytes32 requestId)
    {
        Request memory request = _request(app, program.hash(), payload, deadline);
        _requireAnswerable(request, lane, program, payload.length);
        uint256 fee = _take(app, lane, _fuelOf(program, payload.length));
        requestId = request.hash();
        index = ++_lanes[app][lane].count;
        _places[requestId] = Place({lane: lane, index: index, deadline: deadline});
        emit RequestSubmitted(app, lane, index, request, payload, fee);
        _giveChange(fee);
    }

    function feeOf(bytes32 app, uint32 lane, Program calldata program, uint256 payloadBytes)
        external
        view
        returns (uint256)
    {
        (, uint256 excess) = _settled(_lanes[app][lane]);
        return _fee(_fuelOf(program, payloadBytes), excess);
    }

    function entryCount(bytes32 app, uint32 lane) external view returns (uint64) {
        return _lanes[app][lane].count;
    }

    function placeOf(bytes32 requestId) external view returns (Place memory) {
        return _places[requestId];
    }

    function rules() external view returns (Rules memory) {
        return Rules({
            fuelTarget: _fuelTarget,
            fuelPerEntry: _fuelPerEntry,
            fuelPerByte: _fuelPerByte,
            priceMin: _priceMin,
            seedDelayBlocks: _seedDelayBlocks,
            deadlineMin: _deadlineMin,
            deadlineMax: _deadlineMax,
            payloadBytesMax: _payloadBytesMax
        });
    }

    /// @dev `maxFee` is zero: the fee is paid here, and what an operator asks of others is no ground to refuse.
    function _request(bytes32 app, bytes32 programId, bytes calldata payload, uint64 deadline)
        private
        returns (Request memory)
    {
        return Request({
            app: app,
            programId: programId,
            client: msg.sender,
            nonce: _nonce++,
            payloadHash: Pages.rootOf(payload),
            time: uint64(block.timestamp),
            seedBlock: uint64(block.number) + _seedDelayBlocks,
            deadline: deadline,
            maxFee: 0
        });
    }

    function _requireAnswerable(Request memory request, uint32 lane, Program calldata program, uint256 length)
        private
        view
    {
        require(appController.releaseInfo(request.app, request.programId).immediate, NotForcible(request.programId));
        batchRegistry.laneInfo(request.app, lane); // reverts unless there is such a lane
        uint256 lengthMax = Math.min(program.limits.payloadBytes, _payloadBytesMax);
        require(length <= lengthMax, PayloadTooLarge(length, lengthMax));
        uint64 deadline = request.deadline;
        uint256 earliest = block.timestamp + _deadlineMin;
        require(deadline >= earliest, DeadlineTooNear(deadline, earliest));
        uint256 latest = block.timestamp + _deadlineMax;
        require(deadline <= latest, DeadlineTooFar(deadline, latest));
    }

    /// @dev What counts is what a run may cost, for nobody knows yet what it will.
    function _fuelOf(Program calldata program, uint256 payloadBytes) private view returns (uint256) {
        return uint256(program.limits.fuel) + _fuelPerEntry + payloadBytes * _fuelPerByte;
    }

    /// @dev Takes the fuel from what this block has left, and returns the fee. The price is the same for all entries of a block.
    function _take(bytes32 app, uint32 lane, uint256 fuel) private returns (uint256 fee) {
        LaneState storage state = _lanes[app][lane];
        (uint256 taken, uint256 excess) = _settled(state);
        uint256 left = 2 * uint256(_fuelTarget) - taken;
        require(fuel <= left, BlockFull(fuel, left));
        fee = _fee(fuel, excess);
        require(msg.value >= fee, FeeTooLow(msg.value, fee));
        (state.blockNumber, state.fuel, state.excess) = (uint64(block.number), uint128(taken + fuel), excess);
    }

    /// @dev What this block has taken in, and the excess at its beginning: every block since the last entry's has worked off one target.
    function _settled(LaneState storage state) private view returns (uint256 taken, uint256 excess) {
        uint256 elapsed = block.number - state.blockNumber;
        if (elapsed == 0) return (state.fuel, state.excess);
        uint256 worked = elapsed * _fuelTarget;
        excess = Math.saturatingSub(state.excess + state.fuel, worked);
        return (0, Math.min(excess, FuelPrice.excessMax(_fuelTarget)));
    }

    function _fee(uint256 fuel, uint256 excess) private view returns (uint256) {
        return FuelPrice.feeUp(fuel, FuelPrice.priceAt(_priceMin, excess, _fuelTarget));
    }

    function _giveChange(uint256 fee) private {
        uint256 change = msg.value - fee;
        if (change == 0) return;
        (bool paid,) = msg.sender.call{value: change}("");
        require(paid, PaymentRefused(msg.sender));
    }
}
