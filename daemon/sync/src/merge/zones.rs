//! Time zones of an iCalendar object: whatever names one has to find it there (RFC 5545 §3.2.19).

use std::collections::BTreeSet;

use super::component::Component;

/// Those of the dropped ones that something which is kept still names.
pub fn still_named(dropped: Vec<Component>, kept: &[Component]) -> Vec<Component> {
    if dropped.is_empty() {
        return dropped;
    }
    let mut named = BTreeSet::new();
    kept.iter().for_each(|component| name(component, &mut named));
    let is_named = |zone: &Component| zone.value("TZID").is_some_and(|zone| named.contains(zone.trim()));
    dropped.into_iter().filter(is_named).collect()
}

fn name(component: &Component, named: &mut BTreeSet<String>) {
    let zones = component
        .properties
        .iter()
        .filter_map(|line| line.parameter("TZID"));
    named.extend(zones);
    component.components.iter().for_each(|inner| name(inner, named));
}
