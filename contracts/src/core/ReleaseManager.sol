// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IReleaseManager} from "../interfaces/IReleaseManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {Permissioned} from "./Permissioned.sol";

/// @title What the operators of a set are to run, release by release. It enforces nothing.
contract ReleaseManager is IReleaseManager, Permissioned {
    using OperatorSetLib for OperatorSet;

    uint256 public constant MAX_ARTIFACTS = 64;
    uint256 public constant MAX_STRING_LENGTH = 1_024;

    mapping(bytes32 setKey => Release[]) private _releases;
    mapping(bytes32 setKey => string) private _metadataURI;

    constructor(address controller) Permissioned(controller) {}

    function publishMetadataURI(OperatorSet calldata operatorSet, string calldata metadataURI) external {
        require(_canCall(operatorSet.avs), InvalidPermissions());
        uint256 length = bytes(metadataURI).length;
        require(length != 0 && length <= MAX_STRING_LENGTH, InvalidMetadataURI());
        _metadataURI[operatorSet.key()] = metadataURI;
        emit MetadataURIPublished(operatorSet, metadataURI);
    }

    function publishRelease(OperatorSet calldata operatorSet, Release calldata release)
        external
        returns (uint256 releaseId)
    {
        require(_canCall(operatorSet.avs), InvalidPermissions());
        bytes32 key = operatorSet.key();
        require(bytes(_metadataURI[key]).length != 0, MustPublishMetadataURI());
        require(release.upgradeByTime == 0 || release.upgradeByTime >= block.timestamp, InvalidUpgradeByTime());
        require(release.artifacts.length <= MAX_ARTIFACTS, TooManyArtifacts(release.artifacts.length, MAX_ARTIFACTS));
        releaseId = _releases[key].length;
        Release storage stored = _releases[key].push();
        stored.upgradeByTime = release.upgradeByTime;
        for (uint256 i = 0; i < release.artifacts.length; i++) {
            uint256 length = bytes(release.artifacts[i].registry).length;
            require(length <= MAX_STRING_LENGTH, RegistryTooLong(length, MAX_STRING_LENGTH));
            stored.artifacts.push(release.artifacts[i]);
        }
        emit ReleasePublished(operatorSet, releaseId, release);
    }

    function getTotalReleases(OperatorSet calldata operatorSet) external view returns (uint256) {
        return _releases[operatorSet.key()].length;
    }

    function getRelease(OperatorSet calldata operatorSet, uint256 releaseId) external view returns (Release memory) {
        Release[] storage releases = _releases[operatorSet.key()];
        require(releaseId < releases.length, NoReleases());
        return releases[releaseId];
    }

    function getLatestRelease(OperatorSet calldata operatorSet) external view returns (uint256, Release memory) {
        Release[] storage releases = _some(operatorSet);
        return (releases.length - 1, releases[releases.length - 1]);
    }

    function getLatestUpgradeByTime(OperatorSet calldata operatorSet) external view returns (uint32) {
        Release[] storage releases = _some(operatorSet);
        return releases[releases.length - 1].upgradeByTime;
    }

    function isValidRelease(OperatorSet calldata operatorSet, uint256 releaseId) external view returns (bool) {
        return releaseId == _some(operatorSet).length - 1;
    }

    function getMetadataURI(OperatorSet calldata operatorSet) external view returns (string memory) {
        return _metadataURI[operatorSet.key()];
    }

    function _some(OperatorSet calldata operatorSet) private view returns (Release[] storage releases) {
        releases = _releases[operatorSet.key()];
        require(releases.length != 0, NoReleases());
    }
}
