//! Accounts: made once, whole or not at all.

pub mod calls;
pub mod change;
pub mod credentials;
pub mod departure;
pub mod following;
pub mod grants;
pub mod languages;
pub mod named;
pub mod orders;
pub mod table;
pub mod waiting;

use axum::extract::State;
use axum::http::StatusCode;
use belay_proto::failpoint;
use belay_proto::keys::PublicKey;
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::{AccountId, DeviceId, wire};

use self::change::LARGEST_KEYRING;
use crate::app::App;
use crate::devices::Told;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Proof, Session};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, after_commit};
use crate::tokens::{self, FamilyId};
use crate::verifications::state::Purpose;
use crate::{channel, devices, identifiers, notices, text, verifications};

/// `POST /v1/accounts`: the ticket proves the address, the owner key signs the rest, and the first device is
/// bound with it. Without a device, as a browser makes one, the account stands and nobody has a session of it.
///
/// # Errors
/// `bad-ticket`, `bad-credentials`, `bad-certificate`, `identifier-taken`, `account-exists`,
/// `activation-locked`.
pub async fn create(
    State(app): State<App>,
    proof: Proof,
    call: Call<wire::CreateAccountRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        if let Some(done) = context.marker.as_deref().and_then(Done::read) {
            return again(app, context, &done);
        }
        let done = make(app, context, &proof, &body)?;
        Ok(Kept::Marker(done.1, done.0.write()))
    })
    .await
}

/// `GET /v1/account`.
///
/// # Errors
/// Only those of every call.
pub async fn show(State(app): State<App>, session: Session) -> Result<Answer, Problem> {
    let inside = app.clone();
    let view = app
        .store
        .transact(move |tx| {
            let account = table::of_session(&inside.vault, tx, &session.account)?;
            Ok(wire::AccountAnswer {
                account: account.id,
                identifiers: identifiers::list(&inside.vault, tx, &account.id)?,
                profile: account.profile,
                created_at: account.created_at / crate::clock::SECOND,
            })
        })
        .await?;
    Answer::ok(&view)
}

/// `PATCH /v1/account`: what is absent stays, an empty text removes. Another language is told to the owner, in both.
///
/// # Errors
/// `malformed`, `too-many`.
pub async fn change(
    State(app): State<App>,
    session: Session,
    call: Call<wire::ProfileChanges>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, changes| {
            let tx = context.transaction;
            let account = table::of_session(&app.vault, tx, &session.account)?;
            let profile = changed(account.profile.clone(), changes);
            check_profile(&profile)?;
            calls::by_session(&app.vault, tx, &account.id, context.now)?;
            table::set_profile(&app.vault, tx, &account.id, &profile)?;
            if languages::moved(tx, &account.id, &account.profile, &profile, context.now)? {
                let days = languages::KEPT_DAYS;
                notices::tell(
                    app,
                    tx,
                    &account.id,
                    &Notice::LanguageChanged { days },
                    context.now,
                )?;
            }
            let here = devices::here(tx, &session.proof.thumbprint, &account.id)?;
            channel::account_moved(app, tx, &account.id, here.as_ref())?;
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// An account's first credentials record: signed by the owner key, generation 1, with parameters that are
/// neither too weak nor too heavy for its devices.
///
/// # Errors
/// `bad-credentials`, with the reason.
pub fn check_first_record(bytes: &[u8], owner: &PublicKey) -> Result<CredentialsRecord, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCredentials).because(why);
    let signed = Signed::decode(bytes).map_err(|_| bad("not a signed object"))?;
    let record: CredentialsRecord = signed
        .open(owner)
        .map_err(|_| bad("not a record under the owner key"))?;
    if record.generation != 1 {
        return Err(bad("not the first generation"));
    }
    record
        .parameters
        .check(None)
        .map_err(|_| bad("parameters out of range"))?;
    Ok(record)
}

fn make(
    app: &App,
    context: &Context<'_>,
    proof: &Proof,
    body: &wire::CreateAccountRequest,
) -> Result<(Done, Answer), Failure> {
    let (tx, now) = (context.transaction, context.now);
    let first = First::of(body)?;
    check_profile(&body.profile)?;
    if body.keyring.is_empty() || body.keyring.len() > LARGEST_KEYRING {
        return Err(Problem::malformed("`keyring` is empty or too large").into());
    }
    let verification = verifications::redeem(app, tx, &body.ticket, Purpose::Registration, proof, now)?;
    let record = check_first_record(&body.credentials, &body.owner)?;
    let certificate = match &first {
        Some(first) => Some(devices::check(
            first.certificate,
            &body.owner,
            &record.account,
            proof,
        )?),
        None => None,
    };
    if identifiers::is_taken(tx, &verification.lookup)? {
        return Err(Problem::new(Kind::IdentifierTaken).into());
    }
    if table::load_any(&app.vault, tx, &record.account)?.is_some() {
        return Err(Problem::new(Kind::AccountExists).into());
    }
    // All refusals that depend on the account alone are behind; the lock is asked before the first write.
    if let Some(certificate) = &certificate {
        devices::ask_lock(app, tx, certificate, body.release.as_deref(), now)?;
    }
    table::insert(&app.vault, tx, body, &record, now)?;
    identifiers::insert(
        &app.vault,
        tx,
        &record.account,
        &verification.lookup,
        &verification.address,
        now,
    )?;
    verifications::table::mark_used(tx, &verification.id, now)?;
    let (bound, tokens) = match (&first, &certificate) {
        (Some(first), Some(certificate)) => {
            devices::bind(app, tx, certificate, first.certificate, &first.told, now)?;
            let (family, tokens) = tokens::start(app, tx, &record.account, &proof.thumbprint, now)?;
            (Some((certificate.device, family)), Some(tokens))
        }
        _ => (None, None),
    };
    failpoint!("cloud.account.made");
    let counted = app.clone();
    after_commit(move || counted.metrics.registered());
    let done = Done {
        account: record.account,
        bound,
    };
    let answer = created(&done, tokens)?;
    Ok((done, answer))
}

fn again(app: &App, context: &Context<'_>, done: &Done) -> Result<Kept, Failure> {
    let tokens = match &done.bound {
        Some((_, family)) => {
            let tokens = tokens::again(app, context.transaction, family, context.now)?;
            Some(tokens.ok_or_else(|| Problem::new(Kind::AccountExists))?)
        }
        None => None,
    };
    Ok(Kept::Marker(created(done, tokens)?, done.write()))
}

fn created(done: &Done, tokens: Option<wire::Tokens>) -> Result<Answer, Problem> {
    let answer = wire::CreatedAccount {
        account: done.account,
        device: done.bound.as_ref().map(|(device, _)| *device),
        tokens,
    };
    Answer::json(StatusCode::CREATED, &answer)
}

fn changed(profile: wire::Profile, changes: wire::ProfileChanges) -> wire::Profile {
    let text = |before: Option<String>, change: Option<String>| match change {
        None => before,
        Some(text) => (!text.is_empty()).then_some(text),
    };
    wire::Profile {
        display_name: text(profile.display_name, changes.display_name),
        country: text(profile.country, changes.country),
        language: text(profile.language, changes.language),
        newsletter: changes.newsletter.unwrap_or(profile.newsletter),
    }
}

fn check_profile(profile: &wire::Profile) -> Result<(), Problem> {
    if let Some(name) = &profile.display_name {
        text::name(name)?;
    }
    if let Some(country) = &profile.country
        && (country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        return Err(Problem::malformed(
            "a country is two capital letters (ISO 3166-1)",
        ));
    }
    text::language(profile.language.as_deref()).map(drop)
}

/// The device that an account is made with.
struct First<'a> {
    certificate: &'a [u8],
    told: Told<'a>,
}

impl<'a> First<'a> {
    /// Certificate and name, and what comes with them, or none of it.
    fn of(body: &'a wire::CreateAccountRequest) -> Result<Option<Self>, Problem> {
        match (&body.certificate, &body.device_name) {
            (Some(certificate), Some(name)) => Ok(Some(Self {
                certificate,
                told: Told::of(name, body.device_kind)?,
            })),
            (None, None) if body.release.is_none() && body.device_kind.is_none() => Ok(None),
            _ => Err(Problem::malformed(
                "`certificate`, `device_name`, `device_kind` and `release` are of one device",
            )),
        }
    }
}

/// What is remembered of a creation under its idempotency key: all but the tokens.
#[derive(Debug)]
struct Done {
    account: AccountId,
    /// The first device, where there is one, and the family of its session's tokens.
    bound: Option<(DeviceId, FamilyId)>,
}

impl Done {
    fn write(&self) -> Vec<u8> {
        let mut marker = self.account.as_bytes().to_vec();
        if let Some((device, family)) = &self.bound {
            marker.extend(device.as_bytes());
            marker.extend(family);
        }
        marker
    }

    fn read(marker: &[u8]) -> Option<Self> {
        let (account, rest) = marker.split_first_chunk::<16>()?;
        let bound = match rest {
            [] => None,
            rest => {
                let (device, family) = rest.split_first_chunk::<16>()?;
                Some((DeviceId::from_bytes(*device), family.try_into().ok()?))
            }
        };
        Some(Self {
            account: AccountId::from_bytes(*account),
            bound,
        })
    }
}
