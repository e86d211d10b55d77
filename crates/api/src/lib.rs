//! States what a node answers over HTTP: the JSON types, the errors and where they are served.
//!
//! These structs are the wire. They are converted by hand to and from the types of `vouch_core`, which are what the
//! protocol hashes and signs. Byte strings and 256-bit numbers are `0x` hex, other integers JSON numbers, names
//! camelCase. A client must ignore fields that it does not know.
//!
//! ```
//! use vouch_api::{Problem, ProblemCode};
//!
//! let problem = Problem::new(ProblemCode::PayloadTooLarge, "the payload has 9 bytes, the program takes 8");
//! assert_eq!(problem.code.http_status(), 413);
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap fails the test"))]

mod call;
mod convert;
mod explain;
mod fees;
mod health;
mod problem;
mod stake;
mod trace;
mod views;

pub use call::{Batch, CallRequest, Certificate, Exchange, G1, G2, NonSigner, Receipt, Request, SizedPages};
pub use convert::ConvertError;
pub use explain::{Explanation, InvalidWanted, JournalEntry, KeptBatch, Searched, Wanted, address_id};
pub use fees::FeeStanding;
pub use health::{ChainHealth, ExecutorAppHealth, ExecutorHealth, GatewayHealth, Health, LaneHealth, LastSignature};
pub use problem::{Answered, Problem, ProblemCode};
pub use stake::{
    AllocationView, IndexStatus, IndexedOperator, IndexedOperatorDetails, IndexedSet, IndexedSlash, IndexedStaker,
    IndexedWithdrawal, MembershipView, OperatorStakeView, PAGE_ENTRIES_MAX, Page, QueuedSharesView,
    SlashedStrategyView, StakeView,
};
pub use trace::{InvalidTraceParent, TRACEPARENT_HEADER, TraceParent};
pub use views::{AppView, Clock, LaneView, OperatorView, ReleaseView, Status};

/// The most bytes of an artifact that a node takes or serves.
pub const ARTIFACT_BYTES_MAX: usize = 128 << 20;
/// The most bytes of payload that a node takes, whatever a program's own limit says.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// The most bytes of a JSON body: a payload in hex with its envelope.
pub const BODY_BYTES_MAX: usize = 2 * PAYLOAD_BYTES_MAX + (64 << 10);
