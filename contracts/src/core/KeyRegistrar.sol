// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {IPermissionController} from "../interfaces/IPermissionController.sol";
import {BN254} from "../libraries/BN254.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";

/// @title KeyRegistrar
/// @notice See `IKeyRegistrar`. It has no owner, no pause and no way to change a spent key.
contract KeyRegistrar is IKeyRegistrar, EIP712 {
    using OperatorSetLib for OperatorSet;

    /// @dev Written once per key hash and never changed: evidence years later still finds operator, set and key.
    struct SpentKey {
        address operator;
        uint32 operatorSetId;
        address avs;
        address ecdsaAddress;
        BN254.G1Point g1;
        BN254.G2Point g2;
    }

    bytes32 public constant ECDSA_KEY_REGISTRATION_TYPEHASH =
        keccak256("ECDSAKeyRegistration(address operator,address avs,uint32 operatorSetId,address keyAddress)");
    bytes32 public constant BN254_KEY_REGISTRATION_TYPEHASH =
        keccak256("BN254KeyRegistration(address operator,address avs,uint32 operatorSetId,bytes keyData)");

    uint256 private constant ECDSA_KEY_BYTES = 20;
    uint256 private constant BN254_KEY_BYTES = 192;
    uint256 private constant BN254_SIGNATURE_BYTES = 64;

    IPermissionController public immutable permissionController;
    IAllocationManager public immutable allocationManager;

    mapping(bytes32 setKey => CurveType) private _curves;
    mapping(bytes32 setKey => mapping(address operator => bytes32 keyHash)) private _currentKeyHashes;
    mapping(bytes32 keyHash => SpentKey) private _spentKeys;

    /// @dev The domain's name and version are EigenLayer's, so that its clients sign what we check.
    constructor(IPermissionController permissionController_, IAllocationManager allocationManager_)
        EIP712("EigenLayer", "1")
    {
        permissionController = permissionController_;
        allocationManager = allocationManager_;
    }

    modifier onlyFor(address account) {
        require(permissionController.canCall(account, msg.sender, address(this), msg.sig), InvalidPermissions());
        _;
    }

    function configureOperatorSet(OperatorSet calldata operatorSet, CurveType curveType)
        external
        onlyFor(operatorSet.avs)
    {
        require(curveType != CurveType.NONE, InvalidCurveType());
        bytes32 setKey = operatorSet.key();
        require(_curves[setKey] == CurveType.NONE, ConfigurationAlreadySet());
        _curves[setKey] = curveType;
        emit OperatorSetConfigured(operatorSet, curveType);
    }

    function registerKey(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData,
        bytes calldata signature
    ) external onlyFor(operator) {
        bytes32 setKey = operatorSet.key();
        CurveType curveType = _curves[setKey];
        require(curveType != CurveType.NONE, OperatorSetNotConfigured());
        require(_currentKeyHashes[setKey][operator] == 0, OperatorAlreadyRegistered());

        _spend(operator, operatorSet, curveType, keyData, signature);
    }

    function rotateKey(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata newKeyData,
        bytes calldata signature
    ) external onlyFor(operator) {
        bytes32 setKey = operatorSet.key();
        CurveType curveType = _curves[setKey];
        require(_currentKeyHashes[setKey][operator] != 0, KeyNotFound(operatorSet, operator));
        emit KeyDeregistered(operatorSet, operator, curveType);
        _spend(operator, operatorSet, curveType, newKeyData, signature);
    }

    function deregisterKey(address operator, OperatorSet calldata operatorSet) external onlyFor(operator) {
        require(
            !allocationManager.isOperatorSlashable(operator, operatorSet), OperatorStillSlashable(operatorSet, operator)
        );
        bytes32 setKey = operatorSet.key();
        CurveType curveType = _curves[setKey];
        require(curveType != CurveType.NONE, OperatorSetNotConfigured());
        require(_currentKeyHashes[setKey][operator] != 0, KeyNotFound(operatorSet, operator));
        delete _currentKeyHashes[setKey][operator];
        emit KeyDeregistered(operatorSet, operator, curveType);
    }

    function isRegistered(OperatorSet calldata operatorSet, address operator) external view returns (bool) {
        return getKeyHash(operatorSet, operator) != 0;
    }

    function getOperatorSetCurveType(OperatorSet calldata operatorSet) external view returns (CurveType) {
        return _curves[operatorSet.key()];
    }

    function getBN254Key(OperatorSet calldata operatorSet, address operator)
        external
        view
        returns (BN254.G1Point memory g1Point, BN254.G2Point memory g2Point)
    {
        SpentKey storage spent = _spentKeys[getKeyHash(operatorSet, operator)];
        return (spent.g1, spent.g2);
    }

    function getBN254G1Keys(OperatorSet calldata operatorSet, address[] calldata operators)
        external
        view
        returns (BN254.G1Point[] memory keys)
    {
        bytes32 setKey = operatorSet.key();
        keys = new BN254.G1Point[](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            // The zero hash is never spent: its key reads as (0, 0).
            keys[i] = _spentKeys[_currentKeyHashes[setKey][operators[i]]].g1;
        }
    }

    function getECDSAKey(OperatorSet calldata operatorSet, address operator) external view returns (bytes memory) {
        return abi.encodePacked(getECDSAAddress(operatorSet, operator));
    }

    function getECDSAAddress(OperatorSet calldata operatorSet, address operator) public view returns (address) {
        return _spentKeys[getKeyHash(operatorSet, operator)].ecdsaAddress;
    }

    function getKeyHash(OperatorSet calldata operatorSet, address operator) public view returns (bytes32) {
        return _currentKeyHashes[operatorSet.key()][operator];
    }

    function isKeyGloballyRegistered(bytes32 keyHash) external view returns (bool) {
        return _spentKeys[keyHash].operator != address(0);
    }

    function getOperatorFromSigningKey(OperatorSet calldata operatorSet, bytes calldata keyData)
        external
        view
        returns (address operator, bool status)
    {
        bytes32 setKey = operatorSet.key();
        bytes32 keyHash = _keyHash(_curves[setKey], keyData);
        operator = _spentKeys[keyHash].operator;
        status = operator != address(0) && _currentKeyHashes[setKey][operator] == keyHash;
    }

    function getOperatorFromKeyHash(bytes32 keyHash) external view returns (address) {
        return _spentKeys[keyHash].operator;
    }

    function getOperatorSetFromKeyHash(bytes32 keyHash) external view returns (OperatorSet memory) {
        SpentKey storage spent = _spentKeys[keyHash];
        return OperatorSet({avs: spent.avs, id: spent.operatorSetId});
    }

    function getG2KeyFromKeyHash(bytes32 keyHash) external view returns (BN254.G2Point memory) {
        return _spentKeys[keyHash].g2;
    }

    function getECDSAKeyRegistrationMessageHash(address operator, OperatorSet calldata operatorSet, address keyAddress)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(ECDSA_KEY_REGISTRATION_TYPEHASH, operator, operatorSet.avs, operatorSet.id, keyAddress)
            )
        );
    }

    function getBN254KeyRegistrationMessageHash(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    BN254_KEY_REGISTRATION_TYPEHASH, operator, operatorSet.avs, operatorSet.id, keccak256(keyData)
                )
            )
        );
    }

    function encodeBN254KeyData(BN254.G1Point calldata g1Point, BN254.G2Point calldata g2Point)
        external
        pure
        returns (bytes memory)
    {
        return abi.encode(g1Point, g2Point);
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @dev Makes a key nobody ever had the operator's current one in this set.
    function _spend(
        address operator,
        OperatorSet calldata operatorSet,
        CurveType curveType,
        bytes calldata keyData,
        bytes calldata signature
    ) private {
        SpentKey memory spent = curveType == CurveType.ECDSA
            ? _checkedECDSAKey(operator, operatorSet, keyData, signature)
            : _checkedBN254Key(operator, operatorSet, keyData, signature);
        bytes32 keyHash = _keyHash(curveType, keyData);
        require(_spentKeys[keyHash].operator == address(0), KeyAlreadyRegistered());
        _spentKeys[keyHash] = spent;
        _currentKeyHashes[operatorSet.key()][operator] = keyHash;
        emit KeyRegistered(operatorSet, operator, curveType, keyData);
    }

    function _checkedECDSAKey(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData,
        bytes calldata signature
    ) private view returns (SpentKey memory spent) {
        require(keyData.length == ECDSA_KEY_BYTES, InvalidKeyFormat());
        address keyAddress = address(bytes20(keyData));
        require(keyAddress != address(0), ZeroPubkey());
        bytes32 digest = getECDSAKeyRegistrationMessageHash(operator, operatorSet, keyAddress);
        require(SignatureChecker.isValidSignatureNowCalldata(keyAddress, digest, signature), InvalidSignature());

        spent = _spentKey(operator, operatorSet);
        spent.ecdsaAddress = keyAddress;
    }

    function _checkedBN254Key(
        address operator,
        OperatorSet calldata operatorSet,
        bytes calldata keyData,
        bytes calldata signature
    ) private view returns (SpentKey memory spent) {
        require(keyData.length == BN254_KEY_BYTES, InvalidKeyFormat());
        require(signature.length == BN254_SIGNATURE_BYTES, InvalidSignature());
        spent = _spentKey(operator, operatorSet);
        (spent.g1, spent.g2) = abi.decode(keyData, (BN254.G1Point, BN254.G2Point));
        require(!BN254.isInfinity(spent.g1) && !BN254.isInfinity(spent.g2), ZeroPubkey());

        // One check shows that the signature is by the key and that both halves of the key have one secret.
        bytes32 digest = getBN254KeyRegistrationMessageHash(operator, operatorSet, keyData);
        BN254.G1Point memory proof = abi.decode(signature, (BN254.G1Point));
        require(BN254.verifySignature(digest, proof, spent.g1, spent.g2), InvalidSignature());
    }

    function _spentKey(address operator, OperatorSet calldata operatorSet)
        private
        pure
        returns (SpentKey memory spent)
    {
        require(operator != address(0), ZeroAddress());
        spent.operator = operator;
        spent.avs = operatorSet.avs;
        spent.operatorSetId = operatorSet.id;
    }

    /// @dev Of a BN254 key only G1 enters, so that a table's leaf leads to the operator.
    function _keyHash(CurveType curveType, bytes calldata keyData) private pure returns (bytes32) {
        if (curveType == CurveType.ECDSA) {
            require(keyData.length == ECDSA_KEY_BYTES, InvalidKeyFormat());
            return keccak256(keyData);
        }
        require(curveType == CurveType.BN254, OperatorSetNotConfigured());
        require(keyData.length == BN254_KEY_BYTES, InvalidKeyFormat());
        return keccak256(keyData[:64]);
    }
}
