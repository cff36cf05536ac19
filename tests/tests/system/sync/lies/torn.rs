//! Answers that are no answers.

use belay_proto::keys::random;
use belay_proto::sync::ChunkId;
use belay_proto::wire::{MESSAGE_PACK, PushAnswer, PushStatus, Quota};
use belay_tests::proxy::Trick;

use super::{ALWAYS, CHANGES, PUSH, Victim, content, sealed};

/// What belayd may grow by over any answer, KiB.
const GROWTH: u64 = 48 * 1024;

/// MessagePack's beginnings of a map, an array, a text, bytes and an extension of 4 GiB.
const HUGE: [u8; 5] = [0xdf, 0xdd, 0xdb, 0xc6, 0xc9];

/// This is what the cloud answers to pushes and questions; the device doesn't grow and forgets nothing.
async fn is_answered(victim: &Victim, body: Vec<u8>) {
    let before = victim.notes().await;
    let peak = victim.peak().await;
    let says = Trick::rewrite(move |_, reply| reply.becomes(200, MESSAGE_PACK, body.clone()));
    let network = victim.fleet.network();
    network.plan(CHANGES, ALWAYS, &says);
    network.plan(PUSH, ALWAYS, &says);
    let refused = victim.syncs().await;
    assert!(refused.is_err(), "it believes what is no answer");
    let grown = victim.peak().await.saturating_sub(peak);
    assert!(grown < GROWTH, "it has grown by {grown} KiB");
    network.behave();
    assert_eq!(victim.notes().await, before);
}

#[tokio::test]
async fn lengths_of_four_gigabytes_are_no_answers() {
    let victim = Victim::with(3).await;
    let before = victim.notes().await;
    for kind in HUGE {
        let mut alone = vec![kind, 0xff, 0xff, 0xff, 0xff];
        alone.extend([0x80; 16]);
        is_answered(&victim, alone.clone()).await;
        // As the value of a field that is asked for.
        let mut field = vec![0x81, 0xa7];
        field.extend(b"records");
        field.extend(&alone);
        is_answered(&victim, field).await;
        let mut record = vec![0x81, 0xa7];
        record.extend(b"records");
        record.extend([0x91, 0x81, 0xa6]);
        record.extend(b"sealed");
        record.extend(&alone);
        is_answered(&victim, record).await;
    }
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn bodies_without_an_end_are_no_answers() {
    let victim = Victim::with(3).await;
    let before = victim.notes().await;
    // A text of 64 MiB, and arrays in arrays.
    let mut long = vec![0x81, 0xa6];
    long.extend(b"cursor");
    long.extend([0xdb, 4, 0, 0, 0]);
    long.resize(64 * 1024 * 1024, b'x');
    is_answered(&victim, long).await;
    is_answered(&victim, vec![0x91; 1024 * 1024]).await;
    is_answered(&victim, random::<1000>().to_vec()).await;
    is_answered(&victim, Vec::new()).await;
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn answers_that_break_off_anywhere_lose_nothing() {
    let victim = Victim::with(3).await;
    let mut expected = victim.notes().await;
    for part in 0..8 {
        let half = Trick::rewrite(move |_, reply| {
            let length = reply.body.len() * part / 8;
            reply.body.truncate(length);
        });
        let network = victim.fleet.network();
        for path in [PUSH, CHANGES] {
            network.plan(path, 1, &half);
            network.plan(path, 1, &Trick::Tear);
        }
        // Only now: it is pushed a moment later by itself.
        victim.writes("note-0", &format!("part {part}")).await;
        // What is asked comes before what is pushed, and each breaks off twice.
        for _ in 0..4 {
            let _answered_or_refused = victim.syncs().await;
        }
        victim.was_lied_to(CHANGES).await;
        victim.was_lied_to(PUSH).await;
        network.behave();
    }
    expected.insert("note-0".to_owned(), "note-0 says part 7".to_owned());
    victim.is_unharmed(&expected).await;
}

/// A push is answered so: what was to be brought is brought all the same.
async fn pushes(victim: &Victim, lie: impl Fn(&mut PushAnswer) + Send + Sync + 'static) {
    let lie = Trick::rewrite(move |_, reply| {
        let mut answer: PushAnswer = rmp_serde::from_slice(reply.body).unwrap();
        lie(&mut answer);
        *reply.body = rmp_serde::to_vec_named(&answer).unwrap();
    });
    let before = victim.notes_with("note-0", "second").await;
    // What is written is pushed a moment later by itself.
    victim.fleet.network().plan(PUSH, 2, &lie);
    victim.writes("note-0", "second").await;
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(PUSH).await;
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn results_of_nothing_and_of_too_much_are_no_results() {
    let victim = Victim::with(3).await;
    pushes(&victim, |answer| answer.results.clear()).await;
    let victim = Victim::with(3).await;
    pushes(&victim, |answer| answer.results.push(PushStatus::Ok.into())).await;
}

#[tokio::test]
async fn a_conflict_with_another_record_or_with_none_loses_nothing() {
    let victim = Victim::with(3).await;
    let other = victim.pushed("note-1").remove(0);
    pushes(&victim, move |answer| {
        for result in &mut answer.results {
            result.status = PushStatus::Conflict;
            result.current = Some(other.clone());
        }
    })
    .await;
    let victim = Victim::with(3).await;
    let unknown = sealed(&victim.keys, &content("never-asked", 1, None, "a lie"));
    pushes(&victim, move |answer| {
        for result in &mut answer.results {
            result.status = PushStatus::Conflict;
            result.current = Some(unknown.clone());
        }
    })
    .await;
    assert!(!victim.notes().await.contains_key("never-asked"));
    let victim = Victim::with(3).await;
    pushes(&victim, |answer| {
        answer
            .results
            .iter_mut()
            .for_each(|r| r.status = PushStatus::Conflict);
    })
    .await;
}

#[tokio::test]
async fn chunks_that_a_short_note_never_had_are_not_missed_for_ever() {
    let victim = Victim::with(3).await;
    pushes(&victim, |answer| {
        for result in &mut answer.results {
            result.status = PushStatus::Absent;
            result.missing = (0..1000).map(|_| ChunkId::from_bytes(random())).collect();
        }
        answer.quota = Quota {
            used: u64::MAX,
            total: 0,
        };
        answer.contiguous = true;
    })
    .await;
}
