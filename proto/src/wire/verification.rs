//! Proof of work and the verification of addresses.

use serde::{Deserialize, Serialize};

use super::SecretText;

/// `POST /v1/challenges` → an ALTCHA challenge, opaque here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChallengeAnswer {
    /// As the ALTCHA library writes it.
    pub challenge: serde_json::Value,
}

/// A solved challenge; travels as `pow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofOfWork {
    /// The challenge as it came.
    pub challenge: serde_json::Value,
    /// The solution as the ALTCHA library writes it.
    pub solution: serde_json::Value,
}

/// How a code travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// A code and a link by e-mail.
    Email,
    /// A code by SMS.
    Sms,
    /// An SMS that the device sends.
    SmsOut,
}

/// What an address is verified for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationPurpose {
    /// A new account.
    Registration,
    /// One more address of the session's account.
    Identifier,
    /// A new password; opened by `POST /v1/recoveries`.
    Recovery,
}

/// How a verification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationStatus {
    /// Waits for the code.
    Pending,
    /// Confirmed through the link or the device's SMS; the empty code gets the ticket.
    Confirmed,
    /// Too late.
    Expired,
}

/// `POST /v1/verifications`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenVerificationRequest {
    /// What for.
    pub purpose: VerificationPurpose,
    /// How the code travels.
    pub channel: Channel,
    /// The address in its normal form.
    pub address: String,
    /// The device's name, for the message and the link's page.
    pub device_name: String,
    /// The message's language, BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The solved challenge.
    pub pow: ProofOfWork,
}

/// 202 to `POST /v1/verifications`; says nothing about whether the address has an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedVerification {
    /// Names the verification; only the DPoP key that opened it may use it.
    pub id: String,
    /// Until another code may be asked for.
    pub resend_in_ms: u64,
    /// Until the verification is over.
    pub expires_in_ms: u64,
    /// With channel `sms-out`: what to send where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_out: Option<SmsOut>,
}

/// The SMS that the device sends to prove its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsOut {
    /// The cloud's number, E.164.
    pub number: String,
    /// The text.
    pub text: String,
}

/// `POST /v1/verifications/{id}/resend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// The solved challenge.
    pub pow: ProofOfWork,
}

/// 202 to a resend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Until another code may be asked for.
    pub resend_in_ms: u64,
    /// Until the verification is over.
    pub expires_in_ms: u64,
}

/// `GET /v1/verifications/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationAnswer {
    /// How it stands.
    pub state: VerificationStatus,
    /// How the code travels.
    pub channel: Channel,
    /// Until another code may be asked for.
    pub resend_in_ms: u64,
    /// Until the verification is over.
    pub expires_in_ms: u64,
}

/// `POST /v1/verifications/{id}/code`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// The code; empty once the link was opened.
    pub code: SecretText,
}

/// 200 to a right code.
#[derive(Debug, Serialize, Deserialize)]
pub struct TicketAnswer {
    /// Proves the address to `POST /v1/accounts`, or with purpose `identifier` to `POST /v1/account/identifiers`, once.
    pub ticket: SecretText,
}

/// `POST /v1/inbound-sms`, from the SMS gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundSms {
    /// The sender, E.164.
    pub from: String,
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_goes_back_as_it_came_however_many_digits_its_numbers_have() {
        let came = format!("{{\"challenge\":{}}}", "7".repeat(41));
        let read: ChallengeAnswer = serde_json::from_str(&came).unwrap();
        let back = serde_json::to_string(&read).unwrap();
        let again: ChallengeAnswer = serde_json::from_str(&back).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), back);
        assert_eq!(again.challenge.as_f64(), "7".repeat(41).parse().ok());
    }
}
