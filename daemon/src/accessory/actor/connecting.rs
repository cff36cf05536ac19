//! A connection begins.

use belay_drivers::Address;
use belay_proto::id::AccessoryId;
use belay_proto::keys::random;

use super::{Desk, Line, next};
use crate::accessory::ports::Session;
use crate::accessory::state::SessionId;

impl Desk {
    pub(super) fn connect(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        address: Address,
        kind: belay_drivers::Kind,
    ) {
        let setup = self.setup();
        let Some(driver) = belay_drivers::driver(kind, &setup) else {
            tracing::error!(%kind, "a kind that isn't connected to");
            return;
        };
        let Session { orders, reports } = self.parts.radio.connect(address, driver);
        self.lines.insert(id, Line { session, orders });
        self.reports.push(Box::pin(next(id, session, reports)));
    }

    fn setup(&self) -> belay_drivers::Setup {
        let owner = self.account.map_or(0, |account| {
            let [a, b, c, d, ..] = *account.as_bytes();
            u32::from_le_bytes([a, b, c, d])
        });
        let mut setup = belay_drivers::Setup::default();
        (setup.owner, setup.entropy) = (owner, belay_drivers::Entropy::new(random()));
        setup
    }
}
