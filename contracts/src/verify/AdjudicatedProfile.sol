// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../compute/Profile.sol";
import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {VouchTypes} from "../libraries/VouchTypes.sol";

/// @title AdjudicatedProfile
/// @notice See `IAdjudicatedProfile`. The constructor adds up the longest dispute that its verifiers can make, and refuses times in
/// which it would not end while stake can be slashed and data is kept.
/// @dev The longest dispute: the first instance, one restart of the longest instance after a data demand, then each appeal.
contract AdjudicatedProfile is Profile, IAdjudicatedProfile {
    uint256 public constant VERIFIER_COUNT_MAX = 4;
    uint256 public constant COVER_COUNT_MAX = 16;
    /// @notice How long a chain may be censored by assumption.
    uint256 public constant CENSORSHIP_SECONDS = 302_400;
    /// @notice One word of bits marks the answered pages of each part of an exchange.
    uint256 public constant PART_PAGES_MAX = 256;
    /// @notice Pages of 16 KiB that fit a block beside everything else: 8 x 16,384 x 40 gas is a seventh of 36 million.
    uint256 public constant PAGES_PER_BLOCK = 8;
    uint256 private constant PARTS = 3;
    uint256 private constant BIPS = 10_000;

    Adjudication private _adjudication;
    uint32 public immutable openClaimsMax;
    bool public immutable isEconomic;
    mapping(address token => Cover) private _covers;

    /// @param dataKeptSeconds How long executors keep a batch's data, from its referenceTimestamp.
    constructor(
        Times memory times_,
        uint64 demandLimit_,
        uint256 slashableBlocks,
        uint256 secondsPerBlock,
        uint256 dataKeptSeconds,
        Adjudication memory adjudication_,
        Cover[] memory covers
    ) Profile(times_, demandLimit_, slashableBlocks, secondsPerBlock) {
        require(wholeTime < dataKeptSeconds, DataKeptTooShort(wholeTime, dataKeptSeconds));
        _requireShares(adjudication_);
        _requireInstances(times_, adjudication_);
        require(
            adjudication_.test || times_.demand >= CENSORSHIP_SECONDS,
            DemandBelowCensorshipBound(times_.demand, CENSORSHIP_SECONDS)
        );
        openClaimsMax = _openClaims(times_.demand, demandLimit_, secondsPerBlock);
        isEconomic = times_.window < CENSORSHIP_SECONDS;
        _adjudication = adjudication_;
        _setCovers(covers);
    }

    function verifierCount() external view returns (uint256) {
        return _adjudication.verifiers.length;
    }

    function verifierAt(uint256 i) external view returns (address) {
        return _adjudication.verifiers[i];
    }

    function adjudication() external view returns (Adjudication memory) {
        return _adjudication;
    }

    function coverOf(address token) external view returns (Cover memory cover) {
        cover = _covers[token];
        require(cover.unitsPerEigen != 0, NotCovered(token));
    }

    function payableOf(uint256 amount) external view returns (uint256) {
        return amount * (BIPS - _adjudication.burnBips - _adjudication.rewardBips) / BIPS;
    }

    /// @dev A reward below what burns makes challenging oneself cost more than it brings.
    function _requireShares(Adjudication memory a) private pure {
        bool valid = a.rewardBips < a.burnBips && uint256(a.burnBips) + a.rewardBips < BIPS;
        require(valid, InvalidShares(a.burnBips, a.rewardBips));
        require(a.bondFloor != 0 && a.claimBond != 0 && a.pagePrice != 0, ZeroBond());
        require(a.appealWindow != 0, ZeroTime("appealWindow"));
    }

    function _requireInstances(Times memory t, Adjudication memory a) private view {
        uint256 count = a.verifiers.length;
        require(count != 0 && count <= VERIFIER_COUNT_MAX, InvalidVerifierCount(count, VERIFIER_COUNT_MAX));
        (uint256 first, uint256 longest, uint256 appeals, uint256 fees) = (0, 0, 0, 0);
        for (uint256 i = 0; i < count; ++i) {
            IVerifier verifier = IVerifier(a.verifiers[i]);
            require(address(verifier).code.length != 0, InvalidVerifier(address(verifier)));
            (uint256 lasts, uint256 seedWait_) = (verifier.duration(), verifier.seedWait());
            require(lasts != 0, InvalidVerifier(address(verifier)));
            require(seedWait_ <= t.seedWait, SeedDoesNotFit(seedWait_, t.seedWait));
            if (i == 0) first = lasts;
            else appeals += a.appealWindow + t.seedWait + lasts;
            if (lasts > longest) longest = lasts;
            if (verifier.fee() > fees) fees = verifier.fee();
        }
        appeals += a.appealWindow; // the last verdict waits for nobody, but one clock serves all
        uint256 verifiers = first + t.seedWait + longest;
        require(verifiers <= t.verifiers, VerifiersDoNotFit(verifiers, t.verifiers));
        require(appeals <= t.appeals, AppealsDoNotFit(appeals, t.appeals));
        require(a.bondFloor >= 2 * fees, BondBelowFees(a.bondFloor, 2 * fees));
    }

    /// @dev Whoever opens claims may not open so many that honest signers run out of blocks to answer demands in.
    function _openClaims(uint256 demand, uint256 limit, uint256 secondsPerBlock) private pure returns (uint32) {
        uint256 limitMax = PART_PAGES_MAX * VouchTypes.PAGE_BYTES;
        require(limit <= limitMax, DemandLimitTooLarge(limit, limitMax));
        uint256 pages = PARTS * ((limit + VouchTypes.PAGE_BYTES - 1) / VouchTypes.PAGE_BYTES);
        uint256 claims = demand / secondsPerBlock * PAGES_PER_BLOCK / pages;
        uint256 needed = (pages + PAGES_PER_BLOCK - 1) / PAGES_PER_BLOCK * secondsPerBlock;
        require(claims != 0, ClaimsCannotBeAnswered(demand, needed));
        return uint32(claims);
    }

    function _setCovers(Cover[] memory covers) private {
        require(covers.length <= COVER_COUNT_MAX, TooManyCovers(covers.length, COVER_COUNT_MAX));
        for (uint256 i = 0; i < covers.length; ++i) {
            Cover memory cover = covers[i];
            bool valid =
                cover.token != address(0) && cover.unitsPerEigen != 0 && _covers[cover.token].unitsPerEigen == 0;
            require(valid, InvalidCover(cover.token));
            _covers[cover.token] = cover;
        }
    }
}
