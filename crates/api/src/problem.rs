use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs; stable across versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The body or a parameter could not be read.
    InvalidRequest,
    /// No app of this id has a lane at this gateway.
    UnknownApp,
    /// The program is not a release of the app.
    UnknownProgram,
    /// The bytes do not have the digest that they are named by.
    DigestMismatch,
    /// The payload does not have the hash that the request names.
    PayloadMismatch,
    /// The payload exceeds what the program takes.
    PayloadTooLarge,
    /// The request's deadline has passed.
    RequestExpired,
    /// The request's time is too far from the finalized clock.
    TimeOutOfRange,
    /// The signature is not the named client's.
    WrongSignature,
    /// The deadline came before a threshold of stake agreed; `answered` says who said what.
    NoQuorum,
    /// A queue is full; try again later.
    Busy,
    /// The client has not signed for what the call costs, or its deposit does not pay for it.
    PaymentRequired,
    /// No operator accepted the program, so there is nobody whose stake an answer could rest on.
    NotAccepted,
    /// The app has no operator table that reaches its required stake yet.
    NotReady,
    /// The node cannot reach its chain.
    ChainUnreachable,
    /// The route is for operators and gateways, with their registered transport keys.
    NotAPeer,
    /// There is nothing under this name here.
    NotFound,
    /// A fault of the node itself.
    Internal,
}

impl ProblemCode {
    /// The status of the HTTP answer that carries it.
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::PayloadMismatch
            | Self::RequestExpired
            | Self::TimeOutOfRange
            | Self::WrongSignature => 400,
            Self::PaymentRequired => 402,
            Self::UnknownApp | Self::UnknownProgram | Self::NotFound => 404,
            Self::NotAPeer => 403,
            Self::NotAccepted => 409,
            Self::PayloadTooLarge => 413,
            Self::DigestMismatch => 422,
            Self::Internal => 500,
            Self::Busy | Self::NotReady | Self::ChainUnreachable => 503,
            Self::NoQuorum => 504,
        }
    }

    /// What the caller can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::InvalidRequest => "compare the body with the OpenAPI document at /openapi.json",
            Self::UnknownApp => "list the apps of this gateway with `vouch app list`",
            Self::UnknownProgram => "list the app's releases with `vouch app releases`",
            Self::DigestMismatch => "upload the artifact again; its name is the SHA-256 of its bytes",
            Self::PayloadMismatch => "sign the request over the page root of the payload that you send",
            Self::PayloadTooLarge => "send less, or publish a release with a larger payload limit",
            Self::RequestExpired => "sign a new request with a later deadline",
            Self::TimeOutOfRange => "take the request's time from the gateway's /v1/clock",
            Self::WrongSignature => "sign with the key of the request's client, under this chain's BatchRegistry",
            Self::NoQuorum => "see `answered`; operators that are down or disagree are listed there",
            Self::Busy => "try again in a second",
            Self::PaymentRequired => {
                "pay in with `vouch fee deposit APP AMOUNT`; `vouch fee balance APP` shows what there is"
            }
            Self::NotAccepted => {
                "an operator accepts by its policy or with `vouch operator accept`; `vouch app info` shows who did"
            }
            Self::NotReady => "wait until enough operators have joined: `vouch app info`",
            Self::ChainUnreachable => "try again later; nothing that was accepted is lost",
            Self::NotAPeer => "clients call /v1/apps and /v1/calls; a node registers its key with `vouch network add`",
            Self::NotFound => "check the id",
            Self::Internal => "see the node's log",
        }
    }
}

/// What one operator said in a call that found no quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    #[schema(value_type = String)]
    pub operator: Address,
    /// What it said to the call (the leaf that it reported, or why it gave none), or to the proposal of the call's batch
    /// (`signed`, or why it did not).
    pub answer: String,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Problem {
    pub code: ProblemCode,
    /// What was wrong and what was expected.
    pub message: String,
    /// What to do next.
    pub hint: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<Answered>,
}

impl Problem {
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: code.hint().to_owned(), answered: Vec::new() }
    }
}
