// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title What is staked and what forks: one generation of it. Its supply is made once and only shrinks.
/// @dev No owner, no minter, no list of who may transfer: there is nobody who could choose a side of a fork for others.
contract BackingEigen is ERC20, ERC20Permit {
    error SupplyOutOfBounds(uint256 supply, uint256 max);

    /// @notice Keeps every product of shares within what the share arithmetic allows.
    uint256 public constant MAX_SUPPLY = 1e38 - 1;
    /// @notice Counts from 1; a fork's is one more than that of what it forked from.
    uint256 public immutable generation;

    /// @param holder Who gets the whole supply; a fork's distributor.
    constructor(uint256 generation_, address holder, uint256 supply)
        ERC20("Backing Eigen", "bEIGEN")
        ERC20Permit("Backing Eigen")
    {
        require(supply != 0 && supply <= MAX_SUPPLY, SupplyOutOfBounds(supply, MAX_SUPPLY));
        generation = generation_;
        _mint(holder, supply);
    }

    function burn(uint256 amount) external {
        _burn(msg.sender, amount);
    }
}
