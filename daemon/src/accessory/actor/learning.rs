//! What the owner's other devices pair and unpair.

use tokio::sync::oneshot;

use super::Desk;
use super::storing::failed;
use crate::accessory::error::AccessoryError;
use crate::accessory::handle::Learning;
use crate::accessory::registry::Taken;
use crate::accessory::state::What;
use crate::store::registry;

impl Desk {
    /// Takes records of the account's registry: on disk before anything else happens, and then in the state.
    pub(super) async fn learn(
        &mut self,
        what: Learning,
        answer: oneshot::Sender<Result<(), AccessoryError>>,
    ) {
        let outcome = self.take(what).await;
        // Whoever has left asks again.
        let _ = answer.send(outcome);
    }

    async fn take(&mut self, what: Learning) -> Result<(), AccessoryError> {
        let Learning { account, records } = what;
        if self.account != Some(account) {
            return Err(AccessoryError::NotBound);
        }
        let sealer = self.parts.store.sealer().clone();
        let taking = self
            .parts
            .store
            .transaction(move |transaction| registry::take(transaction, &sealer, account, &records));
        for taken in taking.await.map_err(failed)? {
            self.happens(match taken {
                Taken::Registered(saved) => What::Registered(saved),
                Taken::Unregistered(id) => What::Unregistered(id),
            })
            .await;
        }
        Ok(())
    }
}
