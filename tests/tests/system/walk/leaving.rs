//! Ways to leave beside the plain sign-out: one that leaves the data here, a reset, a deletion that the cloud refuses; and whoever comes
//! back before the release of the last time was brought.

use belay_tests::Outcome;
use belay_tests::app::{ACCOUNT, Answer, WARDEN, options, refused};
use belay_tests::proxy::Trick;
use belay_tests::until::{turns, within};
use zbus::OwnedFd;

use super::deeds::{Deed, patiently};
use super::walker::Walker;
use crate::owner::{PASSWORD, app, state};

/// For as long as anybody asks.
const ALWAYS: usize = 10_000;

impl Walker {
    /// Signs out and leaves the data on the device.
    pub async fn leaves_data(&self) -> Outcome<Answer<()>> {
        let app = app(&self.scene);
        let ticket = match app.present("sign-out", "", &[("password", PASSWORD)]).await? {
            Ok(ticket) => ticket,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let keep = options([("keep-data", true.into())]);
        let answer: Answer<OwnedFd> = app.call(ACCOUNT, "SignOut", &(ticket, keep)).await?;
        Ok(answer.map(drop))
    }

    /// Signs out with the leave to reset the device.
    pub async fn resets(&self) -> Outcome<Answer<()>> {
        let release = options([("release", true.into())]);
        let answer = app(&self.scene).authorize_reset(PASSWORD, &release).await?;
        Ok(answer.map(drop))
    }

    /// Signs out while no release gets through, so that it goes along with the next binding.
    pub async fn release_waits(&self) {
        self.scene.network().plan("/v1/releases", ALWAYS, &Trick::Cut);
        let app = app(&self.scene);
        app.sign_out(PASSWORD).await.unwrap().unwrap();
        assert!(app.get::<bool>(ACCOUNT, "PendingRelease").await.unwrap());
    }

    /// Asks that the account be deleted while another device is bound to it; whether the answer came that it isn't.
    pub async fn is_kept_from_deleting(&self) -> bool {
        match app(&self.scene).delete_account(PASSWORD).await {
            Ok(answer) => {
                let refusal = answer.unwrap_err();
                eprintln!("refused: {refusal}");
                refusal.short() == "DevicesStillBound"
            }
            Err(surprise) => {
                eprintln!("no answer: {surprise}");
                false
            }
        }
    }

    /// The device is free, its data as it was to be, and the cloud has the release.
    pub async fn finish_leaving(&mut self, deed: Deed) {
        let binding = app(&self.scene).text(WARDEN, "BindingState").await.unwrap();
        if binding == "bound" {
            assert!(self.attempt(deed).await, "{deed:?}, asked again");
        }
        // A belayd that got no answer hears of it from the warden's next life.
        self.shows("unbound").await;
        self.finish_sign_out().await;
    }

    /// Everything is as it was, once the other device has left too.
    pub async fn finish_refused_deletion(&mut self) {
        assert_eq!(state(&self.scene).await, "bound");
        let app = app(&self.scene);
        let again = async || app.delete_account(PASSWORD).await;
        refused(patiently("the deletion", again).await, "DevicesStillBound").unwrap();
        self.other_leaves().await;
        let comes = within("the other device to be gone", async {
            let mut turns = turns();
            let is_alone = async || {
                app.list_devices()
                    .await
                    .unwrap()
                    .is_ok_and(|rows| rows.len() == 1)
            };
            while !is_alone().await {
                turns.tick().await;
            }
        });
        self.in_time(comes).await.unwrap();
    }

    /// The account is the owner's again, and no release is left of the time before.
    pub async fn finish_coming_back(&mut self) {
        self.scene.network().behave();
        self.finish_sign_in().await;
        let app = app(&self.scene);
        let comes = within("the release to be dropped", async {
            let mut turns = turns();
            while app.get::<bool>(ACCOUNT, "PendingRelease").await.unwrap() {
                turns.tick().await;
            }
        });
        self.in_time(comes).await.unwrap();
        assert_eq!(state(&self.scene).await, "bound");
    }
}
