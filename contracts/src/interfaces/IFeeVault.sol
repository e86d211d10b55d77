// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch, Charge, Request} from "../libraries/VouchTypes.sol";
import {IBN254CertificateVerifierTypes} from "./IBN254CertificateVerifier.sol";

/// @title Fees: what apps charge, what clients deposited for them, and what gateways and signers have earned.
/// @notice Amounts are in the smallest unit of the app's fee token. What a client owes is counted per (app, lane) and only rises; a charge
/// in a posted batch says how far. The vault pays the difference to what it has paid before, never more than the client deposited, and
/// over all lanes never more than the highest `maxFee` that the client signed for the app.
interface IFeeVault is IBN254CertificateVerifierTypes {
    struct Price {
        /// Zero while the app has never named a price.
        address token;
        uint128 perCall;
        /// Per started page of 16,384 bytes of the payload.
        uint128 perPage;
        /// Batches of tables from this time on are charged so, Unix seconds.
        uint64 validFrom;
    }

    struct Account {
        /// What is there, the part whose withdrawal was asked for included.
        uint256 balance;
        uint256 withdrawing;
        /// When `withdrawing` may leave, Unix seconds.
        uint64 withdrawableAt;
        /// What the vault has paid for the client, over all lanes of the app.
        uint256 settled;
        /// The highest `maxFee` of the client's requests that the vault has seen.
        uint256 signedMax;
    }

    /// @notice The newest charge of a client on a lane, with all that proves it.
    struct Settlement {
        /// Posted with its own certificate.
        Batch batch;
        Charge charge;
        /// The charge's place in the batch, and its siblings from leaf to root.
        uint32 index;
        bytes32[] proof;
        /// The request that is charged for, and the client's signature over it.
        Request request;
        bytes clientSignature;
    }

    error ZeroAddress();
    error NotAppOwner(bytes32 app, address caller);
    error NoPrice(bytes32 app);
    error TokenIsFixed(bytes32 app, address token);
    error NothingReceived();
    error InsufficientBalance(uint256 balance, uint256 amount);
    error NothingWithdrawing();
    error NotWithdrawableYet(uint64 withdrawableAt);
    error BatchNotCertified(bytes32 batchHash);
    error NotCharged(bytes32 leaf);
    error ChargeOfAnotherRequest(bytes32 requestId);
    error RequestOfAnotherApp(bytes32 app);
    error RequestOfAnotherClient(address client);
    error RequestNotSigned(address client);
    /// @notice The lane's account is paid up to this charge already.
    error NothingDue(uint256 total, uint256 settled);
    /// @notice Something is due, but nothing can be paid: the deposit is empty, or `maxFee` is used up.
    error NothingPayable(uint256 balance, uint256 allowance);
    error WrongSigners(bytes32 signersHash);
    error NotASigner(uint32 operatorIndex);
    error NothingEarned();

    event PriceSet(bytes32 indexed app, address indexed token, uint128 perCall, uint128 perPage, uint64 validFrom);
    event Deposited(bytes32 indexed app, address indexed client, uint256 amount, uint256 balance);
    event WithdrawalRequested(bytes32 indexed app, address indexed client, uint256 amount, uint64 withdrawableAt);
    event Withdrawn(bytes32 indexed app, address indexed client, uint256 amount, uint256 balance);
    event Settled(
        bytes32 indexed app,
        address indexed client,
        uint32 indexed lane,
        bytes32 batchHash,
        uint256 paid,
        uint256 settledOnLane,
        uint256 balance
    );
    event Earned(address indexed token, address indexed earner, bytes32 indexed batchHash, uint256 amount);
    event Collected(address indexed token, address indexed earner, uint256 amount);

    /// @notice Names what calls of the app cost from the next second on. Only the app's owner. The token is fixed with the first price;
    /// both numbers zero make the app free.
    function setPrice(bytes32 app, address token, uint128 perCall, uint128 perPage) external;

    /// @notice Adds to what `client` has for calls of the app. Anyone may pay; only the client can withdraw. What counts is what arrives.
    function deposit(bytes32 app, address client, uint256 amount) external;

    /// @notice Asks for `amount` of the caller's deposit, instead of what was asked for before; zero takes that back. It leaves no sooner
    /// than every call that was let in before could have been answered, posted and settled. Operators no longer count on it.
    function requestWithdrawal(bytes32 app, uint256 amount) external;

    /// @notice Pays out what was asked for, or what settlements have left of it.
    function withdraw(bytes32 app) external;

    /// @notice Pays gateway and signers up to the charges shown. Anyone may; one charge pays for all before it of its client and lane.
    function settle(Settlement[] calldata settlements) external;

    /// @notice Credits a signer with its share of what was settled with this batch: by weight, rounded down. Anyone may.
    /// @param nonSignerIndices As in the certificate that was posted.
    function creditSigner(
        Batch calldata batch,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness calldata signer
    ) external;

    /// @notice Pays the caller what it has earned in `token`.
    function collect(address token) external;

    function priceOf(bytes32 app) external view returns (Price memory);
    function accountOf(bytes32 app, address client) external view returns (Account memory);
    /// @notice What the vault has paid for the client on one lane: charges up to this total are settled.
    function settledOn(bytes32 app, address client, uint32 lane) external view returns (uint256);
    function earnedOf(address token, address earner) external view returns (uint256);
    /// @notice The signers' part of what was settled with a batch, credited or not.
    function potOf(bytes32 batchHash) external view returns (uint256);
    /// @notice Seconds between asking for a withdrawal and having it.
    function withdrawalDelay(bytes32 app) external view returns (uint256);
}
