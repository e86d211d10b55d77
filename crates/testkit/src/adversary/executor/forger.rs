//! A whole honest node whose answers are changed on their way out: what it does not lie about is real.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Bytes as Output;
use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use vouch_compute::wire::{Answer, Call, ExecuteAnswer, Report};
use vouch_core::{Batch, ecdsa, pages};
use vouch_node::config::Config;

use super::careless::sign;
use super::{Keys, Lie};
use crate::adversary::front::{self, Behind};

/// What the program never answered.
const OUTPUT: &[u8] = b"a lie";

/// How late slow answers come.
const DELAY: Duration = Duration::from_secs(1);

struct Forger {
    keys: Keys,
    lie: Lie,
    behind: Behind,
}

/// Listens where the operator's node should, with that node behind.
pub async fn serve(config: Config, keys: Keys, lie: Lie) -> Result<()> {
    let routes = |behind| {
        Router::new().route("/v1/executor/{app}", post(answer)).fallback(pass).with_state(Arc::new(Forger {
            keys,
            lie,
            behind,
        }))
    };
    front::serve(config, routes).await
}

async fn pass(State(forger): State<Arc<Forger>>, request: Request) -> Response {
    forger.behind.pass(request).await
}

async fn answer(State(forger): State<Arc<Forger>>, uri: Uri, body: Bytes) -> Response {
    if forger.lie == Lie::SlowAnswers {
        tokio::time::sleep(DELAY).await;
    }
    let (code, honest) = forger.behind.post(&uri, body.clone()).await;
    let answer = if code.is_success() { forger.forge(&body, honest) } else { honest };
    (code, answer).into_response()
}

impl Forger {
    fn forge(&self, question: &[u8], honest: Bytes) -> Bytes {
        let forged = match (self.lie, Answer::decode(&honest), Call::decode(question)) {
            (Lie::WrongOutput, Ok(Answer::Reports(answer)), _) => self.other_output(*answer),
            (Lie::AnotherBatch, Ok(Answer::Signature(_)), Ok(Call::Propose(call))) => {
                let other = Batch { exchange_count: call.header.exchange_count + 1, ..call.header };
                self.keys.bls().map(|secret| Answer::Signature(sign(&secret, &other)))
            }
            (Lie::NoSignature, Ok(Answer::Signature(_)), _) => Some(Answer::Signature([0xff; 64].into())),
            _ => None,
        };
        forged.map_or(honest, |answer| answer.encode().into())
    }

    /// Signed properly, with the operator's own account key.
    fn other_output(&self, mut answer: ExecuteAnswer) -> Option<Answer> {
        for (report, output) in answer.list.reports.iter_mut().zip(&mut answer.outputs) {
            if let Report::Ran(exchange) = report {
                exchange.output_hash = pages::root(OUTPUT);
                *output = Output::from_static(OUTPUT);
            }
        }
        answer.signature = ecdsa::sign(answer.list.digest(), &self.keys.account).ok()?.into();
        Some(Answer::Reports(Box::new(answer)))
    }
}
