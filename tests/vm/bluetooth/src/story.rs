//! What happens to the band.

use std::collections::HashMap;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Alert, Minute, Model};
use belay_tests::app::{ACCESSORIES, Answer, App, Object, Options, entry, options, refused};
use belay_tests::bluez::Address;
use belay_tests::stage::Plan;
use belay_tests::until::within;
use belay_tests::{Outcome, Stage, Surprise, expect};
use futures_util::StreamExt;
use zbus::fdo::ObjectManagerProxy;
use zbus::{OwnedVariant, Variant};

use crate::Teller;
use crate::band::Worn;
use crate::bluez::{self, Bluez};

const ADA: &str = "ada@example.org";
const PASSWORD: &str = "crane-lantern-49-orbit";
const INTERFACE: &str = "org.belay1.Accessory";
/// The key of another phone.
const THEIRS: [u8; 16] = [7; 16];
/// What the wearer's days follow from.
const SEED: u64 = 9;

/// Sets the stage, plays on it and judges what was logged.
///
/// # Errors
/// What was not as expected, with the ends of the logs.
pub async fn whole(teller: &mut Teller) -> Outcome {
    let plan = Plan {
        log_level: "debug",
        ..Plan::new(&std::env::current_exe()?)
    };
    let stage = plan.up().await?;
    let played = play(&stage, teller).await;
    let judged = played.and_then(|()| stage.verdict());
    if judged.is_err() {
        for (name, log) in stage.logs()? {
            let text = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = text.lines().collect();
            println!("--- {name}, its end");
            for line in lines.iter().skip(lines.len().saturating_sub(LOGGED)) {
                println!("{line}");
            }
        }
    }
    judged
}

/// How many lines of each log a failure shows.
const LOGGED: usize = 30;

async fn play(stage: &Stage, teller: &mut Teller) -> Outcome {
    let app = App::new(stage.person());
    // Waits between attempts to connect are as long as they are.
    stage.clock().run(1)?;
    registered(stage, &app).await?;
    teller.done("cloud, warden and belayd are up, and the device is bound to Ada's account");

    let bluez = Bluez::start(stage).await?;
    powered(&app).await?;
    teller.done("bluetoothd has both adapters on, and belayd knows it");

    let first = this_minute()? - 300;
    let mut band = Band::new(Model::Two, address(&bluez).await?, Some(THEIRS), 1);
    band.history.live(SEED, first, 240);
    // A shared core may take long over what a phone does in a second.
    band.auth.patience = Duration::from_secs(120);
    band.today = (4321, 3024, 172);
    let worn = Worn::start(stage.root().await?, bluez::BAND, band).await?;
    let object = found(&app).await?;
    let kind = app.text(object, "Kind").await?;
    expect!(kind == "mi-band-2", "the band was taken for {kind:?}");
    teller.done("a scan has found the band and knows what it is");

    refused(pair(&app, object, Options::new()).await?, "AccessoryKeyMismatch")?;
    let advice = app.text(object, "ProblemAdvice").await?;
    expect!(advice == "replace-the-key", "the advice was {advice:?}");
    let key = worn.with(|it, _| it.auth.key).await?;
    expect!(key == Some(THEIRS), "a refused phone changed the key");
    teller.done("another phone's band refuses this phone's key: AccessoryKeyMismatch, and its key stays");

    paired_with_a_tap(&app, object, &worn).await?;
    app.reads(object, "State", "connected").await?;
    teller.done("taken over with a tap, and connected");

    synced(&app, object).await?;
    same(&app, object, first, 240).await?;
    forgotten(&worn).await?;
    teller.done("history fetched: 240 minutes, each as the band lived it, then forgotten by the band");

    looked_at(&app, object, &worn).await?;
    teller.done("battery, steps of today, serial number; its clock is set; the band vibrates to be found");

    // Out of reach.
    bluez.power(bluez::BAND, false).await?;
    worn.connected(false).await?;
    app.reads(object, "State", "paired").await?;
    worn.with(move |it, _| it.history.live(SEED, first + 240, 60))
        .await?;
    bluez.power(bluez::BAND, true).await?;
    regained(&app, object, &worn).await?;
    synced(&app, object).await?;
    same(&app, object, first, 300).await?;
    teller.done("the link was lost and regained without a tap, and 60 more minutes fetched: 300, none lost or doubled");

    let bluez = killed(stage, bluez, &app, object, &worn).await?;
    same(&app, object, first, 300).await?;
    teller.done("bluetoothd was killed and started again, and belayd has the band back");

    worn.with(|it, air| {
        it.auth.key = Some(THEIRS);
        air.hang_up();
    })
    .await?;
    app.reads(object, "ProblemAdvice", "replace-the-key").await?;
    let problem = app.text(object, "Problem").await?;
    expect!(
        problem.ends_with("AccessoryKeyMismatch"),
        "the problem was {problem:?}"
    );
    let key = worn.with(|it, _| it.auth.key).await?;
    expect!(key == Some(THEIRS), "a refused phone changed the key");
    teller.done("a band that somebody else has taken refuses the stored key, and isn't taken back");

    unpaired(&app, object).await?;
    worn.connected(false).await?;
    teller.done("unpaired with the owner's password");
    bluez.kill().await
}

async fn registered(stage: &Stage, app: &App) -> Outcome {
    let id = app.register(ADA, PASSWORD, &Options::new()).await??;
    let code = stage.outbox().next(ADA).await?.code;
    let code = code.ok_or_else(|| Surprise::new("a mail without a code"))?;
    app.confirm(&id, &code).await??;
    app.acknowledge(&id).await??;
    Ok(())
}

async fn powered(app: &App) -> Outcome {
    let mut watch = app.watch(ACCESSORIES).await?;
    if app.get::<bool>(ACCESSORIES, "Powered").await? {
        return Ok(());
    }
    let on = |value: &OwnedVariant| matches!(**value, Variant::Bool(true));
    watch.until("belayd's adapter to be on", "Powered", on).await
}

async fn address(bluez: &Bluez) -> Outcome<Address> {
    Ok(Address::public(bluez.address(bluez::BAND).await?))
}

/// The minute, since 1970, that is now.
fn this_minute() -> Outcome<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_secs() / 60)?)
}

/// The accessory that a discovery finds.
async fn found(app: &App) -> Outcome<Object> {
    let manager = ObjectManagerProxy::new(app.bus(), "org.belay1", "/org/belay1").await?;
    let mut added = manager.receive_interfaces_added().await?;
    app.call::<_, ()>(ACCESSORIES, "StartDiscovery", &(Options::new(),))
        .await??;
    let path = within("the band to be found", async {
        while let Some(signal) = added.next().await {
            let args = signal.args()?;
            let mut interfaces = args.interfaces_and_properties().keys();
            if interfaces.any(|name| *name == INTERFACE) {
                return Ok(args.object_path().to_string());
            }
        }
        Err(Surprise::new("the bus went away"))
    })
    .await??;
    Ok(Object {
        service: "org.belay1",
        path: Box::leak(path.into_boxed_str()),
        interface: INTERFACE,
    })
}

async fn pair(app: &App, object: Object, with: Options<'_>) -> Outcome<Answer<()>> {
    app.call(object, "Pair", &(with,)).await
}

async fn paired_with_a_tap(app: &App, object: Object, worn: &Worn) -> Outcome {
    let tapped = async {
        worn.until("the band to ask for a tap", |it| it.auth.asking())
            .await?;
        app.reads(object, "State", "awaiting-confirmation").await?;
        worn.with(Band::tap).await
    };
    let replacing = options([("replace", true.into())]);
    let mut pairs = pin!(pair(app, object, replacing));
    tokio::select! {
        tapped = tapped => tapped?,
        ended = &mut pairs => return Err(Surprise::new(format!("pairing ended without a tap: {ended:?}"))),
    }
    pairs.await??;
    let key = worn.with(|it, _| it.auth.key).await?;
    expect!(key != Some(THEIRS), "the band kept the other phone's key");
    Ok(())
}

async fn synced(app: &App, object: Object) -> Outcome {
    app.call::<_, u32>(object, "Sync", &(Options::new(),)).await??;
    Ok(())
}

/// Compares what belayd has with what the band lived through, minute by minute.
async fn same(app: &App, object: Object, first: i64, count: i64) -> Outcome {
    let asked = (0_u64, u64::MAX, Options::new());
    let told: Vec<(u64, u8, u8, u8, u8)> = app.call(object, "Activity", &asked).await??;
    let lived = (first..first + count).map(|number| {
        let it = Minute::lived(SEED, number);
        let second = number.unsigned_abs() * 60;
        (second, it.kind, it.intensity, it.steps, it.heart)
    });
    let lived: Vec<_> = lived.collect();
    expect!(
        told.len() == lived.len(),
        "{} minutes came of {}",
        told.len(),
        lived.len()
    );
    let other = told.iter().zip(&lived).find(|(told, lived)| told != lived);
    expect!(other.is_none(), "told and lived: {other:?}");
    Ok(())
}

async fn forgotten(worn: &Worn) -> Outcome {
    let is_empty = |it: &Band| it.history.minutes().is_empty();
    worn.until("the band to forget what is on disk", is_empty).await
}

async fn looked_at(app: &App, object: Object, worn: &Worn) -> Outcome {
    let battery = app.get::<u8>(object, "Battery").await?;
    expect!(battery == 80, "the battery is at {battery} %");
    let latest: HashMap<String, OwnedVariant> = app.call(object, "Latest", &(Options::new(),)).await??;
    let steps = latest.get("steps").map(|it| &**it);
    expect!(steps == Some(&Variant::U32(4321)), "the steps were {steps:?}");
    let identity: HashMap<String, OwnedVariant> = app.call(object, "Identity", &(Options::new(),)).await??;
    expect!(!entry(&identity, "serial").is_empty(), "no serial number");
    let [low, high, ..] = worn.with(|it, _| it.time).await?;
    let year = u16::from_le_bytes([low, high]);
    expect!(year >= 2024, "the band's clock shows {year}");
    let find = ("find", "", "", Options::new());
    app.call::<_, ()>(object, "Alert", &find).await??;
    worn.until("the band to vibrate", |it| it.alerts.contains(&Alert::Level(3)))
        .await?;
    app.call::<_, ()>(object, "StopAlert", &("find", Options::new()))
        .await??;
    worn.until("the band to be quiet", |it| {
        it.alerts.last() == Some(&Alert::Level(0))
    })
    .await
}

/// Waits until belayd has the band back by itself.
async fn regained(app: &App, object: Object, worn: &Worn) -> Outcome {
    worn.connected(true).await?;
    worn.until("the band to believe the phone", |it| it.auth.trusted())
        .await?;
    app.reads(object, "State", "connected").await
}

/// bluetoothd dies without a word and comes back.
async fn killed(stage: &Stage, bluez: Bluez, app: &App, object: Object, worn: &Worn) -> Outcome<Bluez> {
    bluez.kill().await?;
    worn.connected(false).await?;
    app.reads(object, "State", "paired").await?;
    let bluez = Bluez::start(stage).await?;
    worn.serve().await?;
    regained(app, object, worn).await?;
    Ok(bluez)
}

async fn unpaired(app: &App, object: Object) -> Outcome {
    let id = object.path.rsplit('/').next().unwrap_or_default();
    let ticket = app.present("unpair", id, &[("password", PASSWORD)]).await??;
    app.call::<_, ()>(object, "Unpair", &(ticket, Options::new()))
        .await??;
    Ok(())
}
