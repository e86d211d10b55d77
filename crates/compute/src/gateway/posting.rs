//! The spans of certified batches that wait to be posted, so that a trace goes on from the request to the chain.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tracing::Span;

use crate::lane::LaneKey;

/// Spans that are kept open; the oldest is ended beyond.
const SPANS_MAX: usize = 1_024;

/// Open spans by (lane, sequence). Nothing is kept while nobody traces.
#[derive(Debug, Default)]
pub struct Posting {
    spans: Mutex<VecDeque<(LaneKey, u64, Span)>>,
}

impl Posting {
    /// Keeps the span of a batch that waits from now on.
    pub fn wait(&self, lane: LaneKey, sequence: u64, span: Span) {
        if span.is_disabled() {
            return;
        }
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() >= SPANS_MAX {
            spans.pop_front();
        }
        spans.push_back((lane, sequence, span));
    }

    /// Takes out the spans of a lane up to `through`.
    pub fn take(&self, lane: LaneKey, through: u64) -> Vec<Span> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |(of, sequence, _): &(LaneKey, u64, Span)| *of == lane && *sequence <= through;
        let (over, open) = std::mem::take(&mut *spans).into_iter().partition(is_over);
        *spans = open;
        let over: VecDeque<(LaneKey, u64, Span)> = over;
        over.into_iter().map(|(_, _, span)| span).collect()
    }
}
