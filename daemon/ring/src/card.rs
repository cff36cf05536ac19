//! Straight to a sound card: alsa-utils' `alsactl` keeps and puts back its whole mixer, `alsaucm` switches its
//! loudspeaker on, `amixer` raises its volumes, `aplay` plays. A profile that is silent is a session's wish, of which
//! the card knows nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::outputs::Output;
use crate::player::Player;
use crate::tone::{CHANNELS, RATE};
use crate::tools;

/// Files of this name hold a card's mixer as it was; its number follows.
const BEFORE: &str = "mixer-before-";
/// While one is being written.
const PART: &str = ".part";

/// Controls with one of these in their name lead to a loudspeaker …
const AUDIBLE: [&str; 10] = [
    "master", "speaker", "spk", "line out", "lineout", "pcm", "dac", "digital", "output", "playback",
];
/// … unless this is in it too: what leads from a microphone to the loudspeaker would howl.
const NOT: [&str; 9] = [
    "mic", "capture", "adc", "line in", "linein", "loopback", "sidetone", "boost", "iec958",
];

/// What plays on `output`.
#[must_use]
pub fn player(output: &Output) -> Player {
    let rate = RATE.to_string();
    let channels = CHANNELS.to_string();
    let pcm = output.pcm();
    // The short buffer has it silent as soon as it is told to stop.
    let args = [
        "-q",
        "-t",
        "raw",
        "-f",
        "S16_LE",
        "-r",
        &rate,
        "-c",
        &channels,
        "-D",
        &pcm,
        "--buffer-time=200000",
        "-",
    ];
    Player::new("aplay", args)
}

/// Keeps the mixer of `card` in `runtime`, switches its loudspeaker on and raises what leads there to `level` percent.
///
/// It is raised even where it can't be kept, which the log says: a phone that isn't heard isn't found.
pub async fn raise(card: u32, level: u8, runtime: &Path) {
    if let Err(error) = keep(card, runtime).await {
        tracing::warn!(card, %error, "the volume will stay as loud as it is made");
    }
    let card = card.to_string();
    // Cards without a use case have their loudspeaker always on.
    let name = format!("hw:{card}");
    tools::run(
        "alsaucm",
        ["-c", &name, "set", "_verb", "HiFi", "set", "_enadev", "Speaker"],
    )
    .await;
    let Some(controls) = tools::ask("amixer", ["-c", &card, "scontrols"]).await else {
        tracing::warn!(card, "no mixer: it rings as loud as it is");
        return;
    };
    let level = format!("{level}%");
    for control in audible(&controls) {
        // One that has a volume and no switch, or the other way round, takes what it has.
        let args = ["-q", "-c", &card, "sset", control, "playback", &level, "unmute"];
        if !tools::run("amixer", args).await {
            tracing::debug!(control, "not raised");
        }
    }
}

/// The simple controls, as `amixer` takes them, that lead to a loudspeaker.
fn audible(controls: &str) -> Vec<&str> {
    let lines = controls.lines();
    let named = lines.filter_map(|line| line.strip_prefix("Simple mixer control "));
    let leads = |name: &&str| {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        has(&AUDIBLE) && !has(&NOT)
    };
    named.map(str::trim).filter(leads).collect()
}

/// Has the mixer written to a file that is there as a whole or not at all.
async fn keep(card: u32, runtime: &Path) -> io::Result<()> {
    let file = runtime.join(format!("{BEFORE}{card}"));
    if file.exists() {
        // It couldn't be put back: that is how it was, and not as loud as it is by now.
        return Ok(());
    }
    let part = runtime.join(format!("{BEFORE}{card}{PART}"));
    let number = card.to_string();
    let args = [
        "--no-lock".as_ref(),
        "--file".as_ref(),
        part.as_os_str(),
        "store".as_ref(),
        number.as_ref(),
    ];
    if !tools::run("alsactl", args).await {
        return Err(io::Error::other("alsactl doesn't keep the mixer"));
    }
    fs::rename(part, file)
}

/// Puts back each mixer that `runtime` keeps, also one that a ring left that was killed. What can't be put back stays kept
/// for the next try, unless this is the `last` one.
pub async fn restore(runtime: &Path, last: bool) {
    for (card, file) in kept(runtime) {
        let args = [
            "--no-lock".as_ref(),
            "--no-init-fallback".as_ref(),
            "--file".as_ref(),
            file.as_os_str(),
            "restore".as_ref(),
            card.as_ref(),
        ];
        if !tools::run("alsactl", args).await {
            tracing::warn!(card, "not every volume is put back");
            if !last {
                continue;
            }
        }
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(%error, "the kept mixer stays");
        }
    }
}

fn kept(runtime: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(runtime).into_iter().flatten().flatten();
    let card = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let card = name.to_str()?.strip_prefix(BEFORE)?.parse::<u32>().ok()?;
        Some((card.to_string(), entry.path()))
    };
    entries.filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_loudspeaker_is_raised_and_no_microphone() {
        let controls = "Simple mixer control 'Master',0\nSimple mixer control 'Line Out',0\n\
            Simple mixer control 'Mic1',0\nSimple mixer control 'Mic1 Playback',0\nSimple mixer control 'Headset Mic Boost',0\n\
            Simple mixer control 'AIF1 DA0',0\nSimple mixer control 'DAC',0\nSimple mixer control 'ADC',0\nnonsense\n";
        assert_eq!(audible(controls), ["'Master',0", "'Line Out',0", "'DAC',0"]);
    }

    #[test]
    fn what_is_half_written_is_not_put_back() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "mixer-before-0",
            "mixer-before-1.part",
            "session-before",
            "mixer-before-x",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let cards: Vec<_> = kept(folder.path()).into_iter().map(|(card, _)| card).collect();
        assert_eq!(cards, ["0"]);
    }
}
