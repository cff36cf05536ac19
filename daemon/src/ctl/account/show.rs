//! `account check`, `profile`, `token`.

use belay_proto::dbus::Options;
use belay_proto::dbus::client as ticketed;
use serde_json::{Value, json};
use zbus::Variant;

use super::addresses::{self, Known};
use super::cli::{Profile, Token};
use crate::ctl::advice;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{Ink, printable, time_words};

/// A finding: id, severity, advice.
type Finding = (String, String, String);

/// The advice on an address that nobody has confirmed.
const UNCONFIRMED: &str = "confirm-the-address";

/// Says what could be better. JSON: `findings`.
///
/// # Errors
/// What belayd says.
pub async fn check(client: &Client, output: Output) -> Result<Report, Error> {
    let found = client
        .account_to_read()
        .await?
        .security_check(&Options::new())
        .await?;
    let entry =
        |(id, severity, advice): &Finding| json!({ "id": id, "severity": severity, "advice": advice });
    let all: Vec<Value> = found.iter().map(entry).collect();
    let known = match found.iter().any(|(_, _, advice)| advice == UNCONFIRMED) {
        true => addresses::known(client).await.unwrap_or_default(),
        false => Vec::new(),
    };
    let words: Vec<String> = found
        .iter()
        .map(|finding| words(finding, &known, output.ink))
        .collect();
    let text = if words.is_empty() {
        output.ink.good("Nothing to mend.")
    } else {
        words.join("\n")
    };
    Ok(Report::new(text, json!({ "findings": all })))
}

/// Changes what is named of the profile, and shows it. JSON: `profile` as in `status`.
///
/// # Errors
/// What belayd says.
pub async fn profile(client: &Client, args: &Profile) -> Result<Report, Error> {
    let mut changes = Options::new();
    let texts = [
        ("display-name", &args.name),
        ("country", &args.country),
        ("language", &args.language),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            changes.insert(key, Variant::from(text.as_str()));
        }
    }
    if let Some(newsletter) = &args.newsletter {
        changes.insert("newsletter", Variant::from(newsletter == "yes"));
    }
    if !changes.is_empty() {
        let account = client.account().await?;
        account.set_profile(&changes, &Options::new()).await?;
    }
    let profile = super::shown(client).await?.remove("profile").unwrap_or_default();
    Ok(Report::new(
        profile_words(&profile),
        json!({ "profile": profile }),
    ))
}

fn profile_words(profile: &Value) -> String {
    let text = |key: &str| {
        profile[key]
            .as_str()
            .map_or_else(|| "not told".to_owned(), printable)
    };
    let newsletter = match profile["newsletter"].as_bool() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    format!(
        "Name:        {}\nCountry:     {}\nLanguage:    {}\nNewsletter:  {newsletter}",
        text("display_name"),
        text("country"),
        text("language"),
    )
}

/// Gets a token. JSON: `token`, `expires` (seconds since the epoch).
///
/// # Errors
/// What belayd says.
pub async fn token(client: &Client, args: &Token) -> Result<Report, Error> {
    let (token, expires) = ticketed::service_token(client.connection(), &args.service)
        .await
        .map_err(|error| Error::from(error).means("NotFound", advice::here::NO_SERVICE))?;
    let text = format!(
        "{}\n\nGood until {}.",
        printable(token.expose()),
        time_words(expires)
    );
    Ok(Report::new(
        text,
        json!({ "token": token.expose(), "expires": expires }),
    ))
}

fn words((id, severity, advice): &Finding, known: &[Known], ink: Ink) -> String {
    let mark = match severity.as_str() {
        "critical" => ink.bad("critical"),
        "warning" => ink.strong("warning "),
        _ => ink.faint("info    "),
    };
    let about = id.split_once(':').map_or("", |(_, about)| about);
    let said = match advice.as_str() {
        "type-your-password-if-it-is-not-you" => {
            "Somebody recovers this account without its recovery code. If it isn't you, the password that it has so far ends \
             that: belayctl reauthenticate"
                .to_owned()
        }
        "create-a-recovery-code" => {
            "There is no recovery code: with a forgotten password everything is lost. belayctl account recovery-code"
                .to_owned()
        }
        "add-an-address" => {
            "There is only one way to reach you. belayctl account add-address ADDRESS".to_owned()
        }
        "change-the-password" if id == "weak-password" => {
            "The password is easy to guess. belayctl account password".to_owned()
        }
        "change-the-password" => {
            "The password is the same for two years or more. belayctl account password".to_owned()
        }
        "begin-another-account" if id == "no-removals" => {
            "The account's keys were changed as often as its devices can keep: no device can be removed any more, and no new root \
             made. A recovery or another password keeps the keys that there are; only another account has others."
                .to_owned()
        }
        "begin-another-account" => {
            "The account gets no new keys any more. A device that you remove gets nothing more from the cloud, but has the keys \
             of what is written from then on; only another account has others."
                .to_owned()
        }
        "sign-out-of-this-device" if id == "removed" => {
            "You removed this device from the account. Its data stays; nothing new reaches it. To give it away or to \
             sign in again: belayctl sign-out"
                .to_owned()
        }
        "sign-out-of-this-device" => {
            "The account was deleted. The data on this device stays. To give it away or to begin anew: belayctl sign-out"
                .to_owned()
        }
        UNCONFIRMED => {
            let masked = known.iter().find(|address| address.id == about);
            let masked = masked.map_or(about, |address| address.masked.as_str());
            format!(
                "The address {} isn't confirmed. Remove it and add it again: belayctl account remove-address {}",
                printable(masked),
                printable(about)
            )
        }
        "find-or-remove-the-device" => format!(
            "The device {} is lost. belayctl find locate {0}, or belayctl account remove-device {0}",
            printable(about)
        ),
        "remove-the-device-if-it-is-gone" => format!(
            "The device {} wasn't heard of for a month. If it is gone: belayctl account remove-device {0}",
            printable(about)
        ),
        "look-at-the-history" if id == "password-guesses" => {
            "Somebody tried five wrong passwords or more in a row here. belayctl history --since 30d".to_owned()
        }
        "look-at-the-history" => format!(
            "Something was refused lately ({}). belayctl history --since 30d",
            printable(id)
        ),
        "know-what-this-device-promises" => note_words(about),
        other => format!("{}: {}", printable(id), printable(other)),
    };
    format!("{mark}  {said}")
}

/// What a note on the assurance level means; one of a later version is shown as it is.
fn note_words(note: &str) -> String {
    let meaning = match note {
        "root-not-encrypted" => "This device's storage isn't encrypted: whoever takes it out reads it",
        "root-unknown" => "Whether this device's storage is encrypted can't be told",
        "boot-not-verified" => "Another system can be started on this device",
        "no-tpm" => "This device has no security chip (TPM)",
        "sealing-key-in-file" => "The key that seals this device's secrets lies in a file beside them",
        "no-reset-proof-place" => "What says whose this device is goes with a factory reset",
        "no-unprinted-serial" => {
            "This device's serial numbers can be read from outside: there is no activation lock"
        }
        "no-enforcement" => "Nothing here makes the system follow when this device is locked as lost",
        other => return format!("What this device can't promise: {}.", printable(other)),
    };
    format!("{meaning} ({note}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_advice_of_the_contract_has_words() {
        let contract = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../proto/dbus/org.belay1.Account.xml"
        ));
        let (_, listed) = contract.split_once("The advice:").unwrap();
        let (listed, _) = listed.split_once(".\n").unwrap();
        let all: Vec<&str> = listed.split('"').skip(1).step_by(2).collect();
        assert!(all.len() > 10, "{all:?}");
        for advice in all {
            let finding = ("of:it".to_owned(), "critical".to_owned(), advice.to_owned());
            let said = words(&finding, &[], Ink::OFF);
            assert!(!said.contains(advice), "{said}");
        }
    }

    #[test]
    fn each_finding_says_what_to_type_and_an_unknown_one_is_shown_as_it_is() {
        let said = |id: &str, advice: &str| {
            words(
                &(id.to_owned(), "warning".to_owned(), advice.to_owned()),
                &[Known {
                    id: "0a1b".to_owned(),
                    masked: "a•••@x.org".to_owned(),
                    ..Known::default()
                }],
                Ink::OFF,
            )
        };
        let hold = said("recovery-hold", "type-your-password-if-it-is-not-you");
        assert!(hold.ends_with("belayctl reauthenticate"), "{hold}");
        assert!(said("recovery-code", "create-a-recovery-code").ends_with("belayctl account recovery-code"));
        let address = said("address:0a1b", "confirm-the-address");
        assert!(
            address.contains("The address a•••@x.org isn't confirmed.")
                && address.ends_with("belayctl account remove-address 0a1b"),
            "{address}"
        );
        assert!(said("address:ff", "confirm-the-address").contains("The address ff isn't"));
        assert!(said("lost:ab", "find-or-remove-the-device").contains("locate ab"));
        assert!(said("unseen:cd", "remove-the-device-if-it-is-gone").ends_with("remove-device cd"));
        assert!(said("weak-password", "change-the-password").contains("easy to guess"));
        assert!(said("old-password", "change-the-password").ends_with("belayctl account password"));
        assert!(said("no-new-keys", "begin-another-account").contains("no new keys any more"));
        assert!(said("no-removals", "begin-another-account").contains("no device can be removed any more"));
        assert!(said("removed", "sign-out-of-this-device").ends_with("belayctl sign-out"));
        assert!(said("account-deleted", "sign-out-of-this-device").contains("was deleted"));
        assert!(said("password-guesses", "look-at-the-history").contains("five wrong passwords"));
        let promises = "know-what-this-device-promises";
        assert!(said("assurance:no-tpm", promises).contains("no security chip (TPM) (no-tpm)."));
        assert!(said("assurance:later", promises).ends_with("can't promise: later."));
        assert_eq!(said("new\u{1b}", "later"), "warning   new?: later");
    }
}
