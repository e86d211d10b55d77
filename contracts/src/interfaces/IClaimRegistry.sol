// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch, Exchange, Request} from "../libraries/VouchTypes.sol";
import {IClaimOutcomes} from "./IExposureLedger.sol";

/// @notice What a page root stands for: bytes in pages of 16,384. All zero where a hash is zero.
struct Part {
    uint64 length;
    bytes32 pagesRoot;
}

/// @notice All bytes of one exchange, as page roots.
struct Parts {
    Part payload;
    Part reads;
    Part output;
}

/// @notice One answer with everything that proves it to the claims.
struct ClaimEvidence {
    /// The header of a batch that was posted with its own certificate.
    Batch batch;
    Exchange exchange;
    /// Where the exchange stands in the batch, and its siblings from leaf to root.
    uint32 index;
    bytes32[] proof;
    Request request;
    /// Empty where the forced inbox has the request.
    bytes clientSignature;
    Parts parts;
}

/// @notice One page of one part of an exchange.
struct Page {
    /// 0: payload, 1: reads, 2: output.
    uint8 part;
    uint256 index;
    bytes data;
    /// Siblings from the page's hash to the part's root.
    bytes32[] proof;
}

/// @title Claims on certified answers: opened with a proof, challenged by anyone with a bond, judged, and ended for ever.
/// @notice Amounts are wei. A claim that nobody challenges in its window is good without another transaction.
interface IClaimRegistry is IClaimOutcomes {
    enum State {
        NONE,
        /// Can be challenged.
        PROPOSED,
        /// An instance judges.
        ADJUDICATING,
        /// An instance has answered; its answer can be appealed.
        DECIDED,
        /// Signers have to show the data; all other clocks stand.
        DEMANDED,
        ENDED
    }

    enum Verdict {
        NONE,
        /// Its window passed.
        UNCHALLENGED,
        UPHELD,
        OVERTURNED,
        WITHHELD,
        VOID
    }

    struct Claim {
        bytes32 batchHash;
        bytes32 programId;
        bytes32 leaf;
        address profile;
        uint32 operatorSetId;
        uint32 referenceTimestamp;
        uint32 index;
        address opener;
        /// Until when it can be challenged, Unix seconds.
        uint48 windowEndsAt;
        State state;
        Verdict verdict;
        /// Whether the opener paid the profile's claim bond.
        bool bonded;
        bool demanded;
        /// Pages of all parts together.
        uint16 pages;
    }

    /// @notice Where a dispute stands.
    struct Dispute {
        /// Weights count as they stood before this time.
        uint48 snapshotAt;
        uint48 appealEndsAt;
        /// The instance that judges or has judged, by its place in the profile, and the number of the question to it.
        uint8 instance;
        uint32 round;
        /// The stake that pays the instance.
        uint8 payer;
        /// Whether the question still has to be put to the instance, by `advance`.
        bool unasked;
        /// What the instance answered; zero where it could not decide.
        bytes32 leaf;
    }

    /// @notice What someone put behind a leaf.
    struct Stake {
        address account;
        bytes32 leaf;
        uint256 bond;
        /// What of the bond went to instances and for data.
        uint256 spent;
    }

    struct Demand {
        address demander;
        uint48 openedAt;
        uint48 endsAt;
        /// The state that the claim goes back to.
        State resume;
        uint16 pagesLeft;
        /// What is left of what was prepaid: a price for each page, and the fee of the round that restarts.
        uint256 prepaid;
        uint256 pagePrice;
    }

    error WrongPayment(uint256 paid, uint256 due);
    error BatchOfAnotherChain(uint256 chainId);
    error BatchOfAnotherRegistry(address registry);
    error BatchOfAnotherSet(uint32 operatorSetId);
    error UnknownProfile(address profile);
    error BatchNotCertified(bytes32 batchHash);
    error BatchTooOld(uint256 referenceTimestamp, uint256 claimAgeSeconds);
    error NotInBatch(bytes32 leaf, uint32 index);
    error RequestOfAnotherApp(bytes32 app);
    error RequestOfAnotherProgram(bytes32 programId);
    error RequestNotAnswered(bytes32 requestId);
    error RequestNotSigned(address client);
    error RequestAfterPost(uint64 time, uint64 recordedAt);
    error RequestExpiredBeforePost(uint64 deadline, uint64 recordedAt);
    error AboveDemandLimit(uint256 length, uint64 demandLimit);
    error PartMismatch(string part);
    error ClaimKnown(bytes32 claimId);
    error TooManyOpenClaims(uint256 count, uint256 countMax);
    error UnknownClaim(bytes32 claimId);
    error WrongState(bytes32 claimId, State state);
    error NotReliable(bytes32 claimId);
    error WindowClosed(uint256 endedAt);
    error WindowOpen(uint256 endsAt);
    error CommitmentKnown(bytes32 commitment);
    error NotCommittedBefore(bytes32 commitment);
    error InvalidLeaf(bytes32 leaf);
    error LeafNamed(bytes32 leaf);
    error TooManyChallengers(uint256 countMax);
    error StillJudging(uint256 deadline);
    /// @notice The instance has answered, or was not asked yet: `advance` comes first.
    error AdvanceFirst(bytes32 claimId);
    error FeeAboveBond(uint256 fee, uint256 left);
    error DemandedBefore(bytes32 claimId);
    error NothingToDemand(bytes32 claimId);
    error DemandTooLate(uint256 endsAt, uint256 endsBy);
    error DemandRuns(uint256 endsAt);
    error AnswerTooLate(uint256 endedAt);
    error InvalidPage(uint8 part, uint256 page);
    error AnotherExchange(bytes32 leaf);
    error PageKnown(uint8 part, uint256 page);
    error NothingOwed(address account);
    error PaymentRefused(address to);

    /// @notice A claim, with the answer that it is about.
    event ClaimOpened(
        bytes32 indexed claimId,
        bytes32 indexed app,
        bytes32 indexed batchHash,
        uint32 index,
        Exchange exchange,
        Request request,
        Parts parts,
        uint48 windowEndsAt
    );
    event ChallengeCommitted(bytes32 indexed commitment, address indexed sender);
    event ChallengeRevealed(bytes32 indexed claimId, address indexed challenger, bytes32 leaf, uint256 bond);
    event InstanceAsked(bytes32 indexed claimId, uint8 instance, address verifier, uint32 round, uint256 fee);
    event InstanceAnswered(bytes32 indexed claimId, uint8 instance, bytes32 leaf, uint48 appealEndsAt);
    event Appealed(bytes32 indexed claimId, address indexed appellant, bytes32 leaf, uint256 bond);
    event DataDemanded(bytes32 indexed claimId, address indexed demander, uint48 endsAt, uint256 pages);
    event PageAnswered(bytes32 indexed claimId, uint8 part, uint256 page, address indexed answerer, bytes data);
    event DataAnswered(bytes32 indexed claimId);
    event ClaimEnded(bytes32 indexed claimId, Verdict verdict, bytes32 leaf);
    /// Immediate is over for the program until the app publishes another.
    event ProgramSuspended(bytes32 indexed app, bytes32 indexed programId, bytes32 indexed claimId);
    event Credited(bytes32 indexed claimId, address indexed account, uint256 amount);
    event Burned(bytes32 indexed claimId, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice Opens a claim. Costs the profile's claim bond, unless the sender has a quota for `strategy`.
    function openClaim(ClaimEvidence calldata evidence, address strategy) external payable returns (bytes32 claimId);

    /// @notice Puts down the hash of a challenge; it binds nobody and freezes nothing.
    function commitChallenge(bytes32 commitment) external;
    /// @notice Challenges, or joins a challenge with a leaf that nobody named. Costs `bondOf`. At least one block after the commit.
    /// @param leaf The leaf that would be right; `NOT_REPRODUCIBLE` where there is none.
    function challenge(bytes32 claimId, bytes32 leaf, bytes32 salt) external payable;
    /// @notice Takes over what the instance answered, or asks the next one. Anyone.
    function advance(bytes32 claimId) external;
    /// @notice Has the next instance judge again. Costs `appealBondOf`.
    function appeal(bytes32 claimId, bytes32 leaf) external payable;
    /// @notice Ends a claim whose last clock ran out. Anyone.
    function finish(bytes32 claimId) external;
    /// @notice Has the signers show all bytes of the exchange on chain, once a claim. Costs `demandPriceOf`.
    function demandData(bytes32 claimId) external payable;
    /// @notice Shows a page of a demanded exchange and earns its price. Anyone; the first to show it.
    function answerPage(
        bytes32 claimId,
        Exchange calldata exchange,
        Request calldata request,
        Parts calldata parts,
        Page calldata page
    ) external;
    /// @notice Pays the sender what claims owe it.
    function withdraw(address payable to) external returns (uint256 amount);

    function claimIdOf(bytes32 batchHash, uint32 index, bytes32 leaf) external view returns (bytes32);
    function claimOf(bytes32 claimId) external view returns (Claim memory);
    function disputeOf(bytes32 claimId) external view returns (Dispute memory);
    function demandOf(bytes32 claimId) external view returns (Demand memory);
    function stakesOf(bytes32 claimId) external view returns (Stake[] memory);
    /// @notice The verdict, also of a claim whose end nobody has written down yet.
    function verdictOf(bytes32 claimId) external view returns (Verdict);
    function endedAtOf(bytes32 claimId) external view returns (uint48);
    function bondOf(bytes32 claimId) external view returns (uint256);
    function appealBondOf(bytes32 claimId) external view returns (uint256);
    function demandPriceOf(bytes32 claimId) external view returns (uint256);
    function commitmentOf(address sender, bytes32 claimId, bytes32 leaf, bytes32 salt) external view returns (bytes32);
    /// @notice Whether a claim of the program ended void: nothing is accepted in Immediate any more.
    function isSuspended(bytes32 app, bytes32 programId) external view returns (bool);
    function owed(address account) external view returns (uint256);
}

/// @title Says whether evidence proves that an answer can be claimed now.
interface IEvidenceChecker {
    /// @notice Reverts with an error of `IClaimRegistry` that says what is wrong. Takes what `openClaim` takes.
    /// @return batchHash The batch's; it was posted with its own certificate.
    /// @return leaf The exchange's.
    /// @return pages Of all its parts together.
    function check(ClaimEvidence calldata evidence, address strategy)
        external
        view
        returns (bytes32 batchHash, bytes32 leaf, uint256 pages);
}
