//! In the session of whoever is logged in, as their user: PipeWire or PulseAudio has the card, and mixes the alarm with
//! what plays there. `wpctl` or `pactl` raises the volume of the output, `pacat` or `pw-cat` plays.

use std::fs;
use std::io;
use std::path::Path;

use crate::player::Player;
use crate::tools;

/// The output's volume as it was.
const BEFORE: &str = "session-before";
/// The output that the session plays to, for either tool.
const WIREPLUMBER: &str = "@DEFAULT_AUDIO_SINK@";
const PULSE: &str = "@DEFAULT_SINK@";

/// A volume that can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Volume {
    /// `wpctl` or `pactl`.
    tool: String,
    /// As the tool takes it: `0.40`, `40%`.
    level: String,
    /// `1` while muted, else `0`.
    mute: String,
}

/// What may play, tried one after the other. pw-cat took raw samples from its standard input by itself until it had an
/// option for that.
#[must_use]
pub fn players() -> [Player; 3] {
    let pulse = [
        "--playback",
        "--raw",
        "--format=s16le",
        "--rate=48000",
        "--channels=2",
        "--latency-msec=200",
        "--volume=65536",
        "--property=media.role=alarm",
        "--client-name=Belay",
    ];
    let newer = [
        "--playback",
        "--raw",
        "--format",
        "s16",
        "--rate",
        "48000",
        "--channels",
        "2",
        "-",
    ];
    let older = newer.into_iter().filter(|word| *word != "--raw");
    [
        Player::new("pacat", pulse),
        Player::new("pw-cat", newer),
        Player::new("pw-cat", older),
    ]
}

/// Keeps the volume in `runtime` and raises it to `level` percent.
pub async fn raise(level: u8, runtime: &Path) {
    let Some(volume) = volume().await else {
        tracing::warn!("neither wpctl nor pactl tells the volume: it rings as loud as it is");
        return;
    };
    if let Err(error) = keep(&volume, runtime) {
        tracing::warn!(%error, "the volume will stay as loud as it is made");
    }
    let raised = Volume {
        level: match volume.tool.as_str() {
            "wpctl" => format!("{}.{:02}", level / 100, level % 100),
            _ => format!("{level}%"),
        },
        mute: "0".to_owned(),
        ..volume
    };
    set(&raised).await;
}

/// Puts back what `runtime` keeps, also what a ring left that was killed. What can't be put back stays kept for the next
/// try, unless this is the `last` one.
pub async fn restore(runtime: &Path, last: bool) {
    let file = runtime.join(BEFORE);
    let Ok(text) = fs::read_to_string(&file) else {
        return;
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [tool @ ("wpctl" | "pactl"), level, mute] = words[..] {
        let volume = Volume {
            tool: tool.to_owned(),
            level: level.to_owned(),
            mute: mute.to_owned(),
        };
        if !set(&volume).await && !last {
            return;
        }
    }
    if let Err(error) = fs::remove_file(&file) {
        tracing::warn!(%error, "the kept volume stays");
    }
}

async fn volume() -> Option<Volume> {
    if let Some(said) = tools::ask("wpctl", ["get-volume", WIREPLUMBER]).await {
        return of_wireplumber(&said);
    }
    let level = tools::ask("pactl", ["get-sink-volume", PULSE]).await?;
    let mute = tools::ask("pactl", ["get-sink-mute", PULSE]).await?;
    of_pulse(&level, &mute)
}

/// `Volume: 0.40 [MUTED]`
fn of_wireplumber(said: &str) -> Option<Volume> {
    let level = said.trim().strip_prefix("Volume:")?.split_whitespace().next()?;
    level.parse::<f64>().ok()?;
    Some(Volume {
        tool: "wpctl".to_owned(),
        level: level.to_owned(),
        mute: u8::from(said.contains("[MUTED]")).to_string(),
    })
}

/// `Volume: front-left: 26214 /  40% / -23.88 dB, …` and `Mute: no`; the first channel's stands for all.
fn of_pulse(level: &str, mute: &str) -> Option<Volume> {
    let level = level.split_whitespace().find(|word| word.ends_with('%'))?;
    Some(Volume {
        tool: "pactl".to_owned(),
        level: level.to_owned(),
        mute: u8::from(mute.contains("yes")).to_string(),
    })
}

fn keep(volume: &Volume, runtime: &Path) -> io::Result<()> {
    let Volume { tool, level, mute } = volume;
    let part = runtime.join("session-before.part");
    fs::write(&part, format!("{tool} {level} {mute}\n"))?;
    fs::rename(part, runtime.join(BEFORE))
}

/// Answers whether it is so.
async fn set(volume: &Volume) -> bool {
    let Volume { tool, level, mute } = volume;
    let (set_volume, set_mute, output) = match tool.as_str() {
        "wpctl" => ("set-volume", "set-mute", WIREPLUMBER),
        _ => ("set-sink-volume", "set-sink-mute", PULSE),
    };
    let mut is_set = true;
    for (what, value) in [(set_volume, level), (set_mute, mute)] {
        if !tools::run(tool, [what, output, value]).await {
            tracing::warn!(tool, what, "the volume isn't set");
            is_set = false;
        }
    }
    is_set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(volume: Option<Volume>) -> Option<[String; 3]> {
        volume.map(|Volume { tool, level, mute }| [tool, level, mute])
    }

    #[test]
    fn both_tools_words_for_a_volume_are_understood() {
        let of = |said| parts(of_wireplumber(said));
        assert_eq!(
            of("Volume: 0.40 [MUTED]\n"),
            Some(["wpctl", "0.40", "1"].map(String::from))
        );
        assert_eq!(
            of("Volume: 1.00\n"),
            Some(["wpctl", "1.00", "0"].map(String::from))
        );
        assert_eq!(of("Node '@DEFAULT_AUDIO_SINK@' not found"), None);
        let level = "Volume: front-left: 26214 /  40% / -23.88 dB,   front-right: 26214 /  40% / -23.88 dB\n";
        let of = |mute| parts(of_pulse(level, mute));
        assert_eq!(of("Mute: yes\n"), Some(["pactl", "40%", "1"].map(String::from)));
        assert_eq!(of("Mute: no\n"), Some(["pactl", "40%", "0"].map(String::from)));
    }
}
