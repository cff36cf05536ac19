//! One way after the other, until one is heard; then until it is told to stop.

use std::io;
use std::path::PathBuf;

use tokio::sync::watch;

use crate::outputs::outputs;
use crate::player::{End, Player};
use crate::{card, session};

/// Which way to the loudspeaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Straight to the sound card.
    #[default]
    Card,
    /// In the session of the user who runs this.
    Session,
}

/// What to ring with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which way.
    pub way: Way,
    /// The card alone, by number or id; `None`: the likeliest first.
    pub card: Option<String>,
    /// Percent of the loudest.
    pub level: u8,
    /// Where volumes are kept meanwhile: a folder that nobody else can write to.
    pub runtime: PathBuf,
    /// Where the kernel shows its sound cards.
    pub sound: PathBuf,
}

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The kernel knows no sound card, or not this one.
    #[error("there is no sound card that plays")]
    NoCard(#[source] Option<io::Error>),
    /// None of the ways plays, or the one that did broke off.
    #[error("nothing plays: {0}")]
    Broken(String),
}

/// Rings until `stop` holds true, and puts the volume back. `heard` is called once it is heard.
///
/// # Errors
/// [`RingError`]: nothing is heard, or no longer. The volume is put back then too.
pub async fn ring(
    settings: &Settings,
    mut stop: watch::Receiver<bool>,
    heard: impl Fn(),
) -> Result<(), RingError> {
    // What one before this, that was killed, has left: else its loud volume would be kept as the one before.
    restore(settings, true).await;
    let mut broken = Vec::new();
    match settings.way {
        Way::Card => {
            let found = outputs(&settings.sound, settings.card.as_deref());
            let found = found.map_err(|error| RingError::NoCard(Some(error)))?;
            if found.is_empty() {
                return Err(RingError::NoCard(None));
            }
            for output in found {
                card::raise(output.card, settings.level, &settings.runtime).await;
                let end = plays(&card::player(&output), &mut stop, &heard).await;
                restore(settings, false).await;
                match end {
                    End::Stopped => return Ok(()),
                    End::Broken(why) => broken.push(format!("{} ({}): {why}", output.pcm(), output.id)),
                }
            }
        }
        Way::Session => {
            session::raise(settings.level, &settings.runtime).await;
            let mut stopped = false;
            for player in session::players() {
                match plays(&player, &mut stop, &heard).await {
                    End::Stopped => {
                        stopped = true;
                        break;
                    }
                    End::Broken(why) => broken.push(why),
                }
            }
            restore(settings, false).await;
            if stopped {
                return Ok(());
            }
        }
    }
    Err(RingError::Broken(broken.join("; ")))
}

async fn plays(player: &Player, stop: &mut watch::Receiver<bool>, heard: &impl Fn()) -> End {
    let end = player.play(stop, heard).await;
    if let End::Broken(why) = &end {
        tracing::warn!(why, "another way");
    }
    end
}

/// Puts back the volume that one before this has left. What can't be put back stays for the next try, unless this is the
/// `last` one.
pub async fn restore(settings: &Settings, last: bool) {
    match settings.way {
        Way::Card => card::restore(&settings.runtime, last).await,
        Way::Session => session::restore(&settings.runtime, last).await,
    }
}
