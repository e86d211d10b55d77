// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for local clouds: anyone mints as much as they like, so it is worth nothing and exists on no other chain.
contract DemoToken is ERC20 {
    /// @notice The chain id of local development chains (anvil's default), the only one on which it deploys.
    uint256 public constant LOCAL_CHAIN_ID = 31_337;

    error NotALocalChain(uint256 chainId);

    constructor(string memory name, string memory symbol) ERC20(name, symbol) {
        require(block.chainid == LOCAL_CHAIN_ID, NotALocalChain(block.chainid));
    }

    function mint(address to, uint256 amount) external {
        require(block.chainid == LOCAL_CHAIN_ID, NotALocalChain(block.chainid));
        _mint(to, amount);
    }
}
