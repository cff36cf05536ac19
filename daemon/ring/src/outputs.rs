//! The sound cards that can play, as the kernel shows them in `/sys/class/sound`.

use std::fs;
use std::io;
use std::path::Path;

/// Where the kernel shows them.
pub const SOUND: &str = "/sys/class/sound";

/// Cards of these names have no loudspeaker of the phone: displays, the modem's line, one that only loops.
const UNLIKELY: [&str; 5] = ["hdmi", "displayport", "modem", "loopback", "dummy"];

/// A device of a card that plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The card's number.
    pub card: u32,
    /// Its name for people and tools, such as `PinePhone`.
    pub id: String,
    /// The device's number on the card.
    pub device: u32,
}

impl Output {
    /// ALSA's name of it, with the conversions of rate and format that the hardware needs.
    #[must_use]
    pub fn pcm(&self) -> String {
        format!("plughw:{},{}", self.card, self.device)
    }
}

/// The outputs below `folder`, the likeliest first; of one card alone where `card` names it by number or id.
///
/// # Errors
/// Where the folder can't be read: the kernel has no sound.
pub fn outputs(folder: &Path, card: Option<&str>) -> io::Result<Vec<Output>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some((number, device)) = name.to_str().and_then(playback) else {
            continue;
        };
        let id = fs::read_to_string(folder.join(format!("card{number}")).join("id")).unwrap_or_default();
        let id = id.trim().to_owned();
        if card.is_none_or(|card| card == id || card.parse() == Ok(number)) {
            found.push(Output {
                card: number,
                id,
                device,
            });
        }
    }
    found.sort_by_key(|output| (is_unlikely(&output.id), output.card, output.device));
    Ok(found)
}

/// Card and device of a name like `pcmC0D0p`.
fn playback(name: &str) -> Option<(u32, u32)> {
    let (card, device) = name.strip_prefix("pcmC")?.strip_suffix('p')?.split_once('D')?;
    Some((card.parse().ok()?, device.parse().ok()?))
}

fn is_unlikely(id: &str) -> bool {
    let id = id.to_lowercase();
    UNLIKELY.iter().any(|name| id.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plays_is_found_the_phone_s_own_loudspeaker_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (card, id) in [
            ("card0", "sun9ihdmi\n"),
            ("card1", "PinePhone\n"),
            ("card2", "Modem\n"),
        ] {
            fs::create_dir(at(card)).unwrap();
            fs::write(at(card).join("id"), id).unwrap();
        }
        for name in [
            "pcmC0D0p",
            "pcmC1D1p",
            "pcmC1D0p",
            "pcmC1D0c",
            "pcmC2D0p",
            "controlC1",
            "timer",
            "pcmC9",
        ] {
            fs::write(at(name), "").unwrap();
        }
        let pcms = |card| {
            let found = outputs(folder.path(), card).unwrap();
            found.iter().map(Output::pcm).collect::<Vec<_>>()
        };
        assert_eq!(
            pcms(None),
            ["plughw:1,0", "plughw:1,1", "plughw:0,0", "plughw:2,0"]
        );
        assert_eq!(pcms(Some("Modem")), ["plughw:2,0"]);
        assert_eq!(pcms(Some("0")), ["plughw:0,0"]);
        assert!(pcms(Some("7")).is_empty());
        assert!(outputs(&at("none"), None).is_err());
    }
}
