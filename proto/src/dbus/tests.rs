//! The XML is whole, and the proxies say what it says. What the running daemons introspect is compared
//! by the whole-system tests.

use super::{Error, INTERFACES, names};

/// A member of an interface in the XML: kind, name, and for a property its annotation.
#[derive(Debug, PartialEq, Eq)]
struct Member<'a> {
    kind: &'a str,
    name: &'a str,
    emits: Option<&'a str>,
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!("{name}=\""))?
        .1
        .split_once('"')
        .map(|(value, _)| value)
}

fn members(xml: &str) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = Vec::new();
    for tag in xml
        .split('<')
        .map(|rest| rest.split('>').next().unwrap_or_default())
    {
        let kind = tag.split_whitespace().next().unwrap_or_default();
        if matches!(kind, "method" | "property" | "signal") {
            members.push(Member {
                kind,
                name: attribute(tag, "name").unwrap(),
                emits: None,
            });
        } else if kind == "annotation" {
            assert_eq!(
                attribute(tag, "name"),
                Some("org.freedesktop.DBus.Property.EmitsChangedSignal")
            );
            members.last_mut().unwrap().emits = attribute(tag, "value");
        }
    }
    members
}

#[test]
fn every_interface_is_there_with_a_comment_on_each_member() {
    assert_eq!(INTERFACES.len(), 8);
    for (interface, xml) in INTERFACES {
        assert!(interface.starts_with("org.belay1."));
        assert_eq!(
            xml.matches(&format!("<interface name=\"{interface}\">")).count(),
            1
        );
        let members = members(xml);
        assert_eq!(xml.matches("<!--").count(), members.len() + 1, "{interface}");
        for Member { kind, name, emits } in &members {
            assert!(
                xml.contains(&format!("      {name}:\n")),
                "{interface}.{name} has no comment"
            );
            assert_eq!(*kind == "property", emits.is_some(), "{interface}.{name}");
        }
    }
}

#[test]
fn methods_that_grow_end_with_options() {
    for (interface, xml) in INTERFACES {
        let grows = [
            names::ACCOUNT_INTERFACE,
            names::DEVICE_INTERFACE,
            names::ACCESSORY_INTERFACE,
            names::SYNC_INTERFACE,
        ];
        for method in xml
            .split("<method ")
            .skip(1)
            .filter(|_| grows.contains(interface))
        {
            let method = method.split("</method>").next().unwrap();
            let mut inputs = method.lines().filter(|line| line.contains("direction=\"in\""));
            let last = inputs.next_back().unwrap();
            assert!(
                last.contains("name=\"options\" type=\"a{sv}\""),
                "{interface} {method}"
            );
        }
    }
}

#[test]
fn every_error_that_a_comment_names_exists() {
    for (interface, xml) in INTERFACES {
        for list in xml.split("Errors: ").skip(1) {
            let list = list.split("-->").next().unwrap().split("\n\n").next().unwrap();
            let words = list
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| word.len() > 3);
            for word in words.filter(|word| word.starts_with(char::is_uppercase)) {
                let known = Error::from_name(&format!("org.belay1.Error.{word}"), "").is_some();
                assert!(known, "{interface} names {word}");
            }
        }
    }
}

#[test]
fn the_proxies_have_members_of_the_xml_only() {
    let source = concat!(
        include_str!("proxies.rs"),
        include_str!("proxies/accessory.rs"),
        include_str!("proxies/account.rs"),
        include_str!("proxies/sync.rs")
    );
    for (interface, xml) in INTERFACES {
        let short = interface.rsplit('.').next().unwrap();
        let (_, body) = source
            .split_once(&format!("pub trait {short} {{"))
            .unwrap_or_else(|| panic!("{interface} has no proxy"));
        let body = body.split("\n}").next().unwrap();
        let known = members(xml);
        let mut found = 0;
        for item in body.split("///").filter(|item| item.contains("fn ")) {
            let function = item.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            let name = renamed(item).unwrap_or_else(|| pascal(function));
            let property = item.contains("property");
            let emits = ["const", "false"]
                .into_iter()
                .find(|value| item.contains(&format!("= \"{value}\"")));
            let expected = Member {
                kind: match item {
                    _ if property => "property",
                    _ if item.contains("#[zbus(signal)]") => "signal",
                    _ => "method",
                },
                name: &name,
                emits: property.then_some(emits.unwrap_or("true")),
            };
            assert!(known.contains(&expected), "{interface}: {expected:?}");
            found += 1;
        }
        assert!(found > 1, "{interface}");
    }
}

/// The name in `#[zbus(name = "…")]`.
fn renamed(item: &str) -> Option<String> {
    item.split_once("#[zbus(name = \"")?
        .1
        .split_once('"')
        .map(|(name, _)| name.to_owned())
}

fn pascal(snake: &str) -> String {
    snake
        .split('_')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}
