//! The owner's answer to a question. The actor waits for none of it: the warden, which has the keys, may take its time.

use rusqlite::Transaction;

use super::{Desk, edit, may_store, tell};
use crate::store::Sealer;
use crate::sync::error::SyncError;
use crate::sync::model::collection;
use crate::sync::round;

impl Desk {
    /// Does what the owner answered; about which collection. It is an edit, so that the actor hears of it also where whoever
    /// answered is gone meanwhile.
    pub(in crate::sync) async fn confirm(
        &self,
        question: String,
        yes: bool,
    ) -> Result<&'static str, SyncError> {
        self.keys.account().ok_or(SyncError::NotBound)?;
        let name = question.split('-').next().and_then(collection);
        let name = name.ok_or(SyncError::NotFound)?;
        let (keys, now) = (self.keys(name).await?, self.now());
        let account = keys.account();
        let (changed, edits) = (self.changed.clone(), self.edits.clone());
        let answer = move |transaction: &Transaction<'_>, sealer: &Sealer| {
            if let Err(error) = may_store(transaction, &keys)? {
                return Ok(Err(error));
            }
            round::answer(transaction, sealer, &keys, name, (&question, yes, now))
        };
        let told = move |change| {
            tell(&changed, change);
            edits.send_modify(|edits| *edits.entry(name).or_default() += 1);
        };
        edit(&self.store, account, answer, told).await?;
        Ok(name)
    }
}
