//! `register`, `confirm`, `acknowledge`, `resend`, `cancel`: from an address to a bound device.

use std::path::Path;

use belay_proto::Secret;
use belay_proto::dbus::client as ticketed;
use belay_proto::dbus::told::Reason;
use belay_proto::dbus::{Options, VerificationState};
use serde_json::{Value, json};
use zbus::Variant;

use super::advice::{Advice, account as advice};
use super::cli::{Acknowledge, Confirm, Register, Verification};
use super::client::{Client, Object};
use super::error::Error;
use super::output::{Output, Report};
use super::text::printable;
use super::{qr, secret};

/// Begins a registration. JSON: `id`, and `pending` as in `status`.
///
/// # Errors
/// What the warden says to the password, and belayd to the rest.
pub async fn register(client: &Client, args: &Register) -> Result<Report, Error> {
    let file = args.password.password_file.as_deref();
    let password = secret::read_new(file, "New account password: ", "The same again: ").await?;
    let id = ticketed::register(client.connection(), &args.identifier, &password, &details(args))
        .await
        .map_err(|error| unsent(error.into(), args.outgoing_sms))?;
    let pending = pending(client).await;
    let then = match args.outgoing_sms {
        true => "Once it has arrived",
        false => "Then",
    };
    let text = format!(
        "{}\n\n{then}: belayctl confirm {}",
        sent_words(args, pending.as_ref()),
        printable(&id)
    );
    Ok(Report::new(text, json!({ "id": id, "pending": pending })))
}

/// What the refusal of a registration means.
fn unsent(error: Error, own_sms: bool) -> Error {
    let not_taken = match own_sms {
        true => advice::NO_SMS_TAKEN,
        false => advice::NOT_REACHED,
    };
    error
        .means("Conflict", advice::BEING_MADE)
        .means("NotSupported", not_taken)
        .means_where("NotSupported", Reason::NoModem, advice::NO_SMS_HERE)
        .means_where("Offline", Reason::Modem, advice::SMS_UNSENT)
}

/// Gives the code, shows the recovery code and asks whether it is written down. JSON: `state`, `recovery_code`,
/// `acknowledged`, `shown_again` (the same call answers this same code once more); there nothing is asked, `--acknowledge` says
/// it. When that fails the error follows as a second object.
///
/// # Errors
/// What belayd says to the code; [`Error::Io`] when the recovery code can't be shown, which then isn't acknowledged.
pub async fn confirm(client: &Client, args: &Confirm, output: Output) -> Result<(), Error> {
    let code = code(client, &args.id, args.code.as_deref(), args.code_file.as_deref()).await?;
    let confirmed = ticketed::confirm_registration(client.connection(), &args.id, &code).await;
    let recovery_code = match confirmed {
        Ok(code) => code,
        Err(error) => {
            let error = no_more_codes(error.into());
            return Err(code_refused(client, &args.id, error, advice::REGISTER_AGAIN).await);
        }
    };
    // Shown before it is acknowledged: from then on nobody can read it again.
    if output.json {
        let mut json = code_json(recovery_code.expose(), args.acknowledge);
        json["state"] = "bound".into();
        output.show(&Report::new("", json))?;
        return if args.acknowledge {
            acknowledge_by_id(client, &args.id).await
        } else {
            Ok(())
        };
    }
    let shown = format!(
        "This device is bound to your account.\n\n{}\n\n{}\n{ADVICE}{}",
        output.ink.strong("Your recovery code:"),
        groups(recovery_code.expose()),
        qr::draw(recovery_code.expose(), args.qr, output)
            .map(|drawn| format!("\n{drawn}\n"))
            .unwrap_or_default()
    );
    output.show(&Report::new(shown, Value::Null))?;
    let last = if is_written_down(args.acknowledge, output).await? {
        acknowledge_by_id(client, &args.id).await?;
        "It isn't shown again.".to_owned()
    } else {
        let id = printable(&args.id);
        format!(
            "It can be shown again with: belayctl confirm {id}\nOnce it is written down: belayctl acknowledge {id}"
        )
    };
    output.show(&Report::new(last, Value::Null))
}

/// A recovery code that was shown, and what becomes of it, for scripts.
pub fn code_json(code: &str, acknowledged: bool) -> Value {
    json!({ "recovery_code": code, "acknowledged": acknowledged, "shown_again": !acknowledged })
}

/// Whether a recovery code that was shown is written down: as it was `said`, else as a person at the terminal says.
///
/// # Errors
/// [`Error::Io`].
pub async fn is_written_down(said: bool, output: Output) -> Result<bool, Error> {
    Ok(said
        || (output.terminal
            && secret::can_ask()
            && secret::ask_openly("Is it written down? Type yes:")
                .await?
                .eq_ignore_ascii_case("yes")))
}

/// The same, where the cloud takes no more codes for now.
pub fn no_more_codes(error: Error) -> Error {
    error.means_at_the_cloud("TooManyAttempts", advice::CODES_AT_THE_CLOUD)
}

/// What the refusal of a code means for the verification `id`: another code can be sent, unless all of it is over.
pub async fn code_refused(client: &Client, id: &str, error: Error, over: Advice) -> Error {
    if !error.is_named("CodeExpired") {
        return error;
    }
    match pending(client).await {
        // Where nobody can say, nothing is said to be over.
        None => error,
        Some(pending) if pending["id"] == id => error,
        Some(_) => error.means("CodeExpired", over),
    }
}

/// Says that the recovery code is written down. JSON: `acknowledged`.
///
/// # Errors
/// What belayd says.
pub async fn acknowledge(client: &Client, args: &Acknowledge) -> Result<Report, Error> {
    acknowledge_by_id(client, &args.id).await?;
    Ok(Report::new(
        "The recovery code isn't shown again.",
        json!({ "acknowledged": true }),
    ))
}

/// Sends the code again. JSON: `pending` as in `status`.
///
/// # Errors
/// What belayd says; `TooSoon` names the wait.
pub async fn resend(client: &Client, args: &Verification) -> Result<Report, Error> {
    let before = pending(client).await;
    let account = client.account().await?;
    if let Err(error) = account.resend_code(&args.id, &Options::new()).await {
        let error = Error::from(error)
            .means("Conflict", advice::PROVED_ALREADY)
            .means("NotSupported", advice::NO_SMS_HERE)
            .means_where("Offline", Reason::Modem, advice::SMS_UNSENT_AGAIN);
        return Err(code_refused(client, &args.id, error, begin_again(before.as_ref())).await);
    }
    let pending = pending(client).await;
    Ok(Report::new(
        "The code is on its way again.",
        json!({ "pending": pending }),
    ))
}

/// What to begin again once what was under way is over.
fn begin_again(pending: Option<&Value>) -> Advice {
    match pending.and_then(|pending| pending["kind"].as_str()) {
        Some("identifier") => advice::ADDRESS_AGAIN,
        Some("recovery") => advice::FORGOT_AGAIN,
        _ => advice::REGISTER_AGAIN,
    }
}

/// Gives up what waits for its code. JSON: `cancelled`.
///
/// # Errors
/// What belayd says.
pub async fn cancel(client: &Client, args: &Verification) -> Result<Report, Error> {
    client
        .account()
        .await?
        .cancel_verification(&args.id, &Options::new())
        .await
        .map_err(|error| Error::from(error).means("Conflict", advice::MADE_ALREADY))?;
    Ok(Report::new(
        "It is given up: its code is good for nothing any more.",
        json!({ "cancelled": true }),
    ))
}

/// What to do with a recovery code.
pub const ADVICE: &str = "
Write it on paper and keep it away from this device. With it you get into your account when the
password is forgotten; nobody else can give it to you, and whoever has it can get in too.
";

/// The running verification as `status` shows it.
pub async fn pending(client: &Client) -> Option<Value> {
    client.properties(Object::Account).await.ok()?.remove("pending")
}

async fn acknowledge_by_id(client: &Client, id: &str) -> Result<(), Error> {
    Ok(client
        .account()
        .await?
        .acknowledge_recovery_code(id, &Options::new())
        .await?)
}

/// The code of the verification `id`: the one that was `given`, else from the file or the terminal; none once the link of the
/// e-mail was opened.
///
/// # Errors
/// As [`secret::read`], and what belayd says.
pub async fn code(
    client: &Client,
    id: &str,
    given: Option<&str>,
    file: Option<&Path>,
) -> Result<Secret<String>, Error> {
    if let Some(code) = given {
        return Ok(Secret::of_text(code));
    }
    if file.is_some() {
        return secret::read_optional(file, "").await;
    }
    // What was already confirmed may have been forgotten: then the code is asked for.
    let state = client
        .account_to_read()
        .await?
        .verification_state(id, &Options::new())
        .await;
    match state.map_err(Error::from) {
        Ok(VerificationState::Confirmed) => Ok(Secret::of_text("")),
        // There is no code to ask for.
        Ok(_) if is_own_sms(pending(client).await.as_ref()) => Ok(Secret::of_text("")),
        Ok(_) | Err(Error::Refused(_)) => {
            secret::read_optional(None, "The code (Enter alone once the link was opened): ").await
        }
        Err(error) => Err(error),
    }
}

fn details(args: &Register) -> Options<'_> {
    let mut details = Options::new();
    let texts = [
        ("display-name", &args.name),
        ("country", &args.country),
        ("language", &args.language),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            details.insert(key, Variant::from(text.as_str()));
        }
    }
    for (key, flag) in [
        ("newsletter", args.newsletter),
        ("outgoing-sms", args.outgoing_sms),
    ] {
        if flag {
            details.insert(key, Variant::from(true));
        }
    }
    details
}

/// Whether the running verification waits for an SMS of this device's.
fn is_own_sms(pending: Option<&Value>) -> bool {
    pending.is_some_and(|pending| pending["channel"] == "sms-out")
}

fn sent_words(args: &Register, pending: Option<&Value>) -> String {
    let address = pending
        .and_then(|pending| pending["address"].as_str())
        .unwrap_or(&args.identifier);
    let address = printable(address);
    if args.outgoing_sms {
        let to = pending.and_then(|pending| pending["number"].as_str());
        let to = to
            .map(|number| format!(" to {}", printable(number)))
            .unwrap_or_default();
        format!("An SMS from this device{to} proves the number {address}.")
    } else if args.identifier.contains('@') {
        format!("A message with a code and a link is on its way to {address}.")
    } else {
        format!("An SMS with a code is on its way to {address}.")
    }
}

/// A recovery code in rows of four groups, each group set apart.
pub fn groups(code: &str) -> String {
    let groups: Vec<&str> = code.split('-').collect();
    groups
        .chunks(4)
        .map(|row| format!("    {}", row.join(" - ")))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::cli::{Command, parse};

    fn args(line: &str) -> Register {
        let words = std::iter::once("belayctl")
            .chain(line.split_whitespace())
            .map(Into::into);
        let Command::Register(args) = parse(words).unwrap().command else {
            panic!()
        };
        args
    }

    #[test]
    fn details_hold_what_was_given_and_nothing_else() {
        assert!(details(&args("register a@example.org")).is_empty());
        let all =
            args("register +491701234567 --name Ada --country DE --language de --newsletter --outgoing-sms");
        let all = details(&all);
        let mut keys: Vec<_> = all.keys().copied().collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "country",
                "display-name",
                "language",
                "newsletter",
                "outgoing-sms"
            ]
        );
        assert_eq!(all["newsletter"], Variant::from(true));
    }

    #[test]
    fn a_registration_that_cant_begin_says_which_of_the_two_can_t_do_it() {
        let words = |name: &str, text: &str, own_sms| unsent(Error::named(name, text), own_sms).words();
        let said = words("NotSupported", "none here; reason: no-modem", true);
        assert!(said.starts_with("This device can't send the SMS"), "{said}");
        let said = words("NotSupported", "the cloud sends no codes this way", true);
        assert!(said.starts_with("This cloud takes no SMS"), "{said}");
        let said = words("NotSupported", "the cloud sends no codes this way", false);
        assert!(said.starts_with("This cloud sends no codes"), "{said}");
        let said = words("Offline", "not sent; reason: modem", true);
        assert!(said.starts_with("The modem didn't send the SMS"), "{said}");
        let said = words("Offline", "the cloud can't be reached", true);
        assert!(said.starts_with("The cloud can't be reached."), "{said}");
        let said = words("Conflict", "an account is being made", false);
        assert!(said.contains("belayctl cancel"), "{said}");
    }

    #[test]
    fn what_is_over_is_begun_again_with_the_command_that_began_it() {
        let next = |kind: &str| begin_again(Some(&json!({ "kind": kind }))).next;
        assert!(next("registration").ends_with("belayctl register."));
        assert!(next("identifier").ends_with("belayctl account add-address."));
        assert!(next("recovery").ends_with("belayctl account forgot."));
        assert!(begin_again(None).next.ends_with("belayctl register."));
    }

    #[test]
    fn a_recovery_code_is_shown_in_rows_of_four_groups() {
        assert_eq!(
            groups("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH-J"),
            "    AAAA - BBBB - CCCC - DDDD\n    EEEE - FFFF - GGGG - HHHH\n    J"
        );
    }

    #[test]
    fn what_is_sent_depends_on_the_identifier() {
        assert!(sent_words(&args("register a@example.org"), None).contains("a code and a link"));
        let pending = json!({"address": "+49•••••67"});
        assert_eq!(
            sent_words(&args("register +491701234567"), Some(&pending)),
            "An SMS with a code is on its way to +49•••••67."
        );
        let own = args("register +491701234567 --outgoing-sms");
        assert!(sent_words(&own, None).contains("from this device proves"));
        let pending = json!({"address": "+49•••••67", "number": "+4915100000", "channel": "sms-out"});
        assert_eq!(
            sent_words(&own, Some(&pending)),
            "An SMS from this device to +4915100000 proves the number +49•••••67."
        );
        assert!(is_own_sms(Some(&pending)) && !is_own_sms(None));
    }
}
