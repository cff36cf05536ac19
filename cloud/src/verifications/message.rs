//! The words of a mail or text message.

use super::state::Purpose;
use crate::delivery::Message;

/// What a message is made of.
#[derive(Debug)]
pub struct Words<'a> {
    /// Where it goes.
    pub to: &'a str,
    /// The device that asked, as its owner named it.
    pub device: &'a str,
    /// Six digits.
    pub code: &'a str,
    /// The page whose button confirms.
    pub link: &'a str,
    /// What the address is proved for.
    pub purpose: Purpose,
    /// Whether the address belongs to an account already. Only the address's owner reads this.
    pub taken: bool,
    /// Whether German is wanted; English otherwise.
    pub german: bool,
}

/// A mail with code and link.
#[must_use]
pub fn mail(words: &Words<'_>) -> Message {
    let Words {
        device, code, link, ..
    } = words;
    let (subject, text) = match (words.german, words.taken) {
        _ if words.purpose != Purpose::Registration => mail_of_account(words),
        (false, false) => (
            "Confirm your Belay account",
            format!(
                "A Belay account is being set up on \"{device}\" with this address.\n\n\
                 Your code: {code}\n\nIt is good for 10 minutes. Or confirm here within a day:\n{link}\n\n\
                 If this wasn't you, do nothing: without the code nothing happens.\n"
            ),
        ),
        (false, true) => (
            "You have a Belay account already",
            format!(
                "Somebody wants to set up a Belay account on \"{device}\" with this address, \
                 but an account with it exists already.\n\n\
                 If this was you: choose \"Sign in\" on the device instead. \
                 The code {code} only proves that the address is yours; \
                 it sets up no second account.\n{link}\n\n\
                 If this wasn't you, do nothing: without the code nothing happens.\n"
            ),
        ),
        (true, false) => (
            "Bestätige dein Belay-Konto",
            format!(
                "Auf \"{device}\" wird mit dieser Adresse ein Belay-Konto eingerichtet.\n\n\
                 Dein Code: {code}\n\nEr gilt 10 Minuten. Oder bestätige innerhalb eines Tages hier:\n{link}\n\n\
                 Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.\n"
            ),
        ),
        (true, true) => (
            "Du hast schon ein Belay-Konto",
            format!(
                "Jemand will auf \"{device}\" mit dieser Adresse ein Belay-Konto einrichten, \
                 aber zu ihr gibt es schon eines.\n\n\
                 Warst du das: Wähle auf dem Gerät \"Anmelden\". \
                 Der Code {code} beweist nur, dass die Adresse dir gehört; \
                 ein zweites Konto entsteht damit nicht.\n{link}\n\n\
                 Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.\n"
            ),
        ),
    };
    Message {
        to: words.to.to_owned(),
        channel: "email".to_owned(),
        subject: Some(subject.to_owned()),
        text,
        code: Some((*code).to_owned()),
        link: Some((*link).to_owned()),
    }
}

/// The subject and text of a mail for an account that stands.
fn mail_of_account(words: &Words<'_>) -> (&'static str, String) {
    let Words {
        device, code, link, ..
    } = words;
    match (words.purpose, words.german, words.taken) {
        (Purpose::Recovery, false, _) => (
            "A new password for your Belay account",
            format!(
                "A new password for your Belay account is being set on \"{device}\".\n\n\
                 Your code: {code}\n\nIt is good for 10 minutes. Or confirm here within a day:\n{link}\n\n\
                 If this wasn't you, do nothing: without the code nothing happens.\n"
            ),
        ),
        (Purpose::Recovery, true, _) => (
            "Ein neues Passwort für dein Belay-Konto",
            format!(
                "Auf \"{device}\" wird ein neues Passwort für dein Belay-Konto gesetzt.\n\n\
                 Dein Code: {code}\n\nEr gilt 10 Minuten. Oder bestätige innerhalb eines Tages hier:\n{link}\n\n\
                 Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.\n"
            ),
        ),
        (_, false, false) => (
            "Confirm this address for your Belay account",
            format!(
                "This address is being added to a Belay account on \"{device}\".\n\n\
                 Your code: {code}\n\nIt is good for 10 minutes. Or confirm here within a day:\n{link}\n\n\
                 If this wasn't you, do nothing: without the code nothing happens.\n"
            ),
        ),
        (_, false, true) => (
            "This address has a Belay account already",
            format!(
                "Somebody wants to add this address to a Belay account on \"{device}\", \
                 but it belongs to one already, and can't belong to two.\n\n\
                 The code {code} only proves that the address is yours.\n{link}\n\n\
                 If this wasn't you, do nothing: without the code nothing happens.\n"
            ),
        ),
        (_, true, false) => (
            "Bestätige diese Adresse für dein Belay-Konto",
            format!(
                "Auf \"{device}\" wird diese Adresse zu einem Belay-Konto hinzugefügt.\n\n\
                 Dein Code: {code}\n\nEr gilt 10 Minuten. Oder bestätige innerhalb eines Tages hier:\n{link}\n\n\
                 Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.\n"
            ),
        ),
        (_, true, true) => (
            "Zu dieser Adresse gibt es schon ein Belay-Konto",
            format!(
                "Jemand will auf \"{device}\" diese Adresse zu einem Belay-Konto hinzufügen, \
                 aber sie gehört schon zu einem, und kann nicht zu zweien gehören.\n\n\
                 Der Code {code} beweist nur, dass die Adresse dir gehört.\n{link}\n\n\
                 Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.\n"
            ),
        ),
    }
}

/// A text message with a code: one part, so no device name of any length.
#[must_use]
pub fn text_message(words: &Words<'_>) -> Message {
    let code = words.code;
    let text = match (words.german, words.taken) {
        _ if words.purpose == Purpose::Recovery && words.german => {
            format!("Belay: Code {code} fuer ein neues Passwort, er gilt 10 Minuten. Sag ihn niemandem.")
        }
        _ if words.purpose == Purpose::Recovery => {
            format!("Belay: code {code} for a new password, good for 10 minutes. Tell it to nobody.")
        }
        (false, false) => format!("Belay: your code is {code}, good for 10 minutes. Tell it to nobody."),
        (false, true) => format!("Belay: this number has an account already, please sign in. Code {code}."),
        (true, false) => format!("Belay: Dein Code ist {code}, er gilt 10 Minuten. Sag ihn niemandem."),
        (true, true) => {
            format!("Belay: Zu dieser Nummer gibt es schon ein Konto, melde dich an. Code {code}.")
        }
    };
    Message {
        to: words.to.to_owned(),
        channel: "sms".to_owned(),
        subject: None,
        text,
        code: Some(code.to_owned()),
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(bool, bool, Purpose)> {
        let purposes = [Purpose::Registration, Purpose::Identifier, Purpose::Recovery];
        let each = |purpose| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(t, g)| (t, g, purpose))
        };
        purposes.into_iter().flat_map(each).collect()
    }

    #[test]
    fn a_text_message_is_one_part() {
        for (taken, german, purpose) in all() {
            let words = Words {
                to: "+49151234567",
                device: "x",
                code: "123456",
                link: "",
                purpose,
                taken,
                german,
            };
            assert!(text_message(&words).text.is_ascii() && text_message(&words).text.len() <= 160);
        }
    }

    #[test]
    fn code_and_link_stand_in_each_mail_and_only_the_mail_knows_of_the_account() {
        for (taken, german, purpose) in all() {
            let words = Words {
                to: "a@b.org",
                device: "Phone",
                code: "123456",
                link: "https://c/verify/x",
                purpose,
                taken,
                german,
            };
            let mail = mail(&words);
            for part in ["123456", "https://c/verify/x", "Phone"] {
                assert!(mail.text.contains(part), "{}", mail.text);
            }
        }
    }
}
