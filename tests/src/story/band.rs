//! A band: paired with a tap, synced, found, and looking for the phone in its turn.

use std::time::Duration;

use futures_util::StreamExt;
use zbus::fdo::ObjectManagerProxy;

use super::Teller;
use super::chapters::ADA_PASSWORD;
use crate::accessories::Band;
use crate::accessories::band::{Alert, Model};
use crate::app::{ACCESSORIES, App, DEVICE, Object, Options, options};
use crate::bluez::{Accessory, Address, Running, Settings};
use crate::surprise::During;
use crate::until::within;
use crate::{Outcome, Stage, Surprise, expect};

const INTERFACE: &str = "org.belay1.Accessory";
const ADDRESS: Address = Address::random([0xc1, 2, 3, 4, 5, 6]);
/// How long it was worn before it met the phone.
const WORN: i64 = 120;

/// Walks the chapter of the band.
pub(super) async fn walk(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    let settings = Settings {
        flowing: true,
        disconnect: Duration::from_millis(20),
        ..Settings::default()
    };
    let air = Running::start(stage.bus().socket(), settings).await?;
    let mut band = Band::new(Model::Two, ADDRESS, None, 1);
    let minute = i64::try_from(stage.clock().wall() / 60).unwrap_or_default();
    band.history.live(9, minute - WORN, WORN);
    let band = air.add(band).await?;
    let object = found(teller, app).await.during("finding a band")?;
    paired(teller, app, &band, object).await.during("pairing it")?;
    synced(teller, app, object).await.during("syncing it")?;
    finds(teller, app, &band, object)
        .await
        .during("having it vibrate")?;
    is_found(stage, teller, app, &band, object)
        .await
        .during("being looked for by it")?;
    forgotten(teller, app, object).await.during("unpairing it")
}

async fn found(teller: &mut Teller, app: &App) -> Outcome<Object> {
    teller.step("Ada has a new band. The settings app looks for what is nearby.");
    let mut watch = app.watch(ACCESSORIES).await?;
    if !app.get::<bool>(ACCESSORIES, "Powered").await? {
        let on = |value: &zbus::OwnedVariant| bool::try_from(&**value).is_ok_and(|on| on);
        watch.until("Bluetooth to be on", "Powered", on).await?;
    }
    let objects = ObjectManagerProxy::new(app.bus(), "org.belay1", "/org/belay1").await?;
    let mut added = objects.receive_interfaces_added().await?;
    app.call::<_, ()>(ACCESSORIES, "StartDiscovery", &(Options::new(),))
        .await??;
    let path = within("a band to be found", async {
        while let Some(signal) = added.next().await {
            let args = signal.args()?;
            let all = args.interfaces_and_properties();
            if all.keys().any(|name| *name == INTERFACE) {
                return Ok(args.object_path().to_string());
            }
        }
        Err(Surprise::new("belayd is gone"))
    })
    .await??;
    let object = Object {
        service: "org.belay1",
        // The names of objects live as long as the story.
        path: Box::leak(path.into_boxed_str()),
        interface: INTERFACE,
    };
    let kind = app.text(object, "Kind").await?;
    expect!(kind == "mi-band-2", "a band is a {kind}");
    teller.answer("a Mi Band 2, as it says of itself, and nobody's.");
    Ok(object)
}

async fn paired(teller: &mut Teller, app: &App, band: &Accessory<Band>, object: Object) -> Outcome {
    teller.step("She pairs it. The phone draws a key; the band asks its wearer to tap, and she does.");
    let options = (Options::new(),);
    let pairing = app.call::<_, ()>(object, "Pair", &options);
    let tapped = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await?;
        app.reads(object, "State", "awaiting-confirmation").await?;
        band.with(Band::tap).await
    };
    let (answer, tapped) = tokio::join!(pairing, tapped);
    tapped?;
    answer??;
    teller.answer("paired. The key is sealed on the phone, and goes sealed to her other devices.");
    Ok(())
}

async fn synced(teller: &mut Teller, app: &App, object: Object) -> Outcome {
    teller.step("It is synced: what it has remembered comes over, and is on the phone's disk before the band forgets it.");
    app.call::<_, u32>(object, "Sync", &(Options::new(),)).await??;
    let asked = (0_u64, u64::MAX, Options::new());
    let minutes: Vec<(u64, u8, u8, u8, u8)> = app.call(object, "Activity", &asked).await??;
    expect!(
        minutes.len() >= 119,
        "only {} minutes have come over",
        minutes.len()
    );
    let steps: u32 = minutes.iter().map(|(_, _, _, steps, _)| u32::from(*steps)).sum();
    teller.answer(format!("{} minutes with {steps} steps.", minutes.len()));
    Ok(())
}

async fn finds(teller: &mut Teller, app: &App, band: &Accessory<Band>, object: Object) -> Outcome {
    teller.step("The band is under a cushion: Ada has it vibrate until she has it.");
    let find = ("find", "", "", Options::new());
    app.call::<_, ()>(object, "Alert", &find).await??;
    band.until("the band to vibrate", |it| it.alerts.contains(&Alert::Level(3)))
        .await?;
    app.call::<_, ()>(object, "StopAlert", &("find", Options::new()))
        .await??;
    band.until("the band to be still", |it| {
        it.alerts.last() == Some(&Alert::Level(0))
    })
    .await?;
    teller.answer("it vibrates, and is still again.");
    Ok(())
}

async fn is_found(
    stage: &Stage,
    teller: &mut Teller,
    app: &App,
    band: &Accessory<Band>,
    object: Object,
) -> Outcome {
    teller.step("Now the phone is under a cushion. She looks for it from the band.");
    let feedback = stage.services().feedback();
    band.with(|it, air| it.event(air, &[0x08])).await?;
    feedback.until_playing(true).await?;
    app.call::<_, ()>(DEVICE, "StopRinging", &(Options::new(),))
        .await??;
    feedback.until_playing(false).await?;
    band.until("the band to know", |it| {
        it.configuration.contains(&vec![6, 0x14, 0, 1])
    })
    .await?;
    teller.answer("the phone rings aloud. She takes it and silences it, and the band stops looking.");
    teller.step("She would like to see on her wrist who calls. That is off until she switches it on.");
    let wishes = options([("show-calls", true.into())]);
    app.call::<_, ()>(object, "SetSettings", &(wishes, Options::new()))
        .await??;
    let modem = stage.services().modem();
    let call = modem.is_called("+4915187654321").await?;
    let shows = |it: &Band| matches!(it.alerts.last(), Some(Alert::Shown { category: 3, .. }));
    band.until("the call on the band", shows).await?;
    band.with(|it, air| it.event(air, &[0x07])).await?;
    modem.until_declined(&call).await?;
    teller.answer("a call comes in and is on the band; she declines it there.");
    Ok(())
}

async fn forgotten(teller: &mut Teller, app: &App, object: Object) -> Outcome {
    teller.step("She gives the band away. Only the account's password lets the phone forget it.");
    let id = object.path.rsplit('/').next().unwrap_or_default();
    let secrets = [("password", ADA_PASSWORD)];
    let ticket = app.present("unpair", id, &secrets).await??;
    app.call::<_, ()>(object, "Unpair", &(ticket, Options::new()))
        .await??;
    teller.answer("forgotten, with its key. What it measured stays hers.");
    Ok(())
}
