//! Each kind of source, from a folder on one device into one on the other and back.

use std::fs;

use super::agent::{Home, Pair, card};

/// A film is longer than what lies in a record.
const FILM: usize = 300_000;

/// A file of one collection on two devices.
struct Row {
    collection: &'static str,
    natural: &'static str,
    /// Where it lies on each.
    places: [&'static str; 2],
    /// What it says at first, after a change there and after one here.
    texts: [String; 3],
}

fn rows() -> Vec<Row> {
    let event = |summary: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:tea\r\nDTSTART:20260101T100000Z\r\n\
             SUMMARY:{summary}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    let row = |collection, natural, places, text: &dyn Fn(&str) -> String| Row {
        collection,
        natural,
        places,
        texts: ["first", "there", "here"].map(text),
    };
    let film = |word: &str| word.repeat(FILM / word.len() + 1);
    vec![
        // One keeps its contacts as khard does, the other as Plasma Mobile.
        row(
            "contacts",
            "ann",
            [".contacts/ann.vcf", ".local/share/kpeoplevcard/own/ann.vcf"],
            &|word| card("ann", &format!("NOTE:{word}\r\n")),
        ),
        row("calendars", "work/tea", [".calendars/work/tea.ics"; 2], &event),
        row("notes", "lists/shop.md", ["Notes/lists/shop.md"; 2], &|word| {
            format!("# {word}\n")
        }),
        row(
            "documents",
            "a/report.odt",
            ["Documents/a/report.odt"; 2],
            &|word| word.to_owned(),
        ),
        row("videos", "film.mp4", ["Videos/film.mp4"; 2], &film),
    ]
}

fn write(home: &Home, place: &str, text: &str) {
    if let Some((folder, _)) = place.rsplit_once('/') {
        home.folder(folder);
    }
    home.write(place, text);
}

#[tokio::test]
async fn every_kind_of_source_follows_the_other_device_and_is_followed() {
    let rows = rows();
    let names: Vec<&str> = rows.iter().map(|row| row.collection).collect();
    let pair = Pair::with(&names, |[_, second]| second.folder(".local/share/kpeoplevcard")).await;
    // The first writes, the second changes it, the first changes it again.
    for (number, writer) in [0, 1, 0].into_iter().enumerate() {
        for row in &rows {
            write(&pair.homes[writer], row.places[writer], &row.texts[number]);
        }
        for row in &rows {
            pair.told(writer, row.collection, row.natural, &row.texts[number])
                .await;
        }
        pair.fleet.settled(&names, "").await;
        for row in &rows {
            let reader = 1 - writer;
            let wanted = |text: &str| text == row.texts[number];
            pair.homes[reader].says(row.places[reader], wanted).await;
        }
    }
    for row in &rows {
        assert_eq!(pair.homes[0].siblings(row.places[0]), 1, "{}", row.collection);
        fs::remove_file(pair.homes[1].at(row.places[1])).unwrap();
    }
    for row in &rows {
        pair.has(1, row.collection, 0).await;
    }
    pair.fleet.settled(&names, "").await;
    for row in &rows {
        pair.homes[0].lacks(row.places[0]).await;
    }
}
