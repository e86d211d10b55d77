// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile, IProfileFactory} from "../interfaces/IAdjudicatedProfile.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {AdjudicatedProfile} from "./AdjudicatedProfile.sol";

/// @title ProfileFactory
/// @notice See `IProfileFactory`. Anyone makes profiles; what the deployment fixes (how long stake stays slashable, how long data is
/// kept) nobody chooses.
/// @dev A claim asks the factory before it believes a profile: one that changes its word later could keep a claim from ending.
contract ProfileFactory is IProfileFactory {
    uint256 public immutable slashableBlocks;
    uint256 public immutable secondsPerBlock;
    uint256 public immutable dataKeptSeconds;

    mapping(address profile => bool) public isProfile;

    constructor(uint256 slashableBlocks_, uint256 secondsPerBlock_, uint256 dataKeptSeconds_) {
        (slashableBlocks, secondsPerBlock, dataKeptSeconds) = (slashableBlocks_, secondsPerBlock_, dataKeptSeconds_);
    }

    function makeProfile(
        IProfile.Times calldata times,
        uint64 demandLimit,
        IAdjudicatedProfile.Adjudication calldata adjudication,
        IAdjudicatedProfile.Cover[] calldata covers
    ) external returns (address profile) {
        profile = address(
            new AdjudicatedProfile(
                times, demandLimit, slashableBlocks, secondsPerBlock, dataKeptSeconds, adjudication, covers
            )
        );
        isProfile[profile] = true;
        emit ProfileMade(profile, msg.sender);
    }
}
