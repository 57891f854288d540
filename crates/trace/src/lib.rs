//! Traces for OpenTelemetry: the life of each job and the requests of clients, as spans that are
//! sent to a collector by OTLP. Off unless an operator names one.
//!
//! The trace of a job has the job's id, and its spans have ids that follow from it; so whoever leads
//! when something happens can tell it, the replicas need not pass anything on, and a job is found in
//! the traces by the id that everybody knows. Spans are told from the log as it is applied: their
//! times are those of the record. Nothing waits for the collector: what it does not take in time is
//! dropped.

mod identity;
mod job;
mod limits;
mod request;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _, tonic_types};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanLinks, SpanProcessor as _,
};
use stint_core::{Event, WorkerId};
use thiserror::Error;
use tonic_types::transport::{Certificate, ClientTlsConfig};

pub use request::{Request, TraceParent};

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Config {
    /// The collector, as `http://host:port` or `https://host:port`; it speaks OTLP over gRPC.
    pub endpoint: String,
    /// Authorities, in PEM, by which an `https` collector is believed beside those of the system.
    pub authorities: Option<Vec<u8>>,
    /// The share of jobs, and of requests that come without a trace, that are told: 0 to 1. A job
    /// is told as a whole or not at all.
    pub share: f64,
    /// The replica that tells them.
    pub replica: WorkerId,
}

/// Why no traces can be sent.
#[derive(Debug, Error)]
#[error("traces cannot be sent to {endpoint}: {reason}")]
pub struct Error {
    endpoint: String,
    reason: String,
}

/// Where spans are told. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Open>>);

/// The way to a collector.
struct Open {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    share: f64,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

impl Traces {
    /// Sends traces from now on. The collector is not looked for: it may come and go. To be called
    /// within the runtime that is to carry its connection.
    ///
    /// # Errors
    /// [`struct@Error`] if the endpoint is none, or the authorities are no certificates.
    pub fn start(config: &Config) -> Result<Self, Error> {
        let failed = |reason: String| Error { endpoint: config.endpoint.clone(), reason };
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(config.endpoint.clone())
            .with_timeout(limits::EXPORT_TIMEOUT);
        if config.endpoint.starts_with("https:") {
            let mut tls = ClientTlsConfig::new().with_enabled_roots();
            if let Some(authorities) = &config.authorities {
                tls = tls.ca_certificate(Certificate::from_pem(authorities));
            }
            exporter = exporter.with_tls_config(tls);
        }
        let exporter = exporter.build().map_err(|error| failed(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(limits::SPANS_WAITING_MAX)
            .with_max_export_batch_size(limits::SPANS_AT_ONCE_MAX)
            .with_scheduled_delay(limits::EXPORT_INTERVAL)
            .build();
        let mut processor = BatchSpanProcessor::new(exporter, batches);
        let instance = KeyValue::new("service.instance.id", config.replica.to_string());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty()
            .with_service_name("stint")
            .with_attributes([instance, version])
            .build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder("stint").build();
        Ok(Self(Some(Arc::new(Open { processor, scope, share: config.share }))))
    }

    /// Whether anything is told at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells what an entry of the log has made happen to a job. To be called by one replica.
    pub fn happened(&self, event: &Event) {
        if let Some(open) = &self.0 {
            job::tell(open, event);
        }
    }

    /// Tells a request that has been answered.
    pub fn answered(&self, request: &Request<'_>) {
        if let Some(open) = &self.0 {
            request::tell(open, request);
        }
    }

    /// Sends what waits, and ends. Blocks for as long as that may take, which is bounded.
    pub fn shutdown(&self) {
        if let Some(open) = &self.0 {
            // What is not taken in this time is dropped, as it always is.
            drop(open.processor.shutdown_with_timeout(limits::SHUTDOWN_TIMEOUT));
        }
    }
}

/// What happened, from when to when.
struct Span {
    context: SpanContext,
    parent: SpanId,
    is_parent_remote: bool,
    kind: SpanKind,
    name: String,
    start: SystemTime,
    end: SystemTime,
    attributes: Vec<KeyValue>,
    link: Option<SpanContext>,
    failure: Option<String>,
}

impl Open {
    fn tell(&self, span: Span) {
        let mut links = SpanLinks::default();
        links.links.extend(span.link.map(Link::with_context));
        self.processor.on_end(SpanData {
            span_context: span.context,
            parent_span_id: span.parent,
            parent_span_is_remote: span.is_parent_remote,
            span_kind: span.kind,
            name: span.name.into(),
            start_time: span.start,
            end_time: span.end.max(span.start),
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links,
            status: span.failure.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        });
    }
}

#[cfg(test)]
mod tests;
