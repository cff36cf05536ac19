//! A cloud in the wrong hands, with valid TLS and belayd's ear: what it puts in the queue is refused by its own name,
//! audited and shown, and what it withholds does no harm later.

use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, CommandState};
use belay_proto::text::base64url;
use belay_proto::wire::Hint;
use belay_tests::app::{App, DEVICE, WARDEN, memfd};
use belay_tests::owner::sealed;
use belay_tests::proxy::Trick;
use belay_tests::until::within;
use futures_util::StreamExt;
use serde_json::json;
use zbus::proxy::SignalStream;
use zbus::{Fd, OwnedVariant};

use crate::find_hostile::{audited, console, forgeries, lock, ring, wipe};
use crate::owner::{ADA, PASSWORD, app};
use crate::scene::Scene;

/// `SecurityEvent`s from now on.
struct Events(SignalStream<'static>);

impl Events {
    async fn of(app: &App) -> Self {
        let proxy = zbus::Proxy::new(app.bus(), DEVICE.service, DEVICE.path, DEVICE.interface);
        Self(
            proxy
                .await
                .unwrap()
                .receive_signal("SecurityEvent")
                .await
                .unwrap(),
        )
    }

    /// The kinds of the next `count`.
    async fn next(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        while kinds.len() < count {
            let what = format!("the next SecurityEvent after {kinds:?}");
            let signal = within(&what, self.0.next()).await.unwrap().unwrap();
            kinds.push(signal.body().deserialize::<String>().unwrap());
        }
        kinds
    }
}

/// Has the network answer the device's next question for commands with these, from number `first` on, whatever the
/// cloud has, and makes the device ask.
fn smuggle(scene: &Scene, first: usize, envelopes: &[Vec<u8>]) {
    let commands: Vec<_> = envelopes
        .iter()
        .zip(first..)
        .map(|(envelope, sequence)| json!({"sequence": sequence, "envelope": base64url(envelope)}))
        .collect();
    let last = first + commands.len() - 1;
    let answer = json!({"commands": commands, "last": last});
    scene
        .network()
        .plan("/v1/commands", 1, &Trick::says(&answer.to_string()));
    scene.network().hint(Hint::Commands);
}

/// Waits until the device's stream is open.
async fn connected(app: &App) {
    let mut device = app.watch(DEVICE).await.unwrap();
    if !app.get::<bool>(DEVICE, "Connected").await.unwrap() {
        let up = |v: &OwnedVariant| bool::try_from(&**v) == Ok(true);
        device
            .until("the channel to be up", "Connected", up)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_a_hostile_cloud_puts_in_the_queue_is_refused_audited_and_shown() {
    let (scene, console) = console().await;
    let app = app(&scene);
    connected(&app).await;
    let mut events = Events::of(&app).await;
    let forgeries = forgeries(console.owner());
    let (bytes, names): (Vec<_>, Vec<_>) = forgeries.into_iter().unzip();
    smuggle(&scene, 1, &bytes);
    let shown: Vec<_> = names.iter().map(|name| format!("command-{name}")).collect();
    assert_eq!(events.next(names.len()).await, shown);
    assert_eq!(audited(&app).await, names);
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");

    // A cloud that counts anew is listened to all the same, and the owner's command arrives.
    let id = console.send(&scene, lock()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    app.reads(DEVICE, "LockState", "lost").await.unwrap();
}

#[tokio::test]
async fn a_cloud_that_replays_and_reorders_is_found_out_and_each_command_is_done_once() {
    let (scene, console) = console().await;
    let app = app(&scene);
    connected(&app).await;
    let mut events = Events::of(&app).await;
    let owner = console.owner();
    let (_, older) = owner.signed(lock());
    let (_, newer) = owner.signed(Action::Lock {
        message: String::new(),
        phone: String::new(),
    });
    let (_, held_back) = owner.signed(wipe());
    smuggle(&scene, 1, &[newer.clone(), newer.clone(), older, newer]);
    let shown = ["command-replayed", "command-superseded", "command-replayed"];
    assert_eq!(events.next(3).await, shown);
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "lost");
    app.reads(DEVICE, "LostMessage", "").await.unwrap();

    // The wipe was held back until the owner had the phone again.
    let mut device = app.watch(DEVICE).await.unwrap();
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    app.call::<_, ()>(WARDEN, "Unlock", &(fd,))
        .await
        .unwrap()
        .unwrap();
    device.becomes("LockState", "unlocked").await.unwrap();
    smuggle(&scene, 5, &[held_back]);
    assert_eq!(events.next(1).await, ["command-stale"]);
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    let wiped = scene.services().systemd().jobs();
    assert!(!wiped.iter().any(|job| job.unit == "belay-wipe.service"));
    assert_eq!(
        audited(&app).await,
        ["replayed", "superseded", "replayed", "stale"]
    );
}

#[tokio::test]
async fn what_a_cloud_held_back_until_its_time_was_over_is_refused_and_shown() {
    let (scene, console) = console().await;
    let app = app(&scene);
    connected(&app).await;
    let mut events = Events::of(&app).await;
    let owner = console.owner();
    let (_, rings) = owner.signed(ring());
    let (never, unlocks) = owner.signed(Action::Unlock);
    // From here on the warden knows what time it was.
    let (_, cancels) = owner.signed(Action::Cancel { id: never });
    smuggle(&scene, 1, &[cancels]);
    scene
        .network()
        .seen("the cancel's outcome", |e| {
            e.path == "/v1/outcomes" && e.status == 204
        })
        .await
        .unwrap();
    scene.clock().advance(Duration::from_secs(11 * 60)).unwrap();
    // A clock that is years behind makes it no younger.
    scene.clock().set_wall(1_000_000_000).unwrap();
    smuggle(&scene, 2, &[rings, unlocks, Vec::new()]);
    // What the owner has cancelled himself is audited and no event.
    assert_eq!(events.next(2).await, ["command-expired", "command-malformed"]);
    assert_eq!(audited(&app).await, ["expired", "cancelled", "malformed"]);
    assert_eq!(scene.services().feedback().playing(), []);
}

#[tokio::test]
async fn what_a_cloud_kept_of_an_earlier_binding_is_nothing_to_the_next() {
    let (scene, console) = console().await;
    let app = app(&scene);
    let kept = [lock(), wipe(), ring(), Action::SignOut].map(|action| console.owner().signed(action).1);
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    connected(&app).await;
    let mut events = Events::of(&app).await;
    smuggle(&scene, 1, &kept);
    assert_eq!(events.next(4).await, ["command-wrong-device"; 4]);
    assert_eq!(audited(&app).await, ["wrong-device"; 4]);
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

#[tokio::test]
async fn a_flood_of_forged_commands_neither_stops_the_device_nor_fills_its_log() {
    let (scene, console) = console().await;
    let app = app(&scene);
    connected(&app).await;
    let forged = sealed(&console.owner().draft(lock()), &SigningKey::generate(), None);
    let mut events = Events::of(&app).await;
    smuggle(&scene, 1, &vec![forged; 300]);
    events.next(300).await;
    let logged = audited(&app).await.len();
    assert!((256..300).contains(&logged), "{logged} entries");
    let id = console.send(&scene, lock()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
}
