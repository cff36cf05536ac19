//! Content lines: what vCard (RFC 6350 §3.2) and iCalendar (RFC 5545 §3.1) are written in. Their text stays as it was.

use super::component::{Component, Property};

/// How deep components may lie in one another: iCalendar has three.
const DEEPEST: usize = 8;
/// Lines of an object at most.
const MOST: usize = 50_000;

/// Reads one component, as `BEGIN:VCARD` to its `END`; nothing for anything else.
pub fn parse(text: &str) -> Option<Component> {
    let mut lines = unfold(text)?.into_iter();
    let (name, value, begin) = lines
        .next()
        .and_then(|line| Some((line.name()?, line.value()?, line)))?;
    if name != "BEGIN" {
        return None;
    }
    let component = inside(value, begin, &mut lines, 1)?;
    // More than one object in a file isn't how a vdir keeps them, and merging only the first would lose the others.
    lines.next().is_none().then_some(component)
}

fn inside(
    name: String,
    begin: Property,
    lines: &mut impl Iterator<Item = Property>,
    depth: usize,
) -> Option<Component> {
    if depth > DEEPEST {
        return None;
    }
    let mut component = Component::new(name.trim().to_ascii_uppercase(), begin);
    loop {
        let line = lines.next()?;
        match line.name()?.as_str() {
            // vCard 2.1's AGENT lies where its property stands, which isn't kept.
            "BEGIN" if component.name == "VCARD" => return None,
            "BEGIN" => {
                let inner = inside(line.value()?, line, lines, depth + 1)?;
                component.components.push(inner);
            }
            "END" if line.value()?.trim().eq_ignore_ascii_case(&component.name) => {
                component.end = line;
                return Some(component);
            }
            "END" => return None,
            _ => component.properties.push(line),
        }
    }
}

/// Logical lines, each with the text it was folded in.
fn unfold(text: &str) -> Option<Vec<Property>> {
    let mut lines: Vec<Property> = Vec::new();
    for raw in text.split_inclusive('\n') {
        let line = raw.trim_end_matches(['\r', '\n']);
        // Some exports begin with a byte order mark.
        let line = match lines.is_empty() {
            true => line.trim_start_matches('\u{feff}'),
            false => line,
        };
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (_, Some(before)) if before.goes_on() => before.go_on(raw, line),
            (Some(rest), Some(before)) => before.fold(raw, rest),
            // vCard 2.1 ends base64 with an empty line.
            (None, Some(before)) if line.is_empty() => before.fold(raw, ""),
            _ if line.is_empty() => {}
            _ => lines.push(Property::new(raw, line)),
        }
        if lines.len() > MOST {
            return None;
        }
    }
    Some(lines)
}
