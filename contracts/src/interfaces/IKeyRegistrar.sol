// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {BN254} from "../libraries/BN254.sol";

interface IKeyRegistrarTypes {
    enum CurveType {
        NONE,
        ECDSA,
        BN254
    }
}

/// @title The signing keys of operators, one per operator and set. ABI as EigenLayer's.
/// @notice A key can be rotated, never shared or reused: its hash is spent once for ever, on one operator in one set: neither two sets nor two operators share a key, and a
/// key found in old evidence always leads to its operator.
/// @dev ECDSA key data is a 20-byte address, its hash keccak256 of these; BN254 key data is 192 bytes
/// (G1 x, y, then G2 x imaginary, x real, y imaginary, y real), its hash keccak256(G1 x || G1 y).
interface IKeyRegistrar is IKeyRegistrarTypes {
    error InvalidPermissions();
    error InvalidCurveType();
    error ConfigurationAlreadySet();
    error OperatorSetNotConfigured();
    error OperatorAlreadyRegistered();
    error KeyAlreadyRegistered();
    error KeyNotFound(OperatorSet operatorSet, address operator);
    error OperatorStillSlashable(OperatorSet operatorSet, address operator);
    error InvalidKeyFormat();
    error ZeroPubkey();
    error ZeroAddress();
    error InvalidSignature();

    event OperatorSetConfigured(OperatorSet operatorSet, CurveType curveType);
    event KeyRegistered(OperatorSet operatorSet, address indexed operator, CurveType curveType, bytes pubkey);
    event KeyDeregistered(OperatorSet operatorSet, address indexed operator, CurveType curveType);

    /// @notice Fixes the set's curve, once. Only the AVS or its appointee.
    function configureOperatorSet(OperatorSet calldata operatorSet, CurveType curveType) external;

    /// @notice Registers the operator's key for the set. Only the operator or its appointee.
    /// @param signature Proof of possession over the key registration hash: ECDSA (or EIP-1271), or a G1 point of 64 bytes.
    function registerKey(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData,
        bytes calldata signature
    ) external;

    /// @notice Puts a fresh key in the place of the operator's present one, also while the set can slash the operator. Tables
    /// made before keep the old key, and evidence against it keeps leading to the operator. Only the operator or its appointee.
    /// @param signature Proof of possession of the new key, as for `registerKey`.
    function rotateKey(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata newKeyData,
        bytes calldata signature
    ) external;

    /// @notice Takes the operator's key out of the set; the key's hash stays spent. Only the operator or its appointee, and only
    /// when the set can't slash the operator any more.
    function deregisterKey(address operator, OperatorSet calldata operatorSet) external;

    function isRegistered(OperatorSet calldata operatorSet, address operator) external view returns (bool);
    function getOperatorSetCurveType(OperatorSet calldata operatorSet) external view returns (CurveType);
    /// @notice The operator's BN254 key; zeros if it has none.
    function getBN254Key(OperatorSet calldata operatorSet, address operator)
        external
        view
        returns (BN254.G1Point memory g1Point, BN254.G2Point memory g2Point);
    /// @notice The G1 keys of many operators at once; (0, 0) for an operator without one.
    function getBN254G1Keys(OperatorSet calldata operatorSet, address[] calldata operators)
        external
        view
        returns (BN254.G1Point[] memory);
    function getECDSAKey(OperatorSet calldata operatorSet, address operator) external view returns (bytes memory);
    function getECDSAAddress(OperatorSet calldata operatorSet, address operator) external view returns (address);
    /// @notice The hash of the operator's current key in the set; zero if it has none.
    function getKeyHash(OperatorSet calldata operatorSet, address operator) external view returns (bytes32);
    function isKeyGloballyRegistered(bytes32 keyHash) external view returns (bool);

    /// @notice Whose key it is, for ever; and whether it is that operator's current key in this set.
    function getOperatorFromSigningKey(OperatorSet calldata operatorSet, bytes calldata keyData)
        external
        view
        returns (address operator, bool status);
    /// @notice The operator that spent this key hash, whether or not the key is still registered; zero if nobody did.
    function getOperatorFromKeyHash(bytes32 keyHash) external view returns (address);
    /// @notice The set on which this key hash was spent; zeros if on none.
    function getOperatorSetFromKeyHash(bytes32 keyHash) external view returns (OperatorSet memory);
    /// @notice The G2 key behind a spent BN254 key hash, for evidence after deregistration; zeros if unknown.
    function getG2KeyFromKeyHash(bytes32 keyHash) external view returns (BN254.G2Point memory);

    function getECDSAKeyRegistrationMessageHash(address operator, OperatorSet calldata operatorSet, address keyAddress)
        external
        view
        returns (bytes32);
    function getBN254KeyRegistrationMessageHash(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData
    ) external view returns (bytes32);
    function encodeBN254KeyData(BN254.G1Point calldata g1Point, BN254.G2Point calldata g2Point)
        external
        pure
        returns (bytes memory);
    function domainSeparator() external view returns (bytes32);
}
