//! The recovery code: told by the warden itself to who confirmed, and to nobody else.

use belay_tests::Stage;
use belay_tests::app::{App, Entry, WARDEN, entry, memfd, pipe, refused};
use belay_tests::guest;
use belay_tests::polkit::Answer as Polkit;
use zbus::Fd;

use crate::owner::{ADA, BEN, BENS, PASSWORD, app, registering, state};
use crate::scene::{Scene, scene};

/// Binds the device to Ada; the id of the verification, its code, and the claim.
async fn confirmed(scene: &Stage) -> (String, String, String) {
    let app = app(scene);
    let (id, code) = registering(scene, ADA, PASSWORD).await;
    let claim = app.claim(&id, &code).await.unwrap().unwrap();
    (id, code, claim)
}

/// A claim of the same form that isn't this one.
pub fn other_claim(claim: &str) -> String {
    let digit = if claim.ends_with('0') { '1' } else { '0' };
    format!("{}{digit}", &claim[..31])
}

/// How many wrong claims the audit log tells of.
async fn wrong_claims(app: &App) -> usize {
    let entries = app.history(0).await.unwrap().unwrap();
    let is_one = |e: &&Entry| entry(e, "event") == "recovery-claim-refused";
    entries.iter().filter(is_one).count()
}

#[tokio::test]
async fn the_claim_gets_the_same_recovery_code_until_it_is_acknowledged() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (id, code, claim) = confirmed(&scene).await;
    assert_eq!(claim.len(), 32);
    let recovery = app.recovery_code(&claim).await.unwrap().unwrap();
    assert_eq!(recovery.split('-').count(), 9, "8 groups and a check symbol");
    assert_eq!(app.recovery_code(&claim).await.unwrap().unwrap(), recovery);
    // Everything died in between, and belayd is asked again.
    scene.reboot().await.unwrap();
    assert_eq!(app.claim(&id, &code).await.unwrap().unwrap(), claim);
    assert_eq!(app.recovery_code(&claim).await.unwrap().unwrap(), recovery);

    app.acknowledge(&id).await.unwrap().unwrap();
    refused(app.recovery_code(&claim).await.unwrap(), "NotFound").unwrap();
    refused(app.claim(&id, &code).await.unwrap(), "AlreadyBound").unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_wrong_claim_gets_nothing_and_is_audited() {
    let scene = scene().await;
    let app = app(&scene);
    refused(app.recovery_code(&"0".repeat(32)).await.unwrap(), "NotFound").unwrap();
    let (_, _, claim) = confirmed(&scene).await;
    assert_eq!(wrong_claims(&app).await, 0);
    let nearly = app.recovery_code(&other_claim(&claim)).await.unwrap();
    refused(nearly, "BadTicket").unwrap();
    assert_eq!(wrong_claims(&app).await, 1);
    for odd in [
        "",
        &claim[..31],
        &format!("A{}", &claim[1..]),
        &format!("{claim}\n"),
    ] {
        refused(app.recovery_code(odd).await.unwrap(), "InvalidArgument")
            .unwrap_or_else(|e| panic!("{odd:?}: {e}"));
    }
    app.recovery_code(&claim).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_claim_of_an_earlier_registration_is_a_wrong_one() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, _, earlier) = confirmed(&scene).await;
    app.acknowledge(&id).await.unwrap().unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    let (id, code) = registering(&scene, BEN, BENS).await;
    refused(app.recovery_code(&earlier).await.unwrap(), "NotFound").unwrap();
    let claim = app.claim(&id, &code).await.unwrap().unwrap();
    refused(app.recovery_code(&earlier).await.unwrap(), "BadTicket").unwrap();
    app.recovery_code(&claim).await.unwrap().unwrap();
}

#[tokio::test]
async fn belayd_is_refused_the_recovery_code_even_with_the_right_claim() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (_, _, claim) = confirmed(&scene).await;
    let recovery = app.recovery_code(&claim).await.unwrap().unwrap();
    let belayd = usurp(&mut scene).await;
    // Polkit would let it.
    refused(belayd.recovery_code(&claim).await.unwrap(), "NotAuthorized").unwrap();
    assert_eq!(app.recovery_code(&claim).await.unwrap().unwrap(), recovery);
}

/// Takes belayd's name as belayd's user.
async fn usurp(scene: &mut Scene) -> App {
    scene.kill_belayd().await.unwrap();
    let uid = guest::programs().unwrap_or_else(guest::person);
    let connection = scene.connect(uid).await.unwrap();
    connection.request_name("org.belay1").await.unwrap();
    App::new(&connection)
}

#[tokio::test]
async fn who_is_not_at_the_device_is_refused_the_recovery_code_even_with_the_right_claim() {
    let Some(stranger) = guest::stranger() else {
        crate::scene::skipped("another user needs root");
        return;
    };
    let scene = scene().await;
    let (_, _, claim) = confirmed(&scene).await;
    let stranger = App::new(&scene.connect(stranger).await.unwrap());
    scene.polkit().except("org.belay1.owner.present", Polkit::No);
    for app in [stranger, app(&scene)] {
        refused(app.recovery_code(&claim).await.unwrap(), "NotAuthorized").unwrap();
    }
    // Root needs no polkit.
    let root = App::new(&scene.root().await.unwrap());
    root.recovery_code(&claim).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lost_device_tells_no_recovery_code() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (_, _, claim) = confirmed(&scene).await;
    let belayd = usurp(&mut scene).await;
    belayd
        .call::<_, ()>(WARDEN, "Tighten", &("owner-asked",))
        .await
        .unwrap()
        .unwrap();
    refused(app.recovery_code(&claim).await.unwrap(), "DeviceLost").unwrap();
}

#[tokio::test]
async fn a_claim_is_only_read_from_what_a_secret_comes_in() {
    let scene = scene().await;
    let app = app(&scene);
    let (_, _, claim) = confirmed(&scene).await;
    let file = Fd::from(std::os::fd::OwnedFd::from(
        std::fs::File::open("/dev/zero").unwrap(),
    ));
    let answer = app
        .call::<_, zbus::OwnedFd>(WARDEN, "RecoveryCode", &(file,))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let long = Fd::from(memfd(&[b'0'; 1025]).unwrap());
    let answer = app
        .call::<_, zbus::OwnedFd>(WARDEN, "RecoveryCode", &(long,))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let pipe = Fd::from(pipe(claim.as_bytes()).unwrap());
    app.call::<_, zbus::OwnedFd>(WARDEN, "RecoveryCode", &(pipe,))
        .await
        .unwrap()
        .unwrap();
}
