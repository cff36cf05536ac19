//! Kills, cuts, duplicates, days offline and lying clocks: each command is done exactly once, and the owner hears of
//! it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::signed::{Action, CommandState};
use belay_tests::app::{DEVICE, WARDEN};
use belay_tests::owner::{Belayd, Console};
use belay_tests::proxy::Trick;
use belay_tests::until::until;

use crate::disk::next_write;
use crate::owner::{ADA, PASSWORD, adas, app, registered};
use crate::scene::{PACE, Scene, plan};

/// belayd waits between tries by its clock, which is made to run this much faster.
const HASTE: u32 = 20;

/// What the device asks the cloud for, each a point at which something may break.
const POINTS: [&str; 4] = ["/v1/stream", "/v1/commands", "/v1/outcomes", "/v1/reports"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub async fn console() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

pub fn lock() -> Action {
    Action::Lock {
        message: String::new(),
        phone: String::new(),
    }
}

/// Lock and unlock in turn, so that each can be told from the one before.
pub fn next(round: usize) -> (Action, &'static str) {
    match round % 2 {
        0 => (lock(), "lost"),
        _ => (Action::Unlock, "unlocked"),
    }
}

/// The command is done, told in one line of outcomes, and the device is as it says; each lock was one episode.
pub async fn done_once(scene: &Scene, console: &Console, id: CommandId, stand: &str, episodes: u64) {
    let (_, life) = console.follow(scene, id, CommandState::Done).await.unwrap();
    let told = console.told(&life).unwrap();
    let ends = told.iter().filter(|t| t.state.is_final()).count();
    assert_eq!(ends, 1, "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last.lock.as_str(), last.episode), (stand, episodes));
    assert_eq!(app(scene).text(WARDEN, "LockState").await.unwrap(), stand);
}

/// How many locks there were in the rounds up to this one.
pub fn episodes(round: usize) -> u64 {
    u64::try_from(round / 2 + 1).unwrap()
}

#[tokio::test]
async fn belayd_killed_at_each_exchange_with_the_cloud_does_each_command_once() {
    let (mut scene, console) = console().await;
    scene.clock().run(PACE).unwrap();
    let mut round = 0;
    for point in POINTS {
        for trick in [Trick::Hang, Trick::LoseAnswer] {
            let (action, stand) = next(round);
            scene.network().plan(point, 50, &trick);
            scene.network().cut();
            let id = console.send(&scene, action).await.unwrap();
            scene.network().played(point).await.unwrap();
            scene.kill_belayd().await.unwrap();
            scene.network().behave();
            scene.start_belayd().await.unwrap();
            done_once(&scene, &console, id, stand, episodes(round)).await;
            round += 1;
        }
    }
}

#[tokio::test]
async fn a_connection_cut_at_each_exchange_delays_a_command_and_nothing_more() {
    let (scene, console) = console().await;
    scene.clock().run(PACE).unwrap();
    let mut round = 0;
    for point in POINTS {
        for trick in [Trick::Cut, Trick::LoseAnswer, Trick::status(503)] {
            let (action, stand) = next(round);
            scene.network().plan(point, 2, &trick);
            // Where streams failed too often commands are polled, for an hour from whenever the last of them did, be it
            // in this moment. In another network a stream comes first again.
            let network = format!("network-{round}");
            scene.services().network().connect(&network).await.unwrap();
            scene.network().cut();
            let id = console.send(&scene, action).await.unwrap();
            scene.network().played(point).await.unwrap();
            done_once(&scene, &console, id, stand, episodes(round)).await;
            scene.network().behave();
            round += 1;
        }
    }
}

#[tokio::test]
async fn the_warden_killed_at_each_write_does_each_command_once() {
    let (scene, console) = console().await;
    scene.clock().run(HASTE).unwrap();
    for round in 0..8 {
        let (action, stand) = next(round);
        let folder = scene.place().at("warden");
        let mut writing = Box::pin(next_write(&folder));
        let id = console.send(&scene, action).await.unwrap();
        // The first write, then a later one.
        for _ in 0..=round / 2 {
            let another = Box::pin(next_write(&folder));
            tokio::select! {
                () = &mut writing => {}
                done = console.follow(&scene, id, CommandState::Done) => drop(done.unwrap()),
            }
            writing = another;
        }
        scene.kill_warden().await.unwrap();
        done_once(&scene, &console, id, stand, episodes(round)).await;
    }
}

#[tokio::test]
async fn the_watch_killed_again_and_again_comes_back_to_a_lost_device() {
    let (scene, console) = console().await;
    let units = scene.install_units().unwrap();
    let network = scene.services().network();
    let id = console.send(&scene, lock()).await.unwrap();
    units.until_watching(true).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    for _ in 0..3 {
        units.kill_watch().await.unwrap();
        network.radio_off().await.unwrap();
        network.until_radios_on().await.unwrap();
    }
    let id = console.send(&scene, Action::Unlock).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    units.until_watching(false).await.unwrap();
}

#[tokio::test]
async fn belayd_killed_while_it_rings_or_is_about_to_does_it_at_most_once_and_says_so() {
    let (mut scene, console) = console().await;
    let feedback = scene.services().feedback().puppet().clone();
    // It has begun, and nobody knows whether anything was heard.
    feedback.hang("TriggerFeedback");
    let ring = || Action::Ring { seconds: 600 };
    let id = console.send(&scene, ring()).await.unwrap();
    feedback.called("TriggerFeedback", 1).await.unwrap();
    scene.kill_belayd().await.unwrap();
    feedback.heal();
    scene.start_belayd().await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Failed).await.unwrap();
    assert_eq!(life.reason, "interrupted");
    assert_eq!(feedback.calls("TriggerFeedback").len(), 1);

    // It was heard, and that was told; the noise ends with belayd, which doesn't begin it anew.
    let id = console.send(&scene, ring()).await.unwrap();
    scene.services().feedback().until_playing(true).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    scene.kill_belayd().await.unwrap();
    scene.services().feedback().until_playing(false).await.unwrap();
    scene.start_belayd().await.unwrap();
    let id = console.send(&scene, lock()).await.unwrap();
    done_once(&scene, &console, id, "lost", 1).await;
    assert_eq!(feedback.calls("TriggerFeedback").len(), 2);
}

#[tokio::test]
async fn a_ring_by_a_command_ends_with_a_belayd_that_is_killed() {
    let mut plan = plan();
    let folder = std::env::temp_dir().join(format!("belay-ring-{}", CommandId::new()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = folder.join("said");
    let script = format!(
        "trap 'echo stopped >>{0}; exit' TERM; echo plays >>{0}; while :; do sleep 1 & wait $!; done",
        said.display()
    );
    plan.more = format!("\n[platform.exec]\nring = [\"/bin/sh\", \"-c\", \"{script}\"]\n");
    let mut scene = Scene::of(plan).await;
    registered(&scene, ADA, PASSWORD).await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    scene.services().feedback().puppet().leave().await.unwrap();
    let id = console.send(&scene, Action::Ring { seconds: 600 }).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let says = async |words: &str| {
        until(words, async || {
            let text = std::fs::read_to_string(&said).ok()?;
            (text == words).then_some(())
        })
        .await
        .unwrap();
    };
    // It rings as long as the command runs, which may be before it says so.
    says("plays\n").await;
    scene.kill_belayd().await.unwrap();
    says("plays\nstopped\n").await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_device_that_starts_again_between_judgement_and_deed_is_lost_and_follows() {
    let (mut scene, console) = console().await;
    let systemd = scene.services().systemd().puppet().clone();
    // The system doesn't answer, and then the power fails.
    systemd.hang("StartUnit");
    let id = console.send(&scene, lock()).await.unwrap();
    systemd.called("StartUnit", 1).await.unwrap();
    systemd.heal();
    scene.reboot().await.unwrap();
    scene.clock().run(HASTE).unwrap();
    done_once(&scene, &console, id, "lost", 1).await;
    assert!(scene.services().systemd().is_active("belay-lost.target"));
}

#[tokio::test]
async fn the_same_command_posted_or_delivered_twice_is_one() {
    let (mut scene, console) = console().await;
    scene.stop_belayd().await.unwrap();
    let (id, envelope) = console.owner().signed(lock());
    for _ in 0..3 {
        let reply = console.post(&scene, &envelope).await.unwrap();
        assert_eq!(reply.status, 202, "{}", reply.problem());
    }
    assert_eq!(console.list(&scene).await.unwrap().len(), 1);
    let belayd = Belayd::taken(&mut scene).await.unwrap();
    assert_eq!(belayd.command(&envelope).await.unwrap(), "accepted");
    belayd.give_back(&mut scene).await.unwrap();
    // Now belayd fetches it, and the warden knows it.
    done_once(&scene, &console, id, "lost", 1).await;
}

#[tokio::test]
async fn after_three_days_offline_what_still_holds_is_done_and_what_was_done_is_told() {
    let (mut scene, console) = console().await;
    let cloud = scene.cloud().unwrap().address();
    // Accepted, and then the network is gone before the outcome is out.
    scene.network().plan("/v1/outcomes", 50, &Trick::Cut);
    let locked = console.send(&scene, lock()).await.unwrap();
    scene.network().played("/v1/outcomes").await.unwrap();
    scene.network().connect(None);
    scene.network().behave();
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "lost");
    console.owner().later(Duration::from_secs(1));
    let ring = console.send(&scene, Action::Ring { seconds: 5 }).await.unwrap();
    let message = Action::Message {
        text: "Still lost".to_owned(),
    };
    let message = console.send(&scene, message).await.unwrap();
    for _ in 0..3 {
        scene.clock().advance(DAY).unwrap();
        console.owner().later(DAY);
    }
    scene.reboot().await.unwrap();

    scene.network().connect(Some(cloud));
    scene.clock().run(HASTE).unwrap();
    done_once(&scene, &console, locked, "lost", 1).await;
    console.follow(&scene, message, CommandState::Done).await.unwrap();
    app(&scene)
        .reads(DEVICE, "LostMessage", "Still lost")
        .await
        .unwrap();
    let life = console.life(&scene, ring).await.unwrap();
    assert!(
        (life.state.as_str(), life.reason.as_str()) == ("queued", "expired")
            || (life.state.as_str(), life.reason.as_str()) == ("refused", "expired"),
        "{life:?}"
    );
    assert_eq!(scene.services().feedback().playing(), []);
}

#[tokio::test]
async fn a_wall_clock_that_lies_by_years_makes_nothing_expire_early_or_late() {
    let (mut scene, console) = console().await;
    let belayd = Belayd::taken(&mut scene).await.unwrap();
    let (owner, now) = (console.owner(), scene.clock().wall());
    let years = 10 * 365 * 24 * 60 * 60;
    belayd.report(owner).await.unwrap();
    // The warden's own time is what its owner's signatures and the boot clock say.
    let nothing = Action::Cancel { id: CommandId::new() };
    assert_eq!(
        belayd.command(&owner.signed(nothing).1).await.unwrap(),
        "accepted"
    );
    // Five minutes pass, and some network says it is ten years later: the ring lives ten minutes.
    let (early, rings) = owner.signed(Action::Ring { seconds: 5 });
    let (_, held_back) = owner.signed(Action::Ring { seconds: 5 });
    let (_, unlocks) = owner.signed(Action::Unlock);
    scene.clock().advance(Duration::from_secs(5 * 60)).unwrap();
    scene.clock().set_wall(now + years).unwrap();
    assert_eq!(belayd.command(&rings).await.unwrap(), "accepted");
    assert_eq!(belayd.effects().await.unwrap().waiting[0].command, early);

    // Twelve minutes in all, and the clock is set back before the day it was signed.
    scene.clock().set_wall(now - years).unwrap();
    scene.clock().advance(Duration::from_secs(7 * 60)).unwrap();
    assert_eq!(belayd.command(&held_back).await.unwrap(), "expired");
    assert_eq!(
        belayd.begin(early).await.unwrap().unwrap_err().short(),
        "NotFound"
    );
    let told = belayd.until(owner, early, CommandState::Failed).await.unwrap();
    assert_eq!(told.reason, "expired");

    // Over a restart with a clock that begins in 1970, and after a week in all.
    scene.kill_warden().await.unwrap();
    scene.clock().set_wall(0).unwrap();
    assert_eq!(belayd.command(&unlocks).await.unwrap(), "already");
    let late = owner.draft(Action::Unlock);
    scene.clock().advance(7 * DAY).unwrap();
    assert_eq!(belayd.command(&owner.seal(&late)).await.unwrap(), "expired");
    assert_eq!(
        belayd.report(owner).await.unwrap().time / 1000 / 60,
        (now + 7 * 24 * 3600 + 12 * 60) / 60
    );
}
