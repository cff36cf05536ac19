//! Errors of `org.belay1.Sync` and `org.belay1.Collection` that their documentation names and no story of the other
//! tests meets.

use std::collections::HashMap;
use std::fs::File;

use belay_proto::dbus::records::{FrameWriter, FramedRecord, MAX_SHORT};
use belay_proto::secret::Secret;
use belay_proto::sync::Attributes;
use belay_tests::app::{Answer, App, CONTACTS, New, Options, SYNC, collection, memfd, options, refused};
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use zbus::{Fd, OwnedFd, OwnedVariant, Variant};

use crate::owner::{adas, app};
use crate::scene::{PACE, Scene, scene};

const CARD: &[u8] = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:grace\r\nFN:Grace Hopper\r\nEND:VCARD\r\n";
/// No record's id.
pub const NOBODY: &str = "00000000000000000000000000000000";

/// A contact.
pub fn grace() -> New<'static> {
    New {
        natural: "grace",
        kind: "text/vcard",
        content: CARD,
    }
}

/// Ada's device, whose contacts are synced, with time that goes on.
pub async fn syncing() -> Scene {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    app(&scene).enable("contacts", true).await.unwrap().unwrap();
    app(&scene).sync_now().await.unwrap().unwrap();
    scene
}

/// Calls `Pause` or `Resume`.
pub async fn sync(app: &App, member: &str) -> Answer<()> {
    app.call(SYNC, member, &(Options::new(),)).await.unwrap()
}

/// Syncs whatever the policy says.
async fn sync_anyway(app: &App) -> Answer<()> {
    let all: Vec<&str> = Vec::new();
    let anyway = options([("anyway", Variant::from(true))]);
    app.call(SYNC, "SyncNow", &(all, anyway)).await.unwrap()
}

/// Puts a document that is too long for a record.
pub async fn put_long(app: &App) -> Answer<u64> {
    let content = Fd::from(memfd(&vec![7; MAX_SHORT + 1]).unwrap());
    let attributes = options([
        ("kind", Variant::from("application/octet-stream")),
        ("natural", Variant::from("long.bin")),
    ]);
    app.call(collection("documents"), "Put", &("", 0_u64, content, attributes))
        .await
        .unwrap()
}

/// Calls `PutAll`, which tells ids and revisions.
pub async fn put_all(app: &App, records: &[FramedRecord]) -> Answer<Vec<(String, u64)>> {
    let mut stream = FrameWriter::new(Vec::new());
    records.iter().for_each(|record| stream.write(record).unwrap());
    let stream = Fd::from(memfd(&stream.finish().unwrap()).unwrap());
    app.call(CONTACTS, "PutAll", &(stream, Options::new()))
        .await
        .unwrap()
}

/// Puts these contacts in one call.
pub async fn put_many(app: &App, records: &[FramedRecord]) -> Answer<()> {
    let mut stream = FrameWriter::new(Vec::new());
    records.iter().for_each(|record| stream.write(record).unwrap());
    let stream = Fd::from(memfd(&stream.finish().unwrap()).unwrap());
    app.call(CONTACTS, "PutMany", &(stream,)).await.unwrap()
}

/// A contact in a stream.
pub fn framed(natural: &str, revision: u64) -> FramedRecord {
    FramedRecord {
        id: None,
        revision,
        natural: Some(natural.to_owned()),
        kind: "text/vcard".to_owned(),
        attributes: Attributes::default(),
        keep_both: false,
        content: Secret::new(CARD.to_vec()),
    }
}

#[tokio::test]
async fn whoever_waits_for_a_collection_that_is_switched_off_waits_no_more() {
    let scene = syncing().await;
    let app = app(&scene);
    scene.network().plan("/v1/sync/", 1000, &Trick::Hang);
    let waits = tokio::spawn({
        let app = app.clone();
        async move { app.sync_now().await.unwrap() }
    });
    scene.network().played("/v1/sync/").await.unwrap();
    // What hangs, hangs, however long it takes to switch it off.
    scene.clock().run(0).unwrap();
    app.enable("contacts", false).await.unwrap().unwrap();
    refused(waits.await.unwrap(), "Cancelled").unwrap();
}

#[tokio::test]
async fn a_device_of_nobodys_syncs_nothing_and_has_no_collection() {
    let scene = scene().await;
    let app = app(&scene);
    refused(app.sync_now().await.unwrap(), "NotBound").unwrap();
    for member in ["Pause", "Resume"] {
        refused(sync(&app, member).await, "NotBound").unwrap();
    }
    let none = Options::new();
    let answer: Answer<()> = app.call(SYNC, "SetPolicy", &(&none, &none)).await.unwrap();
    refused(answer, "NotBound").unwrap();
    let answer: Answer<()> = app
        .call(SYNC, "Confirm", &("contacts-1", true, &none))
        .await
        .unwrap();
    refused(answer, "NotBound").unwrap();
    assert_eq!(app.text(SYNC, "State").await.unwrap(), "unknown");
    assert!(app.read(CONTACTS, "Enabled").await.unwrap().is_err());
}

#[tokio::test]
async fn what_makes_no_sense_is_an_invalid_argument() {
    let scene = adas().await;
    let app = app(&scene);
    let unknown = || options([("photographs", Variant::from(true))]);
    let none = Options::new();
    let all: Vec<&str> = Vec::new();
    for wrong in [unknown(), options([("anyway", Variant::from(1_u8))])] {
        let answer: Answer<()> = app.call(SYNC, "SyncNow", &(&all, wrong)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    for member in ["Pause", "Resume"] {
        let answer: Answer<()> = app.call(SYNC, member, &(unknown(),)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    for policy in [
        unknown(),
        options([("metered", Variant::from(1_u8))]),
        options([("roaming", Variant::from(1_u8))]),
        options([("battery-floor", Variant::from(15_u32))]),
        options([("battery-floor", Variant::from(101_u8))]),
    ] {
        let answer: Answer<()> = app.call(SYNC, "SetPolicy", &(policy, &none)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    let answer: Answer<()> = app.call(SYNC, "Confirm", &("x", true, unknown())).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();

    type Rows = Vec<(String, u64, HashMap<String, OwnedVariant>)>;
    for limit in [0_u32, 1001, u32::MAX] {
        let answer: Answer<Rows> = app.call(CONTACTS, "List", &(0_u64, limit)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
        let page = (0_u64, limit, Options::new());
        let answer: Answer<Rows> = app.call(CONTACTS, "ListRemoved", &page).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    let page = (0_u64, 1_u32, unknown());
    let answer: Answer<Rows> = app.call(CONTACTS, "ListRemoved", &page).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let answer: Answer<Vec<String>> = app
        .call(CONTACTS, "Identify", &(vec!["x"; 10_001],))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    for (ids, options) in [
        (vec![NOBODY; 10_001], Options::new()),
        (vec!["x"], Options::new()),
        (vec![NOBODY], unknown()),
    ] {
        let answer: Answer<Vec<String>> = app.call(CONTACTS, "Removed", &(ids, options)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    for id in ["", "x", &"0A".repeat(16), "../account", &"0".repeat(1 << 16)] {
        let answer: Answer<(OwnedFd, u64, HashMap<String, OwnedVariant>)> =
            app.call(CONTACTS, "Get", &(id,)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
        let answer: Answer<OwnedFd> = app.call(CONTACTS, "GetMany", &(vec![id],)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
        refused(app.rest("contacts", id, 1, 0).await.unwrap(), "InvalidArgument").unwrap();
        refused(app.delete("contacts", id, 1).await.unwrap(), "InvalidArgument").unwrap();
        refused(
            app.resolve("contacts", id, "mine").await.unwrap(),
            "InvalidArgument",
        )
        .unwrap();
    }
    refused(
        app.resolve("contacts", NOBODY, "his").await.unwrap(),
        "InvalidArgument",
    )
    .unwrap();
    assert_eq!(app.get::<u32>(CONTACTS, "Records").await.unwrap(), 0);
}

#[tokio::test]
async fn a_descriptor_that_is_no_content_is_an_invalid_argument_and_nothing_is_stored() {
    let scene = adas().await;
    let app = app(&scene);
    let kind = || options([("kind", Variant::from("text/vcard"))]);
    let (_reader, writer) = std::io::pipe().unwrap();
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let folder = File::open("/").unwrap();
    let zeros = File::open("/dev/zero").unwrap();
    let wrong: [std::os::fd::OwnedFd; 4] = [writer.into(), socket.into(), folder.into(), zeros.into()];
    for fd in &wrong {
        let content = Fd::from(fd);
        let answer: Answer<u64> = app
            .call(CONTACTS, "Put", &("", 0_u64, content, kind()))
            .await
            .unwrap();
        refused(answer, "InvalidArgument").unwrap();
        let answer: Answer<()> = app.call(CONTACTS, "PutMany", &(Fd::from(fd),)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    let card = || Fd::from(memfd(CARD).unwrap());
    for attributes in [
        Options::new(),
        options([("kind", Variant::from(7_u32))]),
        options([
            ("kind", Variant::from("text/vcard")),
            ("path", Variant::from("/etc/passwd")),
        ]),
        options([("kind", Variant::from("k".repeat(256)))]),
        options([
            ("kind", Variant::from("text/vcard")),
            ("natural", Variant::from("n".repeat(4097))),
        ]),
    ] {
        let answer: Answer<u64> = app
            .call(CONTACTS, "Put", &("", 0_u64, card(), attributes))
            .await
            .unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    // A length that lies, a frame that ends early, and a good record before a bad one: all or none.
    let mut good = FrameWriter::new(Vec::new());
    good.write(&framed("grace", 0)).unwrap();
    let good = good.finish().unwrap();
    for tail in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x09half", b"\0\0\0\x01\x80"] {
        let stream = [good.as_slice(), tail].concat();
        let answer: Answer<()> = app
            .call(CONTACTS, "PutMany", &(Fd::from(memfd(&stream).unwrap()),))
            .await
            .unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    assert_eq!(app.get::<u32>(CONTACTS, "Records").await.unwrap(), 0);
}

#[tokio::test]
async fn records_that_arent_there_and_revisions_that_are_old_are_told() {
    let scene = adas().await;
    let app = app(&scene);
    let all = vec!["photographs"];
    let answer: Answer<()> = app.call(SYNC, "SyncNow", &(all, Options::new())).await.unwrap();
    refused(answer, "NotFound").unwrap();
    let answer: Answer<()> = app
        .call(SYNC, "Confirm", &("contacts-1", true, Options::new()))
        .await
        .unwrap();
    refused(answer, "NotFound").unwrap();
    refused(app.content("contacts", NOBODY).await.unwrap(), "NotFound").unwrap();
    let answer: Answer<OwnedFd> = app.call(CONTACTS, "GetMany", &(vec![NOBODY],)).await.unwrap();
    refused(answer, "NotFound").unwrap();
    refused(app.rest("contacts", NOBODY, 1, 0).await.unwrap(), "NotFound").unwrap();
    refused(app.delete("contacts", NOBODY, 1).await.unwrap(), "NotFound").unwrap();
    refused(app.resolve("contacts", NOBODY, "both").await.unwrap(), "NotFound").unwrap();

    let revision = app.put_new("contacts", &grace()).await.unwrap().unwrap();
    refused(app.put_new("contacts", &grace()).await.unwrap(), "Conflict").unwrap();
    refused(
        put_many(&app, &[framed("ada", 0), framed("grace", 0)]).await,
        "Conflict",
    )
    .unwrap();
    let id = app.identify("contacts", "grace").await.unwrap().unwrap();
    refused(
        app.delete("contacts", &id, revision + 1).await.unwrap(),
        "Conflict",
    )
    .unwrap();
    let rows = app.list("contacts").await.unwrap().unwrap();
    assert_eq!(rows.len(), 1, "none of them");
    let mut contacts = app.watch(CONTACTS).await.unwrap();
    let stored = put_all(&app, &[framed("ada", 0), framed("grace", 0)]).await;
    refused(stored, "Conflict").unwrap();
    let stored = put_all(&app, &[framed("ada", 0), framed("grace", revision)])
        .await
        .unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[1].0, id);
    contacts
        .until("both records", "Records", |value| {
            u32::try_from(&**value) == Ok(2)
        })
        .await
        .unwrap();
    let (content, revision) = app.content("contacts", &id).await.unwrap().unwrap();
    assert_eq!(content, CARD);
    let length = CARD.len() as u64;
    for from in [0, 7, length] {
        let left = app.rest("contacts", &id, revision, from).await.unwrap().unwrap();
        assert_eq!(left, &CARD[usize::try_from(from).unwrap()..]);
    }
    let more = app.rest("contacts", &id, revision, length + 1).await.unwrap();
    refused(more, "InvalidArgument").unwrap();
    refused(
        app.rest("contacts", &id, revision + 1, 0).await.unwrap(),
        "Conflict",
    )
    .unwrap();
}

#[tokio::test]
async fn another_version_is_kept_where_that_is_asked_for_and_waits_for_a_choice() {
    let scene = adas().await;
    let app = app(&scene);
    app.put_new("notes", &grace()).await.unwrap().unwrap();
    let attributes = options([
        ("kind", Variant::from("text/vcard")),
        ("natural", Variant::from("grace")),
        ("keep-both", Variant::from(true)),
    ]);
    let content = Fd::from(memfd(b"another").unwrap());
    let notes = collection("notes");
    let answer: Answer<u64> = app
        .call(notes, "Put", &("", 0_u64, content, attributes))
        .await
        .unwrap();
    answer.unwrap();
    until("the conflict", async || {
        (app.get::<u32>(notes, "Conflicts").await.ok()? == 1).then_some(())
    })
    .await
    .unwrap();
    let rows = app.list("notes").await.unwrap().unwrap();
    let version = rows.iter().find(|row| !row.conflict_with.is_empty()).unwrap();
    assert_eq!(version.natural, "grace");
    let choose = async |options: Options<'_>| -> Answer<Vec<(String, u64)>> {
        let chosen = (&version.id, "mine", options);
        app.call(notes, "Choose", &chosen).await.unwrap()
    };
    for stale in ["revision", "other"] {
        let stale = options([(stale, Variant::from(9_u64))]);
        refused(choose(stale).await, "Conflict").unwrap();
    }
    refused(
        choose(options([("other", Variant::from(1_u32))])).await,
        "InvalidArgument",
    )
    .unwrap();
    let kept = choose(options([
        ("revision", Variant::from(1_u64)),
        ("other", Variant::from(1_u64)),
    ]))
    .await;
    assert_eq!(kept.unwrap(), [(version.conflict_with.clone(), 2)]);
    let rows = app.list("notes").await.unwrap().unwrap();
    let [one] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    let (content, _) = app.content("notes", &one.id).await.unwrap().unwrap();
    assert_eq!(content, b"another");
}

#[tokio::test]
async fn a_paused_sync_is_busy_and_one_that_is_paused_under_way_ends_so() {
    let scene = syncing().await;
    let app = app(&scene);
    sync(&app, "Pause").await.unwrap();
    assert_eq!(app.text(SYNC, "State").await.unwrap(), "paused");
    refused(app.sync_now().await.unwrap(), "Busy").unwrap();
    refused(sync_anyway(&app).await, "Busy").unwrap();
    refused(put_long(&app).await, "Busy").unwrap();
    sync(&app, "Resume").await.unwrap();
    sync_anyway(&app).await.unwrap();

    scene.network().plan("/v1/sync/", 1, &Trick::Hang);
    let waits = tokio::spawn({
        let app = app.clone();
        async move { app.sync_now().await.unwrap() }
    });
    scene.network().played("/v1/sync/").await.unwrap();
    scene.clock().run(0).unwrap();
    sync(&app, "Pause").await.unwrap();
    refused(waits.await.unwrap(), "Busy").unwrap();
}
