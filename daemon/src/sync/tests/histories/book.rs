//! The book of a history, by the rules of the system's own (`tests/tests/system/sync/book.rs`).

use std::collections::BTreeSet;

use super::Family;

/// What was put bears a token that nothing else bears, and says which tokens it replaces.
#[derive(Debug)]
pub struct Edit {
    pub what: String,
    /// The natural key of the record, or of the one that it was a version beside.
    pub of: String,
    pub wrote: Option<String>,
    /// What it saw in the content that it replaced or removed, and left out.
    pub dropped: BTreeSet<String>,
    /// What it saw and chose to keep: it outlives a removal that didn't know of the choice.
    pub kept: BTreeSet<String>,
    /// Whether what it kept took the place of its record: else it is a record of its own.
    pub instead: bool,
    /// Whether it was answered; else nobody knows whether it was done.
    pub answered: bool,
}

/// The edits in their order.
#[derive(Debug, Default)]
pub struct Book(pub Vec<Edit>);

/// The natural key of the record that one of this name is, or is a version beside.
pub fn root(natural: &str) -> String {
    natural.split('\0').next().unwrap_or_default().to_owned()
}

/// The tokens in a content.
pub fn tokens(content: &str) -> BTreeSet<String> {
    let words = content.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words
        .filter(|word| word.starts_with("tok-"))
        .map(str::to_owned)
        .collect()
}

impl Book {
    /// What is wrong with the records, by natural key, that all devices ended with; the parts of a card that two changed
    /// are joined. Where versions were changed, put again and chosen in every way, some is there twice, or again, by what its owner
    /// did. Under new keys a version has another revision: a device that comes late with what the owner has chosen about isn't known
    /// to bring that.
    pub fn judge(&self, records: &[(String, String)], joined: bool, family: Family) -> Vec<String> {
        let versions = family != Family::Records;
        let is_loose = joined || family == Family::Keys;
        let holders: Vec<(&str, BTreeSet<String>)> = records
            .iter()
            .map(|(natural, content)| (natural.as_str(), tokens(content)))
            .collect();
        let mut wrong = Vec::new();
        for edit in self.0.iter().filter(|edit| edit.answered) {
            // Who chose to keep what nobody knows to have been put has put it.
            let kept = edit.kept.iter().filter(|_| versions);
            for token in edit.wrote.iter().chain(kept) {
                let lives = holders.iter().any(|(_, tokens)| tokens.contains(token));
                if !lives && !self.0.iter().any(|later| later.dropped.contains(token)) {
                    wrong.push(format!("lost: {token} of {}", edit.what));
                }
            }
            let is_kept = |token: &&String| self.0.iter().any(|other| other.kept.contains(*token));
            let is_again = |token: &&String| versions && self.is_put_again(token);
            let gone = edit
                .dropped
                .iter()
                .filter(|token| !is_kept(token) && !is_again(token));
            for token in gone.filter(|_| !is_loose) {
                if let Some((natural, _)) = holders.iter().find(|(_, tokens)| tokens.contains(token)) {
                    wrong.push(format!("{token} came back in {natural:?} after: {}", edit.what));
                }
            }
        }
        for (index, (natural, tokens)) in holders.iter().enumerate() {
            for (of, also) in holders[..index].iter().chain(&holders[index + 1..]) {
                let is_left = joined && self.is_left((*natural, tokens), (*of, also), versions);
                let is_meant = versions && self.is_meant_twice(tokens, is_loose);
                if !tokens.is_empty() && tokens.is_subset(also) && !is_left && !is_meant {
                    wrong.push(format!("doubled: {tokens:?} in {natural:?} and in {of:?}"));
                }
            }
        }
        wrong
    }

    /// Whether it was put more than once.
    fn is_put_again(&self, token: &str) -> bool {
        let wrote = |edit: &&Edit| edit.wrote.as_deref() == Some(token);
        self.0.iter().filter(wrote).count() > 1
    }

    /// Whether some of it was put more than once, or chosen on one device in place of the record and on another one as a record of its
    /// own. Where it is loose, any choice will do: a card that was chosen is joined to what another device made of the same.
    fn is_meant_twice(&self, tokens: &BTreeSet<String>, is_loose: bool) -> bool {
        tokens.iter().any(|token| {
            let is_chosen = |instead: bool| {
                let mut chosen = self.0.iter().filter(|edit| edit.instead == instead);
                chosen.any(|edit| edit.kept.contains(token))
            };
            let (instead, apart) = (is_chosen(true), is_chosen(false));
            let is_both = match is_loose {
                true => instead || apart,
                false => instead && apart,
            };
            is_both || self.is_put_again(token)
        })
    }

    /// Whether a card says less than a version beside it since its owner removed something of that card that neither says. What went
    /// together was joined to it when the version came to lie beside; what didn't is what its owner has yet to choose about, or
    /// chose to keep as a record of its own.
    ///
    /// Where `versions` were changed too, what was joined to one is in another one too, which was made of the same card.
    fn is_left(
        &self,
        (natural, tokens): (&str, &BTreeSet<String>),
        (of, also): (&str, &BTreeSet<String>),
        versions: bool,
    ) -> bool {
        let is_beside = of
            .strip_prefix(natural)
            .is_some_and(|rest| rest.starts_with('\0'));
        let is_beside = is_beside || (versions && root(of) == root(natural));
        let own = || self.0.iter().filter(|edit| edit.of == root(natural));
        let is_kept = own().any(|edit| also.is_subset(&edit.kept));
        let removed = own().flat_map(|edit| &edit.dropped);
        (is_beside || is_kept)
            && tokens.len() < also.len()
            && removed.into_iter().any(|token| !also.contains(token))
    }
}

#[test]
fn a_card_that_is_part_of_a_version_beside_it_is_excused_by_a_removal_of_its_own_alone() {
    let edit = |of: &str, wrote: &str, dropped: &[&str]| Edit {
        what: wrote.to_owned(),
        of: of.to_owned(),
        wrote: Some(wrote.to_owned()),
        dropped: dropped.iter().map(|token| (*token).to_owned()).collect(),
        kept: BTreeSet::new(),
        instead: false,
        answered: true,
    };
    let records = [("n1", "tok-2"), ("n1\0beside", "tok-2 tok-3")]
        .map(|(natural, content)| (natural.to_owned(), content.to_owned()));
    for (of, is_excused) in [("n1", true), ("n2", false)] {
        let book = Book(vec![
            edit(of, "tok-1", &[]),
            edit(of, "tok-4", &["tok-1"]),
            edit(of, "tok-5", &["tok-4"]),
            edit(of, "tok-2", &["tok-5"]),
            edit("n1", "tok-3", &[]),
        ]);
        assert_eq!(
            book.judge(&records, true, Family::Records).is_empty(),
            is_excused,
            "{of}"
        );
    }
}

#[test]
fn nor_is_a_version_that_its_owner_chose_to_keep_doubled_by_what_is_left_of_its_card() {
    let edit = |wrote: &str, dropped: &[&str], kept: &[&str]| Edit {
        what: wrote.to_owned(),
        of: "n1".to_owned(),
        wrote: Some(wrote.to_owned()).filter(|wrote| !wrote.is_empty()),
        dropped: dropped.iter().map(|token| (*token).to_owned()).collect(),
        kept: kept.iter().map(|token| (*token).to_owned()).collect(),
        instead: false,
        answered: true,
    };
    let records = [("n1", "tok-2"), ("another", "tok-2 tok-3")]
        .map(|(natural, content)| (natural.to_owned(), content.to_owned()));
    for (kept, is_excused) in [(&["tok-2", "tok-3"][..], true), (&["tok-2"][..], false)] {
        let book = Book(vec![
            edit("tok-1", &[], &[]),
            edit("tok-2", &[], &[]),
            edit("tok-3", &[], &[]),
            edit("", &[], kept),
            edit("", &["tok-1"], &[]),
        ]);
        assert_eq!(
            book.judge(&records, true, Family::Records).is_empty(),
            is_excused,
            "{kept:?}"
        );
    }
}

#[test]
fn a_version_that_was_put_again_or_chosen_in_two_ways_is_meant_twice_and_one_that_was_chosen_isnt_lost() {
    let edit = |wrote: Option<&str>, kept: &[&str], instead: bool| Edit {
        what: "an edit".to_owned(),
        of: "n1".to_owned(),
        wrote: wrote.map(str::to_owned),
        dropped: BTreeSet::new(),
        kept: kept.iter().map(|token| (*token).to_owned()).collect(),
        instead,
        answered: true,
    };
    let put = || edit(Some("tok-1"), &[], false);
    let records = [("n1", "tok-1"), ("n1\0beside", "tok-1")]
        .map(|(natural, content)| (natural.to_owned(), content.to_owned()));
    for (also, is_meant) in [
        (vec![], false),
        (vec![put()], true),
        (vec![edit(None, &["tok-1"], true)], false),
        (
            vec![edit(None, &["tok-1"], true), edit(None, &["tok-1"], false)],
            true,
        ),
    ] {
        let mut book = Book(vec![put()]);
        book.0.extend(also);
        assert_eq!(
            book.judge(&records, false, Family::Versions).is_empty(),
            is_meant,
            "{book:?}"
        );
        let lost = book.judge(&[], false, Family::Versions);
        assert_eq!(lost.len(), book.0.len(), "{lost:?}");
    }
}
