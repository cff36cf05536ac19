//! Problem documents (RFC 9457) and their stable names.

use std::str::FromStr;
use std::time::Duration;

use belay_proto::dbus::told::MOST_LISTED;
use belay_proto::id::{AccessoryId, DeviceId};
use belay_proto::text::misleads;
use belay_proto::wire::PROBLEM_PREFIX;
use serde::Deserialize;
use serde_json::Value;

/// The names that the contract gives to refusals; `proto/openapi.yaml` lists them a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The DPoP proof carried no nonce, or an old one.
    UseDpopNonce,
    /// The DPoP proof isn't one, or was used before.
    InvalidDpopProof,
    /// The access token is unknown or over.
    InvalidToken,
    /// The refresh token's family has ended.
    InvalidGrant,
    /// The login proof was not accepted, or there is no such account.
    LoginRefused,
    /// The code is not the one that was sent.
    WrongCode,
    /// The code, ticket or verification is over.
    CodeExpired,
    /// Another code may not be sent yet.
    TooSoon,
    /// A budget or limit is used up.
    TooMany,
    /// The address already belongs to an account.
    IdentifierTaken,
    /// The hardware belongs to another account.
    ActivationLocked,
    /// The link hasn't been opened, so the empty code proves nothing.
    NotConfirmed,
    /// The address can't be used with the channel.
    InvalidAddress,
    /// This cloud sends nothing by that channel.
    ChannelUnavailable,
    /// The ticket for an account is over, or used.
    BadTicket,
    /// There is such an account already.
    AccountExists,
    /// The credentials record was not accepted.
    BadCredentials,
    /// The device certificate was not accepted.
    BadCertificate,
    /// The release was not accepted.
    BadRelease,
    /// The release was made for another binding than the one in force.
    OtherEpoch,
    /// No such thing.
    NotFound,
    /// The account's quota is used up.
    QuotaExceeded,
    /// The cloud has another revision than the change was made to.
    RevisionConflict,
    /// The push was sealed in an older key epoch than the account's newest.
    KeyEpochOld,
    /// What changed after the cursor can't be told any more.
    CursorTooOld,
    /// The chunk's next byte belongs elsewhere.
    WrongOffset,
    /// Another call writes this chunk.
    ChunkBusy,
    /// The chunk that came, or is there, isn't the one that was announced.
    DigestMismatch,
    /// The owner removed this device from the account: there is no session for it any more.
    Removed,
    /// The owner's order was not accepted.
    BadOrder,
    /// The order was carried out already.
    OrderUsed,
    /// The credentials were made for another generation than the one in force.
    GenerationConflict,
    /// Another device, or an accessory, is bound to the account.
    DevicesStillBound,
    /// The address is the login.
    IdentifierIsLogin,
    /// A recovery without the code is being waited out.
    RecoveryOnHold,
    /// A name that this version doesn't know.
    Other,
}

impl ProblemKind {
    /// The kind named by a problem's `type`; anything unknown is [`Self::Other`].
    #[must_use]
    pub fn parse(kind: &str) -> Self {
        match kind.strip_prefix(PROBLEM_PREFIX).unwrap_or(kind) {
            "use-dpop-nonce" => Self::UseDpopNonce,
            "invalid-dpop-proof" => Self::InvalidDpopProof,
            "invalid-token" => Self::InvalidToken,
            "invalid-grant" => Self::InvalidGrant,
            "login-refused" => Self::LoginRefused,
            "wrong-code" => Self::WrongCode,
            "code-expired" => Self::CodeExpired,
            "too-soon" => Self::TooSoon,
            "too-many" => Self::TooMany,
            "identifier-taken" => Self::IdentifierTaken,
            "activation-locked" => Self::ActivationLocked,
            "not-confirmed" => Self::NotConfirmed,
            "invalid-address" => Self::InvalidAddress,
            "channel-unavailable" => Self::ChannelUnavailable,
            "bad-ticket" => Self::BadTicket,
            "account-exists" => Self::AccountExists,
            "bad-credentials" => Self::BadCredentials,
            "bad-release" => Self::BadRelease,
            "bad-certificate" => Self::BadCertificate,
            "other-epoch" => Self::OtherEpoch,
            "not-found" => Self::NotFound,
            "quota-exceeded" => Self::QuotaExceeded,
            "revision-conflict" => Self::RevisionConflict,
            "key-epoch-old" => Self::KeyEpochOld,
            "cursor-too-old" => Self::CursorTooOld,
            "wrong-offset" => Self::WrongOffset,
            "chunk-busy" => Self::ChunkBusy,
            "digest-mismatch" => Self::DigestMismatch,
            "removed" => Self::Removed,
            "bad-order" => Self::BadOrder,
            "order-used" => Self::OrderUsed,
            "generation-conflict" => Self::GenerationConflict,
            "devices-still-bound" => Self::DevicesStillBound,
            "identifier-is-login" => Self::IdentifierIsLogin,
            "recovery-on-hold" => Self::RecoveryOnHold,
            _ => Self::Other,
        }
    }
}

/// A refusal of the cloud.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cloud refused ({status} {name})")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name.
    pub kind: ProblemKind,
    /// The name as sent, cut to what fits a log line.
    pub name: String,
    /// Whether that is a name of the contract's, known here or not. What stands before the cloud gives none, or one of its own.
    pub is_named: bool,
    /// Wrong codes still allowed, with [`ProblemKind::WrongCode`].
    pub tries_left: Option<u32>,
    /// The masked login of the owner, with [`ProblemKind::ActivationLocked`].
    pub login: Option<String>,
    /// From `Retry-After`, as it is to be told.
    pub retry_after: Option<Duration>,
    /// From `Upload-Offset`, with [`ProblemKind::WrongOffset`]: where the chunk's next byte belongs.
    pub offset: Option<u64>,
    /// What is, with [`ProblemKind::DevicesStillBound`].
    pub bound: Option<Box<StillBound>>,
}

/// What keeps an account from being deleted. Only the cloud's word, for the owner to look at: nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StillBound {
    /// Other devices, [`MOST_LISTED`] at most.
    pub devices: Vec<DeviceId>,
    /// Accessories, as many at most.
    pub accessories: Vec<AccessoryId>,
}

impl Problem {
    /// Whether it is likely to pass within seconds.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.status, 500 | 502..=504)
            || (self.status == 429 && self.kind == ProblemKind::Other && self.retry_after.is_some())
    }

    /// Whether it is of this copy of a call alone: the cloud gives it before it looks what became of another one, or it has no
    /// name of the contract's, and is the word of something that stands before the cloud. 401 says what is wrong with the session,
    /// and whoever has one deals with it.
    #[must_use]
    pub fn is_of_one_copy(&self) -> bool {
        let is_page = !self.is_named && (400..500).contains(&self.status) && self.status != 401;
        is_page || matches!(self.status, 408 | 426 | 429)
    }

    /// Reads a refusal. A body that is no problem document gives a problem without a known name.
    #[must_use]
    pub fn read(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let document = serde_json::from_slice::<Document>(body).unwrap_or_default();
        let own = document.kind.strip_prefix(PROBLEM_PREFIX);
        // The same word of another server's is not the cloud's.
        let kind = own.map_or(ProblemKind::Other, ProblemKind::parse);
        let bound = (kind == ProblemKind::DevicesStillBound).then(|| {
            Box::new(StillBound {
                devices: ids(&document.devices),
                accessories: ids(&document.accessories),
            })
        });
        Self {
            status,
            kind,
            name: printable(own.unwrap_or(&document.kind), 64),
            is_named: own.is_some_and(|name| !name.is_empty()),
            tries_left: document.tries_left,
            login: document.login.map(|login| printable(&login, 128)),
            retry_after,
            offset: None,
            bound,
        }
    }
}

/// The ids among what was sent as a list of them; what is none is left out.
fn ids<T: FromStr>(sent: &Value) -> Vec<T> {
    let sent = sent.as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = sent.iter().filter_map(|id| id.as_str()?.parse().ok());
    ids.take(MOST_LISTED).collect()
}

/// Text from the network, fit for a log line and a property: no control or direction characters, bounded.
pub(super) fn printable(text: &str, limit: usize) -> String {
    text.chars()
        .filter(|letter| !misleads(*letter))
        .take(limit)
        .collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    #[serde(rename = "type")]
    kind: String,
    tries_left: Option<u32>,
    login: Option<String>,
    devices: Value,
    accessories: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_known_by_its_type_alone() {
        let body = br#"{"type":"urn:belay:problem:wrong-code","title":"x","status":200,"tries_left":4}"#;
        let problem = Problem::read(403, body, None);
        assert_eq!(
            (problem.status, problem.kind, problem.tries_left),
            (403, ProblemKind::WrongCode, Some(4))
        );
    }

    #[test]
    fn a_body_that_is_no_problem_document_still_gives_a_problem() {
        for body in [&b""[..], b"<html>", b"[]", b"{\"type\":7}", b"\xff\xfe"] {
            assert_eq!(Problem::read(500, body, None).kind, ProblemKind::Other);
        }
    }

    #[test]
    fn a_name_of_the_contract_is_told_from_what_another_server_calls_it() {
        let is_named = |kind: &str| {
            let body = serde_json::json!({ "type": kind }).to_string();
            Problem::read(403, body.as_bytes(), None).is_named
        };
        assert!(is_named("urn:belay:problem:bad-order"));
        assert!(is_named("urn:belay:problem:of-a-newer-cloud"));
        for other in [
            "",
            "about:blank",
            "bad-order",
            "urn:belay:problem:",
            "https://example.org/blocked",
        ] {
            assert!(!is_named(other), "{other}");
        }
        assert!(!Problem::read(403, b"<html>", None).is_named);
    }

    #[test]
    fn what_is_called_as_in_the_contract_by_another_server_is_no_refusal_of_the_clouds() {
        for name in ["not-found", "removed", "invalid-grant", "cursor-too-old"] {
            let kind = |kind: &str| {
                let body = serde_json::json!({ "type": kind }).to_string();
                Problem::read(404, body.as_bytes(), None).kind
            };
            assert_eq!(kind(name), ProblemKind::Other, "{name}");
            assert_eq!(kind(&format!("/{name}")), ProblemKind::Other, "{name}");
            let own = kind(&format!("{PROBLEM_PREFIX}{name}"));
            assert_eq!(own, ProblemKind::parse(name), "{name}");
            assert_ne!(own, ProblemKind::Other, "{name}");
        }
    }

    #[test]
    fn what_is_bound_still_is_read_id_by_id_and_no_further_than_can_be_told() {
        let id = |digit: &str| digit.repeat(32);
        let read = |devices: Value, accessories: Value| {
            let body = serde_json::json!({
                "type": "urn:belay:problem:devices-still-bound", "devices": devices, "accessories": accessories,
            });
            *Problem::read(409, body.to_string().as_bytes(), None)
                .bound
                .unwrap()
        };
        let told = read(
            serde_json::json!([id("a"), "x", 7, id("b")]),
            serde_json::json!([id("c")]),
        );
        assert_eq!(told.devices, [id("a"), id("b")].map(|id| id.parse().unwrap()));
        assert_eq!(told.accessories, [id("c").parse().unwrap()]);
        // No list, and one without end.
        assert_eq!(
            read(Value::Null, serde_json::json!({"a": 1})),
            StillBound::default()
        );
        let endless = vec![id("d"); 1_000];
        let told = read(endless.clone().into(), endless.into());
        assert_eq!((told.devices.len(), told.accessories.len()), (64, 64));
        // With no other refusal.
        let body = format!(
            "{{\"type\":\"{PROBLEM_PREFIX}conflict\",\"devices\":[\"{}\"]}}",
            id("a")
        );
        assert_eq!(Problem::read(409, body.as_bytes(), None).bound, None);
    }

    #[test]
    fn text_from_the_cloud_carries_no_control_or_direction_characters() {
        let body = "{\"type\":\"activation-locked\",\"login\":\"j\\u202e\\u0007\\u061c\\u2028•••@e•••.org\"}";
        assert_eq!(
            Problem::read(409, body.as_bytes(), None).login.as_deref(),
            Some("j•••@e•••.org")
        );
    }
}
