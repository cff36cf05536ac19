use std::time::Duration;

use belay_proto::ReportId;
use belay_proto::id::CommandId;
use belay_proto::signed::CommandState;

use super::cloud::{Cloud, Mood};
use super::rig::{rig, rig_with};
use crate::find::{Announcement, Conditions, NetworkKey};

#[tokio::test]
async fn a_hint_brings_the_command_to_the_warden_and_its_outcome_to_the_cloud() {
    let mut rig = rig().await;
    rig.connected(true).await;
    let command = rig.lock();
    rig.done(command).await;
    rig.posted().await;
    let row = rig.row().await;
    assert_eq!(row.cursor, 1);
    assert_eq!(rig.warden.with(|warden| warden.asked[&command]), 1);
    let received = Announcement::Received {
        command,
        action: "lock".into(),
    };
    assert_eq!(rig.announcement().await, received);
    let Announcement::Finished(told) = rig.announcement().await else {
        panic!("each command is announced once");
    };
    assert_eq!((told.command, told.ending()), (command, "done"));
    let kept = rig
        .store
        .call(|db| crate::store::find::endings(db))
        .await
        .unwrap();
    let kept: Vec<_> = kept.iter().map(|row| (row.command, row.state.as_str())).collect();
    assert_eq!(
        kept,
        [(*command.as_bytes(), "done")],
        "for whoever tells of it by text"
    );
}

#[tokio::test]
async fn the_device_key_alone_opens_the_channel() {
    let rig = rig().await;
    let command = rig.lock();
    rig.done(command).await;
    rig.cloud.with(|cloud| {
        assert!(cloud.requests.len() >= 3);
        for request in &cloud.requests {
            assert_ne!(request.header("dpop"), "", "{}", request.path);
            assert_eq!(request.header("authorization"), "", "{}", request.path);
        }
    });
}

#[tokio::test]
async fn what_was_queued_before_the_stream_stood_is_fetched() {
    let rig = rig().await;
    rig.connected(true).await;
    let first = rig.lock();
    rig.done(first).await;
    rig.cloud.with(|cloud| cloud.mood = Mood::Gone);
    rig.cloud.end_streams();
    rig.connected(false).await;
    let second = rig.lock();
    rig.cloud.with(|cloud| cloud.mood = Mood::Well);
    rig.passing(rig.done(second)).await;
    rig.cloud.with(|cloud| {
        let last = cloud
            .requests
            .iter()
            .rfind(|request| request.path.starts_with("/v1/stream"));
        assert_eq!(last.unwrap().header("last-event-id"), "1");
    });
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_opened_anew_with_a_shorter_heartbeat_which_is_remembered() {
    let mut rig = rig().await;
    let home = Conditions {
        network: Some(NetworkKey::of(b"home")),
        ..Conditions::default()
    };
    rig.connected(true).await;
    rig.conditions.send_replace(home);
    let opened = |count: usize, heartbeat: &'static str| {
        move |cloud: &mut super::cloud::Inner| {
            let opened = cloud.opened();
            opened.len() >= count && opened[count - 1].ends_with(heartbeat)
        }
    };
    rig.cloud.until(opened(2, "heartbeat=240")).await;
    rig.connected(true).await;
    rig.settled().await;
    // Nothing comes any more, and nothing says that the connection is gone.
    rig.clock.advance(Duration::from_secs(240 + 31));
    rig.cloud.until(opened(3, "heartbeat=120")).await;
    rig.connected(true).await;
    rig.settled().await;
    rig.restart();
    rig.cloud.until(opened(4, "heartbeat=120")).await;
}

#[tokio::test]
async fn where_streams_are_held_back_commands_come_by_long_poll() {
    let cloud = Cloud::new();
    cloud.with(|cloud| cloud.mood = Mood::Buffered);
    let rig = rig_with(cloud).await;
    let is_long = |path: &&str| path.ends_with("wait=50");
    rig.passing(rig.cloud.until(|cloud| cloud.fetches().iter().any(is_long)))
        .await;
    let opened = rig.cloud.with(|cloud| cloud.opened().len());
    // After how many tries is the link's own test: on a busy machine one may run out of time before the cloud has it.
    assert!(opened > 0);
    let command = rig.lock();
    rig.passing(rig.done(command)).await;
    // After an hour a stream is tried again. The hour passes at once: in time that goes on a busy machine may run out of it
    // before the cloud has the request, and that would be the try in vain after which it is polled for another hour.
    let (opened, ()) = rig
        .cloud
        .with(|cloud| (cloud.opened().len(), cloud.mood = Mood::Well));
    rig.clock.advance(Duration::from_secs(3600));
    rig.cloud.until(|cloud| cloud.opened().len() > opened).await;
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len());
    let command = rig.lock();
    rig.done(command).await;
    rig.cloud
        .with(|cloud| assert!(!cloud.fetches()[fetches..].iter().any(is_long)));
}

#[tokio::test]
async fn another_network_ends_the_long_poll_of_the_one_before() {
    let cloud = Cloud::new();
    cloud.with(|cloud| cloud.mood = Mood::Buffered);
    let rig = rig_with(cloud).await;
    let is_long = |path: &&str| path.ends_with("wait=50");
    rig.passing(rig.cloud.until(|cloud| cloud.fetches().iter().any(is_long)))
        .await;
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len());
    rig.conditions.send_replace(Conditions {
        network: Some(NetworkKey::of(b"away")),
        ..Conditions::default()
    });
    // At once: no time passes in which the old one would end.
    rig.cloud.until(|cloud| cloud.fetches().len() > fetches).await;
}

#[tokio::test]
async fn where_nothing_waits_commands_are_fetched_now_and_then() {
    let cloud = Cloud::new();
    cloud.with(|cloud| cloud.mood = Mood::Short);
    let rig = rig_with(cloud).await;
    let is_long = |path: &&&str| path.ends_with("wait=50");
    let long_polls = || {
        rig.cloud
            .with(|cloud| cloud.fetches().iter().filter(is_long).count())
    };
    while long_polls() < 3 {
        rig.five_quiet_seconds().await;
    }
    rig.connected(true).await;
    let fetches = rig.cloud.with(|cloud| cloud.fetches().len());
    // One each five minutes, and those by which a stream is tried again.
    for _ in 0..3600 / 5 {
        rig.five_quiet_seconds().await;
    }
    let of_an_hour = rig.cloud.with(|cloud| cloud.fetches().len()) - fetches;
    assert!((1..=24).contains(&of_an_hour), "{of_an_hour} within an hour");
    let command = rig.lock();
    rig.passing(rig.done(command)).await;
}

#[tokio::test]
async fn a_network_that_comes_back_wakes_what_waits() {
    let rig = rig().await;
    let offline = Conditions {
        online: Some(false),
        ..Conditions::default()
    };
    rig.connected(true).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.mood = Mood::Gone);
    rig.conditions.send_replace(offline.clone());
    rig.cloud.end_streams();
    rig.connected(false).await;
    rig.outbox
        .queue_report(ReportId::new(), b"r".to_vec())
        .await
        .unwrap();
    let requests = rig.cloud.with(|cloud| cloud.requests.len());
    rig.passing(rig.cloud.until(|cloud| cloud.requests.len() > requests + 2))
        .await;
    rig.settled().await;
    rig.cloud.with(|cloud| cloud.mood = Mood::Well);
    let mut reached = rig.reached.subscribe();
    reached.mark_unchanged();
    rig.conditions.send_replace(Conditions {
        online: Some(true),
        ..offline
    });
    // No clock is moved.
    reached.changed().await.unwrap();
    rig.connected(true).await;
    rig.cloud.until(|cloud| !cloud.reports.is_empty()).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_binding_that_ended() {
    let rig = rig().await;
    let command = rig.lock();
    rig.passing(rig.done(command)).await;
    // Nor an outcome whose answer is still under way: as a last word it would be brought for as long as the cloud is short.
    rig.passing(rig.posted()).await;
    rig.cloud.with(|cloud| cloud.refuses = Some(503));
    rig.outbox
        .queue_report(ReportId::new(), b"r".to_vec())
        .await
        .unwrap();
    rig.warden.unbind();
    rig.passing(rig.connected(false)).await;
    rig.passing(rig.posted()).await;
    let streams = rig.cloud.with(|cloud| cloud.opened().len());
    rig.clock.advance(Duration::from_secs(86_400));
    rig.settled().await;
    assert_eq!(rig.cloud.with(|cloud| cloud.opened().len()), streams);
    rig.cloud.with(|cloud| cloud.refuses = None);
    rig.warden.bind_again();
    rig.passing(rig.connected(true)).await;
    let opened = rig.cloud.with(|cloud| cloud.requests.len());
    assert!(opened > 0);
    rig.passing(rig.kept(|row| row.reported_at > 0)).await;
    rig.cloud.with(|cloud| assert!(cloud.reports.is_empty()));
}

#[tokio::test]
async fn what_became_of_the_last_commands_is_told_after_the_binding_has_ended() {
    let mut rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    // Not now.
    rig.cloud.with(|cloud| cloud.refuses = Some(403));
    let command = CommandId::new();
    rig.warden.with(|warden| {
        warden.tell(command, "sign-out", CommandState::Running);
        warden.tell(command, "sign-out", CommandState::Done);
    });
    rig.warden.unbind();
    while !matches!(rig.announcement().await, Announcement::Finished(told) if told.command == command) {}
    rig.restart();
    rig.cloud.with(|cloud| cloud.refuses = None);
    rig.passing(rig.done(command)).await;
    rig.posted().await;
    rig.settled().await;
    let mut told = rig.cloud.with(|cloud| {
        let all = cloud.outcomes.iter().filter(|outcome| outcome.command == command);
        all.map(|outcome| outcome.state).collect::<Vec<_>>()
    });
    // One that was on its way when belayd was killed comes twice.
    told.dedup();
    assert_eq!(told, [CommandState::Running, CommandState::Done]);
    // By a key that nobody else has.
    rig.cloud.with(|cloud| {
        let key = |path: &str| {
            let request = cloud
                .requests
                .iter()
                .rev()
                .find(|request| request.path.starts_with(path));
            request
                .unwrap()
                .header("dpop")
                .split('.')
                .next()
                .map(str::to_owned)
        };
        assert_ne!(key("/v1/outcomes"), key("/v1/stream"));
    });
}

#[tokio::test]
async fn how_the_device_stands_is_told_after_binding_after_a_change_and_each_day() {
    let rig = rig().await;
    rig.cloud.until(|cloud| cloud.states == 1).await;
    rig.settled().await;
    rig.warden.speak();
    rig.settled().await;
    rig.warden.show(|view| view.identity.presence = 1);
    rig.cloud.until(|cloud| cloud.states == 2).await;
    rig.kept(|row| row.reported.starts_with("1 ")).await;
    // One whose answer is under way still would be sent once more.
    rig.posted().await;
    rig.settled().await;
    rig.clock.advance(Duration::from_secs(24 * 3600));
    rig.cloud.until(|cloud| cloud.states == 3).await;
    assert_eq!(rig.warden.with(|warden| warden.reports), 3);
}

#[tokio::test]
async fn a_letter_that_the_cloud_judges_bad_holds_up_no_other_and_one_it_cant_take_now_waits() {
    let rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.refuses = Some(413));
    rig.outbox
        .queue_report(ReportId::new(), b"r".to_vec())
        .await
        .unwrap();
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.refuses = Some(404));
    let kept = ReportId::new();
    rig.outbox.queue_report(kept, b"r".to_vec()).await.unwrap();
    let requests = rig.cloud.with(|cloud| cloud.requests.len());
    rig.cloud.until(|cloud| cloud.requests.len() > requests).await;
    rig.cloud.with(|cloud| cloud.refuses = None);
    rig.passing(rig.cloud.until(|cloud| cloud.reports == [kept.to_string()]))
        .await;
}

#[tokio::test]
async fn the_warden_hears_of_the_cloud_now_and_then() {
    let rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.settled().await;
    assert_eq!(rig.warden.with(|warden| warden.beats), 1);
    for _ in 0..3 {
        rig.outbox
            .queue_report(ReportId::new(), b"r".to_vec())
            .await
            .unwrap();
        rig.posted().await;
    }
    rig.settled().await;
    assert_eq!(rig.warden.with(|warden| warden.beats), 1);
    rig.clock.advance(Duration::from_secs(3600));
    rig.outbox
        .queue_report(ReportId::new(), b"r".to_vec())
        .await
        .unwrap();
    rig.posted().await;
    rig.settled().await;
    assert_eq!(rig.warden.with(|warden| warden.beats), 2);
}
