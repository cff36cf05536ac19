//! Guessing: counted before it is looked at, across kills, reboots and clock changes.

use std::time::{Duration, SystemTime};

use belay_proto::steps::Purpose;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Lock;
use belay_warden::core::throttle::Presenter;
use futures_util::future::join_all;

use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, PASSWORD, Running, secret};

fn wrong(number: usize) -> String {
    format!("wrong password {number}")
}

async fn guess(warden: &Running, from: usize, times: usize) {
    for number in from..from + times {
        assert_eq!(
            warden.unlock(&wrong(number)).await,
            Err(Refusal::WrongPassword),
            "{number}"
        );
    }
}

fn wait(answer: Result<(), Refusal>) -> u64 {
    match answer {
        Err(Refusal::TooManyAttempts(wait)) => wait.as_secs(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_hundred_parallel_guesses_are_five_key_derivations() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let guesses: Vec<_> = (0..200).map(wrong).collect();
    let answers = join_all(guesses.iter().map(|guess| warden.unlock(guess))).await;
    let of = |pattern: fn(&Refusal) -> bool| {
        answers
            .iter()
            .filter(|answer| answer.as_ref().is_err_and(pattern))
            .count()
    };
    assert_eq!(of(|refusal| *refusal == Refusal::WrongPassword), 5);
    assert_eq!(of(|refusal| matches!(refusal, Refusal::TooManyAttempts(_))), 195);
    assert_eq!(warden.count("password-check").await, 5);
}

#[tokio::test]
async fn two_hundred_tickets_are_five_key_derivations_too() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let mut tickets = Vec::new();
    for number in 0..200 {
        tickets.push(
            warden
                .present(Purpose::SignOut, "", &wrong(number))
                .await
                .unwrap(),
        );
    }
    let answers = join_all(tickets.iter().map(|ticket| warden.release(ticket))).await;
    let too_many = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Refusal::TooManyAttempts(_))))
        .count();
    assert_eq!((too_many, warden.count("password-check").await), (195, 5));
}

#[tokio::test]
async fn the_waits_grow_and_the_right_password_ends_them() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    guess(&warden, 0, 5).await;
    for (failures, seconds) in [(5, 60), (6, 300), (7, 900), (8, 900), (9, 3600)] {
        assert_eq!(wait(warden.unlock(PASSWORD).await), seconds);
        device.clock.advance(Duration::from_secs(seconds));
        guess(&warden, failures, 1).await;
    }
    device.clock.advance(Duration::from_secs(3600));
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
    guess(&warden, 100, 4).await;
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_kill_a_new_boot_and_the_wall_clock_gain_nothing() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    guess(&warden, 0, 5).await;
    let ten_years = Duration::from_secs(10 * 366 * 86_400);
    for wall in [SystemTime::now() + ten_years, SystemTime::now() - ten_years] {
        device.clock.set_wall(wall);
        assert_eq!(wait(warden.unlock(PASSWORD).await), 60);
    }
    drop(warden);
    let warden = device.start();
    assert_eq!(wait(warden.unlock(PASSWORD).await), 60, "after a kill");
    device.clock.advance(Duration::from_secs(59));
    drop(warden);

    device.new_boot();
    let warden = device.start();
    assert_eq!(
        wait(warden.unlock(PASSWORD).await),
        60,
        "another boot starts the wait again in full"
    );
    device.clock.advance(Duration::from_secs(30));
    drop(warden);
    let warden = device.start();
    assert_eq!(wait(warden.unlock(PASSWORD).await), 30, "the same boot goes on");
    device.clock.advance(Duration::from_secs(30));
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_try_is_on_disk_before_the_password_is_looked_at() {
    let device = Device::initialised();
    device.start().register().await;
    // Killed at the first write of a check, whichever side of it: either nothing was tried or it is counted.
    for after in [false, true] {
        let before = device.load().throttle.session.failures;
        let disk = StoppingDisk::new(1, after);
        let warden = device.start_on(Box::new(disk.clone()));
        let answer = warden.unlock("a wrong password").await;
        assert!(matches!(answer, Err(Refusal::Storage(_))) && disk.stopped());
        drop(warden);
        let counted = device.load().throttle.session.failures - before;
        assert_eq!(counted, u32::from(after));
    }
}

#[tokio::test]
async fn repeating_one_of_the_last_five_costs_nothing() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    guess(&warden, 0, 3).await;
    for _ in 0..10 {
        guess(&warden, 0, 3).await;
    }
    assert_eq!(warden.count("password-check").await, 3);
}

#[tokio::test]
async fn empty_and_short_passwords_cost_nothing() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    for _ in 0..20 {
        assert!(matches!(
            warden.unlock("").await,
            Err(Refusal::InvalidArgument(_))
        ));
        assert_eq!(warden.unlock("seven77").await, Err(Refusal::WrongPassword));
    }
    assert_eq!(warden.count("password-check").await, 0);
}

#[tokio::test]
async fn the_lost_screen_has_tries_of_its_own() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    warden.handle.tighten("owner-asked".to_owned()).await.unwrap();
    guess(&warden, 0, 5).await;
    assert_eq!(wait(warden.unlock(PASSWORD).await), 60);
    assert_eq!(
        warden.handle.unlock(Presenter::Screen, secret(PASSWORD)).await,
        Ok(())
    );
    assert_eq!(device.load().lock, Lock::Unlocked);
}

#[tokio::test]
async fn a_lost_device_takes_only_the_password() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.found().await.unwrap();
    let claim = warden.bind_pending(account.pending).await.unwrap().claim;
    let ticket = warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    warden.handle.tighten("owner-asked".to_owned()).await.unwrap();
    drop(warden);
    let warden = device.start();
    assert_eq!(
        warden.present(Purpose::SignOut, "", PASSWORD).await,
        Err(Refusal::DeviceLost)
    );
    assert_eq!(warden.release(&ticket).await, Err(Refusal::DeviceLost));
    assert!(matches!(
        warden.recovery_code(&claim).await,
        Err(Refusal::DeviceLost)
    ));
    assert!(matches!(device.load().lock, Lock::Lost { .. }));
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
    assert_eq!(warden.count("unlocked").await, 1);
}
