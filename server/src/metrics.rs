//! Floor 0: the Prometheus series of the server.
//!
//! Owns registry, names and help texts; every name here is documented in `docs/operations/metrics.md` (the tidy test
//! sees to it). Never measures anything itself.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// All series, cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// TCP connections open now.
    pub connections: IntGauge,
    /// TCP connections refused, by reason (`full`, `address`).
    pub connections_refused: IntCounterVec,
    /// WebSocket sessions open now.
    pub sessions: IntGauge,
    /// WebSocket sessions ended, by close code.
    pub session_closes: IntCounterVec,
    /// Commands from clients, by `op`.
    pub commands: IntCounterVec,
    /// Refused commands, by error code.
    pub refusals: IntCounterVec,
    /// Frames handed to sessions' queues.
    pub deliveries: IntCounter,
    /// Passing frames dropped for slow readers.
    pub dropped: IntCounter,
    /// Rooms with a running task.
    pub rooms: IntGauge,
    /// HTTP requests, by method, route and status.
    pub http_requests: IntCounterVec,
    /// Seconds to answer an HTTP request.
    pub http_seconds: Histogram,
    /// Seconds from the start of a commit to its end.
    pub commit_seconds: Histogram,
    /// Durable writes per commit.
    pub commit_batch: Histogram,
    /// Durable writes waiting for the writer.
    pub write_queue: IntGauge,
    /// Failed commits and reads.
    pub store_errors: IntCounter,
    /// Password hashes computed.
    pub password_hashes: IntCounter,
}

impl Metrics {
    /// A registry with every series at zero.
    ///
    /// # Errors
    /// Two series of one name, which is a defect of this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let series = IntCounter::new(name, help)?;
            registry.register(Box::new(series.clone()))?;
            Ok(series)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let series = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(series.clone()))?;
            Ok(series)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let series = IntGauge::new(name, help)?;
            registry.register(Box::new(series.clone()))?;
            Ok(series)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| -> Result<Histogram, prometheus::Error> {
            let series = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
            registry.register(Box::new(series.clone()))?;
            Ok(series)
        };
        let seconds = || prometheus::exponential_buckets(0.0005, 2.5, 12);
        Ok(Self {
            connections: gauge("charge_connections", "TCP connections open now")?,
            connections_refused: counters(
                "charge_connections_refused_total",
                "TCP connections refused, by reason",
                &["reason"],
            )?,
            sessions: gauge("charge_sessions", "WebSocket sessions open now")?,
            session_closes: counters(
                "charge_session_closes_total",
                "WebSocket sessions ended, by close code",
                &["code"],
            )?,
            commands: counters("charge_commands_total", "Commands from clients, by op", &["op"])?,
            refusals: counters("charge_refusals_total", "Refused commands, by error code", &["code"])?,
            deliveries: counter("charge_deliveries_total", "Frames handed to sessions' queues")?,
            dropped: counter("charge_dropped_total", "Passing frames dropped for slow readers")?,
            rooms: gauge("charge_rooms", "Rooms with a running task")?,
            http_requests: counters(
                "charge_http_requests_total",
                "HTTP requests, by method, route and status",
                &["method", "route", "status"],
            )?,
            http_seconds: histogram(
                "charge_http_request_duration_seconds",
                "Seconds to answer an HTTP request",
                seconds()?,
            )?,
            commit_seconds: histogram(
                "charge_commit_duration_seconds",
                "Seconds from the start of a commit to its end",
                seconds()?,
            )?,
            commit_batch: histogram(
                "charge_commit_batch_size",
                "Durable writes per commit",
                prometheus::exponential_buckets(1.0, 2.0, 11)?,
            )?,
            write_queue: gauge("charge_write_queue", "Durable writes waiting for the writer")?,
            store_errors: counter("charge_store_errors_total", "Failed commits and reads")?,
            password_hashes: counter("charge_password_hashes_total", "Password hashes computed")?,
            registry,
        })
    }

    /// The registry, for the exposition.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
