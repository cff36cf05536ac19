//! `sync`: the owner's records.
//!
//! `bus.rs` finds them; a file a verb asks, and texts are made apart from that.

mod agent;
mod bus;
pub mod cli;
mod export;
mod natural;
mod now;
mod progress;
mod records;
mod settings;
mod show;

use std::time::Duration;

use super::cli::Global;
use super::client::{Client, PATIENCE};
use super::error::Error;
use super::interrupt::Underway;
use super::output::{Output, Report};
use cli::{Sync, Verb};

/// The longest answer to what moves contents: a first sync, or a long file, over a slow line.
const CONTENTS_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Does what `sync` was asked for, see [`Verb`].
///
/// JSON: `status` answers the properties of `org.belay1.Sync` in snake_case, `enabled` (the collections that are on) and `agent` as `sources`; `sources` and `restore` `collections`, each
/// with its properties, and `sources` where the user has a `belay-agent` `agent` with `running` and `sources`; `list` and `conflicts` `records`, each with `collection`, `id`, `revision`, `natural`, `kind`,
/// `length`, `conflict_with`, `lacking`, `changed_at`, `long`, those of `conflicts` `other_revision` too; `restore` `in_cloud`
/// and `troubled` besides; `get` `record` and `saved_to`; `put` `id`, `revision`; `export` `written`,
/// `skipped`, `missing`, `folder`; `history` `last_sync`, `last_error`, `records` with `removed` each; the others what became of it.
///
/// # Errors
/// What belayd says.
pub async fn run(args: &Sync, global: Global, output: Output, underway: &Underway) -> Result<Report, Error> {
    let patience = match args.verb {
        Verb::Now(_) | Verb::Restore(_) | Verb::Put(_) | Verb::Get(_) | Verb::Export(_) => CONTENTS_PATIENCE,
        _ => PATIENCE,
    };
    let client = &Client::connect_for(global.session, patience, underway).await?;
    match &args.verb {
        Verb::Status => show::status(client, output).await,
        Verb::Sources => show::sources(client, output).await,
        Verb::History(args) => show::history(client, args, output).await,
        Verb::Now(args) => now::now(client, args, output, underway).await,
        Verb::Restore(args) => now::restore(client, args, output, underway).await,
        Verb::Pause => settings::pause(client).await,
        Verb::Resume => settings::resume(client).await,
        Verb::Policy(args) => settings::policy(client, args).await,
        Verb::Enable(args) => settings::enable(client, args, true).await,
        Verb::Disable(args) => settings::enable(client, args, false).await,
        Verb::Confirm(args) => settings::confirm(client, args).await,
        Verb::List(args) => records::list(client, args, output).await,
        Verb::Conflicts => records::conflicts(client, output).await,
        Verb::Resolve(args) => records::resolve(client, args).await,
        Verb::Get(args) => records::get(client, args, output).await,
        Verb::Put(args) => records::put(client, args).await,
        Verb::Delete(args) => records::delete(client, args).await,
        Verb::Export(args) => export::run(client, args, output).await,
    }
}

/// A length for people: `312 B`, `4.2 MB`.
fn bytes_words(bytes: u64) -> String {
    let units = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        // One digit behind the point, rounded down: nothing is ever said to be more than it is.
        Some((size, unit)) => format!("{}.{} {unit}", bytes / size, bytes % size / (size / 10)),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes_words;

    #[test]
    fn a_length_is_said_in_the_unit_that_fits() {
        assert_eq!(bytes_words(0), "0 B");
        assert_eq!(bytes_words(999), "999 B");
        assert_eq!(bytes_words(1_000), "1.0 kB");
        assert_eq!(bytes_words(4_299_999), "4.2 MB");
        assert_eq!(bytes_words(5_368_709_120), "5.3 GB");
        assert_eq!(bytes_words(u64::MAX), "18446744.0 TB");
    }
}
