//! Series of an iCalendar object: their occurrences are named by when they begin (RFC 5545 §3.8.4.4, §3.8.5.1), and so by nothing
//! once the series was moved.

use std::collections::BTreeMap;

use super::component::{Component, Property};

/// What is said of the series of one UID.
#[derive(Debug, Default)]
struct Series {
    /// When it takes place.
    rule: Vec<String>,
    /// Which occurrences it hasn't, or has besides, and what is different in one.
    occurrences: Vec<String>,
}

/// Whether one moved a series and the other changed occurrences of it.
pub fn clash(base: &Component, mine: &Component, theirs: &Component) -> bool {
    let [base, mine, theirs] = [base, mine, theirs].map(series);
    base.iter()
        .any(|(uid, was)| match (mine.get(uid), theirs.get(uid)) {
            (Some(mine), Some(theirs)) => {
                let is_missed = |one: &Series, other: &Series| {
                    one.rule != was.rule && other.occurrences != was.occurrences
                };
                mine.rule != theirs.rule
                    && mine.occurrences != theirs.occurrences
                    && (is_missed(mine, theirs) || is_missed(theirs, mine))
            }
            _ => false,
        })
}

fn series(calendar: &Component) -> BTreeMap<String, Series> {
    let mut found: BTreeMap<String, Series> = BTreeMap::new();
    for component in &calendar.components {
        let Some(uid) = component.value("UID") else {
            continue;
        };
        let series = found.entry(uid).or_default();
        if component.value("RECURRENCE-ID").is_some() {
            series.occurrences.push(component.substance());
            continue;
        }
        series.rule.extend(lines(component, &["DTSTART", "RRULE"]));
        series.occurrences.extend(lines(component, &["EXDATE", "RDATE"]));
    }
    for series in found.values_mut() {
        series.rule.sort_unstable();
        series.occurrences.sort_unstable();
    }
    found
}

fn lines(component: &Component, names: &[&str]) -> impl Iterator<Item = String> {
    let is_named = move |line: &&Property| line.name().is_some_and(|name| names.contains(&name.as_str()));
    component
        .properties
        .iter()
        .filter(is_named)
        .map(Property::meaning)
}
