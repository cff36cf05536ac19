//! `sign-in`, `sign-out`, `reauthenticate`, `check-activation`: whose device this is.

use belay_proto::dbus::client as ticketed;
use belay_proto::dbus::{Activation, Options};
use serde_json::json;

use super::advice;
use super::cli::{Reauthenticate, SignIn, SignOut};
use super::client::{Client, Object};
use super::error::Error;
use super::output::{Output, Report};
use super::text::{Ink, printable};
use super::{release, secret};

/// Binds this device to an account that exists. JSON: `state`, `device_id`.
///
/// # Errors
/// What the warden says to the password, and belayd and the cloud to the rest.
pub async fn sign_in(client: &Client, args: &SignIn) -> Result<Report, Error> {
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::sign_in(client.connection(), &args.identifier, &password)
        .await
        .map_err(|error| {
            let error = Error::from(error).of_login();
            error
                .means("QuotaExceeded", advice::here::TOO_MANY_DEVICES)
                .means("TooSoon", advice::here::TOO_MANY_CHANGES)
        })?;
    let mut device = client.properties(Object::Device).await.unwrap_or_default();
    let text = format!(
        "Signed in. This device now belongs to {}.",
        printable(&args.identifier)
    );
    Ok(Report::new(
        text,
        json!({ "state": "bound", "device_id": device.remove("device_id") }),
    ))
}

/// Unbinds this device and shows the release. JSON: `state`, `release`, `pending_release` (the cloud doesn't know yet),
/// `saved_to`. When saving fails the error follows as a second object.
///
/// # Errors
/// What the warden says to the password; [`Error::Io`] when the release can't be saved: known before signing out where
/// possible, else said after the release was shown.
pub async fn sign_out(client: &Client, args: &SignOut, output: Output) -> Result<(), Error> {
    release::check_free(&args.release)?;
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let certificate = ticketed::sign_out(client.connection(), &password, args.keep_data).await?;
    let saved = release::save(&certificate, &args.release);
    let saved_to = args.release.release_file.as_ref().filter(|_| saved.is_ok());

    let account = client.properties(Object::Account).await.unwrap_or_default();
    let pending = account.get("pending_release");
    let known = pending.is_some_and(|pending| *pending == false);
    let mut text = format!(
        "Signed out. This device is free.\n{}\n\n{}",
        if known { DELIVERED } else { UNDELIVERED },
        release::draw(&certificate, &args.release, output)
    );
    if let Some(path) = saved_to {
        text.push_str(&format!("\nSaved to {}.", path.display()));
    }
    let json = json!({
        "state": "unbound",
        "release": certificate,
        "pending_release": pending,
        "saved_to": saved_to,
    });
    output.show(&Report::new(text, json))?;
    saved
}

/// Gives the current password after it was changed elsewhere. JSON: `state`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn reauthenticate(client: &Client, args: &Reauthenticate) -> Result<Report, Error> {
    let file = args.password.password_file.as_deref();
    let password = secret::read(file, "The account's current password: ").await?;
    ticketed::reauthenticate(client.connection(), &password)
        .await
        .map_err(|error| Error::from(error).means("Conflict", advice::here::OTHER_ROOT))?;
    Ok(Report::new(
        "The password is known to this device again.",
        json!({ "state": "bound" }),
    ))
}

/// Asks whether this device is free. JSON: `activation` (`free`, `locked`, `unchecked`).
///
/// # Errors
/// What belayd says.
pub async fn check_activation(client: &Client, output: Output) -> Result<Report, Error> {
    let answer = client
        .account_to_read()
        .await?
        .check_activation(&Options::new())
        .await?;
    Ok(Report::new(
        activation_words(answer, output.ink),
        json!({ "activation": answer.as_str() }),
    ))
}

const DELIVERED: &str = "The cloud knows. The release below proves it once more:";
const UNDELIVERED: &str = "The cloud is told as soon as it can be reached. Whoever gets this device can also bring the release there:";

fn activation_words(answer: Activation, ink: Ink) -> String {
    match answer {
        Activation::Free => format!("{}: it can be bound.", ink.good("This device is free")),
        Activation::Locked => {
            let locked = ink.bad("This device belongs to another account");
            format!("{locked}. Its owner signs in, or brings the release.")
        }
        Activation::Unchecked => {
            "That couldn't be checked: the cloud can't be reached. Try again with a network.".to_owned()
        }
        Activation::Unknown => "The daemon gives an answer that this version doesn't know.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_activation_says_what_it_means() {
        assert_eq!(
            activation_words(Activation::Free, Ink::OFF),
            "This device is free: it can be bound."
        );
        assert!(activation_words(Activation::Locked, Ink::OFF).contains("another account"));
        assert!(activation_words(Activation::Unchecked, Ink::OFF).contains("network"));
        assert!(activation_words(Activation::Unknown, Ink::OFF).contains("this version"));
    }
}
