//! An owner and what brings a device into their hands.

use belay_tests::Stage;
use belay_tests::app::{ACCOUNT, App, Options};

/// The owner in these tests.
pub const ADA: &str = "ada@example.org";
/// Her password.
pub const PASSWORD: &str = "crane-lantern-49-orbit";
/// Somebody else.
pub const BEN: &str = "ben@example.org";
/// His password.
pub const BENS: &str = "velvet-harbour-73-kite";

/// The settings app of the person at the device.
pub fn app(stage: &Stage) -> App {
    App::new(stage.person())
}

/// Begins to register `who`: the verification's id, and the code of the mail.
pub async fn registering(stage: &Stage, who: &str, password: &str) -> (String, String) {
    let id = app(stage).register(who, password, &Options::new()).await;
    (id.unwrap().unwrap(), code(stage, who).await)
}

/// Registers `who` and confirms with the code of the mail; the recovery code.
pub async fn registered(stage: &Stage, who: &str, password: &str) -> String {
    let app = app(stage);
    let (id, code) = registering(stage, who, password).await;
    let recovery = app.confirm(&id, &code).await.unwrap().unwrap();
    app.acknowledge(&id).await.unwrap().unwrap();
    recovery
}

/// A stage whose device is Ada's.
pub async fn adas() -> crate::scene::Scene {
    let scene = crate::scene::scene().await;
    registered(&scene, ADA, PASSWORD).await;
    scene
}

/// The code in the next mail to `who`.
pub async fn code(stage: &Stage, who: &str) -> String {
    stage.outbox().code(who).await.unwrap()
}

/// A code of six digits that isn't this one.
pub fn other_code(code: &str) -> String {
    let other = if code.starts_with('1') { '2' } else { '1' };
    format!("{other}{}", &code[1..])
}

/// The account's state.
pub async fn state(stage: &Stage) -> String {
    app(stage).text(ACCOUNT, "State").await.unwrap()
}
