//! Connections, and what BlueZ keeps of accessories.

use std::sync::Arc;

use belay_drivers::{Address, Entropy, Kind, Setup};
use belay_proto::id::AccessoryId;
use belay_proto::keys::random;
use tokio::sync::mpsc;

use super::Desk;
use crate::accessory::error::AccessoryError;
use crate::accessory::ports::{Order, Report, Session};
use crate::accessory::state::{Preparation, SessionId, What};

/// The next report of a connection, and where those after it come from.
pub(super) type Next = (AccessoryId, SessionId, Option<Report>, mpsc::Receiver<Report>);

/// A connection and who sends it orders.
pub(super) struct Line {
    pub(super) session: SessionId,
    pub(super) orders: mpsc::Sender<Order>,
}

impl Desk {
    pub(super) fn connect(&mut self, id: AccessoryId, session: SessionId, address: Address, kind: Kind) {
        let setup = self.setup();
        let Some(driver) = belay_drivers::driver(kind, &setup) else {
            tracing::error!(%kind, "a kind that isn't connected to");
            return;
        };
        let Session { orders, reports } = self.parts.radio.connect(address, driver);
        self.lines.insert(id, Line { session, orders });
        self.reports.push(Box::pin(next(id, session, reports)));
    }

    /// Has BlueZ forget a device, for a connection that waits for that, or for nobody.
    pub(super) fn unbond(&mut self, id: AccessoryId, session: Option<SessionId>, address: Address) {
        let radio = Arc::clone(&self.parts.radio);
        let forgetting = async move {
            let outcome = radio.forget(address).await;
            if let Err(error) = outcome {
                tracing::warn!(%error, "removing an accessory's bond");
            }
            outcome.map_err(AccessoryError::from)
        };
        match session {
            Some(session) => self.work.push(Box::pin(async move {
                What::Prepared(id, session, Preparation::Bond, forgetting.await)
            })),
            None => drop(tokio::spawn(forgetting)),
        }
    }

    fn setup(&self) -> Setup {
        let owner = self.account.map_or(0, |account| {
            let [a, b, c, d, ..] = *account.as_bytes();
            u32::from_le_bytes([a, b, c, d])
        });
        let mut setup = Setup::default();
        (setup.owner, setup.entropy) = (owner, Entropy::new(random()));
        setup
    }
}

pub(super) async fn next(id: AccessoryId, session: SessionId, mut reports: mpsc::Receiver<Report>) -> Next {
    let report = reports.recv().await;
    (id, session, report, reports)
}
