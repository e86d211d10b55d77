// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IClaimRegistry} from "../interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ISlashRouter, ISlashVault} from "../interfaces/ISlashRouter.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title Settlement
/// @notice See `ISettlement`. The router's settlement slot: immutable, without an owner, it holds nothing.
/// @dev The harmed need no rank before reward and burn: caps leave both shares of every slash out, so neither can take from them.
/// What is left burns only when nobody can have a word on it any more.
contract Settlement is ISettlement {
    address public constant BURNT = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant BIPS = 10_000;

    IClaimRegistry public immutable claims;
    IExposureLedger public immutable ledger;
    IAppController public immutable appController;
    ISlashRouter public immutable router;

    mapping(bytes32 app => mapping(uint256 slashId => mapping(address strategy => bool))) public isSettled;
    mapping(bytes32 app => mapping(address strategy => uint256)) public settledShares;

    constructor(IClaimRegistry claims_, IExposureLedger ledger_, IAppController appController_, ISlashRouter router_) {
        (claims, ledger, appController, router) = (claims_, ledger_, appController_, router_);
    }

    function payHarm(uint256 positionId) external {
        IExposureLedger.Position memory position = ledger.settle(positionId);
        IClaimRegistry.Backing memory backing = claims.backingOf(position.claimId);
        uint256 from = claims.endedAtOf(position.claimId) + IAdjudicatedProfile(backing.profile).adjudication().forkLag;
        require(block.timestamp >= from, TooEarly(from));
        emit HarmPaid(positionId, position.claimId, position.beneficiary, position.amount);
        IERC20 token = IStrategy(position.strategy).underlyingToken();
        _release(appController.appInfo(backing.app), token, position.beneficiary, position.amount);
    }

    function settleSlash(bytes32 app, uint256 slashId, address strategy) external {
        IAppController.App memory info = appController.appInfo(app);
        ISlashVault vault = ISlashVault(info.slashVault);
        uint256 shares = vault.sharesOf(slashId, strategy);
        require(shares != 0, UnknownSlash(app, slashId, strategy));
        require(!isSettled[app][slashId][strategy], SlashSettled(slashId, strategy));
        uint256 from = _barDate(info.profile, vault.slashedAtOf(slashId));
        require(block.timestamp >= from, TooEarly(from));
        isSettled[app][slashId][strategy] = true;
        settledShares[app][strategy] += shares;
        _share(app, info, slashId, strategy, shares);
    }

    function burnRest(bytes32 app, address strategy) external {
        IAppController.App memory info = appController.appInfo(app);
        uint256 open = ledger.openShares(app, strategy);
        require(open == 0, ExposureOpen(open));
        uint256 slashed = ISlashVault(info.slashVault).slashedShares(strategy);
        require(slashed == settledShares[app][strategy], SlashesUnsettled(slashed, settledShares[app][strategy]));
        IERC20 token = IStrategy(strategy).underlyingToken();
        uint256 amount = token.balanceOf(info.slashVault);
        require(amount != 0, NothingLeft(address(token)));
        emit RestBurned(app, address(token), amount);
        _release(info, token, BURNT, amount);
    }

    function barDateOf(bytes32 app, uint256 slashId) external view returns (uint256) {
        IAppController.App memory info = appController.appInfo(app);
        return _barDate(info.profile, ISlashVault(info.slashVault).slashedAtOf(slashId));
    }

    /// @dev Every claim that was open at the slash has ended by then, and the fork lag after it has passed.
    function _barDate(address profile, uint256 slashedAt) private view returns (uint256) {
        IAdjudicatedProfile rules = IAdjudicatedProfile(profile);
        return slashedAt + rules.wholeTime() + rules.adjudication().forkLag;
    }

    /// @dev A share loses no tokens, so what the shares are worth now is at least what they were worth when they were fetched.
    function _share(bytes32 app, IAppController.App memory info, uint256 slashId, address strategy, uint256 shares)
        private
    {
        IAdjudicatedProfile.Adjudication memory rules = IAdjudicatedProfile(info.profile).adjudication();
        IERC20 token = IStrategy(strategy).underlyingToken();
        address reporter = ISlashVault(info.slashVault).reporterOf(slashId);
        uint256 amount = IStrategy(strategy).sharesToUnderlyingView(shares);
        uint256 reward = reporter == address(0) ? 0 : amount * rules.rewardBips / BIPS;
        uint256 burnt = amount * rules.burnBips / BIPS;
        emit SlashSettledFor(app, slashId, reporter, address(token), reward, burnt);
        if (reward != 0) _release(info, token, reporter, reward);
        if (burnt != 0) _release(info, token, BURNT, burnt);
    }

    function _release(IAppController.App memory info, IERC20 token, address to, uint256 amount) private {
        uint256 balance = token.balanceOf(info.slashVault);
        require(balance >= amount, VaultShort(balance, amount));
        router.release(OperatorSet({avs: address(appController), id: info.operatorSetId}), address(token), to, amount);
    }
}
