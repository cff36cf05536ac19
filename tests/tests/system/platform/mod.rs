//! belayd's adapters against the services of a phone: what they ask, what they make of the answers, and what they do
//! when nobody answers.

mod audio;
mod commands;
mod modem;
mod modem_shared;
mod network;
mod place;
mod power;
mod time;

use std::sync::Arc;
use std::time::Duration;

use belay::actor::Supervisor;
use belay::config::Config;
use belay::platform::{Buses, Platform};
use belay_proto::clock::FakeClock;
use belay_tests::guest;
use belay_tests::services::Services;
use belay_tests::until::{turns, within};
use tokio::sync::watch;

use crate::scene::Scene;

/// A device's services and belayd's adapters to them, without belayd.
struct Phone {
    platform: Platform,
    clock: FakeClock,
    // Keeps the followers alive.
    _supervisor: Supervisor,
    scene: Scene,
}

impl Phone {
    async fn new() -> Self {
        Self::of(&Config::default(), Duration::from_secs(25)).await
    }

    /// With commands in the configuration, and with less patience.
    async fn of(config: &Config, patience: Duration) -> Self {
        let scene = Scene::empty().await;
        let user = guest::programs().unwrap_or_else(guest::person);
        let builder = guest::builder(scene.bus().socket(), user).unwrap();
        let buses = Buses {
            system: Some(builder.method_timeout(patience).build().await.unwrap()),
            session: Some(scene.bus().address()),
        };
        let clock = FakeClock::new();
        let mut supervisor = Supervisor::default();
        let mut config = config.clone();
        config.paths.state = scene.place().folder("platform", 0o700).unwrap();
        let platform = Platform::over(buses, &config, &mut supervisor, Arc::new(clock.clone()));
        Self {
            platform,
            clock,
            _supervisor: supervisor,
            scene,
        }
    }

    fn services(&self) -> &Services {
        self.scene.services()
    }
}

/// Lets time pass until `future` is done: for waits that begin when nobody can see it.
async fn in_time<T>(phone: &Phone, future: impl Future<Output = T>) -> T {
    let passing = async {
        let mut turns = turns();
        loop {
            turns.tick().await;
            phone.clock.advance(Duration::from_secs(5));
        }
    };
    tokio::select! {
        done = future => done,
        () = passing => panic!("time ends"),
    }
}

/// Waits until the view is as wanted.
async fn shows<V: Clone>(view: &mut watch::Receiver<V>, what: &str, wanted: impl FnMut(&V) -> bool) -> V {
    within(what, view.wait_for(wanted))
        .await
        .unwrap()
        .unwrap()
        .clone()
}
