//! Cleo's account: two phones of hers, a number, a password that she forgets, and its end.

use std::time::Duration;

use belay_proto::keys::RecoveryCode;
use zbus::OwnedVariant;

use super::Teller;
use crate::app::{ACCOUNT, App, Entry, Options, entry, options, refused};
use crate::owner::browse;
use crate::stage::Plan;
use crate::surprise::During;
use crate::sysfs::Hardware;
use crate::{Outcome, Stage, Surprise, expect};

const CLEO: &str = "cleo@example.org";
const NUMBER: &str = "+4915112345678";
const PASSWORD: &str = "marble-ferry-17-canyon";
/// The one that she chooses when she has forgotten the other.
const ANOTHER: &str = "copper-meadow-58-sparrow";

/// A service that the cloud's operator has named.
pub(super) const SERVICE: &str = "https://photos.example.org";

/// Walks the chapter of a whole account. `stage` has the cloud.
pub(super) async fn walk(stage: &Stage, teller: &mut Teller) -> Outcome {
    let first = phone(stage, 0x0c1e_0001).await?;
    let second = phone(stage, 0x0c1e_0002).await?;
    let (app, other) = (App::new(first.person()), App::new(second.person()));
    let recovery = registered(stage, &first, teller, &app)
        .await
        .during("registering Cleo")?;
    number(stage, teller, &app).await.during("adding a number")?;
    another(stage, teller, &app, &other)
        .await
        .during("the second phone")?;
    forgotten(stage, teller, (&app, &other), &recovery)
        .await
        .during("the forgotten password")?;
    token(teller, &app).await.during("the service's token")?;
    deleted(stage, teller, &app, &other)
        .await
        .during("deleting the account")?;
    first.verdict()?;
    second.verdict()
}

async fn phone(stage: &Stage, number: u32) -> Outcome<Stage> {
    let plan = Plan {
        hardware: Hardware::Phone(number),
        ..Plan::new(stage.exe())
    };
    let mut phone = plan.beside(stage).await?;
    phone.clock().run(1)?;
    phone.init_warden().await?;
    phone.start_belayd().await?;
    Ok(phone)
}

/// Code resent, link opened; the recovery code.
async fn registered(stage: &Stage, phone: &Stage, teller: &mut Teller, app: &App) -> Outcome<String> {
    teller
        .step("Cleo registers on a phone of hers. Her mail is slow, and she asks for another code at once.");
    let details: Options<'_> = options([("language", "en".into())]);
    let id = app.register(CLEO, PASSWORD, &details).await??;
    let resend = async || {
        app.call::<_, ()>(ACCOUNT, "ResendCode", &(&id, Options::new()))
            .await
    };
    refused(resend().await?, "TooSoon")?;
    teller.answer("TooSoon: nobody fills a mailbox by asking. A quarter of an hour passes.");
    for clock in [stage.clock(), phone.clock()] {
        clock.advance(Duration::from_secs(15 * 60 + 1))?;
    }
    resend().await??;
    let first = stage.outbox().code(CLEO).await?;
    let mail = stage.outbox().next(CLEO).await?;
    let again = mail.code.unwrap_or_default();
    if first != again {
        refused(app.confirm(&id, &first).await?, "WrongCode").during("the first code")?;
    }
    teller.answer(format!(
        "another code came: {again}. The first, {first}, is good for nothing any more."
    ));

    teller.step("She opens the mail's link in the browser of a computer instead of typing the code.");
    let link = mail.link.ok_or_else(|| Surprise::new("the mail has no link"))?;
    let page = browse(stage, "GET", &link).await?;
    expect!(page.status == 200, "the page answers {}", page.status);
    let state: String = app
        .call(ACCOUNT, "VerificationState", &(&id, Options::new()))
        .await??;
    expect!(state == "pending", "only to look at the page made it {state}");
    let pressed = browse(stage, "POST", &link).await?;
    expect!(pressed.status == 200, "the button answers {}", pressed.status);
    let state: String = app
        .call(ACCOUNT, "VerificationState", &(&id, Options::new()))
        .await??;
    expect!(state == "confirmed", "the button left it {state}");
    let recovery = app.confirm(&id, "").await??;
    app.acknowledge(&id).await??;
    app.reads(ACCOUNT, "State", "bound").await?;
    teller.answer("the page asks and its button confirms, since mail scanners open links. The phone is bound without a code.");
    Ok(recovery)
}

async fn number(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    teller.step("Cleo adds her telephone number, a second way to be reached and to recover.");
    let id = app.add_identifier(NUMBER, PASSWORD).await??;
    let pending = app.get(ACCOUNT, "Pending").await?;
    let (channel, to) = (entry(&pending, "channel"), entry(&pending, "address"));
    expect!(channel == "sms", "the code travels by {channel}");
    let code = stage.outbox().code(NUMBER).await?;
    app.confirm_identifier(&id, &code).await??;
    let known: Vec<(String, String, String, bool)> = app.get(ACCOUNT, "Identifiers").await?;
    expect!(known.len() == 2, "she has {} addresses", known.len());
    teller.answer(format!(
        "a text message to {to} had the code {code}; she types it in, and the number is hers."
    ));
    for to in [CLEO, NUMBER] {
        told(stage, teller, to, "was added to your").await?;
    }
    Ok(())
}

async fn another(stage: &Stage, teller: &mut Teller, app: &App, other: &App) -> Outcome {
    teller.step("She signs in on a second phone, with her number.");
    other.sign_in(NUMBER, PASSWORD).await??;
    other.reads(ACCOUNT, "State", "bound").await?;
    let devices: Vec<Entry> = app.call(ACCOUNT, "ListDevices", &(Options::new(),)).await??;
    expect!(devices.len() == 2, "the account has {} devices", devices.len());
    teller.answer("bound; both phones are listed.");
    told(stage, teller, CLEO, "with your password").await?;
    told(stage, teller, CLEO, "was added to your Belay account").await
}

async fn forgotten(stage: &Stage, teller: &mut Teller, apps: (&App, &App), recovery: &str) -> Outcome {
    let (app, other) = apps;
    teller.step("She forgets her password. On the second phone she asks for a code to her address.");
    let id = other.begin_recovery(CLEO).await??;
    let code = stage.outbox().code(CLEO).await?;
    // Written as one is, and another account's.
    let wrong = RecoveryCode::generate().text();
    let refusal = other
        .complete_recovery((&id, &code), CLEO, ANOTHER, wrong.expose())
        .await?;
    refused(refusal, "WrongCode").during("a wrong recovery code")?;
    other
        .complete_recovery((&id, &code), CLEO, ANOTHER, recovery)
        .await??;
    teller.answer(
        "the code alone is WrongCode; with the recovery code that she wrote down she chooses a new password.",
    );
    told(stage, teller, NUMBER, "choose a new password").await?;
    told(stage, teller, NUMBER, "a new password was chosen").await?;
    for (app, login) in [(app, CLEO), (other, NUMBER)] {
        app.reads(ACCOUNT, "State", "reauthentication-required").await?;
        refused(app.reauthenticate(login, PASSWORD).await?, "WrongPassword")?;
        app.reauthenticate(login, ANOTHER).await??;
        app.reads(ACCOUNT, "State", "bound").await?;
    }
    teller
        .answer("both phones ask for it. The old one is WrongPassword on each, the new one lets them go on.");
    Ok(())
}

async fn token(teller: &mut Teller, app: &App) -> Outcome {
    teller.step("A photo service of the account's asks who she is.");
    let (token, expires) = app.service_token(SERVICE).await??;
    expect!(token.split('.').count() == 3, "the token is no JWT");
    expect!(expires > 0, "the token is good for no time");
    let other = app.service_token("https://elsewhere.example.org").await?;
    refused(other.map(drop), "NotFound").during("another service")?;
    teller.answer(format!(
        "{SERVICE} gets a token of {} characters. A service that nobody named is NotFound.",
        token.len()
    ));
    Ok(())
}

async fn deleted(stage: &Stage, teller: &mut Teller, app: &App, other: &App) -> Outcome {
    teller.step("She wants no account any more.");
    refused(app.delete_account(ANOTHER).await?, "DevicesStillBound").during("deleting it at once")?;
    app.reads(ACCOUNT, "State", "bound").await?;
    teller.answer("DevicesStillBound: no phone of hers is left behind locked to nobody. She signs out on the second one.");
    other.sign_out(ANOTHER).await??;
    let there = |value: &OwnedVariant| bool::try_from(&**value).is_ok_and(|pending| !pending);
    other.comes_to(ACCOUNT, "PendingRelease", "false", there).await?;
    app.delete_account(ANOTHER).await??;
    app.reads(ACCOUNT, "State", "unbound").await?;
    refused(app.sign_in(CLEO, ANOTHER).await?, "WrongPassword").during("signing in afterwards")?;
    teller.answer("now it is done, and the phone is nobody's. Signing in is WrongPassword, as for any address without an account.");
    told(stage, teller, CLEO, "was deleted").await
}

/// Waits for the notice with these words.
async fn told(stage: &Stage, teller: &Teller, to: &str, words: &str) -> Outcome {
    loop {
        let mail = stage.outbox().notice(to).await?;
        if mail.text.contains(words) {
            let first = mail.text.lines().next().unwrap_or_default();
            teller.answer(format!("{to} is told: {first}"));
            return Ok(());
        }
    }
}
