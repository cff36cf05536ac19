//! `/metrics` in the Prometheus text format: numbers without persons. A label's values come from a list in this program,
//! never from a caller.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::clock::{MINUTE, Millis};
use crate::problem::Kind;

/// How old [`Totals`] may be: the database counts them row by row.
const FRESH: Millis = MINUTE;

/// Upper bounds of the times, seconds. What takes longer waits on purpose.
const TIMES: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Counters since the start, and gauges.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    times: HistogramVec,
    messages: IntCounterVec,
    registrations: IntCounter,
    sign_ins: IntCounterVec,
    pushes: IntCounterVec,
    streams: IntGauge,
    waiting: IntGauge,
    accounts: IntGauge,
    devices: IntGauge,
    stored: IntGauge,
    totals_at: Mutex<Option<Millis>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken by the server or gateway.
    Sent,
    /// One attempt failed, and another follows.
    Retried,
    /// It was refused for good, or too late.
    GivenUp,
    /// A budget kept it from being sent at all.
    Withheld,
}

/// What the database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts.
    pub accounts: i64,
    /// Bound devices.
    pub devices: i64,
    /// Bytes of sealed records and chunks, as quotas count them.
    pub stored: i64,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Where two have one name: a mistake in this program.
    pub fn new() -> Result<Self, Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(format!("belay_cloud_{name}"), help), labels)
        };
        let gauge = |name: &str, help: &str| IntGauge::new(format!("belay_cloud_{name}"), help);
        let times = HistogramOpts::new(
            "belay_cloud_request_duration_seconds",
            "From a request's head to its answer's head; bodies of chunks, long polls and streams included up to there.",
        );
        let metrics = Self {
            registry: Registry::new(),
            requests: counter(
                "requests_total",
                "Requests by route and class of status.",
                &["method", "route", "status"],
            )?,
            times: HistogramVec::new(times.buckets(TIMES.to_vec()), &["method", "route"])?,
            messages: counter(
                "messages_total",
                "Messages by channel: sent, retried (an attempt failed), given_up, withheld (over a budget).",
                &["channel", "result"],
            )?,
            registrations: IntCounter::new("belay_cloud_registrations_total", "Accounts made.")?,
            sign_ins: counter(
                "sign_ins_total",
                "Answers to sign-ins: ok, refused, throttled.",
                &["result"],
            )?,
            pushes: counter(
                "sync_pushes_total",
                "Answers to pushes: ok, refused.",
                &["result"],
            )?,
            streams: gauge("streams", "Open event streams.")?,
            waiting: gauge("messages_waiting", "Messages in the queue.")?,
            accounts: gauge("accounts", "Accounts; counted once a minute.")?,
            devices: gauge("devices", "Bound devices; counted once a minute.")?,
            stored: gauge(
                "stored_bytes",
                "Sealed records and chunks, as quotas count them; counted once a minute.",
            )?,
            totals_at: Mutex::new(None),
        };
        metrics.register()?;
        metrics.begin()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), Error> {
        let registry = &self.registry;
        for counters in [&self.requests, &self.messages, &self.sign_ins, &self.pushes] {
            registry.register(Box::new(counters.clone()))?;
        }
        for gauge in [
            &self.streams,
            &self.waiting,
            &self.accounts,
            &self.devices,
            &self.stored,
        ] {
            registry.register(Box::new(gauge.clone()))?;
        }
        registry.register(Box::new(self.times.clone()))?;
        registry.register(Box::new(self.registrations.clone()))
    }

    /// A series that begins with its first event has no increase that an alert could see.
    fn begin(&self) -> Result<(), Error> {
        for channel in ["email", "sms"] {
            for outcome in [
                Outcome::Sent,
                Outcome::Retried,
                Outcome::GivenUp,
                Outcome::Withheld,
            ] {
                self.messages
                    .get_metric_with_label_values(&[channel, outcome.name()])?;
            }
        }
        for result in ["ok", "refused", "throttled"] {
            self.sign_ins.get_metric_with_label_values(&[result])?;
        }
        for result in ["ok", "refused"] {
            self.pushes.get_metric_with_label_values(&[result])?;
        }
        Ok(())
    }

    /// Counts one request. `route` is the pattern, never the path, which may name somebody; `problem` says why it was
    /// refused.
    pub fn request(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        problem: Option<Kind>,
        took: Duration,
    ) {
        let method = name_of(method);
        self.requests
            .with_label_values(&[method, route, class(status)])
            .inc();
        self.times
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
        let result = match (status.is_success(), problem) {
            (true, _) => "ok",
            (_, Some(Kind::TooMany)) if route == "/v1/login" => "throttled",
            // A call without the cloud's nonce is no try.
            (_, Some(Kind::UseDpopNonce)) => return,
            _ => "refused",
        };
        match (method, route) {
            ("POST", "/v1/login") if result != "refused" || problem == Some(Kind::LoginRefused) => {
                self.sign_ins.with_label_values(&[result]).inc();
            }
            ("POST", "/v1/sync/push") => self.pushes.with_label_values(&[result]).inc(),
            _ => {}
        }
    }

    /// Counts what became of a message.
    pub fn message(&self, channel: &str, outcome: Outcome) {
        let channel = if channel == "sms" { "sms" } else { "email" };
        self.messages.with_label_values(&[channel, outcome.name()]).inc();
    }

    /// Counts an account that was made.
    pub fn registered(&self) {
        self.registrations.inc();
    }

    /// Whether it is time to count [`Totals`] again; whoever is told so does it.
    #[must_use]
    pub fn totals_are_due(&self, now: Millis) -> bool {
        let mut at = self.totals_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = at.is_none_or(|at| now.saturating_sub(at) >= FRESH);
        if due {
            *at = Some(now);
        }
        due
    }

    /// Takes over what was counted.
    pub fn set_totals(&self, totals: &Totals) {
        self.accounts.set(totals.accounts);
        self.devices.set(totals.devices);
        self.stored.set(totals.stored);
    }

    /// The text, with the numbers of open streams and of messages in the queue.
    ///
    /// # Errors
    /// A mistake in this program.
    pub fn render(&self, streams: usize, waiting: i64) -> Result<String, Error> {
        self.streams.set(i64::try_from(streams).unwrap_or(i64::MAX));
        self.waiting.set(waiting);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Withheld => "withheld",
        }
    }
}

/// Callers invent methods.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
