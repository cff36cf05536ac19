//! What the operator hears of an address that doesn't open.

use std::fs::{self, File};

use belay_proto::text::hex;

use super::super::rig::Rig;
use super::House;
use super::forms::{connected, damage};
use crate::identifiers::table::{Proved, addresses, as_proved, list};

/// What `work` logs, on this thread.
fn logged(rig: &Rig, work: impl FnOnce()) -> String {
    let path = rig.folder.path().join("logged");
    let subscriber = tracing_subscriber::fmt()
        .with_writer(File::create(&path).unwrap())
        .with_ansi(false)
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn it_is_named_where_something_would_go_to_it_and_not_by_who_reads_beside_it_or_looks_at_the_account() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let account = house.owner().account;
    damage(&rig, &account);
    let mut connection = connected(&rig);
    let tx = connection.transaction().unwrap();
    let (id, own): ([u8; 16], [u8; 32]) = tx
        .query_row(
            "SELECT id, lookup FROM identifiers WHERE account = ?1",
            [account.as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let beside = logged(&rig, || {
        // Nobody's, and the damaged one is the next to it.
        let nobodys = as_proved(&rig.app, &tx, &[0; 32]).unwrap();
        assert_eq!(nobodys, Proved::Nobody);
        assert_eq!(list(&rig.app.vault, &tx, &account).unwrap().len(), 1);
    });
    assert_eq!(beside, "");
    let asked = logged(&rig, || {
        let proved = as_proved(&rig.app, &tx, &own).unwrap();
        assert_eq!(proved, Proved::Unreadable);
    });
    assert_eq!(asked.matches(&hex(&id)).count(), 1, "{asked}");
    let told = logged(&rig, || {
        assert!(addresses(&rig.app.vault, &tx, &account).unwrap().is_empty());
    });
    assert_eq!(told.matches(&hex(&id)).count(), 1, "{told}");
}
