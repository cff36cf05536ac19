//! What somebody else than the owner can cause without end takes a bounded part of the audit log, and the log says how
//! much it left out.

use belay_proto::Secret;
use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::PolicyChanges;

use crate::owner::{Owner, bound, envelope, lock, stranger};
use crate::support::Running;

/// The details of the entries of this event.
async fn details(warden: &Running, event: &str) -> Vec<String> {
    let entries = warden.handle.history(0).await.unwrap().into_iter();
    let of_it = entries.filter(|entry| entry.event == event);
    of_it.map(|entry| entry.detail).collect()
}

/// Locks with one text, then with another, so often: each is accepted.
async fn flood(warden: &Running, owner: &mut Owner, key: &SigningKey, delegate: &Signed, times: u64) {
    for number in 0..times {
        owner.now += 1;
        let locks = owner.command(Action::Lock {
            message: format!("Number {number}"),
            phone: String::new(),
        });
        let bytes = envelope(&locks, key, Some(delegate.clone()));
        assert_eq!(warden.command(bytes).await, Disposition::Accepted);
    }
}

#[tokio::test]
async fn a_delegates_flood_is_counted_and_pushes_no_other_entry_out() {
    let (_device, warden, mut owner) = bound().await;
    let key = SigningKey::from_seed(&Secret::new([0x55; 32]));
    let delegate = Signed::seal(&owner.delegate(&key, &[Verb::Lock]), &owner.key);
    flood(&warden, &mut owner, &key, &delegate, 520).await;
    let told = details(&warden, "command-accepted").await;
    assert_eq!(told.len(), 257);
    assert!(
        told[256].ends_with("(255 more before it, left out)"),
        "{}",
        told[256]
    );
    // The owner's own are told each, and so are those under a delegation that the owner has signed since.
    let (_, locks) = owner.signed(lock());
    assert_eq!(warden.command(locks).await, Disposition::Accepted);
    assert_eq!(details(&warden, "command-accepted").await.len(), 258);
    let newer = Signed::seal(&owner.delegate(&key, &[Verb::Lock]), &owner.key);
    flood(&warden, &mut owner, &key, &newer, 3).await;
    assert_eq!(details(&warden, "command-accepted").await.len(), 261);
    flood(&warden, &mut owner, &key, &delegate, 1).await;
    assert_eq!(
        details(&warden, "command-accepted").await.len(),
        262,
        "counted with the newest"
    );
}

#[tokio::test]
async fn a_flood_of_rehearsals_is_counted_over_restarts_until_the_owner_sets_the_policies_anew() {
    let (device, warden, _) = bound().await;
    let changes = PolicyChanges {
        lock_on_sim_change: Some(true),
        dry_run: Some(true),
        ..PolicyChanges::default()
    };
    warden.set_policies(&changes).await.unwrap();
    let rehearse = async |warden: &Running| {
        for _ in 0..260 {
            warden.handle.tighten("sim-change".to_owned()).await.unwrap();
        }
    };
    rehearse(&warden).await;
    assert_eq!(warden.count("policy-rehearsed").await, 256);
    drop(warden);
    let warden = device.start();
    rehearse(&warden).await;
    let told = details(&warden, "policy-rehearsed").await;
    assert_eq!(told.len(), 257);
    assert_eq!(told[256], "lock: sim-change (255 more before it, left out)");
    warden.set_policies(&changes).await.unwrap();
    warden.handle.tighten("sim-change".to_owned()).await.unwrap();
    assert_eq!(warden.count("policy-rehearsed").await, 258);
}

#[tokio::test]
async fn endless_refusals_do_not_fill_the_disk_and_are_counted() {
    let (_device, warden, owner) = bound().await;
    let forged = envelope(&owner.command(lock()), &stranger(), None);
    for _ in 0..1100 {
        warden.command(forged.clone()).await;
    }
    let told = details(&warden, "command-refused").await;
    assert_eq!(told.len(), 256 + 2);
    assert_eq!(told[257], "bad-signature (511 more before it, left out)");
}
