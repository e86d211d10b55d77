use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use super::Error;

/// How long a collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long spans wait to be sent together.
const DELAY: Duration = Duration::from_secs(1);
/// Spans that wait; more are dropped.
const QUEUE_MAX: usize = 4_096;
/// Bytes of a collector's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Links of one span: the calls of a batch.
const LINKS_MAX: u32 = 128;

/// Spans to the collector at `url`; the path `/v1/traces` is added to it. Whoever calls decides whether its own trace is
/// recorded; of those that begin here, `sample_bips` of 10,000 are.
pub fn provider(url: &str, sample_bips: u16) -> Result<SdkTracerProvider, Error> {
    let client =
        reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: Handle::current() })
        .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')))
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|source| Error::Exporter { url: url.to_owned(), source })?;
    let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(DELAY).build();
    let resource = Resource::builder_empty()
        .with_service_name("vouch")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(f64::from(sample_bips) / 10_000.0)));
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(sampler)
        .with_max_links_per_span(LINKS_MAX)
        .with_resource(resource)
        .build())
}

/// HTTP for the exporter, whose thread has no runtime of its own.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move { send(&client, request).await });
        Box::pin(async move { sending.await? })
    }
}

async fn send(client: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > ANSWER_BYTES_MAX {
            return Err(format!("the collector's answer has more than {ANSWER_BYTES_MAX} bytes").into());
        }
        body.extend_from_slice(&part);
    }
    Ok(Response::builder().status(answer.status()).body(body.into())?)
}
