//! What is shown of sync, and when.

use std::sync::Arc;
use std::time::Duration;

use super::super::ports::Moving;
use super::super::{Choice, Conditions, Paused, Phase, Policy, PolicyChanges, Shown};
use super::guard::two_with;
use super::rig::{CONTACTS, Cloud, begin, phone};

#[tokio::test]
async fn a_password_typed_at_the_device_ends_no_sync_that_somebody_waits_for() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("n", "a").await;
    one.holds.send_replace(true);
    // With other keys to be asked for, a round waits for the warden.
    one.warden.send_modify(|view| view.identity.key_epoch = 2);
    let handle = one.handle.clone();
    let syncing = tokio::spawn(async move { handle.sync_now(vec![CONTACTS]).await });
    one.comes_to(Phase::Syncing).await;
    one.epochs.lock().unwrap().0.push(2);
    one.warden.send_modify(|view| view.identity.presence += 1);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    one.holds.send_replace(false);
    assert_eq!(syncing.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn contents_that_move_are_syncing_as_records_are() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    one.comes_to(Phase::Idle).await;
    let moving = Moving {
        contents: 1,
        done: 5,
        all: 10,
    };
    cloud.moving.send_replace(moving);
    assert_eq!(one.comes_to(Phase::Syncing).await.progress, (5, 10));
    // It is shown until they are where they should be, whatever is synced meanwhile.
    one.syncs().await;
    assert_eq!(one.handle.view().phase, Phase::Syncing);
    cloud.moving.send_replace(Moving::default());
    assert_eq!(one.comes_to(Phase::Idle).await.progress, (0, 0));
    // What is paused moves nothing, and whoever moved it ends.
    cloud.moving.send_replace(moving);
    one.handle.pause().await.unwrap();
    one.comes_to(Phase::Paused).await;
}

#[tokio::test]
async fn the_last_sync_is_one_that_left_nothing_to_do() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.handle.set_enabled("notes", true).await.unwrap();
    one.syncs().await;
    one.handle.sync_now(vec![]).await.unwrap();
    let first = one.comes_to(Phase::Idle).await.last_sync;
    assert!(first > 0);
    one.clock.advance(Duration::from_secs(60));
    // Nothing can be made of what the cloud says of the notes.
    *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| answer.results.clear()));
    one.handle
        .put("notes", super::rig::put("n", 0, "a"))
        .await
        .unwrap();
    one.handle.sync_now(vec![]).await.unwrap_err();
    one.syncs().await;
    assert_eq!(one.comes_to(Phase::Attention).await.last_sync, first);
    *cloud.about_results.lock().unwrap() = None;
    one.handle.sync_now(vec![]).await.unwrap();
    assert!(one.comes_to(Phase::Idle).await.last_sync >= first + 60);
}

#[tokio::test]
async fn a_sync_after_which_the_owner_is_asked_something_has_left_something_to_do() {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 30).await;
    let first = one.comes_to(Phase::Idle).await.last_sync;
    assert!(first > 0);
    one.clock.advance(Duration::from_secs(60));
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(view.last_sync, first);
    one.handle.confirm(view.question.unwrap().id, true).await.unwrap();
    one.syncs().await;
    assert!(one.comes_to(Phase::Idle).await.last_sync >= first + 60);
}

#[tokio::test]
async fn records_are_counted_while_they_come() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    for n in 0..20 {
        one.puts(&format!("n{n}"), "a").await;
    }
    one.syncs().await;
    *cloud.page.lock().unwrap() = 1;
    let two = begin(&cloud, tempfile::tempdir().unwrap()).await;
    let (clock, mut watch) = (two.clock.clone(), two.handle.watch());
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |_| clock.advance(Duration::from_millis(500))));
    let seeing = tokio::spawn(async move {
        let mut seen = Vec::new();
        while watch.changed().await.is_ok() {
            let view = watch.borrow_and_update().clone();
            let records = view.collections.get(CONTACTS).map_or(0, |shown| shown.records);
            seen.push((view.phase, records));
            if seen.last() == Some(&(Phase::Idle, 20)) {
                break;
            }
        }
        seen
    });
    two.handle.set_enabled(CONTACTS, true).await.unwrap();
    two.syncs().await;
    let seen = tokio::time::timeout(Duration::from_secs(60), seeing)
        .await
        .unwrap()
        .unwrap();
    let within = seen
        .iter()
        .filter(|(phase, count)| *phase == Phase::Syncing && (1..20).contains(count));
    let mut counts: Vec<u64> = within.map(|(_, count)| *count).collect();
    counts.dedup();
    assert!((2..=12).contains(&counts.len()), "{seen:?}");
}

#[tokio::test]
async fn what_pauses_sync_is_shown() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    assert_eq!(one.handle.view().paused_by, None);
    let metered = Conditions {
        metered: true,
        ..Conditions::default()
    };
    let roaming = Conditions {
        roaming: true,
        ..Conditions::default()
    };
    let battery = Conditions {
        battery: Some(14),
        ..Conditions::default()
    };
    for (conditions, why) in [
        (metered, Paused::Metered),
        (roaming, Paused::Roaming),
        (battery, Paused::Battery),
        (
            Conditions {
                roaming: true,
                ..battery
            },
            Paused::Roaming,
        ),
    ] {
        one.conditions.send_replace(conditions);
        let mut watch = one.handle.watch();
        let view = watch
            .wait_for(|view| view.paused_by == Some(why))
            .await
            .unwrap()
            .clone();
        assert_eq!(view.phase, Phase::Paused, "{why:?}");
    }
    // Its owner's pause comes first: nothing else would let it go on.
    one.handle.pause().await.unwrap();
    assert_eq!(one.handle.view().paused_by, Some(Paused::Owner));
    one.conditions.send_replace(Conditions::default());
    one.handle.resume().await.unwrap();
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!((view.paused_by, view.policy), (None, Policy::default()));
    one.conditions.send_replace(metered);
    one.comes_to(Phase::Paused).await;
    let changes = PolicyChanges {
        metered: Some(true),
        ..PolicyChanges::default()
    };
    one.handle.set_policy(changes).await.unwrap();
    assert_eq!(one.comes_to(Phase::Idle).await.paused_by, None);
}

#[tokio::test]
async fn what_was_removed_is_listed_on_each_device_with_what_it_was_and_no_other_version_of_anything() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    for natural in ["l", "m", "n", "o"] {
        one.puts(natural, "a").await;
    }
    one.syncs().await;
    two.syncs().await;
    // A version of "o" besides, which is chosen against.
    one.puts("o", "b").await;
    one.syncs().await;
    two.puts("o", "c").await;
    two.syncs().await;
    let all = two.handle.list(CONTACTS, 0, 10).await.unwrap();
    let version = all.iter().find(|entry| entry.conflict_with.is_some()).unwrap();
    let chosen = two
        .handle
        .resolve(CONTACTS, version.id, Choice::Theirs, Shown::default());
    chosen.await.unwrap();
    one.removes("l").await;
    one.removes("m").await;
    one.syncs().await;
    two.syncs().await;
    one.syncs().await;
    for phone in [&one, &two] {
        let gone = phone.handle.list_removed(CONTACTS, 0, 10).await.unwrap();
        let said: Vec<_> = gone
            .iter()
            .map(|entry| (entry.natural.as_str(), entry.kind.as_str(), entry.length))
            .collect();
        assert_eq!(said, [("l", "text/plain", 0), ("m", "text/plain", 0)]);
        assert_eq!(phone.handle.list(CONTACTS, 0, 10).await.unwrap().len(), 2);
        let [l, m] = &gone[..] else { unreachable!() };
        let rest = phone.handle.list_removed(CONTACTS, l.position, 1).await.unwrap();
        assert_eq!((rest.len(), rest[0].id), (1, m.id));
        let end = phone.handle.list_removed(CONTACTS, m.position, 1).await.unwrap();
        assert!(end.is_empty());
    }
}
