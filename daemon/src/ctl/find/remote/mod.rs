//! From any computer: a session of its own with the cloud, keys derived here, nothing kept unless it was asked for.

mod clock;
mod command;
mod devices;
mod follow;
mod open;
mod remember;
mod session;
mod show;
mod vault;

use std::path::Path;

use belay_proto::clock::system_clock;
use belay_proto::signed::{Action, DeviceCertificate};
use serde_json::json;

use self::command::Signer;
use self::devices::{Entry, Told};
use self::follow::Order;
use self::remember::Memory;
use self::session::{Access, Keys, Session, wall};
use self::vault::SessionVault;
use super::cli::{By, Find, Sms, Verb};
use super::confirm::{self, Meant};
use super::report;
use super::words::{Life, Sent};
use crate::account::Witness;
use crate::ctl::error::Error;
use crate::ctl::interrupt::{Underway, or_interrupted};
use crate::ctl::output::{Output, Report};
use crate::ctl::secret;
use crate::ctl::text::{printable, time_words};

/// Does what was asked for, and ends the session that it began.
///
/// # Errors
/// What cloud and device say; [`Error::Data`] and [`Error::Usage`] for what can't be; `Interrupted`.
pub async fn run(args: &Find, action: Option<Action>, output: Output) -> Result<Report, Error> {
    let underway = Underway::default();
    if let Some(path) = &args.by.remembered {
        return by_memory(path, args, action, &underway, output).await;
    }
    let (Some(url), Some(login)) = (&args.by.cloud, &args.by.login) else {
        return Err(Error::Usage("--cloud and --login belong together.".to_owned()));
    };
    if let Some(path) = &args.by.remember {
        Memory::may_lie_in(path)?;
    }
    let session = Session::new(url, args.by.ca.clone(), SessionVault::fresh())?;
    let file = args.by.password.password_file.as_deref();
    let begun = async {
        let password = secret::read(file, "Account password: ").await?;
        let (account, opened) = session.log_in(login, password).await?;
        if let Some(path) = &args.by.remember
            && let Some(before) = session.remember(path, account, &opened).await?
        {
            end(&before).await;
        }
        Ok((account, opened))
    };
    match or_interrupted(&underway, begun).await {
        Ok((account, opened)) => {
            let access = Access {
                session,
                account,
                keys: Keys::Owner(Box::new(opened)),
            };
            let outcome = or_interrupted(&underway, work(&access, args, action, &underway, output)).await;
            if args.by.remember.is_none() {
                end(&access.session).await;
            }
            outcome
        }
        Err(error) => {
            end(&session).await;
            Err(error)
        }
    }
}

/// Ends a session, unless that takes too long for whoever waits.
async fn end(session: &Session) {
    let ended = async {
        session.end().await;
        Ok(())
    };
    // One that can't be ended ends by itself.
    let _ = or_interrupted(&Underway::default(), ended).await;
}

/// The same with a key that was remembered. One whose time is over is forgotten with its session.
async fn by_memory(
    path: &Path,
    args: &Find,
    action: Option<Action>,
    underway: &Underway,
    output: Output,
) -> Result<Report, Error> {
    let harmless = match &action {
        Some(action) => action.verb().may_be_delegated(),
        None => !matches!(args.verb, Verb::Sms(_)),
    };
    if !harmless {
        return Err(Error::Usage(
            "That needs the password: use --cloud and --login instead of --remembered.".to_owned(),
        ));
    }
    let memory = Memory::load(path)?;
    let (account, owner) = (memory.account(), memory.owner());
    let (url, ca) = (memory.cloud().to_owned(), memory.ca());
    let delegate = memory.delegate(wall(&*system_clock()));
    let session = Session::new(&url, ca, SessionVault::remembered(memory))?;
    let outcome = match delegate {
        Ok((key, certificate)) => {
            let access = Access {
                session: session.clone(),
                account,
                keys: Keys::Delegate {
                    owner,
                    key,
                    certificate: Box::new(certificate),
                },
            };
            let outcome = or_interrupted(underway, work(&access, args, action, underway, output)).await;
            outcome.map_err(over)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome
        && error.is_named(OVER)
    {
        end(&session).await;
        session
            .vault
            .forget()
            .await
            .map_err(Error::io(path.display().to_string()))?;
    }
    outcome
}

/// A session that the cloud has ended makes what was remembered worth nothing.
fn over(error: Error) -> Error {
    if error.is_named("ReauthenticationRequired") {
        Error::named(OVER, "the remembered session has ended")
    } else {
        error
    }
}

/// The name of the error that what was remembered is over.
const OVER: &str = "RememberedOver";

async fn work(
    access: &Access,
    args: &Find,
    action: Option<Action>,
    underway: &Underway,
    output: Output,
) -> Result<Report, Error> {
    let entries = access.devices().await?;
    let Some(device) = args.verb.device() else {
        return Ok(list(&entries, output));
    };
    let (entry, certificate) = access.device(&entries, device)?;
    let witness = Witness::from(&certificate);
    let meant = Meant {
        id: &entry.id,
        model: &certificate.model,
        class: &certificate.wipe_class,
        name: &entry.name,
    };
    let all: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    confirm::verb(&args.verb, meant, &all).await?;
    let mut warnings = Vec::new();
    let verb = match (&action, &args.verb) {
        (Some(action), _) => Some(action.verb()),
        (None, Verb::Sms(sms)) => Some(sms.action.verb()),
        (None, _) => None,
    };
    let mut told = access.told(&witness, verb, &mut warnings).await?;
    let now = access.session.now();
    let reported = told.standing.as_ref().map_or(0, |standing| standing.time);
    let clock = clock::doubt(now, reported, access.session.client.clock_ahead());
    warnings.extend(clock.clone());
    for warning in &warnings {
        output.warn(warning);
    }
    let mut report = match (action, &args.verb) {
        (Some(action), _) => {
            let device = Target {
                entry,
                certificate: &certificate,
                witness: &witness,
                told: &told,
            };
            let clock = clock.unwrap_or_default();
            command(access, &device, action, clock, &args.by, underway, output).await?
        }
        (None, Verb::Sms(sms)) => text(access, &certificate, &told, sms)?,
        (None, _) => {
            let sealed = match access.opens() {
                true => access.sealed(&witness, &mut told).await?,
                false => Vec::new(),
            };
            show::status(access, entry, &certificate, &told, &sealed, output.ink)
        }
    };
    report.json["warnings"] = warnings.into();
    Ok(report)
}

/// Whom a command is for.
struct Target<'a> {
    entry: &'a Entry,
    certificate: &'a DeviceCertificate,
    witness: &'a Witness,
    told: &'a Told,
}

async fn command(
    access: &Access,
    device: &Target<'_>,
    action: Action,
    clock: String,
    by: &By,
    underway: &Underway,
    output: Output,
) -> Result<Report, Error> {
    let owner;
    let signer = match &access.keys {
        Keys::Owner(opened) => {
            owner = opened.owner_key();
            Signer::Owner(&owner)
        }
        Keys::Delegate { key, certificate, .. } => Signer::Delegate(key, certificate),
    };
    let now = access.session.now();
    let standing = device.told.standing.as_ref();
    let (id, envelope) = command::envelope(device.certificate, standing, action.clone(), &signer, now);
    let sent = Sent {
        id: id.to_string(),
        device: device.entry.id.clone(),
        name: device.entry.name.clone(),
        model: device.certificate.model.clone(),
        action: action.verb().as_str(),
    };
    let mut life = Life::begin(sent, output)?;
    let order = Order::new(access, device.witness, id, action.clone(), clock, output);
    underway.sends(&life.id_words());
    let found = order.send(&envelope, &mut life, !by.no_wait).await?;
    let mut json = life.json();
    if matches!(action, Action::Locate) {
        json["reports"] = found.iter().map(report::json).collect();
    }
    life.verdict()?;
    Ok(Report::new(
        last_words(&action, by, access, found.is_empty()),
        json,
    ))
}

/// JSON: `devices`, each with `id`, `name`, `model`, `wipe_class`, `last_seen`, `lost`, `certified`.
fn list(entries: &[Entry], output: Output) -> Report {
    let lines: Vec<_> = entries.iter().map(|entry| entry.words(output.ink)).collect();
    let json: Vec<_> = entries.iter().map(Entry::json).collect();
    Report::new(lines.join("\n"), json!({ "devices": json }))
}

/// JSON: `text`, `id`, `device`, `action`, `valid_until` (seconds since the epoch, null = for ever).
fn text(access: &Access, certificate: &DeviceCertificate, told: &Told, asked: &Sms) -> Result<Report, Error> {
    let Keys::Owner(opened) = &access.keys else {
        return Err(Error::Usage(
            "A text is signed with the account's own key.".to_owned(),
        ));
    };
    let (action, now) = (asked.action.action(), access.session.now());
    let owner = opened.owner_key();
    let (text, id, until) = command::sms(certificate, told.standing.as_ref(), action, &owner, now);
    let until = until.map(|until| until / 1000);
    let good = match until {
        Some(until) => format!("Good until {}.", time_words(until)),
        None => "Good until a later command of its kind is accepted.".to_owned(),
    };
    let words = format!(
        "Send this to the number of the device's SIM, from any phone, unchanged:\n\n{}\n\n{good}",
        printable(&text)
    );
    let json = json!({
        "text": text, "id": id.to_string(), "device": certificate.device.to_string(),
        "action": action.verb().as_str(), "valid_until": until,
    });
    Ok(Report::new(words, json))
}

fn last_words(action: &Action, by: &By, access: &Access, nothing_found: bool) -> String {
    match action {
        Action::Wipe { .. } => "A device that is being erased says nothing more.".to_owned(),
        Action::Locate if by.no_wait => "find status shows where it is once it has told.".to_owned(),
        Action::Locate if !access.opens() => {
            "Where it is opens with the password alone: find status with --cloud and --login.".to_owned()
        }
        Action::Locate if nothing_found => "It told no position.".to_owned(),
        _ => String::new(),
    }
}

impl Access {
    /// Whether the reports of devices can be opened: with the password alone.
    fn opens(&self) -> bool {
        matches!(self.keys, Keys::Owner(_))
    }
}
