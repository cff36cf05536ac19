//! A cloud of one's own, with an authority of its own.

use belay_tests::proxy::AUTHORITY;

use super::{Computer, SPEED, name, path};
use crate::belayctl::file;
use crate::owner::{ADA, PASSWORD, registered};
use crate::scene::{Scene, plan};

#[tokio::test]
async fn a_cloud_with_its_own_authority_is_trusted_by_who_names_that_and_by_nobody_else() {
    let mut plan = plan();
    plan.secure = true;
    let scene = Scene::of(plan).await;
    registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(SPEED).unwrap();
    let computer = Computer::of(scene).await;
    assert!(computer.url.starts_with("https://localhost:"));
    let (device, ca) = (computer.device.clone(), file(AUTHORITY));
    let before = computer.scene.network().exchanges().len();

    let (exit, unknown) = computer.find(&["ring", &device]).await;
    assert_eq!((exit, name(&unknown)), (Some(69), "CloudRefused"), "{unknown}");
    let empty = file("no certificate");
    let (exit, unread) = computer.find(&["ring", &device, "--ca", path(&empty)]).await;
    assert_eq!((exit, name(&unread)), (Some(69), "CloudRefused"), "{unread}");
    let exchanges = computer.scene.network().exchanges();
    let told = exchanges.iter().skip(before);
    let logins = told.filter(|exchange| exchange.path.starts_with("/v1/login"));
    assert_eq!(
        logins.count(),
        0,
        "nothing is told to a server that nobody vouches for"
    );

    computer.done(&["ring", &device, "--ca", path(&ca)]).await;
    computer
        .scene
        .services()
        .feedback()
        .until_playing(true)
        .await
        .unwrap();
}
