//! From any computer: a session of its own with the cloud, keys derived here, nothing kept unless it was asked for.

mod command;
mod devices;
mod follow;
mod open;
mod remember;
mod session;
mod show;
mod vault;

use belay_proto::signed::Action;
use serde_json::json;

use self::command::Signer;
use self::follow::Order;
use self::remember::Memory;
use self::session::{Access, Keys, Session};
use self::vault::SessionVault;
use super::cli::{By, Find, Sms, Verb};
use super::words::{Life, Sent};
use super::{confirm, report};
use crate::account::Witness;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::secret;
use crate::ctl::text::{printable, time_words};

/// Does what was asked for, and ends the session that it began.
///
/// # Errors
/// What cloud and device say; [`Error::Data`] and [`Error::Usage`] for what can't be.
pub async fn run(args: &Find, action: Option<Action>, output: Output) -> Result<Report, Error> {
    if let Some(path) = &args.by.remembered {
        let access = remembered(path, args)?;
        return or_interrupted(work(&access, args, action, output)).await;
    }
    let (Some(url), Some(login)) = (&args.by.cloud, &args.by.login) else {
        return Err(Error::Usage("--cloud and --login belong together.".to_owned()));
    };
    let session = Session::new(url, args.by.ca.clone(), SessionVault::fresh())?;
    let password = secret::read(args.by.password.password_file.as_deref(), "Account password: ")?;
    let begun = async {
        let (account, opened) = session.log_in(login, password).await?;
        if let Some(path) = &args.by.remember {
            session.remember(path, account, &opened).await?;
        }
        Ok((account, opened))
    };
    match or_interrupted(begun).await {
        Ok((account, opened)) => {
            let access = Access {
                session,
                account,
                keys: Keys::Owner(Box::new(opened)),
            };
            let outcome = or_interrupted(work(&access, args, action, output)).await;
            if args.by.remember.is_none() {
                access.session.end().await;
            }
            outcome
        }
        Err(error) => {
            session.end().await;
            Err(error)
        }
    }
}

fn remembered(path: &std::path::Path, args: &Find) -> Result<Access, Error> {
    let harmless = matches!(
        args.verb,
        Verb::List
            | Verb::Status(_)
            | Verb::Ring(_)
            | Verb::Stop(_)
            | Verb::Locate(_)
            | Verb::Message(_)
            | Verb::Lock(_)
    );
    if !harmless {
        return Err(Error::Usage(
            "That needs the password: use --cloud and --login instead of --remembered.".to_owned(),
        ));
    }
    let memory = Memory::load(path)?;
    let (account, owner) = (memory.account(), memory.owner());
    let (url, ca) = (memory.cloud().to_owned(), memory.ca());
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = belay_proto::clock::millis(wall.unwrap_or_default());
    let (key, certificate) = memory.delegate(now)?;
    Ok(Access {
        session: Session::new(&url, ca, SessionVault::remembered(memory))?,
        account,
        keys: Keys::Delegate {
            owner,
            key,
            certificate: Box::new(certificate),
        },
    })
}

/// Ctrl-C ends the waiting, not the command; the session is ended after it.
async fn or_interrupted<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        outcome = work => outcome,
        Ok(()) = tokio::signal::ctrl_c() => {
            Err(Error::named("Cancelled", "interrupted; a command that was sent goes on"))
        }
    }
}

async fn work(access: &Access, args: &Find, action: Option<Action>, output: Output) -> Result<Report, Error> {
    let Some(device) = args.verb.device() else {
        return list(access, output).await;
    };
    let (entry, certificate) = access.device(device).await?;
    let witness = Witness::from(&certificate);
    if let Verb::Wipe(wipe) = &args.verb {
        let said = wipe.yes_wipe.as_deref();
        confirm::wipe(&entry.name, &entry.id, &certificate.wipe_class, said)?;
    }
    let told = access.told(&witness).await?;
    let Some(action) = action else {
        return match &args.verb {
            Verb::Sms(sms) => text(access, &certificate, &told, sms),
            _ => Ok(show::status(access, &entry, &certificate, &told, output.ink)),
        };
    };
    let owner;
    let signer = match &access.keys {
        Keys::Owner(opened) => {
            owner = opened.owner_key();
            Signer::Owner(&owner)
        }
        Keys::Delegate { key, certificate, .. } => Signer::Delegate(key, certificate),
    };
    let now = access.session.now();
    let standing = told.standing.as_ref();
    let (id, envelope) = command::envelope(&certificate, standing, action.clone(), &signer, now);
    let sent = Sent {
        id: id.to_string(),
        device: entry.id.clone(),
        name: entry.name.clone(),
        action: action.verb().as_str(),
    };
    let mut life = Life::begin(sent, output)?;
    let order = Order {
        access,
        witness: &witness,
        id,
        action: action.clone(),
        reports: told.last,
    };
    let found = order.send(&envelope, &mut life, !args.by.no_wait, output).await?;
    let mut json = life.json();
    if matches!(action, Action::Locate) {
        json["reports"] = found.iter().map(report::json).collect();
    }
    life.verdict()?;
    Ok(Report::new(
        last_words(&action, &args.by, access, found.is_empty()),
        json,
    ))
}

/// JSON: `devices`, each with `id`, `name`, `model`, `wipe_class`, `last_seen`, `lost`, `certified`.
async fn list(access: &Access, output: Output) -> Result<Report, Error> {
    let entries = access.devices().await?;
    let lines: Vec<_> = entries.iter().map(|entry| entry.words(output.ink)).collect();
    let json: Vec<_> = entries.iter().map(devices::Entry::json).collect();
    Ok(Report::new(lines.join("\n"), json!({ "devices": json })))
}

/// JSON: `text`, `id`, `device`, `action`, `valid_until` (seconds since the epoch, null = for ever).
fn text(
    access: &Access,
    certificate: &belay_proto::signed::DeviceCertificate,
    told: &devices::Told,
    asked: &Sms,
) -> Result<Report, Error> {
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
