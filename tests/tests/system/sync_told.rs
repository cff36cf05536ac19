//! What the cloud answers to sync, and what of sync is told by signals.

use std::collections::HashMap;

use belay_proto::dbus::records::{FramedRecord, MAX_SHORT};
use belay_proto::secret::Secret;
use belay_tests::app::{Answer, CONTACTS, Options, SYNC, collection, entry, refused};
use belay_tests::proxy::Trick;
use belay_tests::until::{until, within};
use futures_util::StreamExt;
use zbus::{Fd, OwnedFd, OwnedVariant};

use crate::documented_sync::{framed, grace, put_all, put_long, put_many, sync, syncing};
use crate::owner::{ADA, PASSWORD, app};

/// For as long as anybody asks: rounds begin by themselves too.
const ALWAYS: usize = 10_000;

#[tokio::test]
async fn what_the_cloud_says_to_a_sync_is_told() {
    let scene = syncing().await;
    let app = app(&scene);
    scene
        .network()
        .plan("/v1/sync/", ALWAYS, &Trick::problem(422, "malformed"));
    refused(app.sync_now().await.unwrap(), "CloudRefused").unwrap();
    scene.network().behave();
    scene
        .network()
        .plan("/v1/sync/push", ALWAYS, &Trick::problem(507, "quota-exceeded"));
    app.put_new("contacts", &grace()).await.unwrap().unwrap();
    refused(app.sync_now().await.unwrap(), "QuotaExceeded").unwrap();
    scene.network().behave();
    // The session is taken back: the access token is refused, and the refresh token with it.
    scene
        .network()
        .plan("/v1/sync/", ALWAYS, &Trick::problem(401, "invalid-token"));
    scene
        .network()
        .plan("/v1/token", ALWAYS, &Trick::problem(400, "invalid-grant"));
    refused(app.sync_now().await.unwrap(), "ReauthenticationRequired").unwrap();
    scene.network().behave();
    app.reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    scene.network().connect(None);
    refused(app.sync_now().await.unwrap(), "Offline").unwrap();
}

#[tokio::test]
async fn what_the_cloud_says_to_a_long_content_is_told_before_it_is_stored() {
    let scene = syncing().await;
    let app = app(&scene);
    app.enable("documents", true).await.unwrap().unwrap();
    let (network, blobs) = (scene.network(), "/v1/blobs/missing");
    network.plan(blobs, 1, &Trick::problem(507, "quota-exceeded"));
    refused(put_long(&app).await, "QuotaExceeded").unwrap();
    // Once that is known to all, the cloud isn't asked again at once, unless somebody asks.
    app.reads(SYNC, "State", "quota-exceeded").await.unwrap();
    network.plan(blobs, 1, &Trick::problem(422, "malformed"));
    refused(put_long(&app).await, "QuotaExceeded").unwrap();
    refused(app.sync_now().await.unwrap(), "QuotaExceeded").unwrap();
    refused(put_long(&app).await, "CloudRefused").unwrap();
    assert!(app.list("documents").await.unwrap().unwrap().is_empty());
    network.behave();
    put_long(&app).await.unwrap();
    let rows = app.list("documents").await.unwrap().unwrap();
    assert_eq!(rows[0].length, MAX_SHORT as u64 + 1);
    let (content, _) = app.content("documents", &rows[0].id).await.unwrap().unwrap();
    assert!(content == vec![7; MAX_SHORT + 1]);
    let answer: Answer<OwnedFd> = app
        .call(collection("documents"), "GetMany", &(vec![&rows[0].id],))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    network.plan(blobs, 1, &Trick::problem(401, "invalid-token"));
    network.plan("/v1/token", 1, &Trick::problem(400, "invalid-grant"));
    refused(put_long(&app).await, "Conflict").unwrap();
    app.delete("documents", &rows[0].id, rows[0].revision)
        .await
        .unwrap()
        .unwrap();
    refused(put_long(&app).await, "ReauthenticationRequired").unwrap();
}

#[tokio::test]
async fn a_long_content_among_many_is_refused_by_its_number_and_waits_for_no_cloud() {
    let scene = syncing().await;
    let app = app(&scene);
    let noise: Vec<u8> = (0..75_000_u32)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes())
        .collect();
    let photo = || FramedRecord {
        content: Secret::new(noise.clone()),
        ..framed("with a photo", 0)
    };
    // Whatever would be brought never gets there.
    scene.network().plan("/v1/blobs/", ALWAYS, &Trick::Hang);
    for (records, number) in [
        (vec![framed("without", 0), photo(), photo()], "frame 2 "),
        (vec![photo()], "frame 1 "),
    ] {
        let said = put_all(&app, &records).await.unwrap_err().to_string();
        assert!(
            said.contains("InvalidArgument") && said.contains(number),
            "{said}"
        );
        refused(put_many(&app, &records).await, "InvalidArgument").unwrap();
    }
    assert!(app.list("contacts").await.unwrap().unwrap().is_empty());
    // Nobody else is kept from it.
    put_many(&app, &[framed("ada", 0), framed("grace", 0)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_long_content_is_neither_brought_nor_fetched_while_sync_may_not() {
    let scene = syncing().await;
    let app = app(&scene);
    app.enable("documents", true).await.unwrap().unwrap();
    put_long(&app).await.unwrap();
    let rows = app.list("documents").await.unwrap().unwrap();
    let id = &rows[0].id;
    sync(&app, "Pause").await.unwrap();
    refused(app.content("documents", id).await.unwrap(), "Busy").unwrap();
    refused(app.rest("documents", id, 1, 7).await.unwrap(), "Busy").unwrap();
    refused(put_long(&app).await, "Busy").unwrap();
    sync(&app, "Resume").await.unwrap();
    // NM_STATE_DISCONNECTED, NM_CONNECTIVITY_NONE.
    scene.services().network().state(20, 1).await.unwrap();
    app.reads(SYNC, "State", "offline").await.unwrap();
    refused(app.content("documents", id).await.unwrap(), "Offline").unwrap();
    refused(app.rest("documents", id, 1, 7).await.unwrap(), "Offline").unwrap();
    refused(put_long(&app).await, "Offline").unwrap();
}

#[tokio::test]
async fn who_sends_a_stream_that_doesnt_end_keeps_others_waiting_for_a_while_only() {
    let scene = syncing().await;
    let app = app(&scene);
    let (reader, writer) = std::io::pipe().unwrap();
    let first = tokio::spawn({
        let app = app.clone();
        async move {
            let stream = Fd::from(std::os::fd::OwnedFd::from(reader));
            app.call::<_, ()>(CONTACTS, "PutMany", &(stream,)).await.unwrap()
        }
    });
    // Whichever of the two comes first, the other one waits behind it.
    let busy = put_many(&app, &[framed("ada", 0)]).await;
    if busy.is_ok() {
        refused(put_many(&app, &[framed("grace", 0)]).await, "Busy").unwrap();
    } else {
        refused(busy, "Busy").unwrap();
    }
    drop(writer);
    first.await.unwrap().unwrap();
    let all = app.list("contacts").await.unwrap().unwrap();
    put_many(&app, &[framed("alan", 0)]).await.unwrap();
    assert_eq!(app.list("contacts").await.unwrap().unwrap().len(), all.len() + 1);
}

#[tokio::test]
async fn streams_that_nobody_reads_are_a_few_at_once() {
    let scene = syncing().await;
    let app = app(&scene);
    // More than a pipe holds.
    let many: Vec<_> = (0..1000).map(|one| framed(&format!("friend-{one}"), 0)).collect();
    put_many(&app, &many).await.unwrap();
    let rows = app.list("contacts").await.unwrap().unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut open = Vec::new();
    let busy = loop {
        let answer: Answer<OwnedFd> = app.call(CONTACTS, "GetMany", &(&ids,)).await.unwrap();
        match answer {
            Ok(stream) if open.len() < 8 => open.push(stream),
            answer => break answer,
        }
    };
    refused(busy, "Busy").unwrap();
    assert_eq!(open.len(), 8);
}

#[tokio::test]
async fn many_contacts_that_go_at_once_are_asked_about_and_come_back() {
    let scene = syncing().await;
    let app = app(&scene);
    let many: Vec<_> = (0..40).map(|one| framed(&format!("friend-{one}"), 0)).collect();
    put_many(&app, &many).await.unwrap();
    app.sync_now().await.unwrap().unwrap();
    // All of them go in one round, however long the calls take.
    sync(&app, "Pause").await.unwrap();
    for row in app.list("contacts").await.unwrap().unwrap() {
        app.delete("contacts", &row.id, row.revision)
            .await
            .unwrap()
            .unwrap();
    }
    sync(&app, "Resume").await.unwrap();
    // Its answer is that of the question.
    let _ = app.sync_now().await.unwrap();
    let question: HashMap<String, OwnedVariant> = until("the question", async || {
        let question = app
            .get::<HashMap<String, OwnedVariant>>(SYNC, "Question")
            .await
            .ok()?;
        (!question.is_empty()).then_some(question)
    })
    .await
    .unwrap();
    assert_eq!(entry(&question, "collection"), "contacts");
    assert_eq!(u32::try_from(&*question["removed"]), Ok(40));
    // Another round may be under way.
    app.reads(SYNC, "State", "attention").await.unwrap();
    let id = entry(&question, "id");
    let answer: Answer<()> = app
        .call(SYNC, "Confirm", &(id, false, Options::new()))
        .await
        .unwrap();
    answer.unwrap();
    assert_eq!(app.list("contacts").await.unwrap().unwrap().len(), 40);
}

#[tokio::test]
async fn what_changes_is_told_by_signals_and_what_is_nobodys_leaves_the_bus() {
    let scene = syncing().await;
    let app = app(&scene);
    let mut watch = app.watch(CONTACTS).await.unwrap();
    let rule = "type='signal',interface='org.belay1.Collection',member='Changed'";
    let mut changes = zbus::MessageStream::for_match_rule(rule, app.bus(), None)
        .await
        .unwrap();
    let revision = app.put_new("contacts", &grace()).await.unwrap().unwrap();
    let id = app.identify("contacts", "grace").await.unwrap().unwrap();
    let told = within("the signal", changes.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(told.header().path().unwrap().as_str(), CONTACTS.path);
    let ids: (Vec<String>, Vec<String>) = told.body().deserialize().unwrap();
    assert_eq!(ids, (vec![id.clone()], Vec::new()));
    watch
        .until("a record", "Records", |value| u32::try_from(&**value) == Ok(1))
        .await
        .unwrap();
    app.delete("contacts", &id, revision).await.unwrap().unwrap();
    let told = within("the signal", changes.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let ids: (Vec<String>, Vec<String>) = told.body().deserialize().unwrap();
    assert_eq!(ids, (Vec::new(), vec![id]));

    app.sign_out(PASSWORD).await.unwrap().unwrap();
    until("the collection to leave", async || {
        app.read(CONTACTS, "Enabled").await.ok()?.err().map(drop)
    })
    .await
    .unwrap();
    app.reads(SYNC, "State", "unknown").await.unwrap();
}
