// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStrategyTVLLimits} from "../interfaces/IStrategyTVLLimits.sol";
import {StrategyBase} from "./StrategyBase.sol";

/// @title A vault that takes at most so much at once and in all. The limits bound deposits alone: nobody is kept from leaving.
contract StrategyBaseTVLLimits is StrategyBase, IStrategyTVLLimits {
    uint256 public maxPerDeposit;
    uint256 public maxTotalDeposits;

    constructor(address manager, IERC20 token, address registry, uint256 perDeposit, uint256 totalDeposits)
        StrategyBase(manager, token, registry)
    {
        _setTVLLimits(perDeposit, totalDeposits);
    }

    function setTVLLimits(uint256 newMaxPerDeposit, uint256 newMaxTotalDeposits) external onlyUnpauser {
        _setTVLLimits(newMaxPerDeposit, newMaxTotalDeposits);
    }

    function getTVLLimits() external view returns (uint256, uint256) {
        return (maxPerDeposit, maxTotalDeposits);
    }

    /// @dev `balance` has the deposit in it already.
    function _beforeDeposit(uint256 amount, uint256 balance) internal view override {
        require(amount <= maxPerDeposit, MaxPerDepositExceedsMax());
        require(balance <= maxTotalDeposits, BalanceExceedsMaxTotalDeposits());
    }

    function _setTVLLimits(uint256 perDeposit, uint256 totalDeposits) private {
        require(perDeposit <= totalDeposits, MaxPerDepositExceedsMax());
        emit MaxPerDepositUpdated(maxPerDeposit, perDeposit);
        emit MaxTotalDepositsUpdated(maxTotalDeposits, totalDeposits);
        (maxPerDeposit, maxTotalDeposits) = (perDeposit, totalDeposits);
    }
}
