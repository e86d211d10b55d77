use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use vouch_api::{Answered, Problem, ProblemCode};
use vouch_compute::gateway::CallError;
use vouch_compute::wire::Refusal;

use crate::mirror::Mirror;

/// A [`Problem`] on its way out.
#[derive(Debug)]
pub struct Failure(pub Problem);

impl Failure {
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self(Problem::new(code, message))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

pub async fn no_route(uri: Uri) -> Failure {
    Failure::new(
        ProblemCode::NotFound,
        format!("there is nothing at {}; the API is described at /openapi.json", uri.path()),
    )
}

/// A body within its limit.
pub fn body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Failure> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(ProblemCode::PayloadTooLarge, rejection.body_text()),
        _ => Failure::new(ProblemCode::InvalidRequest, rejection.body_text()),
    })
}

/// A JSON body.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::new(ProblemCode::InvalidRequest, format!("the body is not what is expected: {error}"))
    })
}

/// A value of a path.
pub fn parse<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| {
        Failure::new(
            ProblemCode::InvalidRequest,
            format!("{name} must be 32 bytes of hex, found `{}`", text.chars().take(80).collect::<String>()),
        )
    })
}

/// Why a call got no receipt, in the API's terms.
pub fn call_error(error: CallError, mirror: &Mirror) -> Failure {
    let message = error.to_string();
    let code = match &error {
        CallError::Refused(refusal) => refusal_code(refusal),
        CallError::Busy => ProblemCode::Busy,
        CallError::NotAccepted => ProblemCode::NotAccepted,
        CallError::NotReady(_) | CallError::Moved { .. } => ProblemCode::NotReady,
        CallError::NoQuorum { .. } | CallError::LaneSkipped => ProblemCode::NoQuorum,
        CallError::Gateway(_) => ProblemCode::Internal,
    };
    let mut problem = Problem::new(code, message);
    if let CallError::NoQuorum { answers } = error {
        "the deadline came before a threshold of stake agreed".clone_into(&mut problem.message);
        problem.answered = answers
            .into_iter()
            .map(|(operator, answer)| Answered {
                operator: mirror.owner_of(operator).map(|(_, address)| address).unwrap_or_default(),
                answer,
            })
            .collect();
    }
    Failure(problem)
}

fn refusal_code(refusal: &Refusal) -> ProblemCode {
    match refusal {
        Refusal::MaxFeeTooLow { .. } | Refusal::FundsTooLow { .. } => ProblemCode::PaymentRequired,
        Refusal::UnknownApp | Refusal::UnknownLane => ProblemCode::UnknownApp,
        Refusal::UnknownProgram => ProblemCode::UnknownProgram,
        Refusal::WrongClientSignature => ProblemCode::WrongSignature,
        Refusal::WrongPayload => ProblemCode::PayloadMismatch,
        Refusal::PayloadTooLarge { .. } => ProblemCode::PayloadTooLarge,
        Refusal::TimeTooFar { .. } => ProblemCode::TimeOutOfRange,
        Refusal::Expired { .. } => ProblemCode::RequestExpired,
        Refusal::ChainUnavailable => ProblemCode::ChainUnreachable,
        Refusal::NotAccepted => ProblemCode::NotAccepted,
        Refusal::Busy | Refusal::NotReady(_) => ProblemCode::Busy,
        Refusal::StoreFailed | Refusal::HostFailure(_) => ProblemCode::Internal,
        _ => ProblemCode::InvalidRequest,
    }
}
