// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {IPermissioned} from "./IPermissionController.sol";

/// @title What the operators of a set are to run. The AVS, or whom it appointed, publishes.
interface IReleaseManager is IPermissioned {
    /// @param digest Of what is to be run.
    /// @param registry Where it is found.
    struct Artifact {
        bytes32 digest;
        string registry;
    }

    /// @param upgradeByTime Unix seconds by which operators are to run it; zero for at once.
    struct Release {
        Artifact[] artifacts;
        uint32 upgradeByTime;
    }

    /// @notice It is empty or longer than 1,024 bytes.
    error InvalidMetadataURI();
    error InvalidPermissions();
    /// @notice It is in the past.
    error InvalidUpgradeByTime();
    error MustPublishMetadataURI();
    error NoReleases();
    error RegistryTooLong(uint256 given, uint256 max);
    error TooManyArtifacts(uint256 given, uint256 max);

    event MetadataURIPublished(OperatorSet indexed operatorSet, string metadataURI);
    event ReleasePublished(OperatorSet indexed operatorSet, uint256 indexed releaseId, Release release);

    function publishMetadataURI(OperatorSet calldata operatorSet, string calldata metadataURI) external;
    /// @return releaseId From 0.
    function publishRelease(OperatorSet calldata operatorSet, Release calldata release)
        external
        returns (uint256 releaseId);

    function getTotalReleases(OperatorSet calldata operatorSet) external view returns (uint256);
    function getRelease(OperatorSet calldata operatorSet, uint256 releaseId) external view returns (Release memory);
    function getLatestRelease(OperatorSet calldata operatorSet) external view returns (uint256, Release memory);
    function getLatestUpgradeByTime(OperatorSet calldata operatorSet) external view returns (uint32);
    /// @notice Whether it is the latest.
    function isValidRelease(OperatorSet calldata operatorSet, uint256 releaseId) external view returns (bool);
    function getMetadataURI(OperatorSet calldata operatorSet) external view returns (string memory);
}
