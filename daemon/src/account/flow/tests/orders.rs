//! The owner's side of the command channel, in a cloud made of maps.

use std::time::Duration;

use belay_proto::id::{CommandId, DeviceId};
use belay_proto::signed::{Command, CommandEnvelope};
use belay_proto::wire::{CommandLife, ReportsAnswer};
use futures_util::FutureExt;

use super::cloud::{MapCloud, problem};
use crate::account::{Orders, Reply};

impl Orders for MapCloud {
    fn send<'a>(&'a self, device: DeviceId, envelope: &'a [u8]) -> Reply<'a, CommandLife> {
        self.in_session("send", move |inner| {
            let signed = CommandEnvelope::decode(envelope).unwrap().command;
            let life = CommandLife {
                id: signed.peek_unverified::<Command>().unwrap().id,
                device,
                action: "lock".into(),
                queued_at: 1,
                delivered_at: None,
                state: "queued".into(),
                reason: String::new(),
                step: 0,
                steps: 0,
                retry_ms: 0,
                revision: 1,
                outcomes: Vec::new(),
            };
            inner.lives.insert(0, life.clone());
            Ok(life)
        })
        .boxed()
    }

    fn life(
        &self,
        device: DeviceId,
        command: CommandId,
        seen: Option<u64>,
        _: Duration,
    ) -> Reply<'_, CommandLife> {
        async move {
            loop {
                let news = self.news.notified();
                let life = self
                    .in_session("life", |inner| {
                        let found = inner.lives.iter().find(|life| life.id == command);
                        let found = found.filter(|life| life.device == device);
                        found.cloned().ok_or_else(|| problem(404, "not-found"))
                    })
                    .await?;
                if seen != Some(life.revision) {
                    return Ok(life);
                }
                news.await;
            }
        }
        .boxed()
    }

    fn lives(&self, device: DeviceId, limit: usize) -> Reply<'_, Vec<CommandLife>> {
        self.in_session("lives", move |inner| {
            let theirs = inner.lives.iter().filter(|life| life.device == device);
            Ok(theirs.take(limit).cloned().collect())
        })
        .boxed()
    }

    fn reports(&self, _: DeviceId, after: u64) -> Reply<'_, ReportsAnswer> {
        self.in_session("reports", move |inner| {
            Ok(ReportsAnswer {
                state: inner.state.clone().map(Into::into),
                reports: Vec::new(),
                last: after.max(7),
            })
        })
        .boxed()
    }
}
