//! What goes to a cloud that is full.

use super::*;

#[test]
fn where_there_is_no_room_for_what_is_new_what_the_cloud_has_is_changed_and_removed_all_the_same() {
    let mut db = database();
    for n in 1..=3 {
        known(&mut db, n, "a");
    }
    keep(&mut db, id(4), &made("new"));
    keep(&mut db, id(5), &stored(remove(Some(made("never there")), 1, 9)));
    let held = |db: &Connection, n| find(db, &sealer(), "notes", &id(n)).unwrap();
    let (changed, gone) = (held(&db, 1), held(&db, 2));
    let changed = stored(belay_sync::record::put(changed, 1, new("b"), 9));
    keep(&mut db, id(1), &changed);
    keep(&mut db, id(2), &stored(remove(gone, 1, 9)));
    assert_eq!(
        outgoing_ids(&db, Ready::Changes { unasked: false }),
        [id(1), id(5)]
    );
    assert_eq!(
        outgoing_ids(&db, Ready::Changes { unasked: true }),
        [id(1), id(2), id(5)]
    );
    within(&mut db, |db| agree(db, "notes").unwrap());
    assert_eq!(
        outgoing_ids(&db, Ready::Changes { unasked: false }),
        [id(1), id(2), id(5)]
    );
}
