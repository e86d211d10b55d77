//! The trace of a call, from one process to the next.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use vouch_api::{TRACEPARENT_HEADER, TraceParent};

/// Puts `span` into the trace that the headers name, if they name one; it must not have been entered yet.
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    if let Some(parent) = parent_of(headers) {
        let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, id) = (TraceId::from_bytes(parent.trace_id), SpanId::from_bytes(parent.span_id));
        let remote = SpanContext::new(trace, id, flags, true, TraceState::default());
        // Fails when nobody collects spans, and then there is nothing to do.
        let _untraced = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}

/// What this process tells the next one of the current span; none while nobody collects spans.
pub fn traceparent() -> Option<TraceParent> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let current = context.span().span_context().clone();
    current.is_valid().then(|| TraceParent {
        trace_id: current.trace_id().to_bytes(),
        span_id: current.span_id().to_bytes(),
        sampled: current.is_sampled(),
    })
}

/// Two headers name no trace, and neither does one in another form.
fn parent_of(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT_HEADER).iter();
    let (first, None) = (values.next()?, values.next()) else { return None };
    first.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn one_header_names_a_trace_and_two_name_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(parent_of(&headers), None);
        headers.append(TRACEPARENT_HEADER, TEXT.parse().unwrap());
        assert_eq!(parent_of(&headers).unwrap().to_string(), TEXT);
        headers.append(TRACEPARENT_HEADER, TEXT.parse().unwrap());
        assert_eq!(parent_of(&headers), None);
        headers.insert(TRACEPARENT_HEADER, "x".repeat(10_000).parse().unwrap());
        assert_eq!(parent_of(&headers), None);
    }

    #[test]
    fn without_a_collector_nothing_is_told() {
        assert_eq!(traceparent(), None);
        continue_from(&Span::none(), &HeaderMap::new());
    }
}
