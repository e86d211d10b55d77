// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {IForcedInbox} from "../../src/interfaces/IForcedInbox.sol";

/// @notice Stands in for the BatchRegistry where a test is about who consumes, not about who posts: records whatever it is told.
contract StandInRegistry {
    bytes32 public immutable domainSeparator;
    StandInInbox public immutable forcedInbox = new StandInInbox();
    mapping(bytes32 batchHash => IBatchRegistry.BatchRecord) private _records;

    constructor() {
        bytes32 domainType =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        domainSeparator =
            keccak256(abi.encode(domainType, keccak256("Vouch"), keccak256("1"), block.chainid, address(this)));
    }

    function set(bytes32 batchHash, uint64 recordedAt, uint64 certifiedAt, uint32 referenceTimestamp) external {
        IBatchRegistry.BatchRecord storage record = _records[batchHash];
        (record.recordedAt, record.certifiedAt, record.referenceTimestamp) =
        (recordedAt, certifiedAt, referenceTimestamp);
    }

    function recordOf(bytes32 batchHash) external view returns (IBatchRegistry.BatchRecord memory) {
        return _records[batchHash];
    }
}

/// @notice Stands in for the ForcedInbox: holds what it is told to.
contract StandInInbox {
    mapping(bytes32 requestId => IForcedInbox.Place) private _places;

    function set(bytes32 requestId, uint64 index) external {
        _places[requestId].index = index;
    }

    function placeOf(bytes32 requestId) external view returns (IForcedInbox.Place memory) {
        return _places[requestId];
    }
}

/// @notice Stands in for the AppController: apps and their releases, as the test says.
contract StandInController {
    mapping(bytes32 app => mapping(bytes32 programId => IAppController.Release)) private _releases;
    mapping(bytes32 app => IAppController.App) private _apps;

    function setRelease(bytes32 app, bytes32 programId, bool eligible) external {
        _releases[app][programId] = IAppController.Release(true, eligible, 1);
    }

    function setApp(bytes32 app, address profile, uint32 operatorSetId) external {
        (_apps[app].profile, _apps[app].operatorSetId) = (profile, operatorSetId);
    }

    function releaseInfo(bytes32 app, bytes32 programId) external view returns (IAppController.Release memory release) {
        release = _releases[app][programId];
        require(release.publishedAt != 0, IAppController.UnknownRelease(app, programId));
    }

    function appInfo(bytes32 app) external view returns (IAppController.App memory) {
        return _apps[app];
    }
}

/// @notice Stands in for the Profile.
contract StandInProfile {
    uint32 public constant claimAge = 600;
    uint64 public constant demandLimit = 65_536;
}

/// @notice A client that is a contract and accepts one digest.
contract ContractClient is IERC1271 {
    bytes32 public accepted;

    function accept(bytes32 digest) external {
        accepted = digest;
    }

    function isValidSignature(bytes32 digest, bytes memory) external view returns (bytes4) {
        return digest == accepted ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @notice A token that keeps a hundredth of every transfer.
contract FeeToken is ERC20 {
    constructor() ERC20("Fee", "FEE") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(1), amount / 100);
    }
}

/// @notice A token that refuses to pay those it has blocked, and can call back when it moves.
contract HostileToken is ERC20 {
    mapping(address account => bool) public blocked;
    address private _callee;
    bytes private _callData;
    bool public calledBack;

    constructor() ERC20("Hostile", "HOS") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setBlocked(address account, bool isBlocked) external {
        blocked[account] = isBlocked;
    }

    function setCallback(address callee, bytes calldata callData) external {
        (_callee, _callData) = (callee, callData);
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[to], "blocked");
        super._update(from, to, amount);
        if (_callee == address(0)) return;
        (bool ok,) = _callee.call(_callData);
        calledBack = calledBack || ok;
    }
}
