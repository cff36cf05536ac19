//! `account password`, `recovery-code`, `forgot`, `recover`.

use std::time::Duration;

use belay_proto::Secret;
use belay_proto::dbus::Options;
use belay_proto::dbus::client as ticketed;
use belay_proto::dbus::told::Reason;
use serde_json::{Value, json};

use super::cli::{Forgot, NewPassword, Recover, RecoveryCode};
use crate::ctl::advice::{self, account as means};
use crate::ctl::client::{Client, Object};
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::registration::{self, pending};
use crate::ctl::text::{printable, wait_words};
use crate::ctl::{qr, secret};

/// Changes the password. JSON: `changed`, `new_keys`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn change(client: &Client, args: &NewPassword) -> Result<Report, Error> {
    let old = secret::read(
        args.password.password_file.as_deref(),
        "Account password so far: ",
    )
    .await?;
    let new = new_password(args.new_password_file.as_deref()).await?;
    ticketed::change_password(client.connection(), &old, &new, args.new_keys)
        .await
        .map_err(|error| match old.expose() == new.expose() {
            true => Error::from(error).means("WeakPassword", means::SAME_PASSWORD),
            false => error.into(),
        })?;
    let keys = if args.new_keys {
        " It has new keys too."
    } else {
        ""
    };
    let text = format!(
        "The account has another password.{keys}\nYour other devices ask for it when they are used next; \
         those that are lost still obey you."
    );
    Ok(Report::new(
        text,
        json!({ "changed": true, "new_keys": args.new_keys }),
    ))
}

/// Makes another recovery code, shows it and asks whether it is written down. JSON: `recovery_code`, `acknowledged`, `shown_again`
/// (the next call answers this same code, for 24 hours and until a restart, instead of making another); there nothing is asked,
/// `--acknowledge` says it. When that fails the error follows as a second object.
///
/// # Errors
/// What the warden and belayd say; [`Error::Io`] when the code can't be shown, which then isn't acknowledged.
pub async fn recovery_code(client: &Client, args: &RecoveryCode, output: Output) -> Result<(), Error> {
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let code = ticketed::create_recovery_code(client.connection(), &password).await?;
    // Shown before it is acknowledged: until then belayd answers this one to whoever asks again.
    if output.json {
        let json = registration::code_json(code.expose(), args.acknowledge);
        output.show(&Report::new("", json))?;
        if args.acknowledge {
            ticketed::recovery_code_shown(client.connection()).await?;
        }
        return Ok(());
    }
    let drawing = qr::draw(code.expose(), args.qr, output).unwrap_or_default();
    let text = format!(
        "{}\n\n{}\n{}\n{drawing}",
        output
            .ink
            .strong("Your recovery code; every one before it is void:"),
        registration::groups(code.expose()),
        registration::ADVICE
    );
    output.show(&Report::new(text.trim_end(), Value::Null))?;
    let acknowledged = registration::is_written_down(args.acknowledge, output).await?;
    if acknowledged {
        ticketed::recovery_code_shown(client.connection()).await?;
    }
    output.show(&Report::new(code_words(acknowledged), Value::Null))
}

/// What becomes of a recovery code that was shown.
const fn code_words(acknowledged: bool) -> &'static str {
    match acknowledged {
        true => "\nIt is said to be written down. It isn't shown again.",
        false => {
            "\nNobody has said that it is written down. For 24 hours, until this device restarts, this same code is shown again, \
             and no other is made, with: belayctl account recovery-code\n\
             Once it is written down: belayctl acknowledge"
        }
    }
}

/// Has a code sent. JSON: `id`, `pending` as in `status`.
///
/// # Errors
/// What belayd says.
pub async fn forgot(client: &Client, args: &Forgot) -> Result<Report, Error> {
    let account = client.account().await?;
    let id = account
        .begin_recovery(&args.identifier, &Options::new())
        .await
        .map_err(|error| {
            Error::from(error)
                .means("NotSupported", means::NOT_REACHED)
                .means("Conflict", means::BEING_MADE)
        })?;
    let text = format!(
        "If there is an account with this address, a code is on its way to it.\n\n\
         Then: belayctl account recover {} {}\nThat asks for the recovery code too; is it lost, add --without-code.",
        printable(&id),
        printable(&args.identifier)
    );
    let pending = pending(client).await;
    Ok(Report::new(text, json!({ "id": id, "pending": pending })))
}

/// Chooses another password. JSON: `recovered`; without the code `hold`, and `hold_left_ms` where the device counts.
///
/// # Errors
/// What the warden and belayd say.
pub async fn recover(client: &Client, args: &Recover) -> Result<Report, Error> {
    let code = registration::code(client, &args.id, args.code.as_deref(), args.code_file.as_deref()).await?;
    let recovery_code = match args.without_code {
        true => None,
        false => Some(secret::read(args.recovery_code_file.as_deref(), "Recovery code: ").await?),
    };
    let new = new_password(args.new_password_file.as_deref()).await?;
    let recovered = ticketed::complete_recovery(
        client.connection(),
        (&args.id, &args.identifier),
        &code,
        &new,
        recovery_code.as_ref(),
    )
    .await;
    if let Err(error) = recovered {
        let error = not_recovered(error.into(), args.without_code);
        return Err(registration::code_refused(client, &args.id, error, means::FORGOT_AGAIN).await);
    }
    if args.without_code {
        return Ok(on_hold(client).await);
    }
    let text = "The account has the new password; the recovery code stays as it is.\n\
                On a device that belongs to the account go on with: belayctl reauthenticate, else: belayctl sign-in.";
    Ok(Report::new(text, json!({ "recovered": true })))
}

/// What the refusal of a recovery means. The cloud judges a password there on a device that was left behind alone: that one signs in
/// with the password that the account has by now.
fn not_recovered(error: Error, without_code: bool) -> Error {
    let error = error
        .means("NotSupported", advice::here::NO_RECOVERY)
        .means("Conflict", means::RECOVER_AGAIN)
        .means_where("Conflict", Reason::OtherPassword, means::DONE_WITH_ANOTHER)
        .means_at_the_cloud("TooManyAttempts", means::RECOVERIES_AT_THE_CLOUD)
        .means_at_the_cloud("WrongPassword", means::NOT_THE_ACCOUNTS);
    match without_code {
        true => error,
        false => error.means("WrongCode", advice::here::ONE_OF_TWO),
    }
}

/// What is to be waited for, and what ends it.
async fn on_hold(client: &Client) -> Report {
    let warden = client.properties(Object::Warden).await.unwrap_or_default();
    let left = warden
        .get("hold_left_ms")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let account = client.properties(Object::Account).await.unwrap_or_default();
    let is_left_behind = account.get("membership").is_some_and(|word| word == "removed");
    let held = (left > 0).then_some(left);
    Report::new(
        hold_words(held.map(Duration::from_millis), is_left_behind),
        json!({ "recovered": false, "hold": true, "hold_left_ms": held }),
    )
}

/// What is said of a recovery that waits: at the device for so long, or at the cloud. A device that was left behind follows the account,
/// which has its password already; so does one that has waited in vain, which nothing tells from here, so that it is said of both what
/// holds for either.
fn hold_words(left: Option<Duration>, is_left_behind: bool) -> String {
    let Some(left) = left.map(wait_words) else {
        return "The cloud keeps the new password, and waits: 72 hours, or a week while another device belongs to the account. \
                It tells each address of the account.\nThen: belayctl sign-in. What was stored in the cloud before stays \
                unreadable, and devices of before stay with the old password."
            .to_owned();
    };
    let ends = "typed here or behind a command, as do lost mode and this device's policy";
    match is_left_behind {
        true => format!(
            "This device takes the account's password in {left}, while it is on or asleep.\n\
             The password that it has still ends the wait, {ends}; another password or root of the account ends it too, and it can \
             be begun again. How long still: belayctl status\n\
             Then: belayctl sign-out --keep-data and belayctl sign-in, both with the account's password. Without --keep-data what \
             hasn't gone up by then is lost."
        ),
        false => format!(
            "This device takes the password in {left}, while it is on or asleep.\n\
             The password that it has still ends the wait, {ends}; another password of the account ends it too. How long still: \
             belayctl status\n\
             Then: belayctl reauthenticate. If the account hadn't this password before, the cloud tells each of its addresses, and \
             its other devices stay with the old one."
        ),
    }
}

async fn new_password(file: Option<&std::path::Path>) -> Result<Secret<String>, Error> {
    secret::read_new(file, "New account password: ", "The same again: ").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_that_is_refused_speaks_of_no_codes_where_a_password_may_have_been_meant() {
        let words = |name: &str, text: &str| not_recovered(Error::named(name, text), false).words();
        assert_eq!(
            words("TooManyAttempts", "no more for now; by: cloud; wait: 900 s"),
            "The cloud takes no more tries to recover an account from here for now.\nWait 15 min, then try again."
        );
        let said = words("WrongPassword", "no such login; by: cloud");
        assert!(
            said.starts_with("The account has got another password since, and this isn't it."),
            "{said}"
        );
        let said = words("Conflict", "done before; reason: other-password");
        assert!(said.contains("with another password. That one holds."), "{said}");
        let said = words("Conflict", "changed");
        assert!(said.contains("belayctl account forgot"), "{said}");
        let wrong = |without| not_recovered(Error::named("WrongCode", ""), without).words();
        assert!(
            wrong(false).starts_with("One of the two codes")
                && wrong(true).starts_with("That isn't the code")
        );
    }

    #[test]
    fn a_recovery_code_that_nobody_has_written_down_is_said_to_be_shown_again() {
        let open = code_words(false);
        assert!(
            open.contains(
                "this same code is shown again, and no other is made, with: belayctl account recovery-code\n"
            ) && open.ends_with("Once it is written down: belayctl acknowledge"),
            "{open}"
        );
        assert!(code_words(true).ends_with("It isn't shown again."));
        let json = |acknowledged| registration::code_json("AAAA", acknowledged);
        assert_eq!(
            json(false),
            json!({ "recovery_code": "AAAA", "acknowledged": false, "shown_again": true })
        );
        assert_eq!(
            json(true),
            json!({ "recovery_code": "AAAA", "acknowledged": true, "shown_again": false })
        );
    }

    #[test]
    fn whoever_waits_is_told_what_ends_it_and_what_comes_then() {
        let days = Some(Duration::from_secs(72 * 3600));
        let own = hold_words(days, false);
        assert!(
            own.contains("takes the password in") && own.contains("Then: belayctl reauthenticate."),
            "{own}"
        );
        // One that has waited in vain is told the same, and the account it follows has the password already.
        let (always, new) = own
            .split_once("If the account hadn't this password before")
            .unwrap();
        assert!(
            !always.contains("address") && !always.contains("other devices"),
            "{own}"
        );
        assert!(
            !own.contains("old password") && new.contains("each of its addresses"),
            "{own}"
        );
        let follows = hold_words(days, true);
        assert!(
            follows.contains("The password that it has still ends the wait"),
            "{follows}"
        );
        assert!(
            follows.contains("Then: belayctl sign-out --keep-data and belayctl sign-in"),
            "{follows}"
        );
        // The others have it already, and no mail tells of a new one.
        assert!(
            !follows.contains("other devices") && !follows.contains("each address"),
            "{follows}"
        );
        assert!(hold_words(None, true).contains("The cloud keeps"));
    }
}
