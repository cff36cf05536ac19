//! Finding out where the device is, by everything it has at the same time.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::wire::{Cell, LocationSource};
use tokio::sync::mpsc;

use super::memory::{Known, Memory};
use super::report::Reporter;
use super::search::Search;
use super::{DeedFailed, LocateRequest, Position};
use crate::platform::{Fix, Platform, PlatformError, Scan};

/// Fixes that may wait to be looked at.
const FIXES: usize = 16;

/// What was measured so long ago is where the device is now, for the person at it: whoever found a place tells it again only once it
/// finds another, and says when by the whole second.
const PRESENT: Duration = Duration::from_secs(10);

/// Locates; clones share it.
#[derive(Clone)]
pub(super) struct Locator {
    pub(super) platform: Platform,
    pub(super) memory: Memory,
    pub(super) reporter: Reporter,
    pub(super) clock: Arc<dyn Clock>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The best place, found now or known from before.
    pub(super) place: Option<Known>,
    /// The cells in reach.
    pub(super) cells: Vec<Cell>,
    /// The access points in reach.
    pub(super) wifi: Scan,
    /// When the cells were asked for, boot time.
    pub(super) looked: Duration,
    /// Why there is none, where nothing was found.
    reason: Option<&'static str>,
}

impl Locator {
    /// Answers a `locate`.
    pub(super) async fn locate(&self, request: LocateRequest) -> Result<(), DeedFailed> {
        let gathered = self.gather(request.asked_at, true).await;
        let has_evidence = self.reporter.evidence(&gathered, request.command).await?;
        if let Some(known) = &gathered.place {
            let asked = (request.command, request.asked_at);
            return self.reporter.place(known, Some(asked)).await;
        }
        match has_evidence {
            true => Ok(()),
            false => Err(DeedFailed::new(gathered.reason.unwrap_or("no-fix"))),
        }
    }

    /// Where the device is, for the person at it.
    pub(super) async fn position(&self) -> Result<Position, DeedFailed> {
        let since = self.clock.boottime().saturating_sub(PRESENT);
        let gathered = self.gather(since, false).await;
        let known = gathered
            .place
            .ok_or_else(|| DeedFailed::new(gathered.reason.unwrap_or("no-fix")))?;
        let place = known.fix.coordinates;
        Ok(Position {
            latitude: place.latitude,
            longitude: place.longitude,
            accuracy: place.accuracy,
            altitude: place.altitude,
            measured_at: known.measured_at,
            age: known.age_now(&*self.clock),
            source: match known.fix.source {
                LocationSource::Gnss => "gnss",
                LocationSource::Cell => "cell",
                LocationSource::Wifi => "wifi",
                LocationSource::Last => "last",
                LocationSource::Network | LocationSource::Unknown => "network",
            },
        })
    }

    /// Asks all sources; the place that was known before counts among them.
    pub(super) async fn gather(&self, asked_at: Duration, with_evidence: bool) -> Gathered {
        let mut search = Search::new(asked_at, self.clock.boottime());
        let mut gathered = Gathered {
            looked: self.clock.boottime(),
            ..Gathered::default()
        };
        let (fixes, mut found) = mpsc::channel(FIXES);
        let sources = async {
            let by = tokio::join!(
                self.platform.modem.track(fixes.clone()),
                self.platform.position.track(fixes)
            );
            why([by.0.err(), by.1.err()])
        };
        let evidence = async {
            match with_evidence {
                true => tokio::join!(self.cells(), self.wifi()),
                false => Default::default(),
            }
        };
        // Set once it has ended, where it isn't cut off.
        let (mut cells_and_wifi, mut reason) = (None, None);
        {
            tokio::pin!(sources, evidence);
            let mut has_place = false;
            while !has_place || cells_and_wifi.is_none() {
                tokio::select! {
                    Some(fix) = found.recv(), if !has_place => {
                        tracing::debug!(?fix, "a fix");
                        has_place = search.found(self.clock.boottime(), fix);
                    }
                    why = &mut sources, if reason.is_none() => reason = Some(why),
                    both = &mut evidence, if cells_and_wifi.is_none() => cells_and_wifi = Some(both),
                    () = self.clock.sleep_until(search.deadline()) => break,
                    // The sources have ended and their last fix is taken.
                    else => has_place = true,
                }
                has_place = has_place || (reason.is_some() && found.is_empty());
            }
        }
        gathered.reason = reason.flatten();
        (gathered.cells, gathered.wifi) = cells_and_wifi.unwrap_or_default();
        gathered.place = self.best(search, asked_at).await;
        gathered
    }

    /// The best of what was found and of what was known, and keeps what was found.
    async fn best(&self, mut search: Search, asked_at: Duration) -> Option<Known> {
        let Some(epoch) = self.reporter.warden.view().identity.epoch else {
            return search.best().map(|fix| Known::now(fix, &*self.clock));
        };
        let failed = |error: &crate::store::StoreError| {
            tracing::warn!(error = error as &dyn std::error::Error, "the last place");
        };
        let found = search.best();
        // One that was found now isn't told as one of before for being some tenths of a second older.
        let before = match search.is_enough() {
            true => None,
            false => {
                let before = self.memory.place(epoch, &*self.clock).await;
                before.inspect_err(failed).unwrap_or_default()
            }
        };
        if let Some(before) = before {
            let now = self.clock.boottime();
            search.found(now, before.fix);
            // Its age may reach back beyond this boot, which a fix can't say.
            let is_old = before.fix.measured.is_zero() && found.is_some();
            if search.best() == Some(before.fix) && !is_old {
                return Some(before);
            }
        }
        let fix: Fix = found?;
        tracing::debug!(source = ?fix.source, is_new = fix.measured >= asked_at, "found the place");
        let kept = self.memory.keep_place(epoch, &fix, &*self.clock).await;
        let _ = kept.inspect_err(failed);
        Some(Known::now(fix, &*self.clock))
    }

    async fn cells(&self) -> Vec<Cell> {
        self.platform.modem.cells().await.unwrap_or_else(|error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "no cells");
            Vec::new()
        })
    }

    async fn wifi(&self) -> Scan {
        self.platform.network.scan().await.unwrap_or_else(|error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "no access points");
            Scan::default()
        })
    }
}

/// Why no source found anything: what the most hopeful of them says.
fn why(errors: [Option<PlatformError>; 2]) -> Option<&'static str> {
    let errors: Vec<PlatformError> = errors.into_iter().flatten().collect();
    for error in &errors {
        tracing::debug!(error = error as &dyn std::error::Error, "a source of places");
    }
    let reasons: Vec<&'static str> = errors.iter().map(PlatformError::reason).collect();
    let hopeful = reasons.iter().find(|reason| **reason != "unsupported");
    hopeful.or(reasons.first()).copied()
}

#[cfg(test)]
mod tests;
