//! `sync`: an accessory's history comes to this device.

use belay_proto::dbus::Options;
use futures_util::StreamExt as _;
use serde_json::json;

use super::bus::{self, Entry};
use super::plot::Glyphs;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Line, Output, Report};

const WIDTH: u64 = 30;

/// Fetches the history, with a bar on a terminal. JSON: `id`, `records`.
///
/// # Errors
/// What belayd says.
pub async fn run(client: &Client, entry: &Entry, output: Output) -> Result<Report, Error> {
    let accessory = bus::proxy(client, entry.id).await?;
    let mut progress = accessory.receive_sync_progress_changed().await;
    // Once it is read it is followed.
    let before = accessory.sync_progress().await?;
    let options = Options::new();
    let mut syncing = std::pin::pin!(accessory.sync(&options));
    let glyphs = Glyphs::of(output);
    let mut line = Line::default();
    let result = loop {
        tokio::select! {
            biased;
            Some(change) = progress.next() => {
                let (done, all) = change.get().await.unwrap_or_default();
                // What the last sync came to is told first.
                if output.terminal && all > 0 && (line.is_drawn() || (done, all) != before) {
                    line.draw(&bar(done, all, glyphs))?;
                }
            }
            result = &mut syncing => break result,
        }
    };
    drop(line);
    let records = result?;
    Ok(Report::new(
        records_words(u64::from(records)),
        json!({ "id": entry.id.to_string(), "records": records }),
    ))
}

/// `1 record`, `2 records`.
fn records_words(records: u64) -> String {
    match records {
        1 => "1 record".to_owned(),
        _ => format!("{records} records"),
    }
}

fn bar(done: u64, all: u64, glyphs: Glyphs) -> String {
    let done = done.min(all);
    let part =
        |of: u64| u64::try_from(u128::from(done) * u128::from(of) / u128::from(all.max(1))).unwrap_or(of);
    let full = part(WIDTH);
    let (ink, paper) = match glyphs {
        Glyphs::Unicode => ("█", "░"),
        Glyphs::Ascii => ("#", "-"),
    };
    let repeat = |glyph: &str, count: u64| glyph.repeat(usize::try_from(count).unwrap_or_default());
    format!(
        "[{}{}] {:>3} %  {done} of {}",
        repeat(ink, full),
        repeat(paper, WIDTH - full),
        part(100),
        records_words(all)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_with_what_is_done() {
        assert_eq!(
            bar(0, 60, Glyphs::Ascii),
            "[------------------------------]   0 %  0 of 60 records"
        );
        assert_eq!(
            bar(20, 60, Glyphs::Ascii),
            "[##########--------------------]  33 %  20 of 60 records"
        );
        assert_eq!(
            bar(1, 1, Glyphs::Unicode),
            "[██████████████████████████████] 100 %  1 of 1 record"
        );
    }

    #[test]
    fn numbers_that_make_no_sense_break_no_bar() {
        assert!(bar(9, 3, Glyphs::Ascii).contains("100 %"));
        assert!(bar(0, 0, Glyphs::Ascii).contains("  0 %"));
        assert!(bar(u64::MAX, u64::MAX, Glyphs::Ascii).contains("100 %"));
    }

    #[test]
    fn records_are_counted_in_words() {
        assert_eq!(records_words(0), "0 records");
        assert_eq!(records_words(1), "1 record");
    }
}
