//! What the running programs introspect is what `proto/dbus/*.xml` says, member by member.

use std::collections::BTreeSet;

use belay_proto::dbus::Error;
use belay_proto::steps::Purpose;
use belay_tests::app::{ACCESSORIES, ACCOUNT, CONTACTS, DEVICE, MANAGER, Object, SYNC, WARDEN};

use crate::owner::{adas, app};
use crate::xml;

/// Members of the contract that no program has yet: none, by now. The list only shrinks: a member that is here and exists
/// fails the test, as does one that is missing and not here.
const LATER: &[&str] = &[];

fn contract(interface: &str) -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/dbus");
    let text = std::fs::read_to_string(format!("{folder}/{interface}.xml")).unwrap();
    xml::members(&text, interface)
}

/// The first three words: what the list above names.
fn name(member: &str) -> String {
    member.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn introspection_equals_the_xml_but_for_members_that_are_listed_as_missing() {
    let scene = adas().await;
    let app = app(&scene);
    let (mut wrong, mut listed) = (
        Vec::new(),
        BTreeSet::from_iter(LATER.iter().map(|l| (*l).to_owned())),
    );
    for object in [MANAGER, ACCOUNT, ACCESSORIES, DEVICE, SYNC, CONTACTS, WARDEN] {
        let Object { interface, .. } = object;
        let live = xml::members(&app.introspect(object).await.unwrap(), interface);
        let contract = contract(interface);
        assert!(!live.is_empty(), "{interface} isn't there");
        for member in &live {
            if listed.remove(&name(member)) {
                wrong.push(format!("exists, so it must leave the list: {member}"));
            }
            if !contract.contains(member) {
                wrong.push(format!("isn't in the XML: {member}"));
            }
        }
        for member in &contract {
            if !live.contains(member) && !listed.remove(&name(member)) {
                wrong.push(format!("is missing: {member}"));
            }
        }
    }
    wrong.extend(listed.into_iter().map(|l| format!("is in no XML: {l}")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_member_of_the_contract_has_a_doc_comment() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/dbus");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let undocumented = xml::undocumented(&text);
        assert!(undocumented.is_empty(), "{}: {undocumented:?}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 8, "one file an interface");
}

#[test]
fn every_error_and_every_ticket_is_explained_to_who_writes_a_settings_app() {
    let page = include_str!("../../../docs/settings-apps.md");
    let errors = Error::NAMES
        .iter()
        .filter_map(|name| name.strip_prefix("org.belay1.Error."));
    let purposes = Purpose::ALL.into_iter().map(Purpose::as_str);
    let missing: Vec<_> = errors
        .chain(purposes)
        .filter(|word| !page.contains(&format!("`{word}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
