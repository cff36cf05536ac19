//! Properties whose value is a list, as `CATEGORIES:a,b`: each element is a thing of its own, in whichever line it stands (RFC 6350
//! §3.3, RFC 5545 §3.1.1).

use std::borrow::Cow;

use super::component::{Component, Property};

/// Lists are taken apart whose elements, each with what stands before the colon, have so many bytes: written down so, what is a
/// byte long may be as long as its line.
const MOST_BYTES: usize = 256 * 1024;

/// Whether the lists of these versions are taken apart: those of all of them, or of none.
pub fn are_split(versions: &[Option<&Component>]) -> bool {
    versions.iter().flatten().all(|component| {
        let bytes = component.properties.iter().map(|line| match list(line) {
            Some((head, value)) => {
                let commas = value.bytes().filter(|byte| *byte == b',').count();
                head.len().saturating_mul(commas).saturating_add(value.len())
            }
            None => 0,
        });
        bytes.fold(0, usize::saturating_add) <= MOST_BYTES
    })
}

/// The elements of a line, each as a line of its own; the line itself, where it isn't a list of several.
pub fn elements(line: &Property) -> Vec<Cow<'_, Property>> {
    match list(line) {
        Some((head, value)) => {
            let elements = split(value).map(|element| Cow::Owned(line.like(&format!("{head}:{element}"))));
            elements.collect()
        }
        None => vec![Cow::Borrowed(line)],
    }
}

/// The lines that say what is left of the elements of `line`: itself where that is all of them.
pub fn joined(line: &Property, had: &[Cow<'_, Property>], left: Vec<Property>) -> Vec<Property> {
    let is_whole = had.len() == left.len()
        && had
            .iter()
            .zip(&left)
            .all(|(had, left)| had.meaning() == left.meaning());
    if is_whole && had.len() > 1 {
        return vec![line.clone()];
    }
    let Some((head, _)) = list(line) else {
        return left;
    };
    // One that was given another parameter has a line of its own.
    let is_like = |element: &Property| element.head() == Some(head);
    let (like, mut lines): (Vec<Property>, Vec<Property>) = left.into_iter().partition(is_like);
    let values: Vec<String> = like.iter().filter_map(Property::value).collect();
    if !values.is_empty() {
        lines.insert(0, line.like(&format!("{head}:{}", values.join(","))));
    }
    lines
}

/// What stands before the colon of a list of several, and its elements.
fn list(line: &Property) -> Option<(&str, &str)> {
    let (head, value) = line.list()?;
    (value.contains(',') && split(value).nth(1).is_some()).then_some((head, value))
}

/// At the commas that nothing stands before that says they are text.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    value.split(move |c| {
        let is_end = c == ',' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })
}
