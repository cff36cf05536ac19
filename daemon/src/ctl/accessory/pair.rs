//! `pair`: an accessory becomes the account's.

use belay_proto::Secret;
use belay_proto::dbus::client::pair_with_key;
use belay_proto::dbus::{AccessoryProxy, Options};
use futures_util::StreamExt as _;
use serde_json::json;
use zbus::Variant;

use super::bus::{self, Entry};
use super::cli::Pair;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::secret;

const PROMPT: &str = "The accessory's key, 32 hexadecimal digits: ";

/// Pairs and shows what goes on; the key is asked for where one is needed and none was given. JSON: `id`, `state`.
///
/// # Errors
/// What belayd says.
pub async fn run(client: &Client, entry: &Entry, args: &Pair, output: Output) -> Result<Report, Error> {
    let accessory = bus::proxy_to_read(client, entry.id).await?;
    let key = match &args.key_file {
        Some(file) => Some(secret::read(Some(file), PROMPT).await?),
        None => None,
    };
    let mut result = attempt(client, entry, &accessory, key.as_ref(), args.replace, output).await;
    if key.is_none() && needs_key(&result) && !output.json && secret::can_ask() {
        output.progress("Its maker's account issued a key for it, which is needed now.")?;
        let key = secret::read(None, PROMPT).await?;
        result = attempt(client, entry, &accessory, Some(&key), args.replace, output).await;
    }
    result?;
    Ok(Report::new(
        format!("{} is paired.", entry.shown_name()),
        json!({ "id": entry.id.to_string(), "state": "paired" }),
    ))
}

fn needs_key(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Refused(refusal)) if refusal.name == "KeyRequired")
}

async fn attempt(
    client: &Client,
    entry: &Entry,
    accessory: &AccessoryProxy<'_>,
    key: Option<&Secret<String>>,
    replace: bool,
    output: Output,
) -> Result<(), Error> {
    let mut states = accessory.receive_state_changed().await;
    // Once it is read it is followed: no state on the way is missed.
    accessory.state().await?;
    let asked = bus::proxy(client, entry.id).await?;
    let pairing = async {
        match key {
            Some(key) => pair_with_key(client.connection(), entry.id, key, replace).await,
            None => {
                asked
                    .pair(&Options::from([("replace", Variant::from(replace))]))
                    .await
            }
        }
    };
    let mut pairing = std::pin::pin!(pairing);
    let mut shown = None;
    loop {
        tokio::select! {
            biased;
            Some(change) = states.next() => {
                let state = change.get().await.unwrap_or_default();
                if let Some(words) = state_words(&state) && shown != Some(words) {
                    output.progress(words)?;
                    shown = Some(words);
                }
            }
            result = &mut pairing => return Ok(result?),
        }
    }
}

/// What a person is told in a state on the way; `None` where there is nothing to tell.
fn state_words(state: &str) -> Option<&'static str> {
    match state {
        "connecting" => Some("Connecting …"),
        "pairing" => Some("Pairing …"),
        "awaiting-confirmation" => Some("Tap the band now: it asks whether to pair."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_on_the_way_are_told_and_the_others_arent() {
        assert!(
            state_words("awaiting-confirmation")
                .unwrap()
                .contains("Tap the band")
        );
        assert!(state_words("connecting").is_some() && state_words("pairing").is_some());
        for quiet in ["discovered", "paired", "connected", "error", "unknown", ""] {
            assert_eq!(state_words(quiet), None, "{quiet}");
        }
    }

    #[test]
    fn only_a_missing_key_is_asked_for() {
        assert!(needs_key(&Err(Error::named("org.belay1.Error.KeyRequired", ""))));
        assert!(!needs_key(&Err(Error::named(
            "org.belay1.Error.AccessoryKeyMismatch",
            ""
        ))));
        assert!(!needs_key(&Ok(())));
    }
}
