//! Each message in each language.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use super::*;

const CODE: Code<'_> = Code {
    purpose: Purpose::Registration { taken: false },
    device: "Jo's Phone",
    code: "123456",
    link: "https://cloud.example.org/verify/AAAAAAAAAAAAAAAAAAAAAA",
};

const PURPOSES: [Purpose; 5] = [
    Purpose::Registration { taken: false },
    Purpose::Registration { taken: true },
    Purpose::Identifier { taken: false },
    Purpose::Identifier { taken: true },
    Purpose::Recovery,
];

fn notices(device: &str) -> [Notice<'_>; 21] {
    let address = "a•••@e•••.org";
    [
        Notice::SignedIn,
        Notice::PasswordChanged,
        Notice::NewRoot,
        Notice::RecoveryCodeReplaced,
        Notice::RecoveryProved { device },
        Notice::Recovered { device },
        Notice::AddressAdded { address },
        Notice::AddressRemoved { address },
        Notice::LoginChanged { address },
        Notice::LanguageChanged { days: 30 },
        Notice::RecoveryBegun { device, hours: 72 },
        Notice::RecoveryFollowed { device, hours: 72 },
        Notice::RecoveryReturned { device, hours: 72 },
        Notice::RecoveryHolds,
        Notice::DeviceAdded { device },
        Notice::DeviceRemoved { device },
        Notice::DeviceReleased { device },
        Notice::AccountDeleted,
        Notice::UnlockRequested { device, days: 7 },
        Notice::UnlockApproved { device },
        Notice::UnlockDenied { device },
    ]
}

/// Everything that is ever sent, in one language one way, by its name.
fn everything(way: Way, language: Language, device: &str) -> Vec<(&'static str, Message)> {
    let codes = PURPOSES.map(|purpose| {
        let letter = Code {
            purpose,
            device,
            ..CODE
        };
        (purpose.id(), code(way, "jo@example.org", language, &letter))
    });
    let notices = notices(device).map(|it| (it.id(), notice(way, "jo@example.org", language, &it)));
    codes.into_iter().chain(notices).collect()
}

/// What a catalogue says: by message and attribute, the arguments that it names.
fn said(language: Language) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut said = BTreeMap::new();
    for source in catalogue::sources(language) {
        let resource = fluent_syntax::parser::parse(source)
            .unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", language.tag()));
        for entry in resource.body {
            let message = match entry {
                Entry::Message(message) => message,
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
                other => panic!("{}: {other:?}", language.tag()),
            };
            assert!(
                message.value.is_none(),
                "{} says something by itself",
                message.id.name
            );
            for attribute in &message.attributes {
                let mut arguments = BTreeSet::new();
                gather(&attribute.value, &mut arguments);
                let key = (message.id.name.to_owned(), attribute.id.name.to_owned());
                let before = said.insert(key, arguments);
                assert!(before.is_none(), "{} twice", message.id.name);
            }
        }
    }
    said
}

fn gather(pattern: &Pattern<&str>, arguments: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            gather_from(expression, arguments);
        }
    }
}

fn gather_from(expression: &Expression<&str>, arguments: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(InlineExpression::VariableReference { id }) => {
            arguments.insert(id.name.to_owned());
        }
        Expression::Select {
            selector: InlineExpression::VariableReference { id },
            variants,
        } => {
            arguments.insert(id.name.to_owned());
            variants
                .iter()
                .for_each(|variant| gather(&variant.value, arguments));
        }
        other => panic!("neither an argument nor a choice by one: {other:?}"),
    }
}

#[test]
fn nothing_is_untranslated_and_each_translation_tells_the_same() {
    let english = said(Language::English);
    for language in Language::ALL {
        assert_eq!(said(language), english, "{}", language.tag());
    }
}

#[test]
fn the_catalogue_has_what_is_sent_and_nothing_else() {
    let sent: BTreeSet<_> = everything(Way::Mail, Language::English, "x")
        .into_iter()
        .flat_map(|(id, _)| ["subject", "mail", "sms"].map(|part| (id.to_owned(), part.to_owned())))
        .collect();
    let said = said(Language::English).into_keys();
    let messages: BTreeSet<_> = said.filter(|(id, _)| !id.starts_with("page-")).collect();
    assert_eq!(messages, sent);
}

#[test]
fn each_message_is_said_in_its_own_language() {
    for way in [Way::Mail, Way::Text] {
        let english = everything(way, Language::English, "x");
        for language in Language::ALL {
            for ((id, message), (_, said)) in everything(way, language, "x").iter().zip(&english) {
                let tag = language.tag();
                assert!(message.text.trim().len() > 20, "{tag} {id}: {}", message.text);
                assert!(
                    !message.text.contains(['{', '}', '$']),
                    "{tag} {id}: {}",
                    message.text
                );
                assert_eq!(message.subject.is_some(), way == Way::Mail);
                assert!(
                    language == Language::English
                        || (message.text != said.text
                            && (message.subject != said.subject || way == Way::Text)),
                    "{tag} {id} is English"
                );
            }
        }
    }
}

/// The words of each text, as they are in the catalogue.
fn words(language: Language) -> BTreeMap<(String, String), String> {
    let mut words = BTreeMap::new();
    for source in catalogue::sources(language) {
        let resource = fluent_syntax::parser::parse(source).unwrap();
        for entry in resource.body {
            let Entry::Message(message) = entry else { continue };
            for attribute in message.attributes {
                let parts = attribute.value.elements.iter().map(|element| match element {
                    PatternElement::TextElement { value } => *value,
                    // Where the language chooses between forms the words differ already by that.
                    PatternElement::Placeable { .. } => " ",
                });
                let key = (message.id.name.to_owned(), attribute.id.name.to_owned());
                words.insert(key, parts.collect());
            }
        }
    }
    words
}

#[test]
fn each_text_of_the_pages_is_in_its_own_language_too() {
    let english = words(Language::English);
    assert!(english.len() > 120, "{}", english.len());
    for language in Language::ALL {
        for (key, said) in words(language) {
            let is_word = said.chars().any(char::is_alphabetic);
            assert!(
                language == Language::English || !is_word || said != english[&key],
                "{} {key:?} is English",
                language.tag()
            );
        }
    }
}

#[test]
fn subjects_and_text_messages_repeat_nothing_that_a_person_wrote() {
    for ((id, part), arguments) in said(Language::English) {
        if part != "mail" {
            assert!(
                !arguments.contains("device") && !arguments.contains("address"),
                "{id}.{part}"
            );
        }
        if part == "subject" {
            assert!(arguments.is_empty(), "{id}.{part}");
        }
    }
    for language in Language::ALL {
        for (id, message) in everything(Way::Mail, language, "x") {
            let subject = message.subject.unwrap();
            assert!((5..=70).contains(&subject.chars().count()), "{id}: {subject}");
        }
    }
}

/// How long a text message is, and how long it may be to be one part (3GPP TS 23.038 §6.2): septets of the default
/// alphabet, two for those of its extension, or else UTF-16 units.
fn length(text: &str) -> (usize, usize) {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION: &str = "\u{c}^{}\\[~]|€";
    assert_eq!(BASIC.chars().count(), 127, "with the escape the 128 of the table");
    let septets = text.chars().map(|c| match c {
        c if BASIC.contains(c) => Some(1),
        c if EXTENSION.contains(c) => Some(2),
        _ => None,
    });
    match septets.sum() {
        Some(septets) => (septets, 160),
        None => (text.encode_utf16().count(), 70),
    }
}

#[test]
fn the_length_of_a_text_message_is_counted_as_networks_do() {
    assert_eq!(length("Code è 1"), (8, 160));
    assert_eq!(length("[€]"), (6, 160));
    assert_eq!(length("код"), (3, 70));
    // A typographic apostrophe alone makes a long message three parts of a short alphabet's.
    assert_eq!(length("it’s"), (4, 70));
    assert_eq!(length("😀"), (2, 70));
}

#[test]
fn a_text_message_is_one_part() {
    let mut longer = Vec::new();
    for language in Language::ALL {
        let longest = "x".repeat(100);
        for (id, message) in everything(Way::Text, language, &longest) {
            let (length, most) = length(&message.text);
            if length > most {
                longer.push(format!(
                    "{} {id}: {length} of {most}: {}",
                    language.tag(),
                    message.text
                ));
            }
            let european = !matches!(language, Language::Russian | Language::Marathi);
            assert_eq!(most, if european { 160 } else { 70 }, "{}", message.text);
        }
    }
    assert!(longer.is_empty(), "{longer:#?}");
}

#[test]
fn code_and_link_come_as_they_are() {
    for language in Language::ALL {
        for way in [Way::Mail, Way::Text] {
            for (id, message) in everything(way, language, "x") {
                let has_code = message.code.is_some();
                assert_eq!(
                    has_code,
                    PURPOSES.iter().any(|purpose| purpose.id() == id),
                    "{id}"
                );
                let has_link = way == Way::Mail
                    && (id.starts_with("registration") || matches!(id, "identifier" | "recovery"));
                assert_eq!(message.link.is_some(), has_link, "{id}");
                // Nothing that whoever copies them would take along.
                let hidden = |at: usize| message.text[at..].starts_with(['\u{2069}', '\u{200b}']);
                for part in message.code.iter().chain(&message.link) {
                    let at = message.text.find(part.as_str()).unwrap();
                    assert!(!hidden(at + part.len()), "{id}");
                }
            }
        }
    }
}

#[test]
fn a_name_of_any_script_shows_and_turns_nothing_around_it() {
    for name in [
        "טלפון של דנה",
        "هاتف ليلى",
        "माझा फोन",
        "Телефон",
        "田中の電話",
        "Jo's 📱",
    ] {
        for language in Language::ALL {
            let said = said(language);
            for (id, message) in everything(Way::Mail, language, name) {
                let apart = format!("\u{2068}{name}\u{2069}");
                let names = said[&(id.to_owned(), "mail".to_owned())].contains("device");
                assert_eq!(message.text.contains(&apart), names, "{id}: {}", message.text);
            }
        }
    }
}

#[test]
fn a_name_writes_no_letter_of_its_own() {
    let name = "{ $code } https://evil.example/a?b=c or write to a@evil.example, and much more that nobody asked for";
    for language in Language::ALL {
        for (id, message) in everything(Way::Mail, language, name) {
            let text = message.text.as_str();
            assert!(
                !text.contains("evil.example") && !text.contains("://evil"),
                "{id}: {text}"
            );
            assert!(!text.contains("nobody asked"), "{id}: {text}");
            let plain = &everything(Way::Mail, language, "x");
            let (_, same) = plain.iter().find(|(other, _)| *other == id).unwrap();
            assert_eq!(message.subject, same.subject);
            assert_eq!(text.lines().count(), same.text.lines().count(), "{id}");
        }
    }
}

#[test]
fn numbers_are_counted_as_a_language_does() {
    let begun = |hours| {
        let begun = Notice::RecoveryBegun { device: "x", hours };
        notice(Way::Mail, "jo@example.org", Language::Russian, &begun).text
    };
    for (hours, words) in [
        (1, "1 час "),
        (72, "72 часа "),
        (48, "48 часов "),
        (71, "71 час "),
    ] {
        assert!(begun(hours).contains(words), "{}", begun(hours));
    }
}

/// Who has proved an address has the record too, which is enough to try out passwords.
#[test]
fn the_notice_of_a_proof_advises_another_password() {
    let proved = Notice::RecoveryProved { device: "x" };
    for (language, mail, text) in [
        (
            Language::English,
            "choose another password",
            "Choose another one yourself",
        ),
        (
            Language::German,
            "Wähle ein anderes Passwort",
            "Wähle selbst ein anderes",
        ),
        (Language::Italian, "scegli un'altra password", "Scegline un'altra"),
        (Language::Marathi, "दुसरा पासवर्ड निवडा", "पासवर्ड लगेच बदला"),
        (Language::Russian, "выберите другой пароль", "Смените его"),
    ] {
        for (way, advice) in [(Way::Mail, mail), (Way::Text, text)] {
            let message = notice(way, "jo@example.org", language, &proved);
            assert!(message.text.contains(advice), "{}", message.text);
        }
    }
}

/// Another password leaves what somebody else has made or added as it is; where it is theirs, only who runs the cloud can help, and that
/// isn't who carries the message.
#[test]
fn the_text_messages_say_what_has_to_be_done_besides_another_password() {
    for (language, made, added, operator) in [
        (Language::English, "then make another", "remove it", "this cloud"),
        (Language::German, "dann erstelle noch", "entferne", "dieser Cloud"),
        (Language::Italian, "poi crea un altro", "rimuovi", "questo cloud"),
        (Language::Marathi, "मग कोड", "काढा", "क्लाउड"),
        (Language::Russian, "потом код", "удалите", "облака"),
    ] {
        for (told, advice) in [
            (Notice::RecoveryCodeReplaced, made),
            (Notice::AddressAdded { address: "x" }, added),
            (Notice::DeviceAdded { device: "x" }, added),
            (Notice::NewRoot, operator),
            (Notice::RecoveryHolds, operator),
        ] {
            let message = notice(Way::Text, "jo@example.org", language, &told);
            assert!(message.text.contains(advice), "{}", message.text);
        }
    }
}
