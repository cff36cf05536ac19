//! What was said about some records, for whoever looks into a history that went wrong.

use belay_proto::sync::{CollectionKeys, Content};
use belay_proto::text::hex;
use belay_proto::wire::{ChangesAnswer, PushAnswer, PushRequest, SyncRecord};
use belay_tests::owner::Console;
use belay_tests::proxy::caller;

use super::Fleet;
use super::book::tokens;
use super::world::COLLECTIONS;
use crate::owner::{ADA, PASSWORD};

/// Prints each push and each answer of changes that has records whose natural keys begin so.
pub async fn print(fleet: &Fleet, prefix: &str) {
    let scene = &fleet.devices[0].scene;
    let Ok(console) = Console::sign_in(scene, ADA, PASSWORD).await else {
        return println!("the cloud can't be asked");
    };
    let keys = COLLECTIONS.map(|name| console.collection_keys(name));
    for exchange in fleet.network().exchanges() {
        let key = caller(&exchange.request_headers);
        let device = fleet
            .devices
            .iter()
            .position(|device| key.as_ref().is_some_and(|key| device.keys.contains(key)));
        let device = device.map_or("?".to_owned(), |device| device.to_string());
        match exchange.path.as_str() {
            "/v1/sync/push" => {
                let Ok(request) = rmp_serde::from_slice::<PushRequest>(&exchange.request) else {
                    continue;
                };
                let answer: Option<PushAnswer> = rmp_serde::from_slice(&exchange.answer).ok();
                for (index, push) in request.records.iter().enumerate() {
                    let result = answer.as_ref().and_then(|answer| answer.results.get(index));
                    let base = push.base.map(|base| hex(&base.as_bytes()[..3]));
                    if let Some(said) = said(&keys, &push.record, prefix) {
                        let result = result.map(|result| {
                            let current = result.current.as_ref();
                            (
                                result.status,
                                current.map(|current| hex(&current.revision.as_bytes()[..3])),
                            )
                        });
                        println!("device {device} pushes {said} over {base:?}: {result:?}");
                    }
                }
            }
            "/v1/sync/changes" => {
                let Ok(answer) = rmp_serde::from_slice::<ChangesAnswer>(&exchange.answer) else {
                    continue;
                };
                for said in answer
                    .records
                    .iter()
                    .filter_map(|record| said(&keys, record, prefix))
                {
                    println!("device {device} hears {said}");
                }
            }
            _ => {}
        }
    }
}

fn said(keys: &[CollectionKeys], record: &SyncRecord, prefix: &str) -> Option<String> {
    let keys = keys
        .iter()
        .find(|keys| keys.collection_id() == record.collection)?;
    let content = Content::open(keys, &record.id, record.key_epoch, &record.sealed.0).ok()?;
    if !content.natural.starts_with(prefix) {
        return None;
    }
    let what = match content.removed {
        true => "removal".to_owned(),
        false => format!(
            "{:?}",
            tokens(
                &belay_sync::record::bytes(&content).map_or_else(Vec::new, |bytes| bytes.expose().clone())
            )
        ),
    };
    Some(format!(
        "{} {:?} number {} as {}: {what}",
        keys.name(),
        content.natural,
        content.number,
        hex(&record.revision.as_bytes()[..3]),
    ))
}
