// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEndpoints} from "../interfaces/IEndpoints.sol";

/// @title Endpoints
/// @notice See `IEndpoints`. No owner, no stake and no other contract: it only says what each account said of itself.
contract Endpoints is IEndpoints {
    uint256 public constant URL_BYTES_MAX = 256;

    mapping(address account => Endpoint) private _endpoints;

    function setEndpoint(string calldata url, bytes32 transportKey, bytes32 nextTransportKey) external {
        uint256 length = bytes(url).length;
        require(length != 0 && length <= URL_BYTES_MAX, UrlLength(length, URL_BYTES_MAX));
        _requirePrintable(bytes(url));
        require(transportKey != 0, NoTransportKey());
        require(transportKey != nextTransportKey, SameTransportKey());
        _endpoints[msg.sender] = Endpoint(url, transportKey, nextTransportKey);
        emit EndpointSet(msg.sender, url, transportKey, nextTransportKey);
    }

    function removeEndpoint() external {
        require(_endpoints[msg.sender].transportKey != 0, NoEndpoint(msg.sender));
        delete _endpoints[msg.sender];
        emit EndpointSet(msg.sender, "", 0, 0);
    }

    function endpointOf(address account) external view returns (Endpoint memory) {
        return _endpoints[account];
    }

    /// @dev A string that is no UTF-8 stops whoever decodes it strictly: one account must not stop others.
    function _requirePrintable(bytes calldata url) private pure {
        for (uint256 i = 0; i < url.length; ++i) {
            require(url[i] > 0x20 && url[i] < 0x7f, UrlCharacter(i));
        }
    }
}
