// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IBN254CertificateVerifier} from "../interfaces/IBN254CertificateVerifier.sol";
import {IFeeVault} from "../interfaces/IFeeVault.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {BN254} from "../libraries/BN254.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {Batch, Charge, Request, VouchTypes} from "../libraries/VouchTypes.sol";

/// @title FeeVault
/// @notice See `IFeeVault`. Immutable, without an owner or a pause.
/// @dev Tokens are whatever app owners name, so no token is trusted: deposits count by what arrived, every amount is moved in the books before
/// a token is called, and the books of one token never touch another's. Operators were shown the client's key, so only ECDSA counts here: a
/// client that is a contract could say tomorrow that it never signed.
contract FeeVault is IFeeVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using VouchTypes for Batch;
    using VouchTypes for Charge;
    using VouchTypes for Request;

    uint256 private constant BIPS = 10_000;
    /// @notice The gateway's part of a fee in 1/10,000; the rest is the signers'.
    uint256 public constant GATEWAY_BIPS = 2_000;

    IAppController public immutable appController;
    IBatchRegistry public immutable registry;
    IBN254CertificateVerifier public immutable verifier;
    IKeyRegistrar public immutable keyRegistrar;
    /// @notice How far ahead operators let a deadline be, and the time to settle once a batch is posted, seconds.
    uint64 public immutable deadlineSeconds;

    mapping(bytes32 app => Price) private _prices;
    mapping(bytes32 app => mapping(address client => Account)) private _accounts;
    mapping(bytes32 app => mapping(address client => mapping(uint32 lane => uint256))) public settledOn;
    mapping(address token => mapping(address earner => uint256)) public earnedOf;
    mapping(bytes32 batchHash => uint256) public potOf;
    mapping(bytes32 batchHash => mapping(uint32 operatorIndex => uint256)) private _credited;

    constructor(
        IAppController appController_,
        IBatchRegistry registry_,
        IBN254CertificateVerifier verifier_,
        IKeyRegistrar keyRegistrar_,
        uint64 deadlineSeconds_
    ) {
        appController = appController_;
        registry = registry_;
        verifier = verifier_;
        keyRegistrar = keyRegistrar_;
        deadlineSeconds = deadlineSeconds_;
    }

    /// @dev From the next second on: then every block that can change the price at a table's time is older than the table.
    function setPrice(bytes32 app, address token, uint128 perCall, uint128 perPage) external {
        require(appController.appInfo(app).owner == msg.sender, NotAppOwner(app, msg.sender));
        require(token != address(0), ZeroAddress());
        Price storage price = _prices[app];
        require(price.token == address(0) || price.token == token, TokenIsFixed(app, price.token));
        uint64 validFrom = uint64(block.timestamp) + 1;
        _prices[app] = Price({token: token, perCall: perCall, perPage: perPage, validFrom: validFrom});
        emit PriceSet(app, token, perCall, perPage, validFrom);
    }

    function deposit(bytes32 app, address client, uint256 amount) external nonReentrant {
        require(client != address(0), ZeroAddress());
        IERC20 token = IERC20(_tokenOf(app));
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received != 0, NothingReceived());
        Account storage account = _accounts[app][client];
        account.balance += received;
        emit Deposited(app, client, received, account.balance);
    }

    function requestWithdrawal(bytes32 app, uint256 amount) external nonReentrant {
        Account storage account = _accounts[app][msg.sender];
        require(amount <= account.balance, InsufficientBalance(account.balance, amount));
        uint64 withdrawableAt = amount == 0 ? 0 : uint64(block.timestamp + withdrawalDelay(app));
        (account.withdrawing, account.withdrawableAt) = (amount, withdrawableAt);
        emit WithdrawalRequested(app, msg.sender, amount, withdrawableAt);
    }

    function withdraw(bytes32 app) external nonReentrant {
        Account storage account = _accounts[app][msg.sender];
        require(account.withdrawing != 0, NothingWithdrawing());
        require(block.timestamp >= account.withdrawableAt, NotWithdrawableYet(account.withdrawableAt));
        uint256 amount = Math.min(account.withdrawing, account.balance);
        account.balance -= amount;
        (account.withdrawing, account.withdrawableAt) = (0, 0);
        emit Withdrawn(app, msg.sender, amount, account.balance);
        IERC20(_tokenOf(app)).safeTransfer(msg.sender, amount);
    }

    function settle(Settlement[] calldata settlements) external nonReentrant {
        for (uint256 i = 0; i < settlements.length; ++i) {
            _settle(settlements[i]);
        }
    }

    function creditSigner(
        Batch calldata batch,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer
    ) external nonReentrant {
        bytes32 batchHash = batch.hash();
        IBatchRegistry.BatchRecord memory record = _requireCertified(batchHash);
        _requireSigner(batch, record, nonSignerIndices, signer);
        uint256 share = Math.mulDiv(potOf[batchHash], signer.operatorInfo.weights[0], record.signedWeights[0]);
        uint256 due = share - _credited[batchHash][signer.operatorIndex];
        require(due != 0, NothingEarned());
        _credited[batchHash][signer.operatorIndex] = share;
        _earn(_tokenOf(batch.app), _operatorOf(signer.operatorInfo.pubkey), batchHash, due);
    }

    function collect(address token) external nonReentrant {
        uint256 amount = earnedOf[token][msg.sender];
        require(amount != 0, NothingEarned());
        earnedOf[token][msg.sender] = 0;
        emit Collected(token, msg.sender, amount);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    function priceOf(bytes32 app) external view returns (Price memory) {
        return _prices[app];
    }

    function accountOf(bytes32 app, address client) external view returns (Account memory) {
        return _accounts[app][client];
    }

    /// @dev A call that was let in is answered by its deadline and posted while its table is not stale.
    function withdrawalDelay(bytes32 app) public view returns (uint256) {
        uint32 operatorSetId = appController.postingRules(app).operatorSetId;
        return uint256(deadlineSeconds) + appController.tableParameters(operatorSetId).stalenessSeconds;
    }

    function _settle(Settlement calldata settlement) private {
        bytes32 batchHash = settlement.batch.hash();
        _requireCertified(batchHash);
        _requireCharged(settlement);
        _requireSigned(settlement);
        (bytes32 app, uint32 lane) = (settlement.batch.app, settlement.batch.lane);
        address client = settlement.charge.client;
        uint256 paid = _take(app, client, lane, settlement.charge.total, settlement.request.maxFee);

        uint256 gatewayPart = Math.mulDiv(paid, GATEWAY_BIPS, BIPS);
        potOf[batchHash] += paid - gatewayPart;
        _tellSettled(app, client, lane, batchHash, paid);
        if (gatewayPart != 0) _earn(_tokenOf(app), registry.laneInfo(app, lane).gateway, batchHash, gatewayPart);
    }

    function _tellSettled(bytes32 app, address client, uint32 lane, bytes32 batchHash, uint256 paid) private {
        uint256 balance = _accounts[app][client].balance;
        emit Settled(app, client, lane, batchHash, paid, settledOn[app][client][lane], balance);
    }

    /// @dev Takes what is due out of the client's deposit: up to `total` on this lane, up to the highest `maxFee` over all lanes, and no
    /// more than is there. What could not be paid stays due.
    function _take(bytes32 app, address client, uint32 lane, uint256 total, uint256 maxFee)
        private
        returns (uint256 paid)
    {
        uint256 before = settledOn[app][client][lane];
        require(total > before, NothingDue(total, before));
        Account storage account = _accounts[app][client];
        if (maxFee > account.signedMax) account.signedMax = maxFee;
        uint256 allowance = account.signedMax - account.settled;
        paid = Math.min(total - before, Math.min(account.balance, allowance));
        require(paid != 0, NothingPayable(account.balance, allowance));
        account.balance -= paid;
        account.settled += paid;
        settledOn[app][client][lane] = before + paid;
    }

    function _earn(address token, address earner, bytes32 batchHash, uint256 amount) private {
        earnedOf[token][earner] += amount;
        emit Earned(token, earner, batchHash, amount);
    }

    function _requireCertified(bytes32 batchHash) private view returns (IBatchRegistry.BatchRecord memory record) {
        record = registry.recordOf(batchHash);
        require(record.certifiedAt != 0, BatchNotCertified(batchHash));
    }

    /// @dev The depth of the tree comes from the header, so neither an inner node nor a leaf of another depth passes.
    function _requireCharged(Settlement calldata settlement) private pure {
        bytes32 leaf = settlement.charge.hash();
        Batch calldata batch = settlement.batch;
        require(
            Merkle.verify(settlement.proof, batch.feesRoot, leaf, settlement.index, batch.exchangeCount),
            NotCharged(leaf)
        );
    }

    /// @dev The request is the one charged for, of this app and under this deployment's domain, and its client signed `maxFee`.
    function _requireSigned(Settlement calldata settlement) private view {
        Request calldata request = settlement.request;
        bytes32 requestId = request.hash();
        require(requestId == settlement.charge.requestId, ChargeOfAnotherRequest(requestId));
        require(request.app == settlement.batch.app, RequestOfAnotherApp(request.app));
        require(request.client == settlement.charge.client, RequestOfAnotherClient(request.client));
        bytes32 digest = MessageHashUtils.toTypedDataHash(registry.domainSeparator(), requestId);
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, settlement.clientSignature);
        require(failure == ECDSA.RecoverError.NoError && signer == request.client, RequestNotSigned(request.client));
    }

    /// @dev In the table of the batch's certificate, and not among those whom the certificate leaves out.
    function _requireSigner(
        Batch calldata batch,
        IBatchRegistry.BatchRecord memory record,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer
    ) private view {
        bytes32 signersHash = keccak256(abi.encode(batch.referenceTimestamp, nonSignerIndices));
        require(signersHash == record.signersHash, WrongSigners(signersHash));
        for (uint256 i = 0; i < nonSignerIndices.length; ++i) {
            require(nonSignerIndices[i] != signer.operatorIndex, NotASigner(signer.operatorIndex));
        }
        OperatorSet memory operatorSet = OperatorSet({avs: address(appController), id: batch.operatorSetId});
        bytes32 table = appController.tableOf(batch.app, batch.programId);
        verifier.requireMember(operatorSet, table, batch.referenceTimestamp, signer);
    }

    /// @dev A key's hash belongs to one operator for ever, in whatever set it was registered.
    function _operatorOf(BN254.G1Point calldata key) private view returns (address) {
        return keyRegistrar.getOperatorFromKeyHash(keccak256(abi.encodePacked(key.X, key.Y)));
    }

    function _tokenOf(bytes32 app) private view returns (address token) {
        token = _prices[app].token;
        require(token != address(0), NoPrice(app));
    }
}
