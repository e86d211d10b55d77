// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManager, IAllocationManagerTypes} from "../interfaces/IAllocationManager.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IAVSRegistrar} from "../interfaces/IAVSRegistrar.sol";
import {IKeyRegistrar, IKeyRegistrarTypes} from "../interfaces/IKeyRegistrar.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {ISlashVaultFactory} from "../interfaces/ISlashRouter.sol";
import {Program, VouchTypes} from "../libraries/VouchTypes.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {Programs} from "./Programs.sol";

/// @title AppController
/// @notice See `IAppController`. Immutable and without an owner; it calls the AllocationManager for nothing but what stands here, so
/// neither a set's slasher nor its recipient nor its strategies can change.
/// @dev An operator joins in this order: allocate, wait until the allocation counts (the guard), register its key, register for
/// the set. A set is then never full of members that could not sign, and who joined can be slashed from the first block on.
contract AppController is IAppController, IAVSRegistrar {
    using VouchTypes for Program;

    /// @dev The profile's whole time and staleness as they were when the app was made: a profile that is not what it should be
    /// can't shorten the life of weights later.
    struct AppState {
        address owner;
        uint32 operatorSetId;
        uint16 thresholdBips;
        address profile;
        uint32 horizonBlocks;
        uint32 stalenessSeconds;
        address slashVault;
        address[] strategies;
        uint256[] minimumStake;
        uint256[] requiredStake;
    }

    uint256 public constant OPERATOR_COUNT_MAX = 256;
    /// @notice Bounds what a table and a slash cost.
    uint256 public constant STRATEGY_COUNT_MAX = 8;
    uint256 public constant URI_BYTES_MAX = 2_048;
    uint16 private constant BIPS = 10_000;

    IAllocationManager public immutable allocationManager;
    IKeyRegistrar public immutable keyRegistrar;
    address public immutable slashRouter;
    ISlashVaultFactory public immutable slashVaultFactory;

    uint32 public appCount;
    mapping(bytes32 app => AppState) private _apps;
    mapping(bytes32 app => mapping(bytes32 programId => Release)) private _releases;
    mapping(bytes32 app => bytes32[] programIds) private _programs;
    mapping(bytes32 app => mapping(bytes32 programId => mapping(address operator => bool))) private _accepted;

    constructor(
        IAllocationManager allocationManager_,
        IKeyRegistrar keyRegistrar_,
        address slashRouter_,
        ISlashVaultFactory slashVaultFactory_
    ) {
        allocationManager = allocationManager_;
        keyRegistrar = keyRegistrar_;
        slashRouter = slashRouter_;
        slashVaultFactory = slashVaultFactory_;
        // The AllocationManager makes sets only for an AVS that it has heard of.
        allocationManager_.updateAVSMetadataURI(address(this), "");
    }

    modifier onlyOwner(bytes32 app) {
        require(_known(app).owner == msg.sender, NotAppOwner(app, msg.sender));
        _;
    }

    modifier onlyAllocationManager() {
        require(msg.sender == address(allocationManager), NotAllocationManager());
        _;
    }

    function createApp(AppParameters calldata parameters) external returns (bytes32 app) {
        _requireValid(parameters);
        IProfile profile = IProfile(parameters.profile);
        uint32 horizonBlocks = profile.wholeTimeBlocks();
        uint32 stalenessSeconds = profile.staleness();
        // Stake that outlives the whole time is what a weight is.
        require(
            horizonBlocks != 0 && horizonBlocks <= allocationManager.DEALLOCATION_DELAY() && stalenessSeconds != 0,
            InvalidProfile(parameters.profile)
        );

        OperatorSet memory operatorSet = OperatorSet({avs: address(this), id: ++appCount});
        app = VouchTypes.appId(address(this), operatorSet.id);
        address vault = slashVaultFactory.deployVault(operatorSet);
        _apps[app] = AppState({
            owner: msg.sender,
            operatorSetId: operatorSet.id,
            thresholdBips: parameters.thresholdBips,
            profile: parameters.profile,
            horizonBlocks: horizonBlocks,
            stalenessSeconds: stalenessSeconds,
            slashVault: vault,
            strategies: parameters.strategies,
            minimumStake: parameters.minimumStake,
            requiredStake: parameters.requiredStake
        });
        emit AppCreated(app, msg.sender, operatorSet.id, parameters.profile, vault, parameters.metadataURI);
        _createSet(operatorSet, parameters.strategies, vault);
    }

    function publishRelease(bytes32 app, Program calldata program, string calldata uri)
        external
        onlyOwner(app)
        returns (bytes32 programId)
    {
        require(bytes(uri).length <= URI_BYTES_MAX, TextTooLong("uri", URI_BYTES_MAX));
        Programs.requireValid(program);
        programId = program.hash();
        require(_releases[app][programId].publishedAt == 0, ReleaseExists(app, programId));
        _releases[app][programId] = Release({
            wasm: Programs.isWasm(program),
            immediate: Programs.isImmediate(program),
            publishedAt: uint64(block.timestamp)
        });
        _programs[app].push(programId);
        emit ReleasePublished(app, programId, program, uri);
    }

    /// @dev Wasm programs have one certifiable answer: to sign for a set is to answer for all of its wasm programs.
    function acceptProgram(bytes32 app, bytes32 programId, bool accepted) external {
        require(!releaseInfo(app, programId).wasm, InvalidProgram("runtime"));
        _accepted[app][programId][msg.sender] = accepted;
        emit ProgramAccepted(app, programId, msg.sender, accepted);
    }

    function transferApp(bytes32 app, address owner) external onlyOwner(app) {
        require(owner != address(0), InvalidOwner());
        _apps[app].owner = owner;
        emit AppOwnerChanged(app, owner);
    }

    function evict(bytes32 app, address operator) external {
        AppState storage state = _known(app);
        OperatorSet memory operatorSet = OperatorSet({avs: address(this), id: state.operatorSetId});
        uint256 count = allocationManager.getMemberCount(operatorSet);
        require(count >= OPERATOR_COUNT_MAX, SetHasRoom(count));
        require(!_hasMinimumStake(state, operatorSet, operator), StakeSuffices(operator));
        uint32[] memory operatorSetIds = new uint32[](1);
        operatorSetIds[0] = operatorSet.id;
        allocationManager.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams({
                operator: operator, avs: address(this), operatorSetIds: operatorSetIds
            })
        );
    }

    /// @dev The operator is a member by now, so what it allocated counts; so is a count of 257 the first that is too many.
    function registerOperator(address operator, address avs, uint32[] calldata operatorSetIds, bytes calldata)
        external
        view
        onlyAllocationManager
    {
        require(supportsAVS(avs), NotAllocationManager());
        for (uint256 i = 0; i < operatorSetIds.length; ++i) {
            OperatorSet memory operatorSet = OperatorSet({avs: avs, id: operatorSetIds[i]});
            require(allocationManager.getMemberCount(operatorSet) <= OPERATOR_COUNT_MAX, SetIsFull(OPERATOR_COUNT_MAX));
            require(keyRegistrar.isRegistered(operatorSet, operator), KeyMissing(operator));
            AppState storage state = _known(appOf(operatorSetIds[i]));
            require(_hasMinimumStake(state, operatorSet, operator), StakeBelowMinimum(operator));
        }
    }

    /// @dev Leaving needs nobody's consent and leaves nothing here to undo.
    function deregisterOperator(address operator, address avs, uint32[] calldata operatorSetIds) external {}

    function supportsAVS(address avs) public view returns (bool) {
        return avs == address(this);
    }

    function tableParameters(uint32 operatorSetId) external view returns (TableParameters memory) {
        AppState storage state = _known(appOf(operatorSetId));
        return TableParameters({
            strategies: state.strategies,
            minimumStake: state.minimumStake,
            requiredStake: state.requiredStake,
            horizonBlocks: state.horizonBlocks,
            stalenessSeconds: state.stalenessSeconds
        });
    }

    function isAccepter(uint32 operatorSetId, bytes32 programId, address operator) external view returns (bool) {
        if (programId == 0) return true;
        return _accepted[appOf(operatorSetId)][programId][operator];
    }

    function appInfo(bytes32 app) external view returns (App memory) {
        AppState storage state = _known(app);
        return App({
            owner: state.owner,
            profile: state.profile,
            operatorSetId: state.operatorSetId,
            thresholdBips: state.thresholdBips,
            slashVault: state.slashVault,
            strategies: state.strategies,
            minimumStake: state.minimumStake,
            requiredStake: state.requiredStake
        });
    }

    function postingRules(bytes32 app) external view returns (PostingRules memory) {
        AppState storage state = _known(app);
        return
            PostingRules({
                profile: state.profile, operatorSetId: state.operatorSetId, thresholdBips: state.thresholdBips
            });
    }

    /// @dev Reverts with UnknownApp.
    function appOf(uint32 operatorSetId) public view returns (bytes32 app) {
        app = VouchTypes.appId(address(this), operatorSetId);
        _known(app);
    }

    function releaseInfo(bytes32 app, bytes32 programId) public view returns (Release memory release) {
        release = _releases[app][programId];
        require(release.publishedAt != 0, UnknownRelease(app, programId));
    }

    function tableOf(bytes32 app, bytes32 programId) external view returns (bytes32) {
        return releaseInfo(app, programId).wasm ? bytes32(0) : programId;
    }

    function releaseCount(bytes32 app) external view returns (uint256) {
        return _programs[app].length;
    }

    function releaseAt(bytes32 app, uint256 index) external view returns (bytes32 programId) {
        return _programs[app][index];
    }

    function _known(bytes32 app) private view returns (AppState storage state) {
        state = _apps[app];
        require(state.owner != address(0), UnknownApp(app));
    }

    function _createSet(OperatorSet memory operatorSet, address[] calldata strategies, address vault) private {
        IAllocationManagerTypes.CreateSetParamsV2[] memory sets = new IAllocationManagerTypes.CreateSetParamsV2[](1);
        sets[0] = IAllocationManagerTypes.CreateSetParamsV2({
            operatorSetId: operatorSet.id, strategies: strategies, slasher: slashRouter
        });
        address[] memory recipients = new address[](1);
        recipients[0] = vault;
        allocationManager.createRedistributingOperatorSets(address(this), sets, recipients);
        keyRegistrar.configureOperatorSet(operatorSet, IKeyRegistrarTypes.CurveType.BN254);
    }

    function _requireValid(AppParameters calldata parameters) private pure {
        uint16 bips = parameters.thresholdBips;
        require(bips > BIPS / 2 && bips <= BIPS, InvalidThreshold(bips));
        require(bytes(parameters.metadataURI).length <= URI_BYTES_MAX, TextTooLong("metadataURI", URI_BYTES_MAX));
        uint256 count = parameters.strategies.length;
        require(count != 0 && count <= STRATEGY_COUNT_MAX, InvalidStrategyCount(count, STRATEGY_COUNT_MAX));
        require(parameters.minimumStake.length == count && parameters.requiredStake.length == count, LengthMismatch());
        for (uint256 i = 0; i < count; ++i) {
            address previous = i == 0 ? address(0) : parameters.strategies[i - 1];
            require(parameters.strategies[i] > previous, StrategiesNotAscending());
            require(parameters.minimumStake[i] != 0, ZeroMinimumStake(parameters.strategies[i]));
        }
    }

    /// @dev In one strategy at least, and to the end of the profile's whole time, as a table would count it.
    function _hasMinimumStake(AppState storage state, OperatorSet memory operatorSet, address operator)
        private
        view
        returns (bool)
    {
        address[] memory operators = new address[](1);
        operators[0] = operator;
        uint256[][] memory stakes = allocationManager.getMinimumSlashableStake(
            operatorSet, operators, state.strategies, uint32(block.number) + state.horizonBlocks
        );
        for (uint256 i = 0; i < stakes[0].length; ++i) {
            if (stakes[0][i] >= state.minimumStake[i]) return true;
        }
        return false;
    }
}
