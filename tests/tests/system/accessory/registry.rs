//! One owner's devices share her accessories: what one pairs the other connects to without a tap, and a cloud that lies
//! about it changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use belay_proto::wire::Hint;
use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::app::{Answer, DEVICE, entry};
use belay_tests::bluez;
use belay_tests::openapi::Exchange;
use belay_tests::proxy::{Proxy, Trick};
use belay_tests::until::{until, within};
use futures_util::StreamExt;
use serde_json::{Value, json};
use zbus::fdo::ObjectManagerProxy;
use zbus::{OwnedVariant, Variant};

use super::band::unpair;
use super::{BAND, Beside, INTERFACE, band, identity};
use crate::owner::{ADA, BEN, BENS, PASSWORD, registered};
use crate::scene::Scene;

/// How much faster than the tests the devices live, so that nobody waits long for a pause. A ticket lives a minute.
const SPEED: u32 = 5;
/// The path of the registry.
const REGISTRY: &str = "/v1/accessories";

/// The other device of Ada's, with the same cloud and network, in reach of the same band. Nobody has signed in yet.
async fn another(first: &Beside, key: [u8; 16]) -> (Beside, bluez::Accessory<Band>) {
    let second = Beside::around(Scene::beside(&first.scene).await).await;
    first.scene.clock().run(SPEED).unwrap();
    // The wearer is elsewhere: whoever asks for a tap gets none.
    let theirs = Band::new(Model::Two, BAND, Some(key), 2);
    let band = second.air.add(theirs).await.unwrap();
    (second, band)
}

async fn signs_in(device: &Beside) {
    device.app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    device.scene.clock().run(SPEED).unwrap();
}

async fn key_of(band: &bluez::Accessory<Band>) -> [u8; 16] {
    band.with(|it, _| it.auth.key).await.unwrap().unwrap()
}

/// The paths of the accessories on the bus.
async fn objects(device: &Beside) -> Vec<String> {
    let manager = ObjectManagerProxy::new(device.app.bus(), "org.belay1", "/org/belay1")
        .await
        .unwrap();
    let all = manager.get_managed_objects().await.unwrap();
    let accessories = all
        .iter()
        .filter(|(_, interfaces)| interfaces.keys().any(|name| *name == INTERFACE));
    accessories.map(|(path, _)| path.to_string()).collect()
}

/// Waits until the device has no accessory on the bus: its link may be cut a moment before.
async fn has_none(device: &Beside) {
    until("the accessory to be gone from the bus", async || {
        objects(device).await.is_empty().then_some(())
    })
    .await
    .unwrap();
}

/// Waits until the cloud has taken a record.
async fn brought(network: &Proxy) {
    network
        .seen("a record to be brought to the registry", |it| {
            is_brought(it) && it.status == 204
        })
        .await
        .unwrap();
}

/// Whether a record was brought.
fn is_brought(exchange: &Exchange) -> bool {
    exchange.method == "PUT" && exchange.path.starts_with(REGISTRY)
}

#[tokio::test]
async fn the_owners_second_phone_connects_to_the_band_without_a_tap() {
    let first = Beside::new().await;
    let (band, object) = first.finds(band(0)).await;
    first.pairs(&band, object).await;
    brought(first.scene.network()).await;
    let key = key_of(&band).await;
    let (second, theirs) = another(&first, key).await;
    signs_in(&second).await;
    second.app.reads(object, "State", "connected").await.unwrap();
    assert_eq!(key_of(&theirs).await, key, "nobody paired anew");
    let identity = identity(&second.app, object).await;
    assert_eq!(entry(&identity, "address"), BAND.to_string());
    assert_eq!(objects(&second).await, [object.path]);

    // The cloud knows that there is something, and nothing of it.
    let address = BAND.to_string();
    for file in std::fs::read_dir(first.scene.place().at("cloud")).unwrap() {
        let path = file.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        for secret in [address.as_bytes(), &key, b"mi-band", b"MI Band"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[tokio::test]
async fn a_band_paired_without_a_network_reaches_the_other_phone_later_across_a_kill() {
    let mut first = Beside::new().await;
    let (second, theirs) = another(&first, [0; 16]).await;
    signs_in(&second).await;
    theirs.in_range(false).await.unwrap();
    let cloud = first.scene.cloud().unwrap().address();
    first.scene.network().connect(None);
    let (band, object) = first.finds(band(0)).await;
    first.pairs(&band, object).await;
    first.app.reads(object, "State", "connected").await.unwrap();
    first.scene.kill_belayd().await.unwrap();
    let key = key_of(&band).await;
    theirs.with(move |it, _| it.auth.key = Some(key)).await.unwrap();
    theirs.in_range(true).await.unwrap();
    first.scene.start_belayd().await.unwrap();
    first.scene.network().connect(Some(cloud));
    second.app.reads(object, "State", "connected").await.unwrap();
    assert_eq!(key_of(&theirs).await, key);
}

#[tokio::test]
async fn a_band_that_is_unpaired_on_one_phone_is_forgotten_on_the_other() {
    let first = Beside::new().await;
    let (band, object) = first.finds(band(0)).await;
    first.pairs(&band, object).await;
    brought(first.scene.network()).await;
    let (second, theirs) = another(&first, key_of(&band).await).await;
    signs_in(&second).await;
    second.app.reads(object, "State", "connected").await.unwrap();
    let manager = ObjectManagerProxy::new(second.app.bus(), "org.belay1", "/org/belay1")
        .await
        .unwrap();
    let mut removed = manager.receive_interfaces_removed().await.unwrap();
    let refused: Answer<()> = unpair(&first, object, "not-the-password-1").await;
    assert_eq!(refused.unwrap_err().short(), "WrongPassword");
    unpair(&first, object, PASSWORD).await.unwrap();
    within("the accessory to leave the other phone", removed.next())
        .await
        .unwrap();
    theirs.connected(false).await.unwrap();
    assert!(objects(&second).await.is_empty());
    // What the cloud is told is a record too: sealed, of the same length as the others.
    let put = |removed: bool| {
        let fits = move |e: &Exchange| is_brought(e) && sent(e)["removed"] == removed;
        first.scene.network().seen("a record", fits)
    };
    let (kept, gone) = (put(false).await.unwrap(), put(true).await.unwrap());
    let length = |e| sent(e)["sealed"].as_str().unwrap().len();
    assert_eq!(length(&kept), length(&gone));
}

#[tokio::test]
async fn a_device_that_is_signed_out_forgets_the_band_and_one_that_is_signed_in_again_has_it_back() {
    let mut first = Beside::new().await;
    let (band, object) = first.finds(band(0)).await;
    first.pairs(&band, object).await;
    first.app.reads(object, "State", "connected").await.unwrap();
    brought(first.scene.network()).await;
    first.app.sign_out(PASSWORD).await.unwrap().unwrap();
    band.connected(false).await.unwrap();
    has_none(&first).await;
    first.scene.kill_belayd().await.unwrap();
    first.scene.start_belayd().await.unwrap();
    assert!(objects(&first).await.is_empty());
    // Another owner of the device gets nothing of it.
    registered(&first.scene, BEN, BENS).await;
    first.scene.kill_belayd().await.unwrap();
    first.scene.start_belayd().await.unwrap();
    assert!(objects(&first).await.is_empty());
    first.app.sign_out(BENS).await.unwrap().unwrap();
    signs_in(&first).await;
    first.app.reads(object, "State", "connected").await.unwrap();
}

/// What a request said.
fn sent(exchange: &Exchange) -> Value {
    serde_json::from_slice(&exchange.request).unwrap_or(Value::Null)
}

/// What a lying cloud makes of a list.
type Lie = Arc<dyn Fn(&mut Value) + Send + Sync>;

fn lie(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Lie {
    Arc::new(move |answer| {
        // Only lists are lied about.
        if answer.get("accessories").is_some() {
            change(answer);
        }
    })
}

/// Lists these entries, as news.
fn listing(entries: Value) -> Lie {
    lie(move |answer| {
        answer["accessories"] = entries.clone();
        answer["last"] = json!(answer["last"].as_u64().unwrap() + 1);
    })
}

/// Tells `lie` to both devices, twice: whoever asks a second time has done with the first answer. Then they hear the
/// truth again.
async fn tells(network: &Proxy, lie: &Lie) {
    network.plan(REGISTRY, usize::MAX, &Trick::Alter(Arc::clone(lie)));
    both_ask(network).await;
    both_ask(network).await;
    network.behave();
    both_ask(network).await;
}

/// Has both devices look into the registry.
async fn both_ask(network: &Proxy) {
    let before = network.exchanges().len();
    network.hint(Hint::Sync);
    let both = async || (callers(&network.exchanges()[before..]) == 2).then_some(());
    until("both devices to ask for the registry", both).await.unwrap();
}

/// Waits until a hint reaches the device: one that isn't listening hears of it never.
async fn listens(device: &Beside) {
    let is_up = |value: &OwnedVariant| matches!(**value, Variant::Bool(true));
    device
        .app
        .comes_to(DEVICE, "Connected", "true", is_up)
        .await
        .unwrap();
}

/// How many devices have asked for the registry: each has a key of its own, which its proofs name first of all.
fn callers(exchanges: &[Exchange]) -> usize {
    let lists = exchanges
        .iter()
        .filter(|it| it.method == "GET" && it.path == REGISTRY);
    let keys = lists.filter_map(|list| {
        let proof = list.request_headers.iter().find(|(name, _)| name == "dpop")?;
        proof.1.split('.').next().map(str::to_owned)
    });
    keys.collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_cloud_that_lies_about_the_registry_changes_nothing() {
    let first = Beside::new().await;
    let (band, object) = first.finds(band(0)).await;
    first.pairs(&band, object).await;
    brought(first.scene.network()).await;
    let (second, theirs) = another(&first, key_of(&band).await).await;
    signs_in(&second).await;
    second.app.reads(object, "State", "connected").await.unwrap();
    for device in [&first, &second] {
        listens(device).await;
    }
    let network = first.scene.network();
    let put = network.seen("a record", is_brought).await.unwrap();
    let id = object.path.rsplit('/').next().unwrap();
    let real = |id: &str, revision: u64, removed: bool, sealed: &Value| json!([{ "id": id, "revision": revision, "removed": removed, "key_epoch": 1, "sealed": sealed }]);
    let sealed = sent(&put)["sealed"].clone();
    let garbage = json!("AQ".repeat(400));
    let another = "f".repeat(32);
    let mut all = vec![
        // It was never there, and the cloud has nothing at all.
        lie(|answer| *answer = json!({ "accessories": [], "last": 0, "more": false })),
        // Unpaired, says the cloud alone.
        listing(real(id, 99, true, &sealed)),
        listing(real(id, 99, true, &garbage)),
        // Another key, nobody's or of another accessory.
        listing(real(id, 99, false, &garbage)),
        listing(real(&another, 1, false, &sealed)),
        listing(real(&another, 1, false, &garbage)),
        // An older record in the place of the newest.
        listing(real(id, 1, false, &sealed)),
        listing(real(id, 99, false, &sealed)),
        // No end.
        {
            let entries = real(id, 99, true, &garbage);
            lie(move |answer| {
                let last = answer["last"].as_u64().unwrap() + 1;
                *answer = json!({ "accessories": entries.clone(), "last": last, "more": true });
            })
        },
        lie(|answer| answer["more"] = json!(true)),
        lie(|answer| *answer = json!({ "accessories": "all", "last": -1 })),
    ];
    for lie in all.drain(..) {
        tells(network, &lie).await;
        for device in [&first, &second] {
            assert_eq!(objects(device).await, [object.path]);
        }
    }
    // The truth still gets through, and it is the band's own.
    unpair(&second, object, PASSWORD).await.unwrap();
    band.connected(false).await.unwrap();
    theirs.connected(false).await.unwrap();
    has_none(&first).await;
}
