//! Contents that are compared with records, as the documentation of `org.belay1.Collection` has it.

use belay_proto::dbus::records::MAX_SHORT;
use belay_tests::app::{Answer, Options, collection, memfd, options, refused};
use zbus::{Fd, Variant};

use crate::documented_sync::{NOBODY, grace, put_long, syncing};
use crate::owner::app;

#[tokio::test]
async fn a_content_is_a_long_records_or_not_and_never_a_short_ones() {
    let scene = syncing().await;
    let app = app(&scene);
    app.enable("documents", true).await.unwrap().unwrap();
    put_long(&app).await.unwrap();
    let rows = app.list("documents").await.unwrap().unwrap();
    let (id, revision) = (rows[0].id.as_str(), rows[0].revision);
    let content = vec![7; MAX_SHORT + 1];
    let matches = async |id: &str, revision, content: &[u8]| {
        app.matches("documents", id, revision, content).await.unwrap()
    };
    assert_eq!(matches(id, revision, &content).await, Ok(true));
    let mut other = content.clone();
    other[MAX_SHORT] = 8;
    for other in [other.as_slice(), &content[1..], &[]] {
        assert_eq!(matches(id, revision, other).await, Ok(false));
    }
    refused(matches(id, revision + 1, &content).await, "Conflict").unwrap();
    refused(matches(NOBODY, revision, &content).await, "NotFound").unwrap();
    for wrong in ["", "x", "../account"] {
        refused(matches(wrong, revision, &content).await, "InvalidArgument").unwrap();
    }
    let documents = collection("documents");
    let unknown = options([("photographs", Variant::from(true))]);
    let asked = (id, revision, Fd::from(memfd(&content).unwrap()), unknown);
    let answer: Answer<bool> = app.call(documents, "Matches", &asked).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let (_reader, writer) = std::io::pipe().unwrap();
    let writer = Fd::from(std::os::fd::OwnedFd::from(writer));
    let asked = (id, revision, writer, Options::new());
    let answer: Answer<bool> = app.call(documents, "Matches", &asked).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();

    let revision = app.put_new("contacts", &grace()).await.unwrap().unwrap();
    let id = app.identify("contacts", "grace").await.unwrap().unwrap();
    let same = app.matches("contacts", &id, revision, grace().content).await;
    assert_eq!(same.unwrap(), Ok(false));
}
