//! The calls that change an account, as `proto/openapi.yaml` has them.

use std::time::Duration;

use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::wire::{
    self, BootloaderAnswer, CredentialsAnswer, NewCredentialsRequest, ProfileChanges, RecoveryAnswer,
    RemoveDeviceRequest,
};
use futures_util::FutureExt;

use crate::account::{
    Identifier, NewVerification, OpenedVerification, ProofOfWork, Reply, ServiceToken, Upkeep,
};
use crate::cloud::api::{body, opened, verification_body, wire_work};
use crate::cloud::call::{Auth, Call, JSON};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::cloud::heard::{LONGEST_LIST, LONGEST_TOKEN, id, identifier};
use crate::cloud::idempotency_key;

impl Upkeep for CloudClient {
    fn set_profile<'a>(&'a self, changes: &'a ProfileChanges) -> Reply<'a, ()> {
        async move {
            self.done(&Call::patch("/v1/account", Auth::Session, body(changes)?))
                .await
        }
        .boxed()
    }

    fn credentials(&self) -> Reply<'_, CredentialsAnswer> {
        async {
            let call = Call::get("/v1/account/credentials", Auth::Device);
            let answer: CredentialsAnswer = self.json(&call).await?;
            match answer.successions.len() <= LONGEST_LIST {
                true => Ok(answer),
                false => Err(CloudError::Nonsense("too many successions".into())),
            }
        }
        .boxed()
    }

    fn put_credentials<'a>(&'a self, asked: &'a NewCredentialsRequest, key: &'a str) -> Reply<'a, ()> {
        async move {
            let call = Call::put("/v1/account/credentials", Auth::Session, body(asked)?);
            self.done(&call.keyed(key)).await
        }
        .boxed()
    }

    fn open_address(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification> {
        async move {
            let body = verification_body(wire::VerificationPurpose::Identifier, asked, work)?;
            opened(
                self.json(&Call::post("/v1/verifications", Auth::Session, body))
                    .await?,
            )
        }
        .boxed()
    }

    fn add_address<'a>(&'a self, ticket: &'a str, order: &'a [u8], key: &'a str) -> Reply<'a, Identifier> {
        async move {
            let body = body(&wire::AddIdentifierRequest {
                ticket: Secret::of_text(ticket).into(),
                order: order.to_vec().into(),
            })?;
            let call = Call::post("/v1/account/identifiers", Auth::Session, body).keyed(key);
            Ok(identifier(self.json(&call).await?))
        }
        .boxed()
    }

    fn remove_address<'a>(&'a self, id: &'a str, order: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        async move {
            let call = Call::delete(format!("/v1/account/identifiers/{id}"), Auth::Session);
            self.done(&ordered(call, order)?.keyed(key)).await
        }
        .boxed()
    }

    fn set_login<'a>(&'a self, order: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        async move {
            let call = Call::put("/v1/account/login", Auth::Session, Vec::new());
            self.done(&ordered(call, order)?.keyed(key)).await
        }
        .boxed()
    }

    fn remove_device<'a>(
        &'a self,
        device: DeviceId,
        asked: &'a RemoveDeviceRequest,
        key: &'a str,
    ) -> Reply<'a, ()> {
        async move {
            let call = Call::delete(format!("/v1/devices/{device}"), Auth::Session);
            self.done(&call.bringing(JSON, body(asked)?).keyed(key)).await
        }
        .boxed()
    }

    fn delete_account<'a>(&'a self, order: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        async move {
            let call = Call::delete("/v1/account", Auth::Session);
            self.done(&ordered(call, order)?.keyed(key)).await
        }
        .boxed()
    }

    fn service_token<'a>(&'a self, service: &'a str) -> Reply<'a, ServiceToken> {
        async move {
            let body = body(&wire::ServiceTokenRequest {
                service: service.to_owned(),
            })?;
            let call = Call::post("/v1/service-tokens", Auth::Session, body);
            let answer: wire::ServiceTokenAnswer = self.json(&call.keyed(&idempotency_key())).await?;
            let token = answer.token.into_secret();
            let is_one = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
            if !is_one || token.expose().is_empty() || token.expose().len() > LONGEST_TOKEN {
                return Err(CloudError::Nonsense("a token that is none".into()));
            }
            Ok(ServiceToken {
                token,
                expires_in: answer.expires_in,
            })
        }
        .boxed()
    }

    fn ask_for_unlock<'a>(
        &'a self,
        order: &'a [u8],
        reason: &'a str,
        key: &'a str,
    ) -> Reply<'a, BootloaderAnswer> {
        async move {
            let body = body(&wire::BootloaderRequest {
                order: order.to_vec().into(),
                reason: reason.to_owned(),
            })?;
            let call = Call::post("/v1/account/bootloader-unlocks", Auth::Session, body);
            self.json(&call.keyed(key)).await
        }
        .boxed()
    }

    fn unlock_request(&self) -> Reply<'_, BootloaderAnswer> {
        async {
            self.json(&Call::get("/v1/account/bootloader-unlocks", Auth::Device))
                .await
        }
        .boxed()
    }

    fn open_recovery(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification> {
        async move {
            let body = body(&wire::OpenRecoveryRequest {
                identifier: asked.address,
                device_name: asked.device_name,
                language: asked.language,
                pow: wire_work(work),
            })?;
            opened(
                self.json(&Call::post("/v1/recoveries", Auth::Device, body))
                    .await?,
            )
        }
        .boxed()
    }

    fn prove_recovery<'a>(
        &'a self,
        recovery: &'a str,
        code: &'a str,
        key: &'a str,
    ) -> Reply<'a, RecoveryAnswer> {
        async move {
            let body = body(&wire::CodeRequest {
                code: Secret::of_text(code).into(),
            })?;
            let call = Call::post(format!("/v1/recoveries/{recovery}/code"), Auth::Device, body);
            let answer: RecoveryAnswer = self.json(&call.keyed(key)).await?;
            id(answer.ticket.expose().to_owned())?;
            match answer.devices.len() <= LONGEST_LIST {
                true => Ok(answer),
                false => Err(CloudError::Nonsense("too many devices".into())),
            }
        }
        .boxed()
    }

    fn recover<'a>(
        &'a self,
        recovery: &'a str,
        asked: &'a NewCredentialsRequest,
        key: &'a str,
    ) -> Reply<'a, ()> {
        async move {
            let path = format!("/v1/recoveries/{recovery}/credentials");
            let call = Call::put(path, Auth::Device, body(asked)?);
            self.done(&call.keyed(key)).await
        }
        .boxed()
    }

    fn recover_on_hold<'a>(
        &'a self,
        recovery: &'a str,
        asked: &'a NewCredentialsRequest,
        key: &'a str,
    ) -> Reply<'a, Duration> {
        async move {
            let path = format!("/v1/recoveries/{recovery}/credentials");
            let call = Call::put(path, Auth::Device, body(asked)?);
            let answer: wire::HoldAnswer = self.json(&call.keyed(key)).await?;
            Ok(Duration::from_millis(answer.waits_ms))
        }
        .boxed()
    }

    fn end_hold<'a>(&'a self, hold: &'a [u8]) -> Reply<'a, ()> {
        async move {
            let body = body(&wire::HoldRequest {
                hold: hold.to_vec().into(),
            })?;
            self.done(&Call::post("/v1/holds", Auth::Open, body)).await
        }
        .boxed()
    }
}

fn ordered(call: Call, order: &[u8]) -> Result<Call, CloudError> {
    let order = order.to_vec().into();
    Ok(call.bringing(JSON, body(&wire::OrderRequest { order })?))
}
