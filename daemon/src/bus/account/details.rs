//! Between the account's values and those of the wire.

use std::collections::HashMap;

use belay_proto::clock::{Clock, millis};
use belay_proto::dbus::{Details, IdentifierEntry, read_arguments};
use belay_proto::id::DeviceId;
use belay_proto::identifier::Identifier as Address;
use belay_proto::secret::Secret;
use belay_proto::signed::{Action, Verb};
use belay_proto::text::misleads;
use belay_proto::wire::ProfileChanges;
use zbus::{OwnedVariant, Variant};

use super::super::{Error, Options, arguments};
use crate::account::{CommandView, Device, Finding, Identifier, PendingView, Profile};

/// Characters of the longest name.
const LONGEST_NAME: usize = 100;

/// Characters of the longest reason.
const LONGEST_REASON: usize = 500;

/// Digits of a code.
const CODE_DIGITS: usize = 6;

pub(super) fn identifier(text: &str) -> Result<Address, Error> {
    Address::parse(text).map_err(|error| Error::InvalidArgument(error.to_string()))
}

/// A code, or nothing for a link that was opened.
pub(super) fn code(text: &Secret<String>) -> Result<Secret<String>, Error> {
    let code = text.expose().trim();
    let is_code = code.len() == CODE_DIGITS && code.bytes().all(|byte| byte.is_ascii_digit());
    if is_code || code.is_empty() {
        Ok(Secret::of_text(code))
    } else {
        Err(invalid("a code has 6 digits"))
    }
}

/// What Register takes besides address and ticket: the profile, and whether this device is to prove the number
/// by sending a message itself.
pub(super) fn registration(
    details: HashMap<String, OwnedVariant>,
    options: HashMap<String, OwnedVariant>,
) -> Result<(Profile, bool), Error> {
    let mut details = Options::new(details);
    let profile = Profile {
        display_name: details
            .take_text("display-name")?
            .map(|name| display_name(&name))
            .transpose()?
            .filter(|name| !name.is_empty()),
        country: details
            .take_text("country")?
            .map(|code| country(&code))
            .transpose()?,
        language: details
            .take_text("language")?
            .map(|tag| language(&tag))
            .transpose()?,
        newsletter: details.take_bool("newsletter")?.unwrap_or(false),
    };
    let by_own_sms = details.take_bool("outgoing-sms")?.unwrap_or(false);
    details.finish()?;
    Options::none(options)?;
    Ok((profile, by_own_sms))
}

/// What SetProfile changes; an empty text removes.
pub(super) fn profile_changes(details: HashMap<String, OwnedVariant>) -> Result<ProfileChanges, Error> {
    let mut details = Options::new(details);
    let unless_empty = |text: String, read: fn(&str) -> Result<String, Error>| match text.is_empty() {
        true => Ok(text),
        false => read(&text),
    };
    let changes = ProfileChanges {
        display_name: details
            .take_text("display-name")?
            .map(|name| display_name(&name))
            .transpose()?,
        country: details
            .take_text("country")?
            .map(|code| unless_empty(code, country))
            .transpose()?,
        language: details
            .take_text("language")?
            .map(|tag| unless_empty(tag, language))
            .transpose()?,
        newsletter: details.take_bool("newsletter")?,
    };
    details.finish()?;
    Ok(changes)
}

/// The cloud's id of an address.
pub(super) fn address_id(text: &str) -> Result<String, Error> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.len() == 32 && text.bytes().all(is_hex) {
        true => Ok(text.to_owned()),
        false => Err(invalid("an address's id is 32 hexadecimal digits")),
    }
}

/// The name of a service.
pub(super) fn service(text: &str) -> Result<String, Error> {
    match (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err(invalid("a service is named by 1 to 256 visible ASCII characters")),
    }
}

/// Why a bootloader is to be unlocked.
pub(super) fn reason(text: &str) -> Result<String, Error> {
    let text = text.trim();
    match (1..=LONGEST_REASON).contains(&text.chars().count()) && !text.chars().any(misleads) {
        true => Ok(text.to_owned()),
        false => Err(invalid(
            "a reason is 1 to 500 characters, without control or direction characters",
        )),
    }
}

/// What SecurityCheck answers.
pub(super) fn findings(found: Vec<Finding>) -> Vec<(String, String, String)> {
    let entry = |finding: Finding| {
        (
            finding.id,
            finding.severity.as_str().to_owned(),
            finding.advice.to_owned(),
        )
    };
    found.into_iter().map(entry).collect()
}

pub(super) fn profile(profile: &Profile) -> Result<Details, Error> {
    let mut entries: Vec<(&str, Variant<'_>)> = vec![("newsletter", profile.newsletter.into())];
    let texts = [
        ("display-name", &profile.display_name),
        ("country", &profile.country),
        ("language", &profile.language),
    ];
    entries.extend(
        texts
            .iter()
            .filter_map(|(key, text)| Some((*key, text.as_deref()?.into()))),
    );
    dictionary(entries)
}

pub(super) fn identifiers(identifiers: &[Identifier]) -> Vec<IdentifierEntry> {
    identifiers
        .iter()
        .map(|i| (i.id.clone(), i.kind.clone(), i.masked.clone(), i.verified))
        .collect()
}

pub(super) fn pending(pending: Option<&PendingView>, clock: &dyn Clock) -> Result<Details, Error> {
    let Some(pending) = pending else {
        return Ok(Details::new());
    };
    let (now, boot) = (clock.boottime(), clock.boot_id());
    let mut entries = vec![
        ("id", pending.id.as_str().into()),
        ("kind", pending.kind.into()),
        ("channel", pending.channel.as_str().into()),
        ("address", pending.address.as_str().into()),
        ("state", pending.state.as_str().into()),
        ("resend-in", millis(pending.resend_in(now, &boot)).into()),
        ("expires-in", millis(pending.expires_in(now, &boot)).into()),
    ];
    if let Some(sms) = &pending.own_sms {
        entries.push(("number", sms.number.as_str().into()));
        entries.push(("text", sms.text.as_str().into()));
    }
    dictionary(entries)
}

/// One entry of ListDevices.
pub(super) fn device(device: &Device) -> Result<Details, Error> {
    let id = device.id.to_string();
    dictionary(vec![
        ("id", id.as_str().into()),
        ("name", device.name.as_str().into()),
        ("model", device.model.as_str().into()),
        ("kind", device.kind.as_str().into()),
        ("this", device.this.into()),
        ("last-seen", device.last_seen.into()),
        ("lost", device.lost.into()),
        ("wipe-class", device.wipe_class.as_str().into()),
    ])
}

/// One entry of Commands.
pub(super) fn command(sent: &CommandView) -> Result<Details, Error> {
    dictionary(vec![
        ("id", sent.id.as_str().into()),
        ("device", sent.device.as_str().into()),
        ("action", sent.action.as_str().into()),
        ("state", sent.state.into()),
        ("reason", sent.reason.as_str().into()),
    ])
}

pub(super) fn device_id(text: &str) -> Result<DeviceId, Error> {
    text.parse()
        .map_err(|_| invalid("a device's id is 32 hexadecimal digits"))
}

/// What SendCommand asks for.
pub(super) fn action(verb: &str, arguments: Details) -> Result<Action, Error> {
    let verb = Verb::parse(verb).map_err(|_| invalid("there is no such action"))?;
    read_arguments(verb, arguments).map_err(|error| Error::InvalidArgument(error.to_string()))
}

/// The ticket for an action; none for what this device may ask for without its owner.
pub(super) fn command_ticket(action: &str, ticket: &str) -> Result<Option<String>, Error> {
    let of_a_delegate = [Verb::Ring, Verb::StopRing]
        .iter()
        .any(|verb| verb.as_str() == action);
    match ticket {
        "" if of_a_delegate => Ok(None),
        "" => Err(Error::BadTicket("this action needs the owner".into())),
        ticket => arguments::ticket(ticket).map(Some),
    }
}

fn dictionary(entries: Vec<(&str, Variant<'_>)>) -> Result<Details, Error> {
    let own = |value: Variant<'_>| {
        value
            .try_into_owned()
            .map_err(|error| Error::Internal(format!("a value can't be sent: {error}")))
    };
    entries
        .into_iter()
        .map(|(key, value)| Ok((key.to_owned(), own(value)?)))
        .collect()
}

fn display_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if name.chars().count() > LONGEST_NAME || name.chars().any(misleads) {
        return Err(invalid(
            "the name is too long or holds control or direction characters",
        ));
    }
    Ok(name.to_owned())
}

fn country(code: &str) -> Result<String, Error> {
    if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(code.to_ascii_uppercase())
    } else {
        Err(invalid("a country is two letters (ISO 3166-1)"))
    }
}

fn language(tag: &str) -> Result<String, Error> {
    let sound =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if (2..=35).contains(&tag.len()) && tag.split('-').all(sound) {
        Ok(tag.to_owned())
    } else {
        Err(invalid(
            "a language is a tag such as \"de\" or \"pt-BR\" (BCP 47)",
        ))
    }
}

fn invalid(why: &str) -> Error {
    Error::InvalidArgument(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Variant<'static>)]) -> HashMap<String, OwnedVariant> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.try_to_owned().unwrap()))
            .collect()
    }

    #[test]
    fn a_registration_takes_the_profile_and_nothing_else() {
        let details = map(&[
            ("display-name", " Jo ".into()),
            ("country", "de".into()),
            ("language", "pt-BR".into()),
            ("newsletter", true.into()),
        ]);
        let (profile, by_own_sms) = registration(details, HashMap::new()).unwrap();
        assert_eq!(profile.display_name.as_deref(), Some("Jo"));
        assert_eq!(profile.country.as_deref(), Some("DE"));
        assert!(profile.newsletter && !by_own_sms);
        for nothing in [map(&[]), map(&[("display-name", " ".into())])] {
            assert_eq!(
                registration(nothing, HashMap::new()).unwrap(),
                (Profile::default(), false)
            );
        }
    }

    #[test]
    fn what_a_registration_does_not_know_is_refused() {
        for (key, value) in [
            ("nickname", Variant::from("jo")),
            ("country", "DEU".into()),
            ("country", "d\u{e9}".into()),
            ("language", "".into()),
            ("language", "de_DE".into()),
            ("newsletter", "yes".into()),
            ("display-name", "a\nb".into()),
            ("display-name", "a\u{202e}b".into()),
            ("display-name", "x".repeat(1 << 20).into()),
        ] {
            let error = registration(map(&[(key, value)]), HashMap::new()).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument(_)), "{key}: {error}");
        }
        assert!(registration(HashMap::new(), map(&[("newsletter", true.into())])).is_err());
    }

    #[test]
    fn the_message_that_proves_a_number_is_asked_for_among_the_details_alone() {
        let own = || map(&[("outgoing-sms", true.into())]);
        assert!(registration(own(), HashMap::new()).unwrap().1);
        assert!(registration(HashMap::new(), own()).is_err());
    }

    #[test]
    fn a_code_is_six_digits_or_nothing() {
        for good in ["123456", " 123456\n", "", " "] {
            assert!(code(&Secret::of_text(good)).is_ok(), "{good:?}");
        }
        for bad in ["12345", "1234567", "12345a", "１２３４５６", "12 3456"] {
            assert!(
                matches!(code(&Secret::of_text(bad)), Err(Error::InvalidArgument(_))),
                "{bad:?}"
            );
        }
    }
    #[test]
    fn only_a_ring_and_its_end_go_without_the_owner() {
        let ticket = "0a".repeat(16);
        for action in ["ring", "stop-ring"] {
            assert_eq!(command_ticket(action, "").unwrap(), None);
            assert_eq!(command_ticket(action, &ticket).unwrap(), Some(ticket.clone()));
        }
        for action in [
            "lock", "locate", "message", "unlock", "wipe", "sign-out", "cancel",
        ] {
            assert!(
                matches!(command_ticket(action, ""), Err(Error::BadTicket(_))),
                "{action}"
            );
        }
        assert!(matches!(
            command_ticket("lock", "x"),
            Err(Error::InvalidArgument(_))
        ));
    }

    #[test]
    fn a_command_is_an_action_with_its_own_arguments_and_a_device() {
        let ring = || map(&[("seconds", 5_u64.into())]);
        assert_eq!(action("ring", ring()).unwrap(), Action::Ring { seconds: 5 });
        for (verb, arguments) in [
            ("ring", map(&[])),
            ("locate", ring()),
            ("Ring", ring()),
            ("", map(&[])),
        ] {
            assert!(matches!(action(verb, arguments), Err(Error::InvalidArgument(_))));
        }
        assert!(device_id(&"ab".repeat(16)).is_ok());
        for bad in ["", "Pocket", &"AB".repeat(16), &"0".repeat(1 << 20)] {
            assert!(matches!(device_id(bad), Err(Error::InvalidArgument(_))));
        }
    }
}
