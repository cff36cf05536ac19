//! What anybody but the owner hands to the warden, or the owner's own out of its place: refused by its own name and
//! audited.

use belay_proto::keys::{SigningKey, random};
use belay_proto::signed::{Action, Command, CommandEnvelope, CommandState, Signed, Verb};
use belay_proto::{AccountId, DeviceId, Epoch};
use belay_tests::app::{App, WARDEN, entry, memfd};
use belay_tests::owner::{Belayd, Console, Owner, sealed};
use zbus::Fd;

use crate::owner::{ADA, PASSWORD, adas, app};
use crate::scene::Scene;

/// How often a good command is changed here; the warden's own tests do it ten thousand times.
const MUTATIONS: usize = 500;

/// Ada's device, and her console.
pub async fn console() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

pub fn lock() -> Action {
    Action::Lock {
        message: "Please call me".to_owned(),
        phone: "+4915112345678".to_owned(),
    }
}

pub fn wipe() -> Action {
    Action::Wipe {
        external: false,
        keep_esim: false,
    }
}

pub fn ring() -> Action {
    Action::Ring { seconds: 60 }
}

/// What the audit log says was refused, by the names the entries begin with.
pub async fn audited(app: &App) -> Vec<String> {
    let rows = app.history(0).await.unwrap().unwrap();
    let refused = rows.iter().filter(|row| entry(row, "event") == "command-refused");
    let name = |row| {
        let detail = entry(row, "detail");
        detail.split(':').next().unwrap_or_default().to_owned()
    };
    refused.map(name).collect()
}

/// Envelopes that prove nothing about themselves, or something else than they say, each with its refusal's name.
pub fn forgeries(owner: &Owner) -> Vec<(Vec<u8>, &'static str)> {
    let good = owner.draft(lock());
    let signed = owner.seal(&good);
    let stranger = SigningKey::generate();
    let own = |change: &dyn Fn(&mut Command)| {
        let mut command = good.clone();
        change(&mut command);
        owner.seal(&command)
    };
    let envelope = CommandEnvelope::decode(&signed).unwrap();
    let mut other_signature = CommandEnvelope::decode(&own(&|c| c.counter += 1)).unwrap();
    other_signature.command.signature = envelope.command.signature;
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
        // More than the warden keeps of any.
        (vec![0x58; 100_000], "malformed"),
        // Without a signature, and with another command's.
        (envelope.command.payload.clone(), "malformed"),
        (envelope.command.encode(), "malformed"),
        (other_signature.encode(), "bad-signature"),
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
