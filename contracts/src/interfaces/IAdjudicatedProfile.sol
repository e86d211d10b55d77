// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IProfile} from "./IProfile.sol";

/// @title A profile whose answers can be judged: who judges, what a challenge costs, and what a lie costs.
interface IAdjudicatedProfile is IProfile {
    struct Adjudication {
        /// Judges in the order of appeal.
        address[] verifiers;
        /// Seconds in which a verdict can be appealed.
        uint32 appealWindow;
        /// Seconds that slashed stake waits after the last verdict; zero where no fork is followed.
        uint32 forkLag;
        /// Who says that the staking token forks; zero: nobody.
        address forkSignal;
        /// The shares of a slash that burn, and that go to whoever showed the fault. The reward is strictly the smaller.
        uint16 burnBips;
        uint16 rewardBips;
        /// Wei: what a challenge costs at least, and what a claim costs whose opener has no quota.
        uint256 bondFloor;
        uint256 claimBond;
        /// Wei that a data demand prepays for each page.
        uint256 pagePrice;
        /// A profile for tests may have a demand time below the censorship bound. No real value belongs behind one.
        bool test;
    }

    /// @notice What backs exposure in one token.
    struct Cover {
        address token;
        /// Units of the token for which one EIGEN (1e18) of committee quota suffices.
        uint256 unitsPerEigen;
        /// Wei of challenge bond for each 1e18 units that a challenge freezes.
        uint256 bondPerUnits;
    }

    error InvalidVerifierCount(uint256 count, uint256 countMax);
    error InvalidVerifier(address verifier);
    error VerifiersDoNotFit(uint256 neededSeconds, uint256 verifiersSeconds);
    error AppealsDoNotFit(uint256 neededSeconds, uint256 appealsSeconds);
    error SeedDoesNotFit(uint256 neededSeconds, uint256 seedWaitSeconds);
    error DataKeptTooShort(uint256 wholeTime, uint256 dataKeptSeconds);
    error DemandBelowCensorshipBound(uint256 demandSeconds, uint256 boundSeconds);
    error DemandLimitTooLarge(uint256 demandLimit, uint256 demandLimitMax);
    error ClaimsCannotBeAnswered(uint256 demandSeconds, uint256 neededSeconds);
    error InvalidShares(uint256 burnBips, uint256 rewardBips);
    error ZeroBond();
    error BondBelowFees(uint256 bondFloor, uint256 fees);
    error InvalidCover(address token);
    error TooManyCovers(uint256 count, uint256 countMax);
    error NotCovered(address token);

    function verifierCount() external view returns (uint256);
    /// @notice The judge of instance `i`; reverts beyond the last.
    function verifierAt(uint256 i) external view returns (address);
    function adjudication() external view returns (Adjudication memory);
    /// @notice Reverts unless exposure in the token is allowed.
    function coverOf(address token) external view returns (Cover memory);
    /// @notice Claims of one operator set that can be open at a time: as many as could all be answered on chain in the demand time.
    function openClaimsMax() external view returns (uint32);
    /// @notice Windows shorter than the censorship bound deter only those who count money.
    function isEconomic() external view returns (bool);
    /// @return Of a slash's `amount`, what the harmed can be paid from.
    function payableOf(uint256 amount) external view returns (uint256);
}

/// @title Makes profiles, and vouches that what it made has the code of a profile.
interface IProfileFactory {
    event ProfileMade(address indexed profile, address indexed maker);

    function isProfile(address profile) external view returns (bool);
}
