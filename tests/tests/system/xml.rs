//! Just enough XML to read introspection data: the D-Bus specification, "Introspection Data Format".

use std::collections::{BTreeSet, HashMap};

/// A tag, or the comment before one.
enum Token {
    Open {
        name: String,
        attributes: HashMap<String, String>,
        empty: bool,
    },
    Close(String),
    Comment(String),
}

/// Each member of `interface` as a line: the interface, the kind, the name, then everything else about it.
pub fn members(xml: &str, interface: &str) -> BTreeSet<String> {
    let (mut found, mut inside, mut member) = (BTreeSet::new(), false, None::<Member>);
    for token in tokens(xml) {
        match token {
            Token::Open { name, attributes, .. } if name == "interface" => {
                inside = attributes.get("name").is_some_and(|n| n == interface);
            }
            Token::Open {
                name,
                attributes,
                empty,
            } if inside => match name.as_str() {
                "method" | "signal" | "property" => {
                    let opened = Member::new(&name, &attributes);
                    if empty {
                        found.insert(opened.line(interface));
                    } else {
                        member = Some(opened);
                    }
                }
                "arg" => {
                    if let Some(member) = &mut member {
                        member.argument(&attributes);
                    }
                }
                "annotation" => {
                    if let Some(member) = &mut member {
                        member.annotation(&attributes);
                    }
                }
                _ => {}
            },
            Token::Close(name) if ["method", "signal", "property"].contains(&name.as_str()) => {
                found.extend(member.take().map(|m| m.line(interface)));
            }
            Token::Close(name) if name == "interface" => inside = false,
            _ => {}
        }
    }
    found
}

/// The members that no comment stands right before, and the file itself if none does.
pub fn undocumented(xml: &str) -> Vec<String> {
    let (mut missing, mut commented) = (Vec::new(), false);
    for token in tokens(xml) {
        match token {
            Token::Comment(text) => commented = text.split_whitespace().count() > 2,
            Token::Open { name, attributes, .. } => {
                let documented = ["node", "method", "signal", "property"].contains(&name.as_str());
                if documented && !commented {
                    missing.push(format!("{name} {:?} has no doc comment", attributes.get("name")));
                }
                commented = false;
            }
            Token::Close(_) => {}
        }
    }
    missing
}

struct Member {
    kind: String,
    name: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    emits: Option<String>,
    rest: String,
}

impl Member {
    fn new(kind: &str, attributes: &HashMap<String, String>) -> Self {
        let text = |key: &str| attributes.get(key).cloned().unwrap_or_default();
        let property = kind == "property";
        Self {
            kind: kind.to_owned(),
            name: text("name"),
            inputs: Vec::new(),
            outputs: Vec::new(),
            // What the specification says where nothing is said.
            emits: property.then(|| "true".to_owned()),
            rest: if property {
                format!(" {} {}", text("type"), text("access"))
            } else {
                String::new()
            },
        }
    }

    fn argument(&mut self, attributes: &HashMap<String, String>) {
        let text = |key: &str| attributes.get(key).cloned().unwrap_or_default();
        let outward = text("direction") == "out" || (self.kind == "signal");
        let list = if outward {
            &mut self.outputs
        } else {
            &mut self.inputs
        };
        list.push(format!("{} {}", text("name"), text("type")));
    }

    fn annotation(&mut self, attributes: &HashMap<String, String>) {
        let is_emits = attributes
            .get("name")
            .is_some_and(|n| n == "org.freedesktop.DBus.Property.EmitsChangedSignal");
        if is_emits {
            self.emits = attributes.get("value").cloned();
        }
    }

    fn line(&self, interface: &str) -> String {
        let Self {
            kind,
            name,
            inputs,
            outputs,
            emits,
            rest,
        } = self;
        let emits = emits.as_ref().map(|e| format!(" emits {e}")).unwrap_or_default();
        let arguments = if kind == "property" {
            String::new()
        } else {
            format!(" ({}) → ({})", inputs.join(", "), outputs.join(", "))
        };
        format!("{interface} {kind} {name}{arguments}{rest}{emits}")
    }
}

fn tokens(xml: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), xml);
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let (end, token) = if let Some(comment) = rest.strip_prefix("<!--") {
            let length = comment.find("-->").unwrap();
            (length + 7, Some(Token::Comment(comment[..length].to_owned())))
        } else {
            let length = rest.find('>').unwrap() + 1;
            (length, tag(&rest[1..length - 1]))
        };
        tokens.extend(token);
        rest = &rest[end..];
    }
    tokens
}

fn tag(text: &str) -> Option<Token> {
    if text.starts_with(['!', '?']) {
        return None;
    }
    if let Some(name) = text.strip_prefix('/') {
        return Some(Token::Close(name.trim().to_owned()));
    }
    let empty = text.ends_with('/');
    let text = text.trim_end_matches('/').trim();
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut attributes = HashMap::new();
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().unwrap();
        let (value, next) = after[1..].split_once(quote).unwrap();
        attributes.insert(key.trim().to_owned(), value.to_owned());
        rest = next;
    }
    Some(Token::Open {
        name: name.to_owned(),
        attributes,
        empty,
    })
}
