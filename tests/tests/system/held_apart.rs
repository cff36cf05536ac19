//! A hold that the cloud has forgotten, and the device hasn't: it was away while somebody signed in with the old password.

use belay_tests::app::refused;
use belay_tests::owner::Console;

use crate::holding::{HOUR, NEW, forgotten, open, owner_of, shows, told, waited_out};
use crate::owner::{ADA, PASSWORD, app};
use crate::scene::Scene;

/// Ada's device, whose pin has moved to a root that the cloud keeps no more.
async fn apart() -> Scene {
    let scene = open().await;
    let before = owner_of(&scene).await;
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    let device = scene.network().callers();
    scene.network().away(&device, true);
    Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    waited_out(&scene, 73 * HOUR).await;
    assert_ne!(owner_of(&scene).await, before);
    scene.network().away(&device, false);
    // It pauses between its tries to tell.
    scene.clock().advance(HOUR).unwrap();
    told(&scene, 404).await;
    shows(&scene, "reauthentication-required").await;
    scene
}

#[tokio::test]
async fn who_has_waited_in_vain_is_told_what_is_left_to_do_and_can_do_it() {
    let scene = apart().await;
    for password in [NEW, PASSWORD] {
        let answer = app(&scene).reauthenticate(ADA, password).await.unwrap();
        let refusal = answer.unwrap_err();
        let text = refusal.to_string();
        assert_eq!(refusal.short(), "Conflict", "{text}");
        assert!(text.contains("sign out with this device's password"), "{text}");
    }
    let refusal = app(&scene).sign_out(PASSWORD).await.unwrap();
    refused(refusal, "WrongPassword").unwrap();
    app(&scene).sign_out(NEW).await.unwrap().unwrap();
    app(&scene).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    shows(&scene, "bound").await;
}
