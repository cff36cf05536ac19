//! Ben's contacts and a photo: at the cloud, where nobody can read them, and on the phone that comes after this one.

use std::path::{Path, PathBuf};

use belay_proto::text::from_hex;

use super::Teller;
use super::chapters::{BEN, BEN_PASSWORD};
use crate::app::{App, New, collection};
use crate::bluez::Chance;
use crate::stage::Plan;
use crate::surprise::During;
use crate::sysfs::Hardware;
use crate::until::until;
use crate::{Outcome, Stage, expect};

/// Whom he knows.
const PEOPLE: [(&str, &str); 3] = [
    ("Grace Hopper", "+12025550143"),
    ("Alan Turing", "+441614960999"),
    ("Hedy Lamarr", "+4315550199"),
];
/// What his photo is by nature.
const PHOTO: &str = "DCIM/Harbour at dusk.jpg";
/// Bytes of it.
const LENGTH: usize = 700_000;

/// Walks the chapter of what is synced.
pub(super) async fn walk(stage: &Stage, teller: &mut Teller, app: &App) -> Outcome {
    let photo = photo();
    brought(teller, app, &photo).await.during("bringing")?;
    let id = app.identify("contacts", PEOPLE[0].0).await??;
    held(stage, teller, &id, &photo).during("looking into the cloud")?;
    restored(stage, teller, &photo).await.during("restoring")
}

async fn brought(teller: &mut Teller, app: &App, photo: &[u8]) -> Outcome {
    teller.step("Ben switches sync on for contacts and pictures. He has three contacts and takes a photo.");
    switched_on(app).await?;
    for (who, number) in PEOPLE {
        let card = card(who, number);
        let new = New {
            natural: who,
            kind: "text/vcard",
            content: card.as_bytes(),
        };
        app.put_new("contacts", &new).await??;
    }
    let new = New {
        natural: PHOTO,
        kind: "image/jpeg",
        content: photo,
    };
    app.put_new("pictures", &new).await??;
    app.sync_now().await??;
    for name in ["contacts", "pictures"] {
        let pending: u32 = app.get(collection(name), "Pending").await?;
        expect!(pending == 0, "{pending} {name} haven't been brought");
    }
    teller.answer("all of it is at the cloud.");
    Ok(())
}

/// Waits for the collections, which are there while the device is somebody's, and switches them on.
async fn switched_on(app: &App) -> Outcome {
    for name in ["contacts", "pictures"] {
        until("the collections", async || {
            app.get::<bool>(collection(name), "Enabled").await.ok()
        })
        .await?;
        app.enable(name, true).await??;
    }
    Ok(())
}

/// What lies at the cloud, and that it says nothing.
fn held(stage: &Stage, teller: &mut Teller, id: &str, photo: &[u8]) -> Outcome {
    teller.step("What does the cloud hold of it?");
    let folder = stage.place().at("cloud");
    let mut secrets: Vec<&[u8]> = PEOPLE.iter().map(|(who, _)| who.as_bytes()).collect();
    secrets.extend(PEOPLE.iter().map(|(_, number)| number.as_bytes()));
    secrets.extend([PHOTO.as_bytes(), photo.get(..64).unwrap_or_default()]);
    let opaque = from_hex(id)?;
    let mut is_there = false;
    for path in files(&folder)? {
        let bytes = std::fs::read(&path)?;
        let name = path.strip_prefix(&folder).unwrap_or(&path).display();
        for secret in &secrets {
            expect!(!has(&bytes, secret), "{name} can be read");
        }
        is_there |= has(&bytes, &opaque);
        if path.starts_with(folder.join("blobs")) {
            let start: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            teller.answer(format!(
                "{name}: {} B that begin with {}",
                bytes.len(),
                start.join(" ")
            ));
        }
    }
    let who = PEOPLE[0].0;
    expect!(
        is_there,
        "not even the record of {who} is found in the cloud's files"
    );
    teller.answer(format!(
        "{who} is the record {id} there. No name, no number, nothing of the photo is in any of its files."
    ));
    Ok(())
}

async fn restored(stage: &Stage, teller: &mut Teller, photo: &[u8]) -> Outcome {
    teller.step("The phone falls into the harbour. Ben signs in on a new one.");
    let plan = Plan {
        hardware: Hardware::Phone(0x0bad_cafe),
        ..Plan::new(stage.exe())
    };
    let mut second = plan.beside(stage).await?;
    second.clock().run(1)?;
    second.init_warden().await?;
    second.start_belayd().await?;
    let app = App::new(second.person());
    app.sign_in(BEN, BEN_PASSWORD).await??;
    switched_on(&app).await?;
    app.sync_now().await??;
    let mut names = Vec::new();
    for row in app.list("contacts").await?? {
        let (content, _) = app.content("contacts", &row.id).await??;
        let numbers = PEOPLE.iter().find(|(who, _)| *who == row.natural);
        let expected = numbers.map(|(who, number)| card(who, number));
        expect!(
            expected.is_some_and(|card| card.as_bytes() == content),
            "{} is another card",
            row.natural
        );
        names.push(row.natural);
    }
    names.sort();
    expect!(names.len() == PEOPLE.len(), "there are {names:?}");
    let id = app.identify("pictures", PHOTO).await??;
    let (content, _) = app.content("pictures", &id).await??;
    expect!(
        content == photo,
        "the photo is {} B long, and another",
        content.len()
    );
    teller.answer(format!(
        "{} are there, and the photo is the same to the last of its {} B.",
        names.join(", "),
        content.len()
    ));
    second.verdict()
}

fn card(who: &str, number: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{who}\r\nTEL:{number}\r\nEND:VCARD\r\n")
}

/// Bytes as a camera's: none is like another.
fn photo() -> Vec<u8> {
    let mut chance = Chance::new(73);
    (0..LENGTH).map(|_| chance.byte()).collect()
}

fn has(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// Every file below `folder`.
fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => all.extend(files(&path)?),
            false => all.push(path),
        }
    }
    all.sort();
    Ok(all)
}
