//! An object as a tree of components with their properties.

use std::fmt;

use super::properties::{Nature, is_list, nature};

/// A component, as `VCARD` or `VEVENT`.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name in upper case.
    pub name: String,
    /// The line that begins it.
    pub begin: Property,
    /// What it says.
    pub properties: Vec<Property>,
    /// What lies in it.
    pub components: Vec<Self>,
    /// The line that ends it.
    pub end: Property,
}

/// A content line.
#[derive(Debug, Clone)]
pub struct Property {
    /// As it was written, folding and line end with it.
    raw: String,
    /// Unfolded.
    line: String,
    /// Where the value begins, the first colon outside quotes, as far as the line is there: a line is folded as often as its
    /// writer likes, and is looked through once.
    colon: Option<usize>,
    /// What is there of it ends within quotes.
    is_quoted: bool,
    /// Its value is quoted-printable, as vCard 2.1 has it.
    is_quoted_printable: bool,
}

impl Component {
    /// One that isn't ended yet.
    pub fn new(name: String, begin: Property) -> Self {
        Self {
            name,
            end: begin.clone(),
            begin,
            properties: Vec::new(),
            components: Vec::new(),
        }
    }

    /// The value of its first property of this name.
    pub fn value(&self, name: &str) -> Option<String> {
        let found = self
            .properties
            .iter()
            .find(|property| property.name().as_deref() == Some(name));
        found?.value()
    }

    /// Which of its siblings it is: the same in each version (RFC 5545 §3.8.4.7, §3.8.4.4, §3.8.3.1).
    pub fn identity(&self) -> String {
        let parts = match self.name.as_str() {
            "VTIMEZONE" => vec![self.value("TZID")],
            "VALARM" if self.alarm_uid().is_some() => vec![self.alarm_uid()],
            // Alarms and the like have no name of their own but what they say.
            "VALARM" | "STANDARD" | "DAYLIGHT" | "AVAILABLE" if self.value("UID").is_none() => {
                vec![Some(self.substance())]
            }
            _ => vec![self.value("UID"), self.value("RECURRENCE-ID")],
        };
        let parts: Vec<String> = parts.into_iter().map(Option::unwrap_or_default).collect();
        format!("{}\0{}", self.name, parts.join("\0"))
    }

    /// What an alarm is called (RFC 9074 §4), also by programs from before that was one.
    fn alarm_uid(&self) -> Option<String> {
        let names = ["UID", "X-EVOLUTION-ALARM-UID", "X-WR-ALARMUID"];
        names.into_iter().find_map(|name| self.value(name))
    }

    /// What it says, however it is written: two that mean the same are equal.
    pub fn meaning(&self) -> String {
        self.says(|_| true)
    }

    /// What it says but for what programs note of their own writing: no more than that is no one's change.
    pub fn substance(&self) -> String {
        let is_noted = |nature| matches!(nature, Nature::Stamp | Nature::Counter | Nature::Producer);
        self.says(|property| property.name().is_none_or(|name| !is_noted(nature(&name))))
    }

    fn says(&self, counts: impl Fn(&Property) -> bool + Copy) -> String {
        let counted = self.properties.iter().filter(|property| counts(property));
        let mut said: Vec<String> = counted.map(Property::meaning).collect();
        said.extend(self.components.iter().map(|component| component.says(counts)));
        said.sort_unstable();
        format!("{}\u{1}{}\u{2}", self.name, said.join("\u{1}"))
    }
}

impl Property {
    /// From a line as written and without its end.
    pub fn new(raw: &str, line: &str) -> Self {
        let mut property = Self {
            raw: raw.to_owned(),
            line: line.to_owned(),
            colon: None,
            is_quoted: false,
            is_quoted_printable: false,
        };
        property.look(0);
        property
    }

    /// One that ends its line as this one does.
    pub fn like(&self, line: &str) -> Self {
        let end = match self.raw.ends_with('\n') && !self.raw.ends_with("\r\n") {
            true => "\n",
            false => "\r\n",
        };
        Self::new(&format!("{line}{end}"), line)
    }

    /// Adds a folded line.
    pub fn fold(&mut self, raw: &str, rest: &str) {
        let start = self.line.len();
        self.raw.push_str(raw);
        self.line.push_str(rest);
        self.look(start);
    }

    /// Whether the next line belongs to it, as it stands: quoted-printable ends a line that goes on with `=` (RFC 2045 §6.7).
    pub fn goes_on(&self) -> bool {
        self.is_quoted_printable && self.line.ends_with('=')
    }

    /// Adds the next line of a quoted-printable value.
    pub fn go_on(&mut self, raw: &str, line: &str) {
        self.raw.push_str(raw);
        self.line.pop();
        self.line.push_str(line);
    }

    /// Looks for the colon in what was added at `start`.
    fn look(&mut self, start: usize) {
        if self.colon.is_some() {
            return;
        }
        let added = self.line.as_bytes().get(start..).unwrap_or_default();
        for (at, byte) in (start..).zip(added) {
            #[cfg(test)]
            super::tests::BYTES.set(super::tests::BYTES.get() + 1);
            self.is_quoted ^= *byte == b'"';
            if *byte == b':' && !self.is_quoted {
                self.colon = Some(at);
                break;
            }
        }
        let quoted_printable = |parameter: &str| {
            let value = parameter.rsplit('=').next().unwrap_or_default();
            value.eq_ignore_ascii_case("QUOTED-PRINTABLE")
        };
        self.is_quoted_printable = self
            .colon
            .and_then(|at| self.line.get(..at))
            .is_some_and(|before| {
                let mut parameters = before.split(';').skip(1);
                parameters.any(quoted_printable)
            });
    }

    /// Its name in upper case, without its group.
    pub fn name(&self) -> Option<String> {
        let name = self.key()?;
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
        Some(name.to_ascii_uppercase())
    }

    /// The group it belongs to, in lower case (RFC 6350 §3.3), or nothing.
    pub fn group(&self) -> Option<String> {
        let (group, _) = self.key()?.rsplit_once('.')?;
        Some(group.to_ascii_lowercase())
    }

    /// Its value.
    pub fn value(&self) -> Option<String> {
        let at = self.colon()?;
        self.line.get(at + 1..).map(str::to_owned)
    }

    /// What stands before the colon.
    pub fn head(&self) -> Option<&str> {
        self.line.get(..self.colon()?)
    }

    /// What stands before the colon and behind it, of what may be a list.
    pub fn list(&self) -> Option<(&str, &str)> {
        let at = self.colon()?;
        let is_one = !self.is_quoted_printable && self.name().is_some_and(|name| is_list(&name));
        is_one.then_some((self.line.get(..at)?, self.line.get(at + 1..)?))
    }

    /// The value of a parameter, whose name is in upper case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let head = self.line.get(..self.colon()?)?;
        let parameters = parts(head);
        let mut named = parameters
            .iter()
            .skip(1)
            .filter_map(|parameter| parameter.split_once('='));
        let (_, value) = named.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim_matches('"').trim().to_owned())
    }

    /// What it says, however it is folded, in whichever case names stand and parameters follow.
    pub fn meaning(&self) -> String {
        let (Some(at), Some(name), Some(value)) = (self.colon(), self.name(), self.value()) else {
            return self.line.clone();
        };
        let mut parameters: Vec<String> = parts(self.line.get(..at).unwrap_or_default())
            .into_iter()
            .skip(1)
            .map(|parameter| match parameter.split_once('=') {
                Some((key, value)) => format!("{}={value}", key.to_ascii_uppercase()),
                None => parameter.to_ascii_uppercase(),
            })
            .collect();
        parameters.sort_unstable();
        let group = self.group().unwrap_or_default();
        format!("{group}.{name};{}:{value}", parameters.join(";"))
    }

    /// Name and group, before parameters and value.
    fn key(&self) -> Option<&str> {
        let before = self.line.get(..self.colon()?)?;
        Some(before.split(';').next().unwrap_or(before))
    }

    fn colon(&self) -> Option<usize> {
        #[cfg(test)]
        super::tests::READS.set(super::tests::READS.get() + 1);
        self.colon
    }
}

/// Splits at semicolons outside quotes.
fn parts(text: &str) -> Vec<String> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    })
    .map(str::to_owned)
    .collect()
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.begin.fmt(f)?;
        self.properties.iter().try_for_each(|property| property.fmt(f))?;
        self.components
            .iter()
            .try_for_each(|component| component.fmt(f))?;
        self.end.fmt(f)
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)?;
        // The last line of a file may have no end, and needn't be last any more.
        match self.raw.ends_with('\n') {
            true => Ok(()),
            false => f.write_str("\r\n"),
        }
    }
}
