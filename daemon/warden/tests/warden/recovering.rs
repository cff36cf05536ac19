//! The recovery code: made anew, and what it is for.

use belay_proto::keys::RecoveryCode;
use belay_proto::steps::{self, *};
use belay_warden::ceremony::Secrets;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::throttle::Presenter;

use crate::life::{Home, a_code, bound};
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, Running, secret};

fn opens(account: &Account, code: &str) -> bool {
    let record = account.record();
    let code = RecoveryCode::parse(code).unwrap();
    code.unwrap(&record.account, &record.recovery_wrap).is_ok()
}

async fn walk(warden: &Running, pending: belay_proto::PendingId, step: &str) -> Result<Vec<u8>, Refusal> {
    let input = PendingInput { pending }.encode();
    warden.use_ticket(&pending.to_string(), step, input).await
}

#[tokio::test]
async fn a_new_code_is_told_once_its_record_holds_and_the_old_one_opens_nothing_then() {
    let home = Home::of_two().await;
    let old = home.warden.written_down(&home.account).await;
    walk(&home.warden, home.account.pending, steps::ACKNOWLEDGE)
        .await
        .unwrap();
    let (made, set) = home
        .warden
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    assert_eq!(home.warden.count("recovery-code-made").await, 1);
    let asked = home.warden.recovery_code(&made.claim).await.map(drop);
    assert_eq!(asked, Err(Refusal::NotFound), "not while the old one holds");
    assert_eq!(
        walk(&home.warden, made.pending, steps::ACKNOWLEDGE).await,
        Err(Refusal::NotFound)
    );

    let (phone, warden) = (home.phone, home.warden);
    drop(warden);
    let warden = phone.start();
    assert_eq!(warden.handle.credentials(set.credentials.clone()).await, Ok(true));
    let code = warden.recovery_code(&made.claim).await.unwrap();
    assert!(
        warden
            .bind_pending(made.pending)
            .await
            .unwrap()
            .claim
            .is(&made.claim)
    );
    let account = home.account.after(&set, PASSWORD);
    assert!(opens(&account, code.expose()) && !opens(&account, old.expose()));
    let (before, after) = (home.account.record(), account.record());
    assert_eq!(
        (after.login, after.salt, after.generation),
        (before.login, before.salt, 2)
    );
    assert_eq!(account.root().owner_key().public(), account.owner);
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()), "the same password");
    walk(&warden, made.pending, steps::ACKNOWLEDGE).await.unwrap();
    assert_eq!(
        warden.recovery_code(&made.claim).await.map(drop),
        Err(Refusal::NotFound)
    );
}

#[tokio::test]
async fn a_code_whose_record_the_cloud_did_not_take_is_never_told_and_the_one_before_goes_on() {
    let home = Home::of_two().await;
    let before = || home.phone.load().pending.map(|pending| pending.id);
    let (made, _) = home
        .warden
        .new_recovery_code(&home.account, &home.devices)
        .await
        .unwrap();
    let elsewhere = home.account.with_password(OTHER_PASSWORD);
    assert_eq!(
        home.warden
            .handle
            .credentials(elsewhere.credentials.clone())
            .await,
        Ok(true)
    );
    assert_eq!(
        home.warden.recovery_code(&made.claim).await.map(drop),
        Err(Refusal::BadTicket),
        "what is there now is another one"
    );
    assert_eq!(before(), Some(home.account.pending));

    let (made, _) = home
        .warden
        .new_recovery_code(&elsewhere, &home.devices)
        .await
        .unwrap();
    walk(&home.warden, made.pending, steps::DISCARD).await.unwrap();
    assert_eq!(before(), Some(home.account.pending));

    // Even while the other one waits.
    let made = home.warden.new_recovery_code(&elsewhere, &home.devices).await;
    let (made, _) = made.unwrap();
    let asked = home.warden.recovery_code(&made.claim).await.map(drop);
    assert_eq!(asked, Err(Refusal::NotFound));
    assert_eq!(
        home.warden.count("recovery-claim-refused").await,
        1,
        "the one above"
    );
    let written = home.warden.written_down(&home.account).await;
    assert!(opens(&elsewhere, written.expose()));
    walk(&home.warden, home.account.pending, steps::ACKNOWLEDGE)
        .await
        .unwrap();
    walk(&home.warden, made.pending, steps::DISCARD).await.unwrap();
    assert_eq!(home.phone.load().pending, None);
}

#[tokio::test]
async fn a_new_code_waits_until_it_is_told_and_then_for_a_day_or_until_the_next_boot() {
    const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
    let home = Home::of_two().await;
    let mut account = home.account;
    for ends_with_the_boot in [false, true] {
        let made = home.warden.new_recovery_code(&account, &home.devices).await;
        let (made, set) = made.unwrap();
        home.warden
            .handle
            .credentials(set.credentials.clone())
            .await
            .unwrap();
        account = account.after(&set, PASSWORD);
        home.phone.clock.advance(DAY + DAY);
        home.phone.new_boot();
        let told = async || home.warden.recovery_code(&made.claim).await.map(drop);
        assert_eq!(told().await, Ok(()), "nobody has seen it");
        home.phone.clock.advance(DAY / 2);
        assert_eq!(told().await, Ok(()), "once more, should the answer be lost");
        match ends_with_the_boot {
            true => home.phone.new_boot(),
            false => home.phone.clock.advance(DAY / 2),
        }
        assert_eq!(told().await, Err(Refusal::NotFound));
        assert_eq!(home.phone.load().pending, None, "on disk too");
    }
}

#[tokio::test]
async fn the_code_recovers_a_bound_device_that_waits_for_wrong_passwords() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    for number in 0..5 {
        let wrong = format!("wrong-heron-{number}-umbrella");
        assert!(home.warden.unlock(&wrong).await.is_err());
        let ticket = home.warden.present(Purpose::SignOut, "", &wrong).await.unwrap();
        assert!(home.warden.release(&ticket).await.is_err());
    }
    let typed = code.expose().to_lowercase();
    let input = home.account.recover_input(&home.devices);
    let set = home.warden.recover(&typed, OTHER_PASSWORD, input).await.unwrap();
    assert_eq!(home.warden.count("recovery-code-used").await, 1);
    let account = home.account.after(&set, OTHER_PASSWORD);
    assert_eq!(
        (account.owner, account.record().generation),
        (home.account.owner, 2)
    );
    assert!(opens(&account, code.expose()), "the same code");
    assert_eq!(set.delegates.len(), 2);
    assert_eq!(
        bound(&home.phone).generation,
        1,
        "nothing before the cloud has it"
    );
    assert_eq!(
        home.warden.handle.credentials(set.credentials.clone()).await,
        Ok(true)
    );
    assert!(home.warden.take_delegate(&set.delegates[0]).await);
}

#[tokio::test]
async fn the_code_recovers_from_an_unbound_device_which_then_signs_in() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let fresh = Device::initialised().other_hardware();
    let warden = fresh.start();
    let input = home.account.recover_input(&[]);
    let set = warden
        .recover(code.expose(), OTHER_PASSWORD, input)
        .await
        .unwrap();
    assert!(set.delegates.is_empty());
    let account = home.account.after(&set, OTHER_PASSWORD);
    warden.sign_in(&account, None).await.unwrap();
    assert_eq!(bound(&fresh).generation, 2);
}

#[tokio::test]
async fn whether_a_recovery_was_done_before_is_told_for_its_password_to_whoever_has_the_code() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let input = home.account.recover_input(&home.devices);
    let set = home
        .warden
        .recover(code.expose(), OTHER_PASSWORD, input)
        .await
        .unwrap();
    let account = home.account.after(&set, OTHER_PASSWORD);
    let asked = async |warden: &Running, secrets: Secrets| {
        let ticket = warden
            .handle
            .present(Purpose::Recover, LOGIN.to_owned(), Presenter::Screen, secrets)
            .await
            .unwrap()
            .to_string();
        let ask = async || {
            warden
                .use_ticket(&ticket, steps::RECOVERED, account.recover_input(&[]))
                .await
        };
        let answer = ask().await;
        assert_eq!(ask().await, Err(Refusal::BadTicket), "one ticket, one try");
        answer.map(|answer| RecoveredOutput::decode(&answer).unwrap().holds)
    };
    let with = |new: &str, code: &str| Secrets::Recovery {
        new: secret(new),
        code: secret(code),
    };
    let fresh = Device::initialised().other_hardware();
    let elsewhere = fresh.start();
    for warden in [&home.warden, &elsewhere] {
        assert_eq!(asked(warden, with(OTHER_PASSWORD, code.expose())).await, Ok(true));
        assert_eq!(asked(warden, with(PASSWORD, code.expose())).await, Ok(false));
        // Whoever doesn't have the code hears nothing of a password.
        let guess = with(OTHER_PASSWORD, a_code().expose());
        assert_eq!(asked(warden, guess).await, Err(Refusal::WrongCode));
    }
    let guess = Secrets::Forgotten(secret(OTHER_PASSWORD));
    assert_eq!(asked(&elsewhere, guess).await, Err(Refusal::BadTicket));
    assert_eq!(bound(&home.phone).generation, 1, "it is told, and nothing else");
}

#[tokio::test]
async fn a_mistyped_code_and_a_weak_password_cost_nothing() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let mut mistyped = code.expose().clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == '7' { '8' } else { '7' });
    for (typed, new, expected) in [
        (mistyped.as_str(), OTHER_PASSWORD, Refusal::WrongCode),
        ("no code", OTHER_PASSWORD, Refusal::WrongCode),
        (code.expose(), "password1", Refusal::WeakPassword),
    ] {
        let secrets = Secrets::Recovery {
            new: secret(new),
            code: secret(typed),
        };
        let answer = home
            .warden
            .handle
            .present(Purpose::Recover, LOGIN.to_owned(), Presenter::Session, secrets)
            .await;
        assert_eq!(answer.map(drop), Err(expected));
    }
    assert_eq!(home.phone.load().throttle.session.failures, 0);
}

#[tokio::test]
async fn a_wrong_code_a_foreign_root_and_older_credentials_recover_nothing() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let input = || home.account.recover_input(&home.devices);
    let wrong = home
        .warden
        .recover(a_code().expose(), OTHER_PASSWORD, input())
        .await;
    assert_eq!(wrong.map(drop), Err(Refusal::WrongCode));

    let elsewhere = Device::initialised().other_hardware();
    let stranger = elsewhere.start();
    let other = stranger.register().await;
    let theirs = stranger.written_down(&other).await;
    let answer = home
        .warden
        .recover(theirs.expose(), OTHER_PASSWORD, other.recover_input(&[]))
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));
    let answer = home
        .warden
        .recover(
            code.expose(),
            OTHER_PASSWORD,
            home.account
                .recover_input(std::slice::from_ref(&other.certificate)),
        )
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));

    // The wrap of one account in the record of another's making.
    let lured = other.with_record(|record| {
        record.account = home.account.record().account;
        record.recovery_wrap = home.account.record().recovery_wrap;
    });
    let lie = RecoverInput {
        credentials: lured,
        keyring: home.account.keyring.clone(),
        devices: vec![],
        key_epoch: None,
        ..Default::default()
    };
    let answer = home
        .warden
        .recover(code.expose(), OTHER_PASSWORD, lie.encode())
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));

    let newer = home.account.with_record(|record| record.generation = 2);
    assert_eq!(home.warden.handle.credentials(newer).await, Ok(true));
    let answer = home.warden.recover(code.expose(), OTHER_PASSWORD, input()).await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));
    assert_eq!(home.warden.count("recovery-code-used").await, 0);
}

#[tokio::test]
async fn a_lost_device_recovers_nothing() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let secrets = || Secrets::Recovery {
        new: secret(OTHER_PASSWORD),
        code: secret(code.expose()),
    };
    let present = || {
        home.warden
            .handle
            .present(Purpose::Recover, LOGIN.to_owned(), Presenter::Screen, secrets())
    };
    let ticket = present().await.unwrap().to_string();
    home.warden.handle.tighten("lost".to_owned()).await.unwrap();
    assert_eq!(present().await, Err(Refusal::DeviceLost));
    let answer = home
        .warden
        .use_ticket(&ticket, steps::RECOVER, home.account.recover_input(&[]))
        .await;
    assert_eq!(answer, Err(Refusal::DeviceLost));
}
