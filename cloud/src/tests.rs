//! Tests through the real router, over a real database in a temporary folder, with a clock that a test moves.
//! Each exchange is held against `openapi.yaml`.

mod accessory;
mod account;
mod bad_input;
mod blobs;
mod budgets;
mod carriers;
mod channel;
mod commands;
mod config;
mod contract;
mod delegate;
mod delivery;
mod device;
mod hostile;
mod idempotency;
mod lasting;
mod life;
mod limits;
mod listener;
mod metrics;
mod notices;
mod operation;
mod orders;
mod owner;
mod page;
mod proof;
mod rig;
mod sign_in;
mod sms_out;
mod store;
mod stream;
mod sync;
mod tls;
mod token;
mod verification;

/// The one message, or the one with a code where notices come besides.
fn one_mail(mut mails: Vec<crate::delivery::Message>) -> crate::delivery::Message {
    if mails.len() > 1 {
        mails.retain(|mail| mail.code.is_some());
    }
    assert_eq!(mails.len(), 1, "one message");
    mails.remove(0)
}
