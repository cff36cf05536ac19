//! The chapters of the story, in order.

use std::time::Duration;

use crate::app::{ACCOUNT, App, Options, WARDEN, entry, options, refused};
use crate::story::scratch::Scratch;
use crate::story::{Teller, account, band, lost, sync};
use crate::surprise::During;
use crate::{Outcome, Stage, expect};

/// The first owner.
pub(super) const ADA: &str = "ada@example.org";
pub(super) const ADA_PASSWORD: &str = "crane-lantern-49-orbit";

/// Who wants the device without having bought it, and in the end buys it.
pub(super) const BEN: &str = "ben@example.org";
pub(super) const BEN_PASSWORD: &str = "velvet-harbour-73-kite";

/// Walks the whole story, from an empty stage on.
pub(super) async fn walk(stage: &mut Stage, teller: &mut Teller) -> Outcome {
    let scratch = Scratch::make(stage)?;
    stage.clock().run(1)?;
    stage.init_warden().await?;
    stage.start_cloud().await?;
    stage.start_belayd().await?;
    let app = App::new(stage.person());
    new_device(stage, teller, &app).await?;
    register(stage, teller, &app, ADA, ADA_PASSWORD)
        .await
        .during("registering Ada")?;
    wrong_passwords(stage, teller, &app)
        .await
        .during("wrong passwords")?;
    band::walk(stage, teller, &app).await?;
    lost::walk(stage, teller, &app, &scratch).await?;
    reset(stage, teller, &app).await.during("the reset")?;
    stage.install_units()?;
    sign_out_offline(stage, teller, &app)
        .await
        .during("signing out offline")?;
    deliver(stage, teller, &app)
        .await
        .during("delivering the release")?;
    register(stage, teller, &app, BEN, BEN_PASSWORD)
        .await
        .during("registering Ben")?;
    sync::walk(stage, teller, &app).await.during("sync")?;
    account::walk(stage, teller).await.during("Cleo's account")
}

async fn new_device(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    let (belayd, warden) = (
        stage.owner("org.belay1").await?,
        app.text(WARDEN, "BindingState").await?,
    );
    let warden_pid = stage.owner("org.belay1.Warden").await?;
    expect!(
        belayd.is_some() && belayd != warden_pid,
        "belayd and the warden are one process"
    );
    expect!(warden == "unbound", "a new device is {warden}");
    let (belayd, warden_pid) = (belayd.unwrap_or_default(), warden_pid.unwrap_or_default());
    teller.answer(format!(
        "belayd is process {belayd}, the warden process {warden_pid}; the device is unbound."
    ));
    state_is(app, "unbound").await
}

async fn register(stage: &Stage, teller: &mut Teller, app: &App, who: &str, password: &str) -> Outcome {
    teller.step(&format!(
        "{who} registers. The password goes to the warden as a file descriptor, which answers a ticket; belayd \
         gets only the ticket."
    ));
    let mut account = app.watch(ACCOUNT).await?;
    let details: Options<'_> = options([("display-name", who.into()), ("language", "en".into())]);
    let id = app.register(who, password, &details).await??;
    let pending = app.get(ACCOUNT, "Pending").await?;
    teller.answer(format!(
        "a code is on its way to {} ({})",
        entry(&pending, "address"),
        entry(&pending, "state")
    ));

    teller.step("The mail arrives in the cloud's outbox; its code is typed in.");
    let code = stage.outbox().code(who).await?;
    teller.answer(format!("the code is {code}."));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    refused(app.confirm(&id, wrong).await?, "WrongCode").during("a wrong code")?;
    teller.answer(format!("{wrong} is refused with WrongCode."));
    let recovery = app.confirm(&id, &code).await??;
    account.becomes("State", "bound").await?;
    expect!(
        app.confirm(&id, &code).await?? == recovery,
        "asked again, the recovery code is another one"
    );
    app.acknowledge(&id).await??;
    let groups = recovery.split('-').count();
    teller.answer(format!(
        "bound. The recovery code ({groups} groups) is written down and acknowledged."
    ));
    Ok(())
}

async fn wrong_passwords(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step("Somebody who doesn't know the password tries to sign the device out, five times.");
    for n in 1..=5 {
        refused(app.sign_out(&format!("guess-number-{n}")).await?, "WrongPassword")?;
    }
    teller.answer("WrongPassword, five times; each was written down before it was checked.");
    refused(app.sign_out("guess-number-6").await?, "TooManyAttempts")?;
    refused(app.sign_out(ADA_PASSWORD).await?, "TooManyAttempts")?;
    let wait: u64 = app.get(WARDEN, "RetryAfter").await?;
    expect!((1..=60_000).contains(&wait), "the wait is {wait} ms");
    teller.answer(format!(
        "TooManyAttempts, even for the right one: {} s to wait.",
        wait.div_ceil(1000)
    ));

    teller.step(
        "The wall clock is set ten years ahead. Then a minute passes: the story moves its simulated clock.",
    );
    let today = stage.clock().wall();
    stage.clock().set_wall(today + 10 * 365 * 86_400)?;
    refused(app.sign_out("guess-number-7").await?, "TooManyAttempts")?;
    stage.clock().set_wall(today)?;
    teller.answer("TooManyAttempts still: the wall clock plays no part.");
    stage.clock().advance(Duration::from_secs(61))?;
    let wait: u64 = app.get(WARDEN, "RetryAfter").await?;
    expect!(wait == 0, "after the wait there are {wait} ms left");
    teller.answer("the wait is over.");
    state_is(app, "bound").await
}

async fn reset(stage: &mut Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step(
        "The thief sets the wiped phone up again: all that belayd and the warden ever stored is gone, and they start \
         anew.",
    );
    stage.factory_reset().await?;
    state_is(app, "unbound").await?;
    teller.answer("the phone itself remembers nothing.");

    teller.step(&format!(
        "The thief registers {BEN} on it, with a code from a mailbox of his own."
    ));
    let id = app.register(BEN, BEN_PASSWORD, &Options::new()).await??;
    let code = stage.outbox().code(BEN).await?;
    refused(app.confirm(&id, &code).await?, "ActivationLocked")?;
    let state = app.text(ACCOUNT, "State").await?;
    let locked_to = app.text(ACCOUNT, "LockedTo").await?;
    expect!(state == "activation-locked", "the state is {state}");
    teller.answer(format!("ActivationLocked. The phone belongs to {locked_to}."));
    let activation: String = app.call(ACCOUNT, "CheckActivation", &(Options::new(),)).await??;
    expect!(activation == "locked", "CheckActivation says {activation}");
    refused(
        app.register(BEN, BEN_PASSWORD, &Options::new()).await?,
        "ActivationLocked",
    )?;
    teller.answer("CheckActivation says: locked. Another try is refused before anything is sent.");

    teller.step("The owner gets it back and signs in.");
    let mut account = app.watch(ACCOUNT).await?;
    app.sign_in(ADA, ADA_PASSWORD).await??;
    account.becomes("State", "bound").await?;
    teller.answer("bound again: the root that the password opens is the owner's.");
    Ok(())
}

async fn sign_out_offline(stage: &mut Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step("Ada sells the phone where there is no network: the cloud is stopped. She signs out with the password.");
    stage.stop_cloud().await?;
    let mut account = app.watch(ACCOUNT).await?;
    let release = app.sign_out(ADA_PASSWORD).await??;
    account.becomes("State", "unbound").await?;
    let pending: bool = app.get(ACCOUNT, "PendingRelease").await?;
    expect!(
        release.starts_with("belay-release:"),
        "the release is {release:?}"
    );
    expect!(pending, "no release is pending");
    teller.answer(format!(
        "unbound. The release, as text for a QR code, has {} characters and waits.",
        release.len()
    ));
    Ok(())
}

async fn deliver(stage: &mut Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step("The network comes back; belayd brings the release to the cloud by itself.");
    let mut account = app.watch(ACCOUNT).await?;
    stage.start_cloud().await?;
    stage.clock().advance(Duration::from_secs(120))?;
    let gone = |v: &zbus::OwnedVariant| bool::try_from(&**v).is_ok_and(|pending| !pending);
    account
        .until("PendingRelease to become false", "PendingRelease", gone)
        .await?;
    let activation: String = app.call(ACCOUNT, "CheckActivation", &(Options::new(),)).await??;
    expect!(activation == "free", "CheckActivation says {activation}");
    teller.answer("the cloud has it. CheckActivation says: free.");
    teller.step("Ben, who has bought the phone now, makes it his.");
    Ok(())
}

async fn state_is(app: &App, wanted: &str) -> Outcome {
    let state = app.text(ACCOUNT, "State").await?;
    expect!(state == wanted, "the state is {state}, not {wanted}");
    Ok(())
}
