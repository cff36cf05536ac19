//! `account addresses` and what changes them.

use belay_proto::dbus::client as ticketed;
use belay_proto::dbus::told::Reason;
use serde_json::{Value, json};

use super::cli::{AddAddress, Address, ConfirmAddress};
use crate::ctl::advice::{self, account as means};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::registration::{self, pending};
use crate::ctl::secret;
use crate::ctl::text::{Ink, printable};

/// An address as the daemon shows it.
#[derive(Default)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// `email` or `phone`.
    pub kind: String,
    /// As it may be shown.
    pub masked: String,
    /// Whether somebody has confirmed it.
    pub verified: bool,
}

/// Lists the addresses. JSON: `addresses`.
///
/// # Errors
/// What belayd says.
pub async fn list(client: &Client, output: Output) -> Result<Report, Error> {
    let known = known(client).await?;
    let entry = |(place, address): (usize, &Known)| {
        json!({
            "id": address.id,
            "kind": address.kind,
            "masked": address.masked,
            "verified": address.verified,
            "login": place == 0,
        })
    };
    let all: Vec<Value> = known.iter().enumerate().map(entry).collect();
    Ok(Report::new(
        table(&known, output.ink),
        json!({ "addresses": all }),
    ))
}

/// Sends a code to one more address. JSON: `id`, `pending` as in `status`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn add(client: &Client, args: &AddAddress) -> Result<Report, Error> {
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let id = ticketed::add_identifier(client.connection(), &args.identifier, &password)
        .await
        .map_err(|error| Error::from(error).means("NotSupported", means::NOT_REACHED))?;
    let text = format!(
        "A code is on its way to {}.\n\nThen: belayctl account confirm-address {}",
        printable(&args.identifier),
        printable(&id)
    );
    let pending = pending(client).await;
    Ok(Report::new(text, json!({ "id": id, "pending": pending })))
}

/// Gives the code. JSON: `added`.
///
/// # Errors
/// What belayd says.
pub async fn confirm(client: &Client, args: &ConfirmAddress) -> Result<Report, Error> {
    let code = registration::code(client, &args.id, args.code.as_deref(), args.code_file.as_deref()).await?;
    if let Err(error) = ticketed::confirm_identifier(client.connection(), &args.id, &code).await {
        let error = Error::from(error)
            .means("IdentifierTaken", means::ANOTHERS_ADDRESS)
            .means("QuotaExceeded", means::NO_MORE_ADDRESSES)
            .means("Conflict", means::ADD_AGAIN);
        let error = registration::no_more_codes(error);
        return Err(registration::code_refused(client, &args.id, error, means::ADDRESS_AGAIN).await);
    }
    Ok(Report::new(
        "The address belongs to the account: it signs in, and is a way to recover it.",
        json!({ "added": true }),
    ))
}

/// Removes an address. JSON: `removed`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn remove(client: &Client, args: &Address) -> Result<Report, Error> {
    let id = chosen(&known(client).await?, &args.id)?;
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::remove_identifier(client.connection(), &id, &password)
        .await
        .map_err(|error| {
            Error::from(error).means_where("Conflict", Reason::IsLogin, advice::here::IS_LOGIN)
        })?;
    Ok(Report::new(
        "The address doesn't belong to the account any more.",
        json!({ "removed": id }),
    ))
}

/// Makes an address the login. JSON: `login`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn set_login(client: &Client, args: &Address) -> Result<Report, Error> {
    let id = chosen(&known(client).await?, &args.id)?;
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::set_login(client.connection(), &id, &password).await?;
    Ok(Report::new(
        "The account is called by this address from now on.",
        json!({ "login": id }),
    ))
}

/// The account's addresses.
///
/// # Errors
/// What belayd says.
pub async fn known(client: &Client) -> Result<Vec<Known>, Error> {
    let shown = super::shown(client).await?.remove("identifiers");
    let text = |entry: &Value, place: usize| entry[place].as_str().unwrap_or_default().to_owned();
    let read = |entry: &Value| Known {
        id: text(entry, 0),
        kind: text(entry, 1),
        masked: text(entry, 2),
        verified: entry[3].as_bool().unwrap_or_default(),
    };
    let entries = shown.as_ref().and_then(Value::as_array);
    Ok(entries.into_iter().flatten().map(read).collect())
}

/// The id that begins so.
fn chosen(known: &[Known], beginning: &str) -> Result<String, Error> {
    let mut fitting = known.iter().filter(|address| address.id.starts_with(beginning));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) if !beginning.is_empty() => Ok(one.id.clone()),
        (None, _) => Err(Error::Data(
            "The account has no such address; belayctl account addresses lists them.".to_owned(),
        )),
        _ => Err(Error::Data("More than one address begins so.".to_owned())),
    }
}

fn table(known: &[Known], ink: Ink) -> String {
    if known.is_empty() {
        return "The account has no address that is known here.".to_owned();
    }
    let width = known
        .iter()
        .map(|address| printable(&address.masked).chars().count())
        .max()
        .unwrap_or_default();
    let line = |(place, address): (usize, &Known)| {
        let masked = printable(&address.masked);
        let mut line = format!(
            "{masked:<width$}  {:<5}  {}",
            printable(&address.kind),
            printable(&address.id)
        );
        if place == 0 {
            line.push_str(&format!("  {}", ink.good("login")));
        }
        if !address.verified {
            line.push_str(&format!("  {}", ink.bad("not confirmed")));
        }
        line
    };
    known.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(id: &str, masked: &str, verified: bool) -> Known {
        Known {
            id: id.to_owned(),
            kind: "email".to_owned(),
            masked: masked.to_owned(),
            verified,
        }
    }

    #[test]
    fn addresses_are_lined_up_and_the_login_is_marked() {
        let known = [
            address("0a1b", "a•••@x.org", true),
            address("0c", "j•@y.org", false),
        ];
        assert_eq!(
            table(&known, Ink::OFF),
            "a•••@x.org  email  0a1b  login\nj•@y.org    email  0c  not confirmed"
        );
        assert!(table(&[], Ink::OFF).contains("no address"));
    }

    #[test]
    fn an_address_is_named_by_the_beginning_of_its_id_where_that_is_one() {
        let known = [address("0a1b", "a", true), address("0c", "b", true)];
        assert_eq!(chosen(&known, "0a").unwrap(), "0a1b");
        for wrong in ["0", "", "ff"] {
            assert_eq!(chosen(&known, wrong).unwrap_err().exit_code(), 65, "{wrong}");
        }
    }
}
