//! A cloud in the wrong hands, with valid TLS and belayd's ear: what it sends is refused by its own name, audited and
//! shown, and what it withholds does no harm later.

use std::collections::HashMap;

use belay_proto::keys::{SigningKey, random};
use belay_proto::signed::{Action, Command, CommandState, Signed, Verb};
use belay_proto::text::base64url;
use belay_proto::wire::Hint;
use belay_proto::{AccountId, DeviceId, Epoch};
use belay_tests::app::{Answer, App, DEVICE, Options, WARDEN, entry, memfd};
use belay_tests::owner::{Belayd, Console, Owner, sealed};
use belay_tests::proxy::Trick;
use belay_tests::until::within;
use futures_util::StreamExt;
use serde_json::json;
use zbus::proxy::SignalStream;
use zbus::{Fd, OwnedVariant};

use crate::owner::{ADA, PASSWORD, adas, app};
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

type Rows = Vec<HashMap<String, OwnedVariant>>;

/// How often a good command is changed here; the warden's own tests do it ten thousand times.
const MUTATIONS: usize = 500;

/// Ada's device, and her console.
async fn console() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

fn lock() -> Action {
    Action::Lock {
        message: "Please call me".to_owned(),
        phone: "+4915112345678".to_owned(),
    }
}

fn wipe() -> Action {
    Action::Wipe {
        external: false,
        keep_esim: false,
    }
}

fn ring() -> Action {
    Action::Ring { seconds: 60 }
}

/// What the audit log says was refused, by the names the entries begin with.
async fn audited(app: &App) -> Vec<String> {
    let rows: Answer<Rows> = app
        .call(DEVICE, "History", &(0_u64, Options::new()))
        .await
        .unwrap();
    let rows = rows.unwrap();
    let refused = rows.iter().filter(|row| entry(row, "event") == "command-refused");
    let name = |row| {
        let detail = entry(row, "detail");
        detail.split(':').next().unwrap_or_default().to_owned()
    };
    refused.map(name).collect()
}

/// Envelopes that prove nothing about themselves, or something else than they say, each with its refusal's name.
fn forgeries(owner: &Owner) -> Vec<(Vec<u8>, &'static str)> {
    let good = owner.draft(lock());
    let signed = owner.seal(&good);
    let stranger = SigningKey::generate();
    let own = |change: &dyn Fn(&mut Command)| {
        let mut command = good.clone();
        change(&mut command);
        owner.seal(&command)
    };
    let (key, other) = (SigningKey::generate(), SigningKey::generate());
    let until = owner.now() + 3_600_000;
    let rings = owner.delegate(&key.public(), &[Verb::Ring], until).unwrap();
    let by_delegate =
        |action: Action, key: &SigningKey, certificate| sealed(&owner.draft(action), key, Some(certificate));
    let mut newer = rings.clone();
    newer.generation += 1;
    let mut long_ago = rings.clone();
    long_ago.expires_at = owner.now() - 1;
    vec![
        (Vec::new(), "malformed"),
        (b"{\"action\":\"wipe\"}".to_vec(), "malformed"),
        (signed[..signed.len() / 2].to_vec(), "malformed"),
        ([&signed[..], b"\0"].concat(), "malformed"),
        (vec![0x58; 60_000], "malformed"),
        (sealed(&good, &stranger, None), "bad-signature"),
        (own(&|c| c.device = DeviceId::random()), "wrong-device"),
        (own(&|c| c.account = AccountId::random()), "wrong-device"),
        (own(&|c| c.epoch = Epoch::random()), "wrong-epoch"),
        (
            by_delegate(lock(), &key, Signed::seal(&rings, &owner.key())),
            "no-such-delegate",
        ),
        (
            by_delegate(ring(), &key, Signed::seal(&rings, &stranger)),
            "no-such-delegate",
        ),
        (
            by_delegate(ring(), &key, Signed::seal(&newer, &owner.key())),
            "no-such-delegate",
        ),
        (
            by_delegate(ring(), &key, Signed::seal(&long_ago, &owner.key())),
            "no-such-delegate",
        ),
        (
            by_delegate(ring(), &other, Signed::seal(&rings, &owner.key())),
            "bad-signature",
        ),
    ]
}

#[tokio::test]
async fn what_does_not_prove_itself_is_refused_by_its_own_name_and_audited() {
    let (scene, console) = console().await;
    let belayd = Belayd::beside(&scene).await.unwrap();
    let forgeries = forgeries(console.owner());
    for (envelope, name) in &forgeries {
        assert_eq!(belayd.command(envelope).await.unwrap(), *name);
    }
    let app = app(&scene);
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    let names: Vec<_> = forgeries.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(audited(&app).await, names);
    assert_eq!(scene.warden_command(&["verify-log"]).await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_owners_own_commands_replayed_reordered_or_held_back_are_refused_by_name() {
    let (mut scene, console) = console().await;
    let belayd = Belayd::taken(&mut scene).await.unwrap();
    let owner = console.owner();
    belayd.report(owner).await.unwrap();
    let judged = async |envelope: &[u8]| belayd.command(envelope).await.unwrap();
    let unlock = async || {
        let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
        app(&scene)
            .call::<_, ()>(WARDEN, "Unlock", &(fd,))
            .await
            .unwrap()
            .unwrap();
    };

    let older = owner.signed(lock()).1;
    let (_, locks) = owner.signed(lock());
    let held_back = owner.signed(wipe()).1;
    assert_eq!(judged(&locks).await, "accepted");
    assert_eq!(judged(&locks).await, "replayed");
    assert_eq!(judged(&older).await, "superseded");
    assert_eq!(judged(&owner.signed(lock()).1).await, "already");
    belayd.report(owner).await.unwrap();
    let of_this_episode = owner.signed(Action::Unlock).1;

    // The owner comes to the device; what was signed before is void.
    unlock().await;
    assert_eq!(judged(&held_back).await, "stale");
    assert_eq!(judged(&owner.signed(Action::SignOut).1).await, "stale");
    // And it is lost a second time: an unlock of the first isn't one of the second.
    assert_eq!(judged(&owner.signed(lock()).1).await, "accepted");
    assert_eq!(judged(&of_this_episode).await, "stale");
    unlock().await;

    belayd.report(owner).await.unwrap();
    assert_eq!(judged(&owner.signed(Action::Unlock).1).await, "already");
    let (never, locks) = owner.signed(lock());
    assert_eq!(
        judged(&owner.signed(Action::Cancel { id: never }).1).await,
        "accepted"
    );
    assert_eq!(judged(&locks).await, "cancelled");
    let mut late = owner.draft(ring());
    late.expires_at = late.issued_at - 1;
    assert_eq!(judged(&owner.seal(&late)).await, "expired");
    // There is no plan for a wipe on this device.
    assert_eq!(judged(&owner.signed(wipe()).1).await, "unsupported");

    belayd.give_back(&mut scene).await.unwrap();
    let names = [
        "replayed",
        "superseded",
        "already",
        "stale",
        "stale",
        "stale",
        "already",
        "cancelled",
        "expired",
        "unsupported",
    ];
    assert_eq!(audited(&app(&scene)).await, names);
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "unlocked");
}

#[tokio::test]
async fn no_mutation_of_a_good_command_is_accepted() {
    let (scene, console) = console().await;
    let belayd = Belayd::beside(&scene).await.unwrap();
    let (_, good) = console.owner().signed(lock());
    for _ in 0..MUTATIONS {
        let bytes = mutated(&good);
        let judged = belayd.command(&bytes).await.unwrap();
        let refusals = [
            "malformed",
            "bad-signature",
            "wrong-device",
            "wrong-epoch",
            "no-such-delegate",
        ];
        assert!(refusals.contains(&judged.as_str()), "{judged}: {bytes:02x?}");
    }
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "unlocked");
    assert_eq!(belayd.command(&good).await.unwrap(), "accepted");
}

/// The bytes with one to three of them changed, taken away or put in; never the same.
fn mutated(good: &[u8]) -> Vec<u8> {
    loop {
        let mut bytes = good.to_vec();
        for _ in 0..=random::<1>()[0] % 3 {
            let [high, low, how, value] = random::<4>();
            let place = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
            match how % 4 {
                0 => bytes[place] ^= 1 << (value % 8),
                1 => bytes[place] = value,
                2 => drop(bytes.remove(place)),
                _ => bytes.insert(place, value),
            }
        }
        if bytes != good {
            return bytes;
        }
    }
}

#[tokio::test]
async fn a_delegate_does_what_it_may_and_no_more() {
    let (mut scene, console) = console().await;
    let belayd = Belayd::taken(&mut scene).await.unwrap();
    let owner = console.owner();
    let key = SigningKey::generate();
    let until = owner.now() + 3_600_000;
    let may = [Verb::Ring, Verb::StopRing, Verb::Lock];
    let certificate = owner.delegate(&key.public(), &may, until).unwrap();
    let certificate = Signed::seal(&certificate, &owner.key());
    let told = console.tell_delegate(&scene, &certificate).await.unwrap();
    assert_eq!(told.status, 204, "{}", told.problem());
    let ask = |action| {
        let command = owner.draft(action);
        (command.id, sealed(&command, &key, Some(certificate.clone())))
    };
    let (id, rings) = ask(ring());
    assert_eq!(belayd.command(&rings).await.unwrap(), "accepted");
    belayd.until(owner, id, CommandState::Accepted).await.unwrap();
    for more in [
        Action::Unlock,
        wipe(),
        Action::SignOut,
        Action::Locate,
        Action::Cancel { id },
    ] {
        let (_, envelope) = ask(more.clone());
        assert_eq!(
            belayd.command(&envelope).await.unwrap(),
            "no-such-delegate",
            "{more:?}"
        );
    }
    let (_, locks) = ask(lock());
    assert_eq!(belayd.command(&locks).await.unwrap(), "accepted");
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "lost");
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
