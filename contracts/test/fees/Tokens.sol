// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";

/// @notice Keeps a tenth of every transfer.
contract LeakyToken is ERC20("Leaky", "LEAK") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(this), amount / 10);
    }
}

/// @notice Moves nothing, and says so or not.
contract LyingToken {
    bool private _answer;

    function setAnswer(bool answer) external {
        _answer = answer;
    }

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256) external view returns (bool) {
        return _answer;
    }
}

/// @notice Calls the vault in the middle of a deposit, and hands on how that went.
contract ReentrantToken is ERC20("Reentrant", "BACK") {
    IFeeVault private immutable _fees;
    bytes private _call;

    constructor(IFeeVault fees) {
        _fees = fees;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function attack(bytes calldata data) external {
        _call = data;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        bytes memory data = _call;
        if (data.length != 0) {
            delete _call;
            _mint(address(this), amount);
            _approve(address(this), address(_fees), amount);
            Address.functionCall(address(_fees), data);
        }
        return super.transferFrom(from, to, amount);
    }
}
