//! What the agent of a user keeps of itself, as `belayctl sync` shows it to that user.

use std::fs;

use belay_tests::guest;
use belay_tests::until::until;

use super::agent::{Home, card};
use super::{Device, Fleet};

/// Waits until the user is shown this, all on one line.
async fn shown(device: &Device, home: &Home, verb: &str, wanted: &[&str]) {
    let look = async || {
        let program = device.scene.program("belayctl", &["sync", verb]);
        let program = program.env("HOME", home.at("")).as_user(guest::person());
        let (_, text) = program.without_terminal().output().await.unwrap();
        let is_it = |line: &str| wanted.iter().all(|wanted| line.contains(wanted));
        text.lines().any(is_it).then_some(())
    };
    until(&format!("{verb} to show {wanted:?}"), look).await.unwrap();
}

#[tokio::test]
async fn what_isnt_mirrored_what_isnt_removed_and_that_nothing_is_looked_at_is_told() {
    let fleet = Fleet::of(1, &["contacts"]).await;
    let device = &fleet.devices[0];
    let home = Home::of(device);
    home.folder(".contacts/work");
    for uid in ["ann", "bob", "cy"] {
        home.write(&format!(".contacts/{uid}.vcf"), &card(uid, ""));
    }
    home.write(".contacts/work/ann.vcf", &card("ann", "TEL:1\r\n"));
    home.write(".contacts/two.vcf", &card("dee", "").repeat(2));
    let agent = home.agent(device, &[]).start().unwrap();
    shown(
        device,
        &home,
        "sources",
        &[
            "contacts: 2 files can't be mirrored",
            "two.vcf (isn't one contact",
            "work/ann.vcf (another file has its UID",
        ],
    )
    .await;
    let all_put = async || {
        let rows = device.app.list("contacts").await.unwrap().unwrap();
        (rows.len() == 3).then_some(())
    };
    until("all to be put", all_put).await.unwrap();
    shown(device, &home, "sources", &["contacts: 2 files"]).await;
    assert!(agent.stop().await.unwrap().success());
    shown(device, &home, "status", &["No belay-agent is running"]).await;

    for name in ["ann.vcf", "bob.vcf", "cy.vcf", "work/ann.vcf"] {
        fs::remove_file(home.at(".contacts").join(name)).unwrap();
    }
    let agent = home.agent(device, &[]).start().unwrap();
    let wanted = [
        "contacts: everything in the folder was gone",
        "--emptied contacts;",
    ];
    shown(device, &home, "sources", &wanted).await;
    home.write(".contacts/two.vcf", &card("dee", ""));
    let is_put = async || {
        let rows = device.app.list("contacts").await.unwrap().unwrap();
        (rows.len() == 4).then_some(())
    };
    until("what is new to be put", is_put).await.unwrap();
    assert!(agent.stop().await.unwrap().success());
}
