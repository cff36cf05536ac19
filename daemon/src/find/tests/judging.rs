//! What the warden says of commands, and what it is asked though the cloud forgets.

use belay_proto::signed::Disposition;

use super::rig::rig;
use crate::find::Announcement;

#[tokio::test]
async fn each_refusal_is_announced_by_its_name_and_counted() {
    let mut rig = rig().await;
    let first = rig.lock();
    rig.done(first).await;
    let (_, _) = (rig.announcement().await, rig.announcement().await);
    let refusals = [
        Disposition::BadSignature,
        Disposition::WrongDevice,
        Disposition::WrongEpoch,
        Disposition::Replayed,
        Disposition::Malformed,
        Disposition::Superseded,
        Disposition::Stale,
        Disposition::NoSuchDelegate,
        Disposition::Expired,
    ];
    for refusal in refusals {
        rig.warden
            .with(|warden| warden.judgement = Some(refusal.as_str()));
        rig.lock();
        assert_eq!(rig.announcement().await, Announcement::Refused(refusal));
    }
    let quiet = [
        Disposition::Cancelled,
        Disposition::Unsupported,
        Disposition::Already,
    ];
    for (number, refusal) in (11..).zip(quiet) {
        rig.warden
            .with(|warden| warden.judgement = Some(refusal.as_str()));
        rig.lock();
        rig.kept(|row| row.cursor == number).await;
    }
    rig.settled().await;
    assert!(
        rig.announced.try_recv().is_err(),
        "what the owner did himself is no event"
    );
    let counted = rig.handle.view().refused;
    assert_eq!(counted.len(), refusals.len());
    assert!(counted.values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_judgement_that_was_lost_is_asked_for_again_and_is_no_security_event() {
    let mut rig = rig().await;
    let first = rig.lock();
    rig.done(first).await;
    rig.settled().await;
    rig.warden.with(|warden| warden.finishes = false);
    rig.warden.with(|warden| warden.lose = 1);
    let second = rig.lock();
    rig.kept(|row| row.cursor == 2).await;
    rig.settled().await;
    assert_eq!(rig.warden.with(|warden| warden.asked[&second]), 2);
    while let Ok(announcement) = rig.announced.try_recv() {
        assert!(
            !matches!(announcement, Announcement::Refused(_)),
            "{announcement:?}"
        );
    }
}

#[tokio::test]
async fn what_was_fetched_is_judged_though_the_cloud_forgets_it_meanwhile() {
    let rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.warden.with(|warden| warden.asleep = true);
    let commands = [rig.lock(), rig.lock(), rig.lock()];
    while rig.warden.with(|warden| warden.knocks) == 0 {
        tokio::task::yield_now().await;
    }
    // Restored from a backup, say.
    let fetches = rig.cloud.with(|cloud| {
        cloud.forget();
        cloud.fetches().len()
    });
    rig.cloud.say("event: commands\ndata: {}\n\n");
    rig.cloud.until(|cloud| cloud.fetches().len() > fetches).await;
    rig.passing(rig.settled()).await;
    rig.warden.with(|warden| warden.asleep = false);
    let judged = async {
        while rig.warden.with(|warden| warden.accepted.len()) < commands.len() {
            tokio::task::yield_now().await;
        }
    };
    rig.passing(judged).await;
    let asked = rig.warden.with(|warden| warden.asked.clone());
    assert_eq!(asked, commands.into_iter().map(|id| (id, 1)).collect());
}
