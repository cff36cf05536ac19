//! Sign-in: a challenge, and a signature of the login key over it.
//!
//! An identifier without an account goes the same way to the end: the same look-ups, an invented salt, a
//! record that is opened, a signature that is checked. Nothing waits to make times equal; they are.

pub mod dummy;
pub mod invented;
pub mod throttle;
pub mod tries;

use axum::extract::State;
use belay_proto::failpoint;
use belay_proto::keys::random;
use belay_proto::signed::{CredentialsRecord, LoginStatement, Signed};
use belay_proto::steps::Purpose;
use belay_proto::{AccountId, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use self::invented::Derivation;
use self::tries::Tries;
use crate::accounts::following;
use crate::accounts::named::Named;
use crate::accounts::table::{self as accounts, Account};
use crate::accounts::waiting::{self, Waiting};
use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Caller, Proof};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError};
use crate::sync::table::counted;
use crate::tokens::{self, FamilyId};
use crate::{budget, channel, devices, identifiers, notices};

/// How long a challenge may be answered.
const NONCE_LIFE: Millis = MINUTE;

/// `POST /v1/login/challenge`.
///
/// # Errors
/// `invalid-address`, `too-many`.
pub async fn challenge(
    State(app): State<App>,
    caller: Caller,
    proof: Proof,
    call: Call<wire::LoginChallengeRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::SignIn, move |app, context, body| {
        let (tx, now) = (context.transaction, context.now);
        take_budget(app, tx, caller, now)?;
        let identifier = named(&body.identifier)?;
        let subject = Subject::find(app, tx, &identifier, &proof, caller)?;
        let derivation = subject.derivation(app, tx, now)?;
        let nonce: [u8; 16] = random();
        tx.prepare_cached("INSERT INTO login_nonces (id, until) VALUES (?1, ?2)")?
            .execute(params![
                nonce_mac(app, &nonce, &subject, &proof),
                now.saturating_add(NONCE_LIFE)
            ])?;
        let answer = wire::LoginChallengeAnswer {
            salt: derivation.salt.to_vec().into(),
            parameters: derivation.parameters,
            nonce: nonce.to_vec().into(),
        };
        Ok(Kept::Answer(Answer::ok(&answer)?))
    })
    .await
}

/// `POST /v1/login`.
///
/// # Errors
/// `login-refused` for a wrong proof and for an identifier without an account, `too-many` after several, `removed` for a right
/// one with the key of a device that was removed and that doesn't recover, `recovery-on-hold` for one that only a recovery makes right, and not yet.
pub async fn login(
    State(app): State<App>,
    caller: Caller,
    proof: Proof,
    call: Call<wire::LoginRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::SignIn, move |app, context, body| {
        if let Some(kept) = again(app, context, &proof)? {
            return Ok(kept);
        }
        let (tx, now) = (context.transaction, context.now);
        check_action(&body.action)?;
        let recovers = body.action == Purpose::Recover.as_str();
        take_budget(app, tx, caller, now)?;
        let identifier = named(&body.identifier)?;
        let subject = Subject::find(app, tx, &identifier, &proof, caller)?;
        subject.tries.wait_is_over(tx, now)?;
        use_nonce(app, tx, &body.nonce, &subject, &proof, now)?;
        let statement = LoginStatement {
            origin: app.settings.origin.clone().unwrap_or_default(),
            // As it came: the device may know another normal form.
            identifier: body.identifier,
            nonce: body.nonce.to_vec(),
            action: body.action,
            thumbprint: proof.thumbprint,
        };
        let holding = subject.record(app)?.login;
        let waiting = subject.waiting(tx)?;
        // Two look-ups and two signatures, whether anything waits or not.
        let login = waiting.as_ref().map_or(holding, |waiting| waiting.login);
        let right = statement.verify(&holding, &body.signature).is_ok();
        let waited = statement.verify(&login, &body.signature).is_ok() && !right;
        match subject.account.filter(|_| right || waited) {
            Some(id) => {
                let account = accounts::load(&app.vault, tx, &id)?;
                let mut account = account.ok_or(StoreError::Unreadable("an account"))?;
                match waiting {
                    // Whoever knows the old password has nothing to recover.
                    Some(_) if right => {
                        waiting::forget(tx, &id)?;
                        // The device that counts looks when it is told, and finds that nothing waits for it.
                        channel::account_moved(app, tx, &id, None)?;
                    }
                    Some(waiting) if !waiting.may_hold(now) => {
                        let wait = waiting.left(now).max(MINUTE);
                        return Err(Problem::wait(Kind::RecoveryOnHold, wait).into());
                    }
                    _ => {}
                }
                subject.tries.forgive(tx)?;
                let is_removed = devices::table::is_removed(tx, &proof.thumbprint, Some(&account.id))?;
                if is_removed && !recovers {
                    // Its owner is right here, but it has to be bound anew first, after a release.
                    return Err(Problem::new(Kind::Removed).into());
                }
                // A device that recovers in this way has another root than the account: it opens that one, and waits for itself.
                let follows = recovers && devices::here(tx, &proof.thumbprint, &account.id)?.is_some();
                if !follows && (recovers || !subject.is_known_key) {
                    notices::tell(app, tx, &account.id, &Notice::SignedIn, now)?;
                }
                if waited {
                    account = waiting::hold(app, tx, &id, now)?;
                    if devices::table::is_removed(tx, &proof.thumbprint, Some(&account.id))? {
                        // Set aside by this very call: what was waited out holds, and this key is the account's no more.
                        return Err(Problem::new(Kind::Removed).into());
                    }
                }
                let (family, tokens) = tokens::start(app, tx, &account.id, &proof.thumbprint, now)?;
                if follows {
                    following::begin(app, tx, &account.id, &proof.thumbprint, now)?;
                }
                if is_removed {
                    // It is for the root alone, and no session.
                    tokens::revoke_key(tx, &account.id, &proof.thumbprint, now)?;
                }
                failpoint!("cloud.session.begun");
                let marker = marker(&account.id, &family);
                Ok(Kept::Marker(signed_in(app, tx, account, &proof, tokens)?, marker))
            }
            None => {
                subject.tries.failed(tx, now)?;
                Err(Failure::Counted(Problem::new(Kind::LoginRefused)))
            }
        }
    })
    .await
}

/// Whom a sign-in is about: an account, or an identifier that has none.
struct Subject {
    lookup: [u8; 32],
    account: Option<AccountId>,
    tries: Tries,
    /// Whether a device with the caller's key is or was the account's, or has signed in lately.
    is_known_key: bool,
    sealed: (AccountId, Vec<u8>),
}

impl Subject {
    fn find(
        app: &App,
        tx: &Transaction<'_>,
        named: &Named,
        proof: &Proof,
        caller: Caller,
    ) -> Result<Self, Failure> {
        let lookup = named.lookup(&app.vault);
        let account = named.find(&app.vault, tx)?.map(|account| *account.as_bytes());
        let mut nobody = [0; 16];
        nobody.copy_from_slice(&lookup[..16]);
        // Without an account, some other row is read as far, in a place that the address decides.
        let near: Option<([u8; 16], Vec<u8>)> = tx
            .prepare_cached("SELECT id, credentials FROM accounts WHERE id >= ?1 ORDER BY id LIMIT 1")?
            .query_row(params![account.unwrap_or(nobody)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let sealed = near.map(|(id, credentials)| (AccountId::from_bytes(id), credentials));
        let sealed = sealed.unwrap_or_else(|| (app.dummy.account, app.dummy.credentials.clone()));
        let whose = account.unwrap_or(nobody);
        let is_known_key = has_been_in(tx, &proof.thumbprint, &whose)?;
        let tries = match is_known_key {
            true => Tries::of_key(&app.vault, &whose, &proof.thumbprint),
            false => Tries::of_stranger(app, &lookup, caller),
        };
        let account = account.map(AccountId::from_bytes);
        Ok(Self {
            lookup,
            account,
            tries,
            is_known_key,
            sealed,
        })
    }

    /// The record of the account; without one, some record that decides nothing.
    fn record(&self, app: &App) -> Result<CredentialsRecord, StoreError> {
        let (id, sealed) = &self.sealed;
        let bytes = app.vault.unseal("credentials", id.as_bytes(), sealed)?;
        let signed =
            Signed::decode(bytes.expose()).map_err(|_| StoreError::Unreadable("a credentials record"))?;
        signed
            .peek_unverified()
            .map_err(|_| StoreError::Unreadable("a credentials record"))
    }

    /// What waits beside the record.
    fn waiting(&self, tx: &Transaction<'_>) -> Result<Option<Waiting>, Failure> {
        let (near, _) = &self.sealed;
        let found = waiting::load(tx, &self.account.unwrap_or(*near))?;
        Ok(found.filter(|_| self.account.is_some()))
    }

    /// Both derivations are made, and one is told.
    fn derivation(&self, app: &App, tx: &Transaction<'_>, now: Millis) -> Result<Derivation, Failure> {
        let turn = invented::turn(&app.vault, &self.lookup, now);
        let invented = invented::invent(&app.vault, &self.lookup, &invented::shares(tx, turn)?);
        let record = self.record(app)?;
        let real = Derivation {
            salt: record.salt,
            parameters: record.parameters,
        };
        Ok(if self.account.is_some() { real } else { invented })
    }
}

/// Whether a device of the account has, or ever had, the key, or somebody has signed in with it lately.
fn has_been_in(tx: &Transaction<'_>, thumbprint: &[u8; 32], account: &[u8; 16]) -> Result<bool, Failure> {
    // By the key first: a stranger's isn't found, whosever account it is about.
    let has_been = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM devices INDEXED BY devices_key WHERE thumbprint = ?1 AND account = ?2)
             OR EXISTS (SELECT 1 FROM families INDEXED BY families_thumbprint WHERE thumbprint = ?1 AND account = ?2)",
        )?
        .query_row(params![thumbprint, account], |row| row.get(0))?;
    Ok(has_been)
}

/// The same answer for a repetition, with the newest tokens of the session that it began.
fn again(app: &App, context: &Context<'_>, proof: &Proof) -> Result<Option<Kept>, Failure> {
    let tx = context.transaction;
    let Some(marker) = context.marker.as_deref() else {
        return Ok(None);
    };
    let Some((account, family)) = read_marker(marker) else {
        return Ok(None);
    };
    let Some(tokens) = tokens::again(app, tx, &family, context.now)? else {
        return Ok(None);
    };
    let Some(account) = accounts::load(&app.vault, tx, &account)? else {
        return Ok(None);
    };
    let answer = signed_in(app, tx, account, proof, tokens)?;
    Ok(Some(Kept::Marker(answer, marker.to_vec())))
}

fn signed_in(
    app: &App,
    tx: &Transaction<'_>,
    account: Account,
    proof: &Proof,
    tokens: wire::Tokens,
) -> Result<Answer, Failure> {
    let devices = devices::table::list(&app.vault, tx, &account.id, &proof.thumbprint)?;
    let answer = wire::LoginAnswer {
        account: account.id,
        tokens,
        share: accounts::share(&app.vault, tx, &account.id)?.into(),
        credentials: account.credentials.into(),
        keyring: account.keyring.into(),
        owner: account.owner,
        identifiers: identifiers::list(&app.vault, tx, &account.id)?,
        profile: account.profile,
        devices: devices.into_iter().map(|device| device.certificate).collect(),
        key_epoch: counted(tx, &account.id)?.key_epoch,
    };
    Ok(Answer::ok(&answer)?)
}

fn nonce_mac(app: &App, nonce: &[u8], subject: &Subject, proof: &Proof) -> [u8; 32] {
    app.vault
        .mac("login-nonce", &[nonce, &subject.lookup, &proof.thumbprint])
}

/// A nonce is good once, for the identifier and the key it was given to. A refusal of the nonce is no wrong
/// password and doesn't count as one.
fn use_nonce(
    app: &App,
    tx: &Transaction<'_>,
    nonce: &[u8],
    subject: &Subject,
    proof: &Proof,
    now: Millis,
) -> Result<(), Failure> {
    let used = tx
        .prepare_cached("DELETE FROM login_nonces WHERE id = ?1 AND until > ?2")?
        .execute(params![nonce_mac(app, nonce, subject, proof), now])?;
    match used {
        0 => Err(Problem::new(Kind::LoginRefused)
            .because("the nonce is over")
            .into()),
        _ => Ok(()),
    }
}

fn take_budget(app: &App, tx: &Transaction<'_>, caller: Caller, now: Millis) -> Result<(), Failure> {
    let Some(network) = app.budget_network(caller) else {
        return Ok(());
    };
    let counter = app.vault.mac("network-logins", &[network.to_string().as_bytes()]);
    let limit = app.settings.limits.network_logins();
    budget::take(tx, &counter, limit, now)
}

fn named(identifier: &str) -> Result<Named, Problem> {
    Named::parse(identifier).map_err(|_| Problem::new(Kind::InvalidAddress))
}

fn check_action(action: &str) -> Result<(), Problem> {
    match action.parse() {
        Ok(
            Purpose::SignIn
            | Purpose::Reauthenticate
            | Purpose::Command
            | Purpose::ChangePassword
            | Purpose::RecoveryCode
            | Purpose::Identifier
            | Purpose::RemoveDevice
            | Purpose::DeleteAccount
            | Purpose::Bootloader
            | Purpose::Recover,
        ) => Ok(()),
        _ => Err(Problem::malformed("`action` is no purpose that signs in")),
    }
}

fn marker(account: &AccountId, family: &FamilyId) -> Vec<u8> {
    [account.as_bytes().as_slice(), family].concat()
}

fn read_marker(marker: &[u8]) -> Option<(AccountId, FamilyId)> {
    let (account, family) = marker.split_first_chunk::<16>()?;
    Some((AccountId::from_bytes(*account), family.try_into().ok()?))
}
