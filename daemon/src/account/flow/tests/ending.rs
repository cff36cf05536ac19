//! What ends a command: its device's word, or its own time.

use std::time::Duration;

use belay_proto::signed::Action;

use super::World;
use super::commands::{phone, send_with, shown};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_clouds_word_that_a_command_is_over_counts_once_its_own_time_is() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let ring = Action::Ring { seconds: 30 };
    send_with(&life, phone.certificate.device, ring, None)
        .await
        .unwrap();
    world.cloud.with(|cloud| {
        cloud.lives[0].reason = "expired".into();
        cloud.lives[0].revision += 1;
    });
    world.cloud.news.notify_waiters();
    // Asked again and again, it says so for nine minutes of ten.
    for _ in 0..9 {
        world.clock.advance(MINUTE);
        world.clock.advance_wall(MINUTE);
        for _ in 0..50 {
            life.rows.load().await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(
            (shown(&life)[0].state, shown(&life)[0].reason.as_str()),
            ("queued", "")
        );
    }
    while shown(&life)[0].reason != "expired" {
        world.clock.advance(MINUTE);
        world.clock.advance_wall(MINUTE);
        world.cloud.with(|cloud| cloud.lives[0].revision += 1);
        world.cloud.news.notify_waiters();
        tokio::task::yield_now().await;
    }
    assert_eq!(shown(&life)[0].state, "queued");
}
