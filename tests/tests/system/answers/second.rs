//! Another device of the account.

use std::time::Duration;

use belay_proto::signed::MOST_EPOCHS;
use belay_tests::until::until;

use super::World;
use super::world::PACE;
use crate::account_life::device_id;
use crate::owner::{app, state};
use crate::scene::Scene;

/// After which a budget has something left.
const HOUR: Duration = Duration::from_secs(60 * 60);

impl World {
    /// Another device of the account.
    pub async fn have_second(&mut self) {
        let second = match self.second.take() {
            Some(second) => second,
            None => Scene::beside(&self.scene).await,
        };
        second.clock().run(PACE).unwrap();
        let app = app(&second);
        // Each removal takes a new key epoch, of which an account has so many at most.
        if self.seconds >= MOST_EPOCHS / 2 {
            if state(&second).await != "unbound" {
                app.sign_out(&self.password).await.unwrap().unwrap();
            }
            self.begin_anew().await;
        }
        let id = device_id(&second).await;
        if !id.is_empty() && !self.lists(&id).await {
            self.shows(&app, "State", "reauthentication-required").await;
        }
        if state(&second).await == "reauthentication-required" {
            app.sign_out(&self.password).await.unwrap().unwrap();
        }
        if state(&second).await != "bound" {
            let signs_in = async || app.sign_in(&self.login, &self.password).await.unwrap();
            self.seconds += 1;
            match signs_in().await {
                // Somebody who signs in a hundred times a day is asked to wait.
                Err(refusal) if refusal.short() == "TooSoon" => {
                    for clock in [self.scene.clock(), second.clock()] {
                        clock.advance(HOUR).unwrap();
                    }
                    signs_in().await.unwrap();
                }
                answer => answer.unwrap(),
            }
        }
        self.target = device_id(&second).await;
        self.second = Some(second);
    }

    /// With another account, of which everything is as it was of the first.
    async fn begin_anew(&mut self) {
        self.be_unbound().await;
        self.login.clear();
        self.be_bound().await;
        self.seconds = 0;
    }

    /// Whether the account has this device.
    async fn lists(&self, id: &str) -> bool {
        let app = app(&self.scene);
        let ask = async || app.list_devices().await.unwrap().ok();
        let listed = until("the devices", ask).await.unwrap();
        listed.iter().any(|row| belay_tests::app::entry(row, "id") == id)
    }
}
