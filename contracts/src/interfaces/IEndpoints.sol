// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Where the node of an account answers, and by which keys it is known there.
/// @dev Each account speaks for itself alone. A url is only bounded here, to printable ASCII: whoever calls it treats it as hostile. A transport key
/// may stand at several accounts, so it says nothing by itself: who is called or calls is an account and one of its keys together,
/// and only a handshake shows that the key is there.
interface IEndpoints {
    struct Endpoint {
        string url;
        /// SHA-256 of the SubjectPublicKeyInfo of the certificate that the node shows.
        bytes32 transportKey;
        /// A second key that is as good as the first: the next one during a change, else zero.
        bytes32 nextTransportKey;
    }

    error UrlLength(uint256 length, uint256 lengthMax);
    error UrlCharacter(uint256 position);
    error NoTransportKey();
    error SameTransportKey();
    error NoEndpoint(address account);

    /// @notice All three values are the new ones; an empty url with zero keys: the account has no endpoint any more.
    event EndpointSet(address indexed account, string url, bytes32 transportKey, bytes32 nextTransportKey);

    /// @notice Sets the caller's endpoint, in the place of any earlier one.
    /// @param nextTransportKey A second valid key, so that a node can change its key without being away; zero for none.
    function setEndpoint(string calldata url, bytes32 transportKey, bytes32 nextTransportKey) external;

    /// @notice Takes the caller's endpoint away: none of its keys is valid any more.
    function removeEndpoint() external;

    /// @notice The account's endpoint; empty if it has none.
    function endpointOf(address account) external view returns (Endpoint memory);

    /// @notice The most bytes of a url.
    function URL_BYTES_MAX() external view returns (uint256);
}
