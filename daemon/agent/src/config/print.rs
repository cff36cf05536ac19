//! The configuration as a file.

use std::fmt::Write;

use super::{BusKind, Config, Keeping};

pub(super) fn render(config: &Config) -> String {
    let bus = match config.bus {
        BusKind::System => "system",
        BusKind::Session => "session",
    };
    let mut text = format!(
        "# The bus that belayd is on: \"system\", or \"session\" for development.\nbus = \"{bus}\"\n\
         # Milliseconds in which nothing changes before a change is looked at.\nsettle = {}\n\
         # Where it is remembered what was mirrored.\nstate = {}\n",
        config.settle.as_millis(),
        quoted(&config.state.to_string_lossy()),
    );
    text.push_str(
        "\n# A source: its collection, how its data is kept (\"vdir\", \"kpeople\", \"notes\", \"folder\"), and where. It does\n\
         # nothing until the collection is on; `off = true` leaves it out even then. A collection has one source.\n",
    );
    for (name, origin) in &config.sources {
        let kind = match origin.kind {
            Keeping::Vdir => "vdir",
            Keeping::Kpeople => "kpeople",
            Keeping::Notes => "notes",
            Keeping::Folder => "folder",
        };
        // Writing into a text never fails.
        let _ = write!(
            text,
            "[sources.{name}]\ncollection = \"{}\"\nkind = \"{kind}\"\npath = {}\n\n",
            origin.collection,
            quoted(&origin.path.to_string_lossy()),
        );
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
