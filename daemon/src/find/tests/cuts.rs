//! Connections that break at each point, processes that are killed at each, and three days without a network.

use std::time::Duration;

use belay_proto::ReportId;
use belay_proto::signed::CommandState;

use super::cloud::Mood;
use super::rig::{Rig, rig};

/// Each command was accepted once and its outcomes have arrived, in the warden's order.
fn complete(rig: &Rig, commands: &[belay_proto::id::CommandId]) {
    rig.warden
        .with(|warden| assert_eq!(warden.accepted.len(), commands.len()));
    rig.cloud.with(|cloud| {
        let mut sequences = Vec::new();
        for outcome in &cloud.outcomes {
            // What was taken without an answer is sent once more.
            if sequences.last() != Some(&outcome.sequence) {
                sequences.push(outcome.sequence);
            }
        }
        assert!(sequences.is_sorted(), "{sequences:?}");
        for command in commands {
            let done = |outcome: &&belay_proto::signed::Outcome| {
                outcome.command == *command && outcome.state == CommandState::Done
            };
            assert!(cloud.outcomes.iter().any(|outcome| done(&outcome)));
        }
    });
}

/// Two commands, with request number `cut` answered in this `mood`.
async fn cut(cut: u32, mood: Mood) {
    let rig = rig().await;
    rig.cloud.with(|cloud| cloud.cut = Some((cut, mood)));
    let first = rig.lock();
    rig.passing(rig.done(first)).await;
    let second = rig.lock();
    rig.passing(rig.done(second)).await;
    rig.passing(rig.posted()).await;
    complete(&rig, &[first, second]);
    assert_eq!(rig.row().await.cursor, 2);
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_request_loses_and_repeats_nothing() {
    for request in 0..9 {
        for mood in [Mood::Gone, Mood::Mute] {
            cut(request, mood).await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_at_any_piece_loses_nothing() {
    let pieces = [
        ": hear",
        "tbeat 240\n",
        "\nid: 1\nev",
        "ent: commands\nda",
        "ta: {}\n",
        "\n",
    ];
    for count in 0..=pieces.len() {
        let rig = rig().await;
        rig.connected(true).await;
        rig.cloud.with(|cloud| cloud.greeting = pieces[..count].concat());
        rig.cloud.end_streams();
        rig.connected(false).await;
        // Nobody is told of this one.
        let command = rig.lock();
        rig.cloud.end_streams();
        rig.cloud
            .with(|cloud| cloud.greeting = ": heartbeat 240\n\n".into());
        rig.passing(rig.done(command)).await;
        complete(&rig, &[command]);
    }
}

#[tokio::test]
async fn a_belayd_that_is_killed_at_any_moment_loses_and_repeats_nothing() {
    for turns in (0..240).step_by(8) {
        let mut rig = rig().await;
        rig.connected(true).await;
        let command = rig.lock();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        rig.restart();
        rig.passing(rig.done(command)).await;
        rig.passing(rig.posted()).await;
        complete(&rig, &[command]);
        rig.kept(|row| row.cursor == 1).await;
    }
}

#[tokio::test]
async fn an_answer_of_the_warden_that_is_lost_at_any_point_is_asked_for_again() {
    for lost in 1..6 {
        let rig = rig().await;
        rig.connected(true).await;
        rig.settled().await;
        rig.warden.with(|warden| warden.lose = lost);
        let command = rig.lock();
        rig.passing(rig.done(command)).await;
        rig.passing(rig.posted()).await;
        complete(&rig, &[command]);
    }
}

#[tokio::test]
async fn a_command_that_comes_again_and_again_is_judged_once() {
    let rig = rig().await;
    rig.connected(true).await;
    let command = rig.lock();
    rig.done(command).await;
    for _ in 0..5 {
        rig.cloud.say("id: 1\nevent: commands\ndata: {}\n\n");
    }
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len());
    rig.cloud.until(|cloud| cloud.fetches().len() > fetches).await;
    rig.settled().await;
    assert_eq!(rig.warden.with(|warden| warden.asked[&command]), 1);
    // The same envelope under another number is the warden's to refuse.
    rig.warden.with(|warden| assert_eq!(warden.accepted.len(), 1));
}

#[tokio::test]
async fn after_three_days_without_a_network_everything_arrives_once() {
    let mut rig = rig().await;
    let first = rig.lock();
    rig.done(first).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.mood = Mood::Gone);
    rig.cloud.end_streams();
    rig.connected(false).await;
    // The warden goes on alone: a command by text message, and what belayd has to report.
    let alone = belay_proto::id::CommandId::new();
    rig.warden.with(|warden| {
        warden.accepted.insert(alone);
        warden.tell(alone, "lock", CommandState::Accepted);
        warden.tell(alone, "lock", CommandState::Done);
    });
    rig.warden.speak();
    rig.kept(|row| row.sequence >= 4).await;
    for _ in 0..5 {
        rig.outbox
            .queue_report(ReportId::new(), b"r".to_vec())
            .await
            .unwrap();
    }
    let mut waiting = vec![rig.lock(), rig.lock()];
    for _ in 0..72 {
        rig.settled().await;
        rig.clock.advance(Duration::from_secs(3600));
    }
    rig.restart();
    rig.settled().await;
    rig.cloud.with(|cloud| cloud.mood = Mood::Well);
    for command in &waiting {
        rig.passing(rig.done(*command)).await;
    }
    rig.passing(rig.posted()).await;
    waiting.extend([first, alone]);
    complete(&rig, &waiting);
    rig.cloud.with(|cloud| {
        // One whose answer came late is sent once more.
        cloud.reports.dedup();
        assert_eq!(cloud.reports.len(), 5);
        assert!(cloud.states >= 1);
    });
}

#[tokio::test]
async fn a_cloud_that_hints_without_end_has_the_device_fetch_ever_more_seldom() {
    let rig = rig().await;
    rig.connected(true).await;
    let before = rig.cloud.with(|cloud| cloud.fetches().len());
    for _ in 0..50 {
        for _ in 0..20 {
            rig.cloud.say("event: commands\ndata: {}\n\n");
        }
        rig.settled().await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len()) - before;
    assert!((2..=40).contains(&fetches), "{fetches}");
    // The owner's command comes through all the same, and after a while of quiet at once.
    let command = rig.lock();
    rig.passing(rig.done(command)).await;
    rig.settled().await;
    rig.clock.advance(Duration::from_secs(200));
    rig.cloud.say(":\n\n");
    rig.settled().await;
    rig.clock.advance(Duration::from_secs(200));
    rig.settled().await;
    let command = rig.lock();
    rig.done(command).await;
}

#[tokio::test]
async fn a_cloud_that_makes_up_commands_without_end_has_few_of_them_judged() {
    let rig = rig().await;
    rig.connected(true).await;
    rig.warden.with(|warden| warden.judgement = Some("bad-signature"));
    for _ in 0..200 {
        rig.lock();
        rig.settled().await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len());
    assert!(fetches <= 40, "{fetches}");
}
