//! Points in the source at which a program of a stage dies; see `belay_proto::failpoint`.

use std::fs;
use std::path::PathBuf;

use belay_proto::failpoint;

use super::Stage;
use crate::app::{App, WARDEN};
use crate::place::Place;
use crate::until::until;
use crate::{Outcome, Surprise};

/// The folder of the file that arms a point: the programs rename in it.
const FOLDER: &str = "failpoint";

/// The file that arms a point.
pub(crate) fn file(place: &Place) -> PathBuf {
    place.at(FOLDER).join("armed")
}

/// Makes the folder of the file.
pub(super) fn prepare(place: &Place) -> Outcome {
    place.folder(FOLDER, 0o755)?;
    Ok(())
}

impl Stage {
    /// From now on the program that comes by the point `name` dies there, the next time but `hits`. The stage's plan has to say
    /// that points can be armed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn arm(&self, name: &str, hits: u32) -> Outcome {
        let _none = fs::remove_file(failpoint::met(&file(&self.place)));
        let path = format!("{FOLDER}/armed");
        self.place.write(&path, &format!("{name} {hits}\n"), 0o644)?;
        Ok(())
    }

    /// Whether the point that was armed last was met. From now on none is armed.
    #[must_use]
    pub fn disarm(&self) -> bool {
        let _none = fs::remove_file(file(&self.place));
        self.is_met()
    }

    /// Whether the point that was armed last was met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        failpoint::met(&file(&self.place)).exists()
    }

    /// Waits until the point that was armed last is met.
    ///
    /// # Errors
    /// Where it isn't.
    pub async fn met(&self) -> Outcome {
        until("a failpoint to be met", async || self.is_met().then_some(())).await
    }

    /// Starts the program again that died at the point `name`: the first word of the name says which. The warden is started by
    /// the bus at the next call.
    ///
    /// # Errors
    /// Where it didn't die or doesn't come up.
    pub async fn revive(&mut self, name: &str) -> Outcome {
        match name.split('.').next() {
            Some("belayd") => {
                if let Some(mut dead) = self.belayd.take() {
                    dead.wait().await?;
                }
                self.start_belayd().await
            }
            Some("cloud") => {
                self.bury_cloud().await?;
                self.start_cloud().await
            }
            Some("warden") => {
                let app = App::new(&self.person);
                let answers = async || app.text(WARDEN, "BindingState").await.ok();
                until("another warden to answer", answers).await.map(drop)
            }
            _ => Err(Surprise::new(format!("no program comes by {name}"))),
        }
    }
}
