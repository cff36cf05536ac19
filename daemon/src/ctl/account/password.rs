//! `account password`, `recovery-code`, `forgot`, `recover`.

use belay_proto::Secret;
use belay_proto::dbus::Options;
use belay_proto::dbus::client as ticketed;
use serde_json::json;

use super::cli::{Forgot, NewPassword, Recover, RecoveryCode};
use crate::ctl::cli::Release;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::registration::{self, pending};
use crate::ctl::text::printable;
use crate::ctl::{release, secret};

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
    ticketed::change_password(client.connection(), &old, &new, args.new_keys).await?;
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

/// Makes another recovery code. JSON: `recovery_code`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn recovery_code(client: &Client, args: &RecoveryCode, output: Output) -> Result<Report, Error> {
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let code = ticketed::create_recovery_code(client.connection(), &password).await?;
    let drawing = release::draw(
        code.expose(),
        &Release {
            qr: args.qr,
            release_file: None,
        },
        output,
    );
    let text = format!(
        "{}\n\n{}\n{}\n{drawing}",
        output.ink.strong("Your recovery code; the one before is void:"),
        registration::groups(code.expose()),
        registration::ADVICE
    );
    Ok(Report::new(
        text.trim_end(),
        json!({ "recovery_code": code.expose() }),
    ))
}

/// Has a code sent. JSON: `id`, `pending` as in `status`.
///
/// # Errors
/// What belayd says.
pub async fn forgot(client: &Client, args: &Forgot) -> Result<Report, Error> {
    let account = client.account().await?;
    let id = account.begin_recovery(&args.identifier, &Options::new()).await?;
    let text = format!(
        "If there is an account with this address, a code is on its way to it.\n\n\
         Then: belayctl account recover {} {}\nThat asks for the recovery code too.",
        printable(&id),
        printable(&args.identifier)
    );
    let pending = pending(client).await;
    Ok(Report::new(text, json!({ "id": id, "pending": pending })))
}

/// Chooses another password. JSON: `recovered`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn recover(client: &Client, args: &Recover) -> Result<Report, Error> {
    let code = match &args.code {
        Some(code) => Secret::of_text(code),
        None => secret::read(None, "The code from the message: ").await?,
    };
    let recovery_code = secret::read(args.recovery_code_file.as_deref(), "Recovery code: ").await?;
    let new = new_password(args.new_password_file.as_deref()).await?;
    ticketed::complete_recovery(
        client.connection(),
        (&args.id, &args.identifier),
        &code,
        &new,
        Some(&recovery_code),
    )
    .await?;
    let text = "The account has the new password; the recovery code stays as it is.\n\
                On a device that belongs to the account go on with: belayctl reauthenticate, else: belayctl sign-in.";
    Ok(Report::new(text, json!({ "recovered": true })))
}

async fn new_password(file: Option<&std::path::Path>) -> Result<Secret<String>, Error> {
    secret::read_new(file, "New account password: ", "The same again: ").await
}
