//! Reports to the owner: sealed, and in the outbox.

use std::sync::Arc;

use belay_proto::clock::{Clock, millis_up, unix_seconds};
use belay_proto::wire::{Report, ReportIds};
use belay_proto::{CommandId, ReportId};

use super::DeedFailed;
use super::locate::Gathered;
use super::memory::Known;
use super::search;
use crate::find::Outbox;
use crate::warden::WardenHandle;

/// Seals reports to the account's report box; clones share it.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) warden: WardenHandle,
    pub(super) outbox: Outbox,
    pub(super) clock: Arc<dyn Clock>,
}

impl Reporter {
    /// Puts a report into the outbox: durable once answered.
    pub(super) async fn queue(&self, report: &Report) -> Result<(), DeedFailed> {
        let identity = self.warden.view().identity;
        let (Some(account), Some(device), Some(epoch), Some(report_box)) = (
            identity.account,
            identity.device,
            identity.epoch,
            identity.report_box,
        ) else {
            return Err(DeedFailed::new("not-bound"));
        };
        let id = ReportId::new();
        let ids = ReportIds {
            account,
            device,
            epoch,
            report: id,
        };
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "a report is lost");
            DeedFailed::new("storage")
        };
        let sealed = report.seal(&report_box, &ids).map_err(|error| failed(&error))?;
        let queued = self.outbox.queue_report(id, sealed).await;
        queued.map_err(|error| failed(&error))
    }

    /// Reports a place.
    pub(super) async fn place(
        &self,
        known: &Known,
        asked: Option<(CommandId, std::time::Duration)>,
    ) -> Result<(), DeedFailed> {
        let at = self.now();
        let place = known.fix.coordinates;
        let report = Report::Location {
            at,
            latitude: place.latitude,
            longitude: place.longitude,
            accuracy: place.accuracy,
            altitude: place.altitude,
            source: known.fix.source,
            measured_at: known.measured_at,
            age_ms: millis_up(known.age_now(&*self.clock)),
            after_command: asked.is_some_and(|(_, asked_at)| search::is_after(&known.fix, asked_at)),
            command: asked.map(|(command, _)| command),
        };
        self.queue(&report).await
    }

    /// Reports what radio is around, where there is any.
    pub(super) async fn evidence(&self, gathered: &Gathered, command: CommandId) -> Result<bool, DeedFailed> {
        if gathered.cells.is_empty() && gathered.wifi.access_points.is_empty() {
            return Ok(false);
        }
        // Of a scan that doesn't say when it was, nothing better is known than that it was in this boot.
        let scanned = match (gathered.wifi.access_points.is_empty(), gathered.wifi.at) {
            (true, _) => gathered.looked,
            (false, at) => at.unwrap_or_default(),
        };
        let age = self.clock.boottime().saturating_sub(scanned);
        let report = Report::Evidence {
            at: self.now(),
            cells: gathered.cells.clone(),
            wifi: gathered.wifi.access_points.clone(),
            age_ms: millis_up(age),
            command: Some(command),
        };
        self.queue(&report).await?;
        Ok(true)
    }

    /// Seconds since the epoch, by the wall clock.
    pub(super) fn now(&self) -> u64 {
        unix_seconds(self.clock.wall())
    }
}
