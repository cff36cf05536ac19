//! `scan`: accessories nearby, as they appear.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::names::ACCESSORY_INTERFACE;
use belay_proto::dbus::{AccessoryManagerProxy, Options};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use zbus::Variant;
use zbus::names::InterfaceName;

use super::bus::{self, Entry};
use super::cli::Scan;
use super::words::{heading, row};
use crate::ctl::advice::{self, Advice, accessories};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};

/// Looks until the time is over or Ctrl-C. JSON, once at the end: `accessories`.
///
/// # Errors
/// What belayd says.
pub async fn run(client: &Client, args: &Scan, output: Output) -> Result<Report, Error> {
    let objects = bus::objects(client).await?;
    // Before the discovery, so that none is missed.
    let mut added = objects.receive_interfaces_added().await?;
    let manager = bus::manager(client).await?;
    if let Err(error) = manager.start_discovery(&options(args)).await {
        return Err(switched_off(&manager, error.into()).await);
    }
    // Until here Ctrl-C ends the process, however long belayd takes.
    let known = bus::all(client).await?;
    // Before anything is shown, so that Ctrl-C ends what is seen to go on with what it came to.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Error::io("Ctrl-C"))?;
    output.progress(&output.ink.faint(&heading()))?;
    let mut seen = Seen::default();
    for entry in known {
        seen.show(entry, args, output)?;
    }
    let mut over = std::pin::pin!(tokio::time::sleep(Duration::from_secs(args.seconds)));
    loop {
        tokio::select! {
            next = added.next() => {
                let Some(signal) = next else {
                    return Err(zbus::fdo::Error::Disconnected("the bus closed the connection".to_owned()).into());
                };
                if let Ok(signal) = signal.args()
                    && let Some(entry) = read(signal.object_path().as_str(), signal.interfaces_and_properties())
                {
                    seen.show(entry, args, output)?;
                }
            }
            () = &mut over => break,
            _ = interrupted.recv() => break,
        }
    }
    // It ends with this process anyhow, so that whoever presses Ctrl-C again needn't wait.
    let none = Options::new();
    tokio::select! {
        _ = manager.stop_discovery(&none) => {}
        _ = interrupted.recv() => {}
    }
    let all: Vec<_> = seen.0.iter().map(|entry| &entry.fields).collect();
    Ok(Report::new(end_words(all.len()), json!({ "accessories": all })))
}

type Interfaces<'a> = HashMap<InterfaceName<'a>, HashMap<&'a str, Variant<'a>>>;

fn read(path: &str, interfaces: &Interfaces<'_>) -> Option<Entry> {
    let (name, properties) = interfaces
        .iter()
        .find(|(name, _)| name.as_str() == ACCESSORY_INTERFACE)?;
    let own = properties
        .iter()
        .filter_map(|(key, value)| Some(((*key).to_owned(), value.try_to_owned().ok()?)))
        .collect();
    Entry::read(path, std::iter::once((name.as_str(), &own)))
}

/// What was shown, each accessory once.
#[derive(Default)]
struct Seen(Vec<Entry>);

impl Seen {
    fn show(&mut self, entry: Entry, args: &Scan, output: Output) -> Result<(), Error> {
        if self.admits(&entry, &args.kind) {
            output.progress(&row(&entry, &self.0, output.ink))?;
            self.0.push(entry);
        }
        Ok(())
    }

    fn admits(&self, entry: &Entry, kinds: &[String]) -> bool {
        let wanted = kinds.is_empty() || kinds.iter().any(|kind| kind == entry.text("kind"));
        wanted && self.0.iter().all(|seen| seen.id != entry.id)
    }
}

fn options(args: &Scan) -> Options<'_> {
    let mut options = Options::from([
        ("timeout", Variant::from(args.seconds * 1_000)),
        ("power-on", Variant::from(args.power_on)),
    ]);
    if !args.kind.is_empty() {
        options.insert("kinds", Variant::new(args.kind.clone()));
    }
    options
}

/// The error, with what to do where an adapter is there and only off.
async fn switched_off(manager: &AccessoryManagerProxy<'_>, mut error: Error) -> Error {
    if let Error::Refused(refusal) = &mut error
        && refusal.name == "AdapterMissing"
        && manager.available().await.unwrap_or(false)
        && !manager.powered().await.unwrap_or(true)
        && let Some(next) = accessories::next_of("switch-bluetooth-on")
    {
        refusal.advice = Some(Advice {
            next,
            ..advice::of(&refusal.name)
        });
    }
    error
}

fn end_words(count: usize) -> String {
    match count {
        0 => "Nothing was found. Wake the accessory up, bring it closer, and try again.".to_owned(),
        _ => "\nPair one with: belayctl accessory pair ID".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::accessory::bus::tests::entry_with;

    fn args(kinds: &[&str]) -> Scan {
        Scan {
            seconds: 45,
            kind: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            power_on: true,
        }
    }

    #[test]
    fn the_options_have_the_types_of_the_contract() {
        let none = args(&[]);
        let all = options(&none);
        assert_eq!(all["timeout"], Variant::U64(45_000));
        assert_eq!(all["power-on"], Variant::Bool(true));
        assert!(!all.contains_key("kinds"));
        let two = args(&["mi-band-4", "mi-scale"]);
        assert_eq!(options(&two)["kinds"].value_signature().to_string(), "as");
    }

    #[test]
    fn each_accessory_of_a_wanted_kind_is_shown_once() {
        let band = entry_with(&"ab".repeat(16), json!({"kind": "mi-band-4"}));
        let mut seen = Seen::default();
        assert!(seen.admits(&band, &[]));
        assert!(seen.admits(&band, &["mi-scale".into(), "mi-band-4".into()]));
        assert!(!seen.admits(&band, &["mi-scale".into()]));
        seen.0.push(band.clone());
        assert!(!seen.admits(&band, &[]));
    }

    #[test]
    fn an_accessory_is_read_from_the_signal_that_it_appeared() {
        let properties = HashMap::from([("Name", Variant::from("Band"))]);
        let interface = InterfaceName::from_static_str(ACCESSORY_INTERFACE).unwrap();
        let all = Interfaces::from([(interface, properties)]);
        let path = format!("/org/belay1/accessories/{}", "ab".repeat(16));
        assert_eq!(read(&path, &all).unwrap().name(), "Band");
        assert!(read("/org/belay1/device", &all).is_none());
    }
}
