//! Where the log goes: the journal with its fields under systemd, else the terminal.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::accessory::link::is_known_panic;

static STARTED: AtomicBool = AtomicBool::new(false);

/// Starts the log, once a process; `verbose` counts the `-v`s. `BELAY_LOG` (`level` or `target=level,…`) wins.
/// The `-v`s are for belayd's own words: what HTTP libraries write below `info` holds session tokens.
pub(super) fn start(verbose: u8) {
    let wanted = std::env::var("BELAY_LOG")
        .ok()
        .map(|text| text.parse::<Targets>());
    let (filter, mistake) = match wanted {
        Some(Ok(filter)) => (filter, None),
        Some(Err(mistake)) => (default_filter(verbose), Some(mistake)),
        None => (default_filter(verbose), None),
    };
    let journal = if stderr_is_journal() {
        tracing_journald::layer().ok()
    } else {
        None
    };
    let output: Box<dyn Layer<Registry> + Send + Sync> = match journal {
        Some(journal) => journal.boxed(),
        None => tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .boxed(),
    };
    // A second start in one process (tests do that) keeps the first one's log.
    let started = tracing_subscriber::registry()
        .with(output.with_filter(filter))
        .try_init()
        .is_ok();
    STARTED.fetch_or(started, Ordering::Relaxed);
    if let Some(mistake) = mistake {
        tracing::warn!(%mistake, "BELAY_LOG is left aside");
    }
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold whatever a value showed of itself; the place is enough to find it.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if is_known_panic(panic) {
            tracing::debug!(
                place,
                "a known panic of the Bluetooth library, which harms nothing"
            );
            return;
        }
        tracing::error!(place, "panic");
    }));
}

/// Whether the log takes messages.
pub(super) fn has_started() -> bool {
    STARTED.load(Ordering::Relaxed)
}

fn default_filter(verbose: u8) -> Targets {
    let own = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A prefix: `belay`, `belay_proto`.
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("belay", own)
}

/// systemd names the journal's stream as `device:inode`; whoever redirected standard error since then wants
/// it there.
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream == format!("{}:{}", stderr.dev(), stderr.ino())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::default_filter;

    #[test]
    fn each_v_logs_more_of_belayd_and_never_of_the_http_libraries() {
        let most = |verbose, target| {
            let filter = default_filter(verbose);
            [Level::TRACE, Level::DEBUG, Level::INFO]
                .into_iter()
                .find(|level| filter.would_enable(target, level))
        };
        assert_eq!(most(0, "belay::store"), Some(Level::INFO));
        assert_eq!(most(1, "belay::store"), Some(Level::DEBUG));
        assert_eq!(most(2, "belay_proto::clock"), Some(Level::TRACE));
        assert_eq!(most(9, "h2::codec"), Some(Level::INFO));
    }
}
