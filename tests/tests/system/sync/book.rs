//! The book of a history: which edits were answered, and what each replaced knowingly.

use std::collections::BTreeSet;

use super::Records;

/// What was put bears a token that nothing else bears, and says which tokens it replaces.
#[derive(Debug)]
pub struct Edit {
    /// In words.
    pub what: String,
    /// The natural key of the record, or of the one that it was a version beside.
    pub of: String,
    /// What it put.
    pub wrote: Option<String>,
    /// What it saw in the content that it replaced or deleted, and left out.
    pub dropped: BTreeSet<String>,
    /// What it saw and chose to keep: it outlives a removal that didn't know of the choice.
    pub kept: BTreeSet<String>,
    /// Whether it was answered; else nobody knows whether it was done.
    pub answered: bool,
}

/// The edits in their order.
#[derive(Debug, Default)]
pub struct Book(pub Vec<Edit>);

/// The natural key of the record that one of this name is, or is a version beside.
pub fn root(natural: &str) -> &str {
    natural.split('\0').next().unwrap_or_default()
}

/// The tokens in a content.
pub fn tokens(content: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(content)
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.starts_with("tok-"))
        .map(str::to_owned)
        .collect()
}

impl Book {
    /// What is wrong with the records that all devices ended with.
    pub fn judge(&self, records: &Records) -> Vec<String> {
        let holders: Vec<(&str, &str, BTreeSet<String>)> = records
            .iter()
            .map(|((collection, _), (natural, content))| {
                (collection.as_str(), natural.as_str(), tokens(content))
            })
            .collect();
        let mut wrong = Vec::new();
        for edit in self.0.iter().filter(|edit| edit.answered) {
            if let Some(token) = &edit.wrote {
                let lives = holders.iter().any(|(_, _, tokens)| tokens.contains(token));
                if !lives && !self.0.iter().any(|later| later.dropped.contains(token)) {
                    wrong.push(format!("lost: {}", edit.what));
                }
            }
            let is_kept = |token: &&String| self.0.iter().any(|other| other.kept.contains(*token));
            for token in edit.dropped.iter().filter(|token| !is_kept(token)) {
                let holds = |(collection, _, tokens): &&(&str, &str, BTreeSet<String>)| {
                    // A card or an event that both changed is joined of both, one property and another.
                    *collection == "notes" && tokens.contains(token)
                };
                if let Some((_, natural, _)) = holders.iter().find(holds) {
                    wrong.push(format!("{token} came back in {natural} after: {}", edit.what));
                }
            }
        }
        let own = |natural: &str| {
            let own = self.0.iter().filter(|edit| edit.of == root(natural));
            own.collect()
        };
        wrong.extend(doubled(&holders, own));
        wrong
    }
}

/// Records that say nothing which another doesn't say. Of a card or an event of which its owner has removed, by its `own` edits, what
/// neither it nor a version beside it says, a part of that version may be left, also where that was chosen to be kept as a
/// record of its own.
fn doubled<'a>(
    holders: &[(&str, &str, BTreeSet<String>)],
    own: impl Fn(&str) -> Vec<&'a Edit>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, (collection, natural, tokens)) in holders.iter().enumerate() {
        let own = own(natural);
        let others = holders.iter().enumerate().filter(|(other, _)| *other != index);
        for (_, (of, other, also)) in others {
            let is_beside = other
                .strip_prefix(natural)
                .is_some_and(|rest| rest.starts_with('\0'));
            let is_kept = own.iter().any(|edit| also.is_subset(&edit.kept));
            let mut removed = own.iter().flat_map(|edit| &edit.dropped);
            let has_lost = tokens.len() < also.len() && removed.any(|token| !also.contains(token));
            let is_merged = ["contacts", "calendars"].contains(collection);
            let is_left = is_merged && (is_beside || is_kept) && has_lost;
            if of == collection && !tokens.is_empty() && tokens.is_subset(also) && !is_left {
                wrong.push(format!("doubled: {tokens:?} in {natural} and in {other}"));
            }
        }
    }
    wrong
}

#[test]
fn the_book_finds_what_is_lost_doubled_or_back() {
    let edit = |wrote: &str, dropped: &[&str]| Edit {
        what: wrote.to_owned(),
        of: "n0".to_owned(),
        wrote: Some(wrote.to_owned()),
        dropped: dropped.iter().map(|token| (*token).to_owned()).collect(),
        kept: BTreeSet::new(),
        answered: true,
    };
    let mut book = Book(vec![
        edit("tok-1", &[]),
        edit("tok-2", &["tok-1"]),
        edit("tok-3", &[]),
    ]);
    let records = |contents: &[&str]| -> Records {
        let one = |(index, content): (usize, &&str)| {
            let key = ("notes".to_owned(), index.to_string());
            (key, (format!("n{index}"), content.as_bytes().to_vec()))
        };
        contents.iter().enumerate().map(one).collect()
    };
    assert_eq!(book.judge(&records(&["tok-2", "tok-3"])), Vec::<String>::new());
    assert_eq!(
        book.judge(&records(&["a tok-2, and tok-3"])),
        Vec::<String>::new()
    );
    for (contents, word) in [
        (&["tok-3"][..], "lost: tok-2"),
        (&["tok-2", "tok-3", "tok-3"], "doubled"),
        (&["tok-1", "tok-2", "tok-3"], "came back"),
    ] {
        let wrong = book.judge(&records(contents));
        assert!(
            wrong.iter().any(|wrong| wrong.contains(word)),
            "{word}: {wrong:?}"
        );
    }
    book.0.push(Edit {
        wrote: None,
        kept: BTreeSet::from(["tok-1".to_owned()]),
        ..edit("both", &[])
    });
    let chosen = book.judge(&records(&["tok-1", "tok-2", "tok-3"]));
    assert_eq!(chosen, Vec::<String>::new());
}
