// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ISlashVault} from "../interfaces/ISlashRouter.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title SlashVault
/// @notice See `ISlashVault`. What was slashed is counted in shares as the router reports them; what arrives by other ways counts
/// for nothing.
contract SlashVault is ISlashVault {
    using SafeERC20 for IERC20;
    using Checkpoints for Checkpoints.Trace208;

    struct Slash {
        address operator;
        address reporter;
        uint48 slashedAt;
    }

    address public immutable router;
    IStrategyManager public immutable strategyManager;
    address private immutable _avs;
    uint32 private immutable _operatorSetId;

    mapping(address strategy => Checkpoints.Trace208 sums) private _slashedShares;
    mapping(uint256 slashId => Slash) private _slashes;
    mapping(uint256 slashId => mapping(address strategy => uint256)) public sharesOf;

    constructor(OperatorSet memory operatorSet_, IStrategyManager strategyManager_, address router_) {
        (_avs, _operatorSetId) = (operatorSet_.avs, operatorSet_.id);
        strategyManager = strategyManager_;
        router = router_;
    }

    modifier onlyRouter() {
        require(msg.sender == router, NotRouter(msg.sender));
        _;
    }

    function recordSlash(
        uint256 slashId,
        address operator,
        address reporter,
        address[] calldata strategies,
        uint256[] calldata shares
    ) external onlyRouter {
        require(_slashes[slashId].operator == address(0), SlashKnown(slashId));
        _slashes[slashId] = Slash({operator: operator, reporter: reporter, slashedAt: uint48(block.timestamp)});
        for (uint256 i = 0; i < strategies.length; ++i) {
            sharesOf[slashId][strategies[i]] = shares[i];
            Checkpoints.Trace208 storage sums = _slashedShares[strategies[i]];
            sums.push(SafeCast.toUint48(block.timestamp), SafeCast.toUint208(sums.latest() + shares[i]));
        }
        emit SlashRecorded(slashId, operator, reporter, strategies, shares);
    }

    function collect(uint256 slashId) external {
        strategyManager.clearBurnOrRedistributableShares(operatorSet(), slashId);
    }

    function release(address token, address to, uint256 amount) external onlyRouter {
        emit Released(token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    function operatorSet() public view returns (OperatorSet memory) {
        return OperatorSet({avs: _avs, id: _operatorSetId});
    }

    function slashedShares(address strategy) external view returns (uint256) {
        return _slashedShares[strategy].latest();
    }

    function slashedSharesSince(address strategy, uint256 timestamp) external view returns (uint256) {
        Checkpoints.Trace208 storage sums = _slashedShares[strategy];
        uint256 before = timestamp == 0 ? 0 : sums.upperLookupRecent(SafeCast.toUint48(timestamp - 1));
        return sums.latest() - before;
    }

    function operatorOf(uint256 slashId) external view returns (address) {
        return _slashes[slashId].operator;
    }

    function slashedAtOf(uint256 slashId) external view returns (uint48) {
        return _slashes[slashId].slashedAt;
    }

    function reporterOf(uint256 slashId) external view returns (address) {
        return _slashes[slashId].reporter;
    }
}
