// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IVerifier} from "../../src/interfaces/IVerifier.sol";

/// @notice An instance whose answers a test decides; without one it splits at its deadline.
contract StandInJudge is IVerifier {
    uint32 public constant duration = 1 days;
    uint32 public constant seedWait = 1 hours;
    uint256 public immutable fee;

    struct Question {
        uint64 openedAt;
        uint64 snapshotAt;
        Answer answer;
        bytes32 leaf;
    }

    mapping(bytes32 question => Question) private _questions;
    bool public broken;

    constructor(uint256 fee_) {
        fee = fee_;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function open(bytes32 claimId, uint32 round, uint64 snapshotAt) external payable {
        require(!broken, "broken");
        require(msg.value == fee, "wrong fee");
        Question storage question = _of(msg.sender, claimId, round);
        require(question.openedAt == 0, "asked twice");
        (question.openedAt, question.snapshotAt) = (uint64(block.timestamp), snapshotAt);
    }

    function say(address asker, bytes32 claimId, uint32 round, Answer answer, bytes32 leaf) external {
        Question storage question = _of(asker, claimId, round);
        (question.answer, question.leaf) = (answer, leaf);
    }

    function status(address asker, bytes32 claimId, uint32 round) external view returns (Answer, bytes32) {
        Question storage question = _of(asker, claimId, round);
        bool late = question.answer == Answer.PENDING && block.timestamp >= question.openedAt + seedWait + duration;
        return late ? (Answer.SPLIT, bytes32(0)) : (question.answer, question.leaf);
    }

    function deadline(address asker, bytes32 claimId, uint32 round) external view returns (uint64) {
        uint64 openedAt = _of(asker, claimId, round).openedAt;
        return openedAt == 0 ? 0 : openedAt + seedWait + duration;
    }

    function questionOf(address asker, bytes32 claimId, uint32 round) external view returns (Question memory) {
        return _of(asker, claimId, round);
    }

    function _of(address asker, bytes32 claimId, uint32 round) private view returns (Question storage) {
        return _questions[keccak256(abi.encode(asker, claimId, round))];
    }
}
