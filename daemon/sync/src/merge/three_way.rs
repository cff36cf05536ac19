//! Components merged property by property.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::component::{Component, Property};
use super::groups;
use super::lists;
use super::properties::{Nature, nature, thing};
use super::series;
use super::zones;

/// One thing that a component says, in each version at most once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: Option<String>,
    name: String,
    /// Of a property of which there may be many: its value. Else empty.
    value: String,
}

type Said = BTreeMap<Key, Vec<Property>>;
/// How a line is taken apart.
type Elements = for<'a> fn(&'a Property) -> Vec<Cow<'a, Property>>;

/// Merges three versions of a component; says whether both changed the same thing. Nothing when they aren't versions of
/// one. Where both changed it, theirs is kept.
pub fn merge(base: Option<&Component>, mine: &Component, theirs: &Component) -> Option<(Component, bool)> {
    if mine.identity() != theirs.identity() {
        return None;
    }
    let (properties, clash) = properties(base, mine, theirs);
    let (components, inner) = components(base, mine, theirs);
    let merged = Component {
        name: theirs.name.clone(),
        begin: theirs.begin.clone(),
        properties,
        components,
        end: theirs.end.clone(),
    };
    Some((merged, clash || inner))
}

fn properties(base: Option<&Component>, mine: &Component, theirs: &Component) -> (Vec<Property>, bool) {
    let versions = [base, Some(mine), Some(theirs)];
    let many = several(&versions);
    let elements: Elements = match lists::are_split(&versions) {
        true => lists::elements,
        false => |line| vec![Cow::Borrowed(line)],
    };
    let said = |component: &Component| -> Said {
        let mut said = Said::new();
        for property in component.properties.iter().flat_map(elements) {
            said.entry(key(&property, &many))
                .or_default()
                .push(property.into_owned());
        }
        said
    };
    let (before, ours, others) = (base.map(said).unwrap_or_default(), said(mine), said(theirs));
    let keys: BTreeSet<&Key> = before.keys().chain(ours.keys()).chain(others.keys()).collect();
    let in_groups = |component: Option<&Component>| {
        let properties = component.map(|component| &component.properties);
        groups::groups(properties.into_iter().flatten())
    };
    let mut clash = groups::clash(&in_groups(base), &in_groups(Some(mine)), &in_groups(Some(theirs)));
    let mut kept: BTreeMap<&Key, &Vec<Property>> = BTreeMap::new();
    for key in keys {
        let (was, mine, theirs) = (before.get(key), ours.get(key), others.get(key));
        let (value, bad) = one(key, base.is_some(), was, mine, theirs);
        clash |= bad;
        if let Some(value) = value {
            kept.insert(key, value);
        }
    }
    (in_order(mine, theirs, &many, elements, kept), clash)
}

/// What is left of one thing, and whether both changed it.
fn one<'a>(
    key: &Key,
    has_base: bool,
    was: Option<&Vec<Property>>,
    mine: Option<&'a Vec<Property>>,
    theirs: Option<&'a Vec<Property>>,
) -> (Option<&'a Vec<Property>>, bool) {
    let (a, b, c) = (meaning(was), meaning(mine), meaning(theirs));
    if b == c || a == b && has_base {
        return (theirs, false);
    }
    if a == c && has_base {
        return (mine, false);
    }
    match (nature(&key.name), mine, theirs) {
        // Without a base what one of them hasn't may be new in the other.
        (_, None, Some(_)) if !has_base => (theirs, false),
        (_, Some(_), None) if !has_base => (mine, false),
        (Nature::Stamp, Some(_), Some(_)) if b > c => (mine, false),
        (Nature::Counter, Some(_), Some(_)) if count(mine) > count(theirs) => (mine, false),
        (Nature::Stamp | Nature::Counter | Nature::Producer, _, Some(_)) => (theirs, false),
        (Nature::Stamp | Nature::Counter | Nature::Producer, _, None) => (mine, false),
        // A value of many that one removed and the other gave another parameter: it was changed, so it stays.
        (Nature::Many, None, _) => (theirs, false),
        (Nature::Many, _, None) => (mine, false),
        // One removed what the other changed: the change stays.
        (Nature::Single, None, _) => (theirs, false),
        (Nature::Single, _, None) => (mine, false),
        _ => (theirs, true),
    }
}

fn meaning(properties: Option<&Vec<Property>>) -> Option<Vec<String>> {
    let mut said: Vec<String> = properties?.iter().map(Property::meaning).collect();
    said.sort_unstable();
    Some(said)
}

fn count(properties: Option<&Vec<Property>>) -> Option<u64> {
    properties?.first()?.value()?.trim().parse().ok()
}

/// (group, name) of which there are more than one in a version, or may be.
fn several(versions: &[Option<&Component>]) -> BTreeSet<(Option<String>, String)> {
    let mut several = BTreeSet::new();
    for component in versions.iter().flatten() {
        let mut seen = BTreeSet::new();
        for property in &component.properties {
            let Some(name) = property.name() else { continue };
            let of_many = nature(&name) == Nature::Many;
            let key = (property.group(), name);
            if of_many || !seen.insert(key.clone()) {
                several.insert(key);
            }
        }
    }
    several
}

fn key(property: &Property, many: &BTreeSet<(Option<String>, String)>) -> Key {
    let Some(name) = property.name() else {
        // No content line; kept as long as somebody has it.
        return Key {
            group: None,
            name: String::new(),
            value: property.meaning(),
        };
    };
    let pair = (property.group(), name);
    let value = match many.contains(&pair) {
        true => property.value().unwrap_or_default(),
        false => String::new(),
    };
    Key {
        group: pair.0,
        name: thing(&pair.1).to_owned(),
        value,
    }
}

/// Theirs in their order, then what is mine alone in mine.
fn in_order(
    mine: &Component,
    theirs: &Component,
    many: &BTreeSet<(Option<String>, String)>,
    elements: Elements,
    mut kept: BTreeMap<&Key, &Vec<Property>>,
) -> Vec<Property> {
    let mut properties = Vec::new();
    for property in theirs.properties.iter().chain(&mine.properties) {
        let had = elements(property);
        let left = had.iter().filter_map(|element| kept.remove(&key(element, many)));
        let left = left.flatten().cloned().collect();
        properties.extend(lists::joined(property, &had, left));
    }
    properties
}

fn components(base: Option<&Component>, mine: &Component, theirs: &Component) -> (Vec<Component>, bool) {
    let by_identity = |component: &Component| -> BTreeMap<String, Vec<Component>> {
        let mut found: BTreeMap<String, Vec<Component>> = BTreeMap::new();
        for inner in &component.components {
            found.entry(inner.identity()).or_default().push(inner.clone());
        }
        found
    };
    let before = base.map(by_identity).unwrap_or_default();
    let (ours, others) = (by_identity(mine), by_identity(theirs));
    let mut clash = base.is_some_and(|base| series::clash(base, mine, theirs));
    let (mut merged, mut dropped, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for component in theirs.components.iter().chain(&mine.components) {
        let identity = component.identity();
        if !seen.insert(identity.clone()) {
            continue;
        }
        let first = |versions: &BTreeMap<String, Vec<Component>>| versions.get(&identity).cloned();
        let (mut inner, bad) = inner(base.is_some(), first(&before), first(&ours), first(&others));
        clash |= bad;
        if inner.is_empty() && component.name == "VTIMEZONE" {
            dropped.push(component.clone());
        }
        merged.append(&mut inner);
    }
    let mut all = zones::still_named(dropped, &merged);
    all.append(&mut merged);
    (all, clash)
}

/// What is left of the components of one identity.
fn inner(
    has_base: bool,
    was: Option<Vec<Component>>,
    mine: Option<Vec<Component>>,
    theirs: Option<Vec<Component>>,
) -> (Vec<Component>, bool) {
    let said = |versions: &Option<Vec<Component>>| -> Option<Vec<String>> {
        Some(versions.as_ref()?.iter().map(Component::meaning).collect())
    };
    let (a, b, c) = (said(&was), said(&mine), said(&theirs));
    if b == c || has_base && a == b {
        return (theirs.unwrap_or_default(), false);
    }
    if has_base && a == c {
        return (mine.unwrap_or_default(), false);
    }
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => match (mine.as_slice(), theirs.as_slice()) {
            ([mine], [theirs]) => {
                let was = was.as_deref().and_then(<[Component]>::first);
                match merge(was, mine, theirs) {
                    Some((merged, clash)) => (vec![merged], clash),
                    None => (vec![theirs.clone()], true),
                }
            }
            _ => (theirs, true),
        },
        // What only a program's note tells from what the other removed goes with it.
        (Some(one), None) | (None, Some(one))
            if has_base && was.as_ref().is_some_and(|was| is_noted(was, &one)) =>
        {
            (Vec::new(), false)
        }
        // One removed what the other changed: the change stays. Without a base, what one has alone does.
        (Some(one), None) | (None, Some(one)) => (one, false),
        (None, None) => (Vec::new(), false),
    }
}

/// Whether nothing but a program's note tells one from what was before.
fn is_noted(was: &[Component], one: &[Component]) -> bool {
    let substance =
        |components: &[Component]| -> Vec<String> { components.iter().map(Component::substance).collect() };
    substance(was) == substance(one)
}
