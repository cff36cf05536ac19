//! The phone is gone: its owner commands it from elsewhere, and whoever holds it gets nowhere.

use std::time::{Duration, Instant};

use belay_proto::CommandId;
use belay_proto::signed::{Action, CommandState};
use zbus::Fd;

use super::chapters::{ADA, ADA_PASSWORD};
use super::scratch::Scratch;
use super::{Teller, found};
use crate::app::{ACCOUNT, App, DEVICE, Options, WARDEN, memfd, refused};
use crate::owner::Console;
use crate::process::signal;
use crate::stage::Units;
use crate::surprise::During;
use crate::until::{until, within};
use crate::{Outcome, Stage, Surprise, expect, guest};

const MESSAGE: &str = "This phone is lost. Please call me.";
const WATCH: &str = "belay-watch.service";
const PHONE: &str = "+4915112345678";

/// Walks the chapters in which the phone is lost, found, and in the end wiped.
pub(super) async fn walk(stage: &mut Stage, teller: &mut Teller, app: &App, scratch: &Scratch) -> Outcome {
    let units = stage.install_units()?;
    let login = stage.services().login();
    login.open("c1", 1000, "ada").await?;
    let console = lock(stage, teller, app, &units)
        .await
        .during("locking from elsewhere")?;
    thief(stage, teller, app).await.during("the thief")?;
    killed(stage, teller, app, &units).await.during("killing")?;
    call(stage, teller).await.during("calling the owner")?;
    unlock(stage, teller, app, &units)
        .await
        .during("unlocking by the password")?;
    found::walk(stage, teller, app, &console, scratch).await?;
    power_off(stage, &units).await
}

/// With the power off nothing watches any more, and nothing is started.
async fn power_off(stage: &Stage, units: &Units) -> Outcome {
    show_screen(stage, false)?;
    let systemd = stage.services().systemd();
    systemd.on_start(WATCH, || Box::pin(async { Ok(()) }));
    if let Some(watch) = units.watch() {
        // It may have ended by itself.
        let _gone = signal(watch, rustix::process::Signal::TERM);
    }
    units.until_watching(false).await
}

/// Waits until commands reach the phone within seconds, or don't.
async fn until_connected(app: &App, wanted: bool) -> Outcome {
    let mut device = app.watch(DEVICE).await?;
    let is = |value: &zbus::OwnedVariant| bool::try_from(&**value).is_ok_and(|is| is == wanted);
    if is(&app.read(DEVICE, "Connected").await??) {
        return Ok(());
    }
    let what = format!("Connected to become {wanted}");
    device.until(&what, "Connected", is).await
}

async fn lock(stage: &Stage, teller: &mut Teller, app: &App, units: &Units) -> Outcome<Console> {
    teller.step(
        "Ada's phone is gone, with Ada logged in. At another computer she signs in with her password alone and has \
         the phone locked, with a message and the one number that it may call.",
    );
    let console = Console::sign_in(stage, ADA, ADA_PASSWORD).await?;
    let mut device = app.watch(DEVICE).await?;
    let begun = Instant::now();
    let action = Action::Lock {
        message: MESSAGE.to_owned(),
        phone: PHONE.to_owned(),
    };
    let id = console.send(stage, action).await?;
    device.becomes("LockState", "lost").await?;
    teller.answer(format!(
        "lost, {} ms after she sent the command. She signed it with a key that her password opens; the cloud could \
         only pass it on.",
        begun.elapsed().as_millis()
    ));
    done(stage, &console, id).await?;
    let (systemd, login) = (stage.services().systemd(), stage.services().login());
    expect!(
        systemd
            .isolated()
            .last()
            .is_some_and(|t| t == "belay-lost.target"),
        "the targets isolated are {:?}",
        systemd.isolated()
    );
    expect!(login.sessions().is_empty(), "there are still sessions");
    units.until_watching(true).await?;
    let (message, phone) = (
        app.text(DEVICE, "LostMessage").await?,
        app.text(DEVICE, "OwnerPhone").await?,
    );
    expect!(
        message == MESSAGE && phone == PHONE,
        "it shows {message:?} and {phone:?}"
    );
    teller.answer(format!(
        "the phone's warden reports, signed: done. Every session has ended, the lost screen shows {message:?}, and \
         belay-watch runs."
    ));
    Ok(console)
}

async fn thief(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step("The thief, a process on the phone, tries to sign it out, even with the right password.");
    refused(app.sign_out(ADA_PASSWORD).await?, "DeviceLost")?;
    refused(app.read(ACCOUNT, "Identifiers").await?, "DeviceLost")?;
    let free: Result<String, _> = app.call(ACCOUNT, "CheckActivation", &(Options::new(),)).await?;
    refused(free, "DeviceLost")?;
    teller.answer("DeviceLost. It doesn't even tell whose it is.");

    teller.step("The thief has logind unlock Ada's session; then logs in anew at another terminal.");
    let login = stage.services().login();
    let asked = app.bus().call_method(
        Some("org.freedesktop.login1"),
        "/org/freedesktop/login1",
        Some("org.freedesktop.login1.Manager"),
        "UnlockSession",
        &"c1",
    );
    let unlocked = within("logind's answer", asked).await?;
    expect!(unlocked.is_err(), "logind unlocked a session of a lost phone");
    let begun = Instant::now();
    login.open("c2", 1000, "ada").await?;
    until("belay-watch to end the new session", async || {
        login.sessions().is_empty().then_some(())
    })
    .await?;
    teller.answer(format!(
        "there is no session to unlock; belay-watch ended the new one after {} ms.",
        begun.elapsed().as_millis()
    ));

    teller.step("The thief switches Wi-Fi and mobile network off, so that nobody finds the phone.");
    let network = stage.services().network();
    let begun = Instant::now();
    network.radio_off().await?;
    network.until_radios_on().await?;
    teller.answer(format!(
        "belay-watch had both on again after {} ms.",
        begun.elapsed().as_millis()
    ));
    Ok(())
}

async fn killed(stage: &mut Stage, teller: &mut Teller, app: &App, units: &Units) -> Outcome {
    teller.step("The thief finds a hole and kills belayd, the warden and belay-watch.");
    show_screen(stage, true)?;
    stage.kill_belayd().await?;
    stage.kill_warden().await?;
    units.kill_watch().await?;
    let state = app.text(WARDEN, "LockState").await?;
    expect!(state == "lost", "without belayd the warden says {state}");
    stage.start_belayd().await?;
    let state = app.text(DEVICE, "LockState").await?;
    expect!(state == "lost", "belayd came back {state}");
    refused(app.sign_out(ADA_PASSWORD).await?, "DeviceLost")?;
    teller.answer(
        "they come back, and the phone is as lost as before: the state lies on disk, and fits its seal.",
    );
    Ok(())
}

async fn call(stage: &Stage, teller: &mut Teller) -> Outcome {
    teller.step("Somebody honest gets the phone, reads the message and touches \"Call the owner\" on the lost screen.");
    let screen = App::new(&stage.connect(screen()).await?);
    screen
        .call::<_, ()>(DEVICE, "CallOwner", &(Options::new(),))
        .await??;
    let calls = stage.services().modem().calls();
    expect!(calls == [PHONE], "the modem called {calls:?}");
    teller.answer(format!(
        "the modem dials {PHONE}. The method takes no number: it calls this one or none."
    ));
    Ok(())
}

async fn unlock(stage: &mut Stage, teller: &mut Teller, app: &App, units: &Units) -> Outcome {
    teller.step("Ada has her phone back and unlocks it with her password. There is no network there.");
    let mut device = app.watch(DEVICE).await?;
    stage.stop_cloud().await?;
    let password = Fd::from(memfd(ADA_PASSWORD.as_bytes())?);
    app.call::<_, ()>(WARDEN, "Unlock", &(password,)).await??;
    device.becomes("LockState", "unlocked").await?;
    let systemd = stage.services().systemd();
    systemd.until_active("default.target", true).await?;
    units.until_watching(false).await?;
    let message = app.text(DEVICE, "LostMessage").await?;
    expect!(message.is_empty(), "it still shows {message:?}");
    stage.services().login().open("c3", 1000, "ada").await?;
    let before = app.text(ACCOUNT, "State").await?;
    expect!(before == "bound", "the account is {before}");
    teller.answer("unlocked: the default target is back, belay-watch has ended, and Ada is logged in.");
    until_connected(app, false).await?;
    stage.start_cloud().await?;
    // However long belayd meant to wait before it tries again.
    stage.clock().advance(Duration::from_secs(60))?;
    until_connected(app, true).await
}

/// Waits until a command is done; every state in which it was seen, in words.
pub(super) async fn done(stage: &Stage, console: &Console, id: CommandId) -> Outcome<String> {
    let (_, life) = console.follow(stage, id, CommandState::Done).await?;
    let told = console.told(&life)?;
    Ok(told
        .last()
        .map(|told| format!("\"{}\"", told.state))
        .unwrap_or_default())
}

/// The lost screen's user: one who isn't the person at the device, where there can be two.
fn screen() -> u32 {
    guest::stranger().unwrap_or_else(guest::person)
}

/// Tells programs that start from now on who the lost screen is. Not from the beginning: where the tests aren't root it
/// is also the person at the device, and the warden counts the passwords of the two apart.
fn show_screen(stage: &Stage, shown: bool) -> Outcome {
    let settings = if shown {
        let passwd = std::fs::read_to_string("/etc/passwd")?;
        format!("[warden]\nlost-screen-user = {:?}\n", user(&passwd, screen())?)
    } else {
        String::new()
    };
    stage.place().write("belay.d/screen.toml", &settings, 0o644)?;
    Ok(())
}

/// The name of a user, by the text of `/etc/passwd`.
fn user(passwd: &str, uid: u32) -> Outcome<&str> {
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    named.ok_or_else(|| Surprise::new(format!("nobody in /etc/passwd has the number {uid}")))
}
