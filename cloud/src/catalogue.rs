//! What the cloud says to people, in each [`Language`]: Fluent catalogues, compiled in.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::language::Language;

type Bundle = FluentBundle<FluentResource>;

static CATALOGUES: LazyLock<[(Language, Bundle); Language::ALL.len()]> =
    LazyLock::new(|| Language::ALL.map(|language| (language, bundle(language))));

/// An attribute of a message, with its arguments put in as they are: whoever gives one that a person wrote makes it
/// fit the place. What a language lacks is said in English.
#[must_use]
pub fn text(language: Language, message: &str, attribute: &str, arguments: &FluentArgs<'_>) -> String {
    [language, Language::default()]
        .into_iter()
        .find_map(|language| find(language, message, attribute, arguments))
        // A test asks for all that this program says.
        .unwrap_or_default()
}

fn find(language: Language, message: &str, attribute: &str, arguments: &FluentArgs<'_>) -> Option<String> {
    let (_, bundle) = CATALOGUES.iter().find(|(of, _)| *of == language)?;
    let attribute = bundle.get_message(message)?.get_attribute(attribute)?;
    let mut errors = Vec::new();
    let text = bundle.format_pattern(attribute.value(), Some(arguments), &mut errors);
    errors.is_empty().then(|| text.into_owned())
}

/// The catalogue's files.
#[must_use]
pub(crate) const fn sources(language: Language) -> [&'static str; 2] {
    macro_rules! files {
        ($tag:literal) => {
            [
                include_str!(concat!("../locales/", $tag, "/messages.ftl")),
                include_str!(concat!("../locales/", $tag, "/pages.ftl")),
            ]
        };
    }
    match language {
        Language::English => files!("en"),
        Language::German => files!("de"),
        Language::Italian => files!("it"),
        Language::Marathi => files!("mr"),
        Language::Russian => files!("ru"),
    }
}

fn bundle(language: Language) -> Bundle {
    let tag: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // It would put its marks around codes and links as well, which are copied with them.
    bundle.set_use_isolating(false);
    for source in sources(language) {
        // A test reads them strictly: here the rest of a catalogue is better than none.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}
