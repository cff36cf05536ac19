//! `/metrics` in the Prometheus text format: numbers without persons.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests by route and status. A plain lock: it is held for one addition.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
}

impl Metrics {
    /// Counts one request. `route` is the pattern, never the path, which may name somebody.
    pub fn count(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// The text, with the number of open streams.
    #[must_use]
    pub fn render(&self, streams: usize) -> String {
        let mut text = String::from(
            "# HELP belay_cloud_requests_total Requests by route and status.\n# TYPE belay_cloud_requests_total counter\n",
        );
        for ((route, status), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            // Writing to a string can't fail.
            let _ = writeln!(
                text,
                "belay_cloud_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            );
        }
        let _ = writeln!(
            text,
            "# HELP belay_cloud_streams Open event streams.\n# TYPE belay_cloud_streams gauge\nbelay_cloud_streams {streams}"
        );
        text
    }
}
