//! Memory cards: each mount draws the inodes anew.

use super::*;

/// As on a medium whose inodes are drawn anew at each mount.
fn without_inodes(mut state: State, items: Vec<(String, Local)>) -> (State, Vec<(String, Local)>) {
    for (natural, mut known) in state.memory.known().clone() {
        known.mark.inode = 0;
        state.memory.remember(natural, known);
    }
    let plain = |(natural, mut item): (String, Local)| {
        item.mark.inode = 0;
        (natural, item)
    };
    (state, items.into_iter().map(plain).collect())
}

#[test]
fn a_memory_card_that_was_away_is_told_by_what_lies_on_it() {
    let (state, two) = without_inodes(remembering(false), all_items().split_off(1));
    let (_, effects) = looked(state, scan(root(7, 8, "boot"), two), all_records());
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
    // Another card with a file of that name.
    let (state, mut other) = without_inodes(remembering(false), all_items().split_off(2));
    other[0].1.mark.size += 1;
    let (state, effects) = looked(state, scan(root(7, 8, "boot"), other), all_records());
    assert_eq!(
        (works(&effects).len(), state.stopped()),
        (0, Some(Stop::Replaced))
    );
}

#[test]
fn a_file_renamed_on_a_memory_card_is_put_before_its_old_name_is_deleted() {
    let mut items = all_items();
    items[0].0 = "renamed".to_owned();
    items[0].1.place = "renamed".to_owned();
    // Others that are new beside it.
    let mut another = named("other", 0);
    another.1.mark.size += 1;
    items.push(another);
    let (state, items) = without_inodes(remembering(false), items);
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), all_records());
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Put { .. })),
        "{effects:?}"
    );
}
