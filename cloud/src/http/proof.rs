//! Proofs of the device key (DPoP, RFC 9449) and access tokens bound to it.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use belay_proto::keys::{PublicKey, sha256};
use belay_proto::wire::header::DPOP;
use belay_proto::{AccountId, dpop};
use rusqlite::{Transaction, params};

use super::nonce;
use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::tokens::FamilyId;
use crate::{devices, tokens, upkeep};

/// A call that proves which device key makes it. No proof counts twice.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The key.
    pub key: PublicKey,
    /// Its RFC 7638 thumbprint.
    pub thumbprint: [u8; 32],
    /// The session that the call was let in with, where it is a [`Session`]'s.
    family: Option<FamilyId>,
}

impl Proof {
    /// Whether the session that the call was let in with is one still, asked within the transaction that does its work: it was
    /// judged when the call's head came, and while the body is held back it may end, and its account go. A call that was let in
    /// without one asks for itself what it needs. Answers whose session it is.
    ///
    /// # Errors
    /// `invalid-token`, `removed`, or a broken database.
    pub fn still(&self, transaction: &Transaction<'_>) -> Result<Option<AccountId>, Failure> {
        let Some(family) = self.family else {
            return Ok(None);
        };
        let bearer = Bearer {
            proof: *self,
            family: Some(family),
        };
        Ok(Some(bearer.session(transaction)?.account))
    }
}

/// A call with a proof and an access token that is bound to the proof's key.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// The proof.
    pub proof: Proof,
    /// Whose token it is.
    pub account: AccountId,
}

/// A call with a proof, and maybe an access token, whose worth is asked within the call's transaction: for calls that not
/// everybody needs a session for, and for those that end their own.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    /// The proof.
    pub proof: Proof,
    family: Option<FamilyId>,
}

impl Bearer {
    /// The session.
    ///
    /// # Errors
    /// `invalid-token`, `removed`, or a broken database.
    pub fn session(&self, transaction: &Transaction<'_>) -> Result<Session, Failure> {
        let thumbprint = &self.proof.thumbprint;
        let account = match &self.family {
            Some(family) => tokens::account_of(transaction, family, thumbprint)?,
            None => None,
        };
        match account {
            Some(account) => Ok(Session {
                proof: Proof {
                    family: self.family,
                    ..self.proof
                },
                account,
            }),
            None if devices::table::is_removed(transaction, thumbprint, None)? => {
                Err(Problem::new(Kind::Removed).into())
            }
            None => Err(Problem::new(Kind::InvalidToken).into()),
        }
    }
}

/// A call whose proof and token are good as far as can be told without asking the database: for calls that have more to ask it,
/// so that it is asked once.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    proof: Proof,
    id: [u8; 32],
    family: Option<FamilyId>,
}

impl Shown {
    /// From the headers of a call.
    ///
    /// # Errors
    /// `use-dpop-nonce`, `invalid-dpop-proof`, `invalid-token`.
    pub fn read(parts: &Parts, app: &App) -> Result<Self, Problem> {
        let token = access_token(&parts.headers)?;
        let family = token.and_then(|token| tokens::read_access(&app.vault, token, app.now()));
        let (proof, id) = verify(parts, app, token)?;
        Ok(Self { proof, id, family })
    }

    /// Has the proof count now and never again, and does `work` in the session, in one transaction that doesn't wait for the
    /// disk ([`crate::store::Store::note`]).
    ///
    /// # Errors
    /// `invalid-dpop-proof` for a proof that was used before, `invalid-token`, `removed`, and what `work` refuses.
    pub async fn in_session<T: Send + 'static>(
        self,
        app: &App,
        work: impl FnOnce(&Transaction<'_>, &Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        let family = self.family;
        let in_session = move |transaction: &Transaction<'_>, proof: &Proof| {
            let proof = *proof;
            let session = Bearer { proof, family }.session(transaction)?;
            work(transaction, &session)
        };
        used((self.proof, self.id), app, in_session).await
    }
}

impl FromRequestParts<App> for Proof {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let shown = Shown::read(parts, app)?;
        used((shown.proof, shown.id), app, |_, proof| Ok(*proof)).await
    }
}

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let shown = Shown::read(parts, app)?;
        let (proof, family) = (shown.proof, shown.family);
        used((proof, shown.id), app, |_, _| Ok(())).await?;
        Ok(Self { proof, family })
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let shown = Shown::read(parts, app)?;
        shown.in_session(app, |_, session| Ok(*session)).await
    }
}

/// Has a proof count now and never again, and does `work` in the same transaction.
async fn used<T: Send + 'static>(
    (proof, id): (Proof, [u8; 32]),
    app: &App,
    work: impl FnOnce(&Transaction<'_>, &Proof) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let now = app.now();
    let note = move |transaction: &Transaction<'_>| {
        let fresh = transaction
            .prepare_cached("INSERT OR IGNORE INTO proofs (id, until) VALUES (?1, ?2)")?
            // A nonce may be one rotation old when it is given out.
            .execute(params![id, now.saturating_add(2 * nonce::LIFE)])?;
        if fresh == 0 {
            return Err(Failure::Refused(
                Problem::new(Kind::InvalidDpopProof).because("the proof was used before"),
            ));
        }
        devices::seen(transaction, &proof.thumbprint, now)?;
        work(transaction, &proof)
    };
    match app.sweep_is_due(now) {
        // What is swept takes files along, so its rows have to be gone for good.
        true => {
            let inside = app.clone();
            let both = move |transaction: &Transaction<'_>| {
                upkeep::keep(&inside, transaction, now)?;
                note(transaction)
            };
            app.store.transact(both).await
        }
        // After a power cut proofs of before it are refused for their nonces.
        false => app.store.note(note).await,
    }
}

/// Checks everything about the proof that needs no table, and gives the id to look for replays.
fn verify(parts: &Parts, app: &App, token: Option<&str>) -> Result<(Proof, [u8; 32]), Problem> {
    let mut headers = parts.headers.get_all(DPOP).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        // Without any proof the caller first of all needs a nonce to make one.
        let kind = if parts.headers.contains_key(DPOP) {
            Kind::InvalidDpopProof
        } else {
            Kind::UseDpopNonce
        };
        return Err(Problem::new(kind));
    };
    let invalid = || Problem::new(Kind::InvalidDpopProof);
    let url = format!(
        "{}{}",
        app.settings.origin.as_deref().unwrap_or_default(),
        parts.uri.path()
    );
    let header = header.to_str().map_err(|_| invalid())?;
    let proof = dpop::verify(header, parts.method.as_str(), &url, token)
        .map_err(|error| invalid().because(error.to_string()))?;
    let fresh = proof
        .nonce
        .is_some_and(|nonce| nonce::is_fresh(&app.vault, &app.era, &nonce, app.now()));
    if !fresh {
        return Err(Problem::new(Kind::UseDpopNonce));
    }
    let thumbprint = proof.key.thumbprint();
    let id = sha256(&[thumbprint.as_slice(), proof.jti.as_bytes()].concat());
    Ok((
        Proof {
            key: proof.key,
            thumbprint,
            family: None,
        },
        id,
    ))
}

/// The token of `Authorization: DPoP …`, if there is one.
fn access_token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") && values.next().is_none() => {
            Ok(Some(token.trim()))
        }
        _ => Err(Problem::new(Kind::InvalidToken)),
    }
}
