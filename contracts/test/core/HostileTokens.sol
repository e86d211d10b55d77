// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Tokens that misbehave on demand. Tests only.
contract HostileToken is ERC20("Hostile", "HOST") {
    enum Mode {
        Fine,
        KeepsAFee,
        Reverts,
        ReturnsFalse,
        ReturnsNothing,
        MovesNothing,
        CallsBack
    }

    Mode public mode;
    mapping(address account => bool) public isBlocked;
    address private _target;
    bytes private _data;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice As a rebase downwards does.
    function destroy(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function callBack(address target, bytes calldata data) external {
        (mode, _target, _data) = (Mode.CallsBack, target, data);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _spendAllowance(from, msg.sender, amount);
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        require(!isBlocked[from] && !isBlocked[to], "blocked");
        require(mode != Mode.Reverts, "hostile");
        if (mode == Mode.MovesNothing) return true;
        _transfer(from, to, amount);
        if (mode == Mode.KeepsAFee) _burn(to, amount / 10);
        if (mode == Mode.CallsBack) _call();
        if (mode == Mode.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        return mode != Mode.ReturnsFalse;
    }

    function _call() private {
        (bool succeeded, bytes memory reason) = _target.call(_data);
        if (succeeded) return;
        assembly {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
