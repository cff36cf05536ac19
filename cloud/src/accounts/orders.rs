//! Orders: what the owner key signed for the account. A session alone does nothing that lasts; this does, once.

use belay_proto::signed::{AccountOrder, Deed, Signed};
use belay_proto::{AccountId, OrderId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::calls;
use super::table::Account;
use crate::clock::Millis;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, countable};
use crate::vault::Vault;

/// The largest order, bytes.
const LARGEST: usize = 4 * 1024;

/// An order that may be done: it is the owner's, of the present generation, for the deed of this call, and new.
#[derive(Debug)]
pub struct Order {
    account: AccountId,
    id: OrderId,
    generation: u64,
    /// What is to be done.
    pub deed: Deed,
}

/// Checks an order; nothing is written, so that a call that is refused for something else leaves it good.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `generation-conflict`, `order-used`, or a broken database.
pub fn check(
    tx: &Transaction<'_>,
    account: &Account,
    bytes: &[u8],
    is_meant: impl FnOnce(&Deed) -> bool,
) -> Result<Order, Failure> {
    let order = judge(account, bytes, is_meant)?;
    let done: Option<i64> = tx
        .prepare_cached("SELECT 1 FROM orders WHERE account = ?1 AND id = ?2")?
        .query_row(params![order.account.as_bytes(), order.id.as_bytes()], |row| {
            row.get(0)
        })
        .optional()?;
    match done {
        None => Ok(order),
        Some(_) => Err(Problem::new(Kind::OrderUsed).into()),
    }
}

fn judge(account: &Account, bytes: &[u8], is_meant: impl FnOnce(&Deed) -> bool) -> Result<Order, Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::new(Kind::TooLarge).because("an order has at most 4 KiB"));
    }
    let malformed = |_| Problem::malformed("`order` is not an order");
    let bad = |why: &str| Problem::new(Kind::BadOrder).because(why);
    let signed = Signed::decode(bytes).map_err(malformed)?;
    let claim: AccountOrder = signed.peek_unverified().map_err(malformed)?;
    if claim.account != account.id {
        return Err(bad("another account"));
    }
    // Before the signature: under a new root the owner key is another one too, and the client has to fetch.
    if claim.generation != account.generation()? {
        return Err(Problem::new(Kind::GenerationConflict).because("signed under other credentials"));
    }
    let order: AccountOrder = signed
        .open(&account.owner)
        .map_err(|_| bad("not signed by the owner"))?;
    if !is_meant(&order.deed) {
        return Err(bad("an order for something else"));
    }
    Ok(Order {
        account: order.account,
        id: order.id,
        generation: countable(order.generation)?,
        deed: order.deed,
    })
}

impl Order {
    /// Notes that it was done, before it is.
    ///
    /// # Errors
    /// `too-many`, or a broken database.
    pub fn done(&self, vault: &Vault, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        calls::by_owner(vault, tx, &self.account, now)?;
        tx.prepare_cached("INSERT INTO orders (account, id, generation, done_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                self.account.as_bytes(),
                self.id.as_bytes(),
                self.generation,
                now
            ])?;
        Ok(())
    }
}

/// Forgets the orders of older generations, which are void.
///
/// # Errors
/// A broken database.
pub fn forget_before(tx: &Transaction<'_>, account: &AccountId, generation: u64) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM orders WHERE account = ?1 AND generation < ?2")?
        .execute(params![account.as_bytes(), generation])?;
    Ok(())
}
