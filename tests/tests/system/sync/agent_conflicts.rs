//! Two versions of one thing, which nobody can merge: both lie in the folders until their owner chooses.

use std::collections::{BTreeMap, BTreeSet};

use belay_proto::sync::version_name;
use belay_tests::app::{Answer, Row, collection, options};
use belay_tests::until::until;
use serde_json::Value;
use zbus::Variant;

use super::agent::{Pair, card};
use crate::sync_ctl::{bad, good};

const ALL: &[&str] = &["contacts", "documents"];
/// By what becomes of each.
const LETTERS: [&str; 5] = ["theirs.odt", "mine.odt", "both.odt", "chosen.odt", "edited.odt"];

/// A record with another version of it.
struct Torn {
    /// What it is by nature.
    natural: String,
    /// Its id and content.
    original: (String, String),
    version: (String, String),
    /// What the other version is called beside it.
    beside: String,
}

impl Torn {
    fn file(&self) -> String {
        format!("Documents/{}", self.natural)
    }

    fn beside(&self) -> String {
        format!("Documents/{}", self.beside)
    }
}

async fn content(pair: &Pair, device: usize, name: &str, id: &str) -> String {
    let app = &pair.fleet.devices[device].app;
    let (content, _) = app.content(name, id).await.unwrap().unwrap();
    String::from_utf8(content).unwrap()
}

async fn list(pair: &Pair, device: usize, name: &str) -> Vec<Row> {
    pair.fleet.devices[device].app.list(name).await.unwrap().unwrap()
}

/// What is torn in a collection, by what it is by nature.
async fn torn(pair: &Pair, name: &str) -> BTreeMap<String, Torn> {
    let mut all = BTreeMap::new();
    for row in list(pair, 0, name).await {
        if row.conflict_with.is_empty() {
            continue;
        }
        let original = content(pair, 0, name, &row.conflict_with).await;
        let version = content(pair, 0, name, &row.id).await;
        let beside = version_name(&row.natural, &row.id.parse().unwrap());
        let torn = Torn {
            natural: row.natural.clone(),
            original: (row.conflict_with, original),
            version: (row.id, version),
            beside,
        };
        assert!(all.insert(row.natural, torn).is_none());
    }
    all
}

fn said(device: usize, name: &str) -> String {
    format!("{name} as device {device} has it")
}

/// Two devices with letters and a contact, which both changed while they were away.
async fn apart() -> Pair {
    let pair = Pair::of(ALL).await;
    let ann = |name: &str| card("ann", "").replace("FN:ann", &format!("FN:{name}"));
    pair.homes[0].folder("Documents");
    for name in LETTERS {
        pair.homes[0].write(&format!("Documents/{name}"), "at first");
        pair.told(0, "documents", name, "at first").await;
    }
    pair.homes[0].write(".contacts/ann.vcf", &ann("Ann"));
    pair.told(0, "contacts", "ann", &ann("Ann")).await;
    pair.fleet.settled(ALL, "").await;
    for name in LETTERS {
        let file = format!("Documents/{name}");
        pair.homes[1].says(&file, |text| text == "at first").await;
    }
    pair.homes[1]
        .says(".contacts/ann.vcf", |text| text == ann("Ann"))
        .await;
    for device in 0..2 {
        pair.fleet.away(device, true);
        for name in LETTERS {
            pair.homes[device].write(&format!("Documents/{name}"), &said(device, name));
            pair.told(device, "documents", name, &said(device, name)).await;
        }
        let name = ann(["Anna", "Anne"][device]);
        pair.homes[device].write(".contacts/ann.vcf", &name);
        pair.told(device, "contacts", "ann", &name).await;
    }
    for device in 0..2 {
        pair.fleet.away(device, false);
    }
    pair.fleet.settled(ALL, "").await;
    pair
}

#[tokio::test]
async fn both_versions_lie_beside_one_another_on_both_phones_until_one_is_chosen() {
    let pair = apart().await;
    let letters = torn(&pair, "documents").await;
    let scene = &pair.fleet.devices[0].scene;
    assert_eq!(
        letters.keys().collect::<BTreeSet<_>>(),
        LETTERS.map(str::to_owned).iter().collect()
    );
    for (name, letter) in &letters {
        let versions = BTreeSet::from([letter.original.1.clone(), letter.version.1.clone()]);
        assert_eq!(
            versions,
            BTreeSet::from([said(0, name), said(1, name)]),
            "nothing is lost"
        );
        for home in &pair.homes {
            home.says(&letter.file(), |text| text == letter.original.1).await;
            home.says(&letter.beside(), |text| text == letter.version.1).await;
        }
    }
    // A double of a contact would be taken for another person.
    let contacts = torn(&pair, "contacts").await;
    let ann = &contacts["ann"];
    for home in &pair.homes {
        home.says(".contacts/ann.vcf", |text| text == ann.original.1)
            .await;
        assert_eq!(home.files(".contacts"), ["ann.vcf"]);
    }

    // What is changed while both are there is changed where it is, and nowhere else.
    let edited = &letters["edited.odt"];
    pair.homes[0].write(&edited.file(), "the original, edited");
    pair.told(0, "documents", "edited.odt", "the original, edited")
        .await;
    pair.homes[0].write(&edited.beside(), "the version, edited");
    let is_told = async || {
        let said = content(&pair, 0, "documents", &edited.version.0).await;
        (said == "the version, edited").then_some(())
    };
    until("the version to be edited", is_told).await.unwrap();
    pair.fleet.settled(ALL, "").await;
    pair.homes[1]
        .says(&edited.file(), |text| text == "the original, edited")
        .await;
    pair.homes[1]
        .says(&edited.beside(), |text| text == "the version, edited")
        .await;

    let shown = good(scene, &["conflicts"]).await;
    let shown: BTreeMap<&str, &Value> = shown["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (record["id"].as_str().unwrap(), record))
        .collect();
    let ids = letters
        .values()
        .chain(contacts.values())
        .map(|torn| torn.version.0.as_str());
    assert_eq!(shown.keys().copied().collect::<BTreeSet<_>>(), ids.collect());
    let choose = async |name: &str, torn: &Torn, choice: &str| {
        let record = shown[torn.version.0.as_str()];
        let [revision, other] = ["revision", "other_revision"].map(|key| record[key].to_string());
        let id = torn.version.0.as_str();
        let stale = [
            "resolve",
            name,
            id,
            choice,
            "--revision",
            &revision,
            "--other",
            "99",
        ];
        assert_eq!(bad(scene, &stale).await.0, "Conflict");
        good(
            scene,
            &[
                "resolve",
                name,
                id,
                choice,
                "--revision",
                &revision,
                "--other",
                &other,
            ],
        )
        .await
    };
    choose("documents", &letters["theirs.odt"], "theirs").await;
    choose("documents", &letters["mine.odt"], "mine").await;
    let kept = choose("documents", &letters["both.odt"], "both").await;
    choose("documents", edited, "theirs").await;
    choose("contacts", ann, "both").await;
    let chosen = &letters["chosen.odt"];
    let shown = options([(
        "other",
        Variant::from(
            shown[chosen.version.0.as_str()]["other_revision"]
                .as_u64()
                .unwrap(),
        ),
    )]);
    let answer: Answer<Vec<(String, u64)>> = pair.fleet.devices[0]
        .app
        .call(
            collection("documents"),
            "Choose",
            &(&chosen.version.0, "both", shown),
        )
        .await
        .unwrap();
    assert_eq!(answer.unwrap().len(), 2);
    pair.fleet.settled(ALL, "").await;

    // Each is what was chosen, under a name of its own, and alone.
    let [theirs, mine, both] = ["theirs.odt", "mine.odt", "both.odt"].map(|name| &letters[name]);
    for home in &pair.homes {
        home.lacks(&theirs.beside()).await;
        home.says(&theirs.file(), |text| text == theirs.original.1).await;
        home.lacks(&mine.beside()).await;
        home.says(&mine.file(), |text| text == mine.version.1).await;
        home.lacks(&edited.beside()).await;
        home.says(&edited.file(), |text| text == "the original, edited")
            .await;
        for letter in [both, chosen] {
            home.says(&letter.file(), |text| text == letter.original.1).await;
            home.says(&letter.beside(), |text| text == letter.version.1).await;
        }
    }
    for device in 0..2 {
        for name in ALL {
            let rows = list(&pair, device, name).await;
            let naturals: BTreeSet<&String> = rows.iter().map(|row| &row.natural).collect();
            assert_eq!(naturals.len(), rows.len(), "{rows:?}");
            assert!(rows.iter().all(|row| row.conflict_with.is_empty()), "{rows:?}");
        }
    }
    let own = kept["kept"][1]["id"].as_str().unwrap();
    let rows = list(&pair, 1, "documents").await;
    assert!(rows.iter().any(|row| row.id == own && row.natural == both.beside));

    // What is kept is a file as any other: a change of it goes to the other phone, and to nothing else.
    pair.homes[1].write(&both.beside(), "edited there");
    pair.told(1, "documents", &both.beside, "edited there").await;
    pair.homes[0].write(&mine.file(), "edited here");
    pair.told(0, "documents", "mine.odt", "edited here").await;
    pair.fleet.settled(ALL, "").await;
    pair.homes[0]
        .says(&both.beside(), |text| text == "edited there")
        .await;
    pair.homes[0]
        .says(&both.file(), |text| text == both.original.1)
        .await;
    pair.homes[1]
        .says(&mine.file(), |text| text == "edited here")
        .await;
    for home in &pair.homes {
        assert_eq!(home.files("Documents").len(), LETTERS.len() + 2);
    }

    // The two contacts are two people, each with a UID.
    let rows = list(&pair, 0, "contacts").await;
    let other = rows.iter().find(|row| row.natural != "ann").unwrap();
    let wanted = ann
        .version
        .1
        .replace("UID:ann", &format!("UID:{}", other.natural));
    for home in &pair.homes {
        home.says(&format!(".contacts/{}.vcf", other.natural), |text| text == wanted)
            .await;
        home.says(".contacts/ann.vcf", |text| text == ann.original.1)
            .await;
        assert_eq!(home.files(".contacts").len(), 2);
    }
    assert_eq!(rows.len(), 2);
}
