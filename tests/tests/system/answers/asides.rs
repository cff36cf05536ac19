//! Deeds beside those of an account's life: a hold that begins, is refused and is waited out; a code that is sent again, asked after
//! and given up; whose the hardware is; a command to another device; a name; a number that this device proves by its own SMS.
//!
//! Some of them are answered before the cloud hears of them: the end of a hold, what is given up, and a name. Those are done once
//! the call has come that brings them there.

use std::time::Duration;

use belay_proto::Secret;
use belay_proto::dbus::{action_arguments, client};
use belay_proto::signed::Action;
use belay_proto::steps::{PolicyChanges, command_subject};
use belay_tests::app::{ACCOUNT, Answer, DEVICE, Options, Refusal, WARDEN, entry, memfd, options, refused};
use belay_tests::openapi::Call;
use belay_tests::until::until;
use zbus::Fd;

use super::{Deed, View, World};
use crate::outgoing_sms::{SECRET, bring};
use crate::owner::{app, code, state};

/// The command: one that may be carried out any number of times.
const COMMAND: Action = Action::Ring { seconds: 60 };

/// Longer than a hold lasts.
const HOLD: Duration = Duration::from_secs(73 * 60 * 60);

/// What a hold has left at least that has just begun.
const WHOLE: Duration = Duration::from_secs(71 * 60 * 60);

/// After which another code may be asked for.
const RESEND: Duration = Duration::from_secs(16 * 60);

impl Deed {
    /// What the cloud is asked after the answer.
    pub(super) fn follows(self) -> Option<Call> {
        Some(match self {
            Self::RefuseHold | Self::WaitOutHold => Call::new("POST", "/v1/holds"),
            Self::CancelVerification => Call::new("DELETE", "/v1/verifications/{id}"),
            Self::RegisterBySms => Call::new("GET", "/v1/verifications/{id}"),
            Self::SendCommand => Call::new("GET", "/v1/devices/{id}/commands/{command}"),
            Self::SetName => Call::new("PATCH", "/v1/devices/{id}"),
            _ => return None,
        })
    }
}

impl World {
    /// Brings everything to the moment before `deed`, where it is one of these.
    pub(super) async fn prepare_aside(&mut self, deed: Deed) {
        match deed {
            Deed::BeginHold => self.may_hold().await,
            Deed::RefuseHold | Deed::WaitOutHold => {
                self.may_hold().await;
                self.surely(Deed::BeginHold).await;
                self.shows_state("recovery-hold").await;
            }
            Deed::ResendCode | Deed::VerificationState | Deed::CancelVerification => {
                self.address = self.fresh();
                self.surely(Deed::Register).await;
                self.code = code(&self.scene, &self.address).await;
                if deed == Deed::ResendCode {
                    self.scene.clock().advance(RESEND).unwrap();
                }
            }
            Deed::SetName => self.target = self.fresh_name(),
            Deed::RegisterBySms => self.address = self.fresh_number(),
            Deed::ConfirmBySms => {
                self.address = self.fresh_number();
                self.surely(Deed::RegisterBySms).await;
                self.sms_arrives().await;
            }
            Deed::SendCommand => self.have_second().await,
            _ => {}
        }
    }

    /// The subject of the ticket that sends the command.
    pub(super) fn command_subject(&self) -> String {
        command_subject(&self.target.parse().unwrap(), &COMMAND)
    }

    /// Calls the method, or does what takes none.
    pub(super) async fn call_aside(&self, deed: Deed, ticket: &str) -> Answer<String> {
        let (app, member, none) = (app(&self.scene), deed.member(), Options::new());
        let id = &self.verification;
        let done: Answer<()> = match deed {
            Deed::BeginHold => {
                let code = Fd::from(memfd(self.code.as_bytes()).unwrap());
                app.call(ACCOUNT, member, &(id, code, ticket, none))
                    .await
                    .unwrap()
            }
            Deed::RefuseHold => {
                let refusal = self.refuse_hold().await;
                if refusal.is_ok() {
                    self.shows_state("bound").await;
                }
                refusal
            }
            Deed::WaitOutHold => {
                self.scene.clock().advance(HOLD).unwrap();
                let over = async || self.hold_left().await.is_zero().then_some(());
                until("the hold to be over", over).await.unwrap();
                self.shows_state("reauthentication-required").await;
                Ok(())
            }
            Deed::ResendCode => {
                let again: Answer<()> = app.call(ACCOUNT, member, &(id, none)).await.unwrap();
                again.or_else(|refusal| self.or_was_sent(refusal))
            }
            Deed::CancelVerification => app.call(ACCOUNT, member, &(id, none)).await.unwrap(),
            Deed::VerificationState => return app.call(ACCOUNT, member, &(id, none)).await.unwrap(),
            Deed::CheckActivation => {
                let told: String = app.call(ACCOUNT, member, &(none,)).await.unwrap()?;
                // A cloud that doesn't say has said nothing.
                assert!(["free", "unchecked"].contains(&told.as_str()), "{told}");
                return Ok(told);
            }
            Deed::SendCommand => {
                let arguments = action_arguments(&COMMAND);
                let body = (&self.target, COMMAND.verb().as_str(), arguments, ticket, none);
                return app.call(ACCOUNT, member, &body).await.unwrap();
            }
            Deed::SetName => app.call(DEVICE, member, &(&self.target, none)).await.unwrap(),
            Deed::RegisterBySms => {
                let details = options([("outgoing-sms", true.into())]);
                let body = (&self.address, ticket, &details, &none);
                return app.call(ACCOUNT, member, &body).await.unwrap();
            }
            Deed::ConfirmBySms => return app.confirm(id, "").await.unwrap(),
            other => unreachable!("{other:?} is none of these"),
        };
        done.map(|()| String::new())
    }

    /// Notes what has been done, and shows that it holds.
    pub(super) async fn done_aside(&mut self, deed: Deed) {
        match deed {
            Deed::BeginHold => {
                self.shows_state("recovery-hold").await;
                assert!(self.hold_left().await > WHOLE);
                self.refuse_hold().await.unwrap();
                self.shows_state("bound").await;
            }
            Deed::RefuseHold => {
                assert!(self.hold_left().await.is_zero());
                let told = async || match self.proves(&self.chosen).await {
                    // It has asked for rest when it was told of the end, maybe only now.
                    Err(refusal) if refusal.short() == "Offline" => None,
                    answer => Some(answer),
                };
                let new = until("the new password to be judged", told).await.unwrap();
                refused(new, "WrongPassword").unwrap();
                self.surely(Deed::Reauthenticate).await;
            }
            Deed::WaitOutHold => {
                let opens = async || match self.proves(&self.chosen).await {
                    // The cloud has still to hear of it.
                    Err(refusal) if ["RecoveryOnHold", "Offline"].contains(&refusal.short()) => None,
                    answer => Some(answer),
                };
                until("the new password to open", opens).await.unwrap().unwrap();
                refused(self.proves(&self.password).await, "WrongPassword").unwrap();
                self.password.clone_from(&self.chosen);
                // It was the root's before.
                self.recovery.clear();
                self.surely(Deed::Reauthenticate).await;
            }
            Deed::ResendCode => {
                self.code = code(&self.scene, &self.address).await;
                self.surely(Deed::Confirm).await;
                self.keep_login().await;
            }
            // A cloud that said that there is none has ended it here.
            Deed::VerificationState if state(&self.scene).await == "registering" => {
                assert_eq!(self.call(deed, "").await.unwrap(), "pending");
            }
            Deed::CheckActivation => assert_eq!(self.call(deed, "").await.unwrap(), "free"),
            Deed::SendCommand => self.is_carried_out().await,
            Deed::SetName if !self.is_listed().await => {
                // One that was refused is, and goes out with the next.
                self.target = self.fresh_name();
                self.surely(Deed::SetName).await;
                let listed = async || self.is_listed().await.then_some(());
                until("the name to be listed", listed).await.unwrap();
            }
            Deed::RegisterBySms => {
                if state(&self.scene).await != "registering" {
                    self.surely(Deed::RegisterBySms).await;
                }
                self.sms_arrives().await;
                if self.is_over(Deed::ConfirmBySms).await {
                    self.surely(Deed::RegisterBySms).await;
                    self.sms_arrives().await;
                    self.surely(Deed::ConfirmBySms).await;
                }
                self.keep_login().await;
            }
            Deed::ConfirmBySms => self.keep_login().await,
            _ => {}
        }
    }

    /// What the owner sees once `deed` is done and all of it is known here.
    pub(super) async fn sees_of(&self, deed: Deed) -> View {
        self.settled().await;
        if deed == Deed::WaitOutHold {
            // Nobody knows a recovery code of the new root, which the cloud tells as soon as it has heard of the end.
            let app = app(&self.scene);
            let is_set = async || app.get::<bool>(ACCOUNT, "RecoveryCodeSet").await.unwrap();
            let gone = async || (!is_set().await).then_some(());
            until("the recovery code to be gone", gone).await.unwrap();
        }
        self.view().await
    }

    /// The account that was just made is the one of this address.
    async fn keep_login(&mut self) {
        let told = app(&self.scene).acknowledge(&self.verification).await;
        told.unwrap().unwrap();
        self.login.clone_from(&self.address);
    }

    /// Waits until belayd makes this call, which no answer of its own waits for, after the first `before` exchanges.
    pub(super) async fn comes(&self, call: &Call, before: usize) {
        let network = self.scene.network();
        let came = async || {
            let came = network.has_played(call) || network.calls_since(before).contains(call);
            came.then_some(())
        };
        until(&format!("{call} to come"), came).await.unwrap();
    }

    /// The device lets itself be recovered without the code, and a code is sent.
    async fn may_hold(&mut self) {
        if self.recovery.is_empty() {
            self.surely(Deed::CreateRecoveryCode).await;
        }
        let changes = PolicyChanges {
            recovery_without_code: Some(true),
            ..PolicyChanges::default()
        };
        let password = Secret::of_text(&self.password);
        client::set_policies(self.scene.person(), &changes, &password)
            .await
            .unwrap();
        self.begin_recovery().await;
    }

    /// Whoever knows the password says no.
    pub(super) async fn refuse_hold(&self) -> Answer<()> {
        let password = Fd::from(memfd(self.password.as_bytes()).unwrap());
        app(&self.scene)
            .call(WARDEN, "Unlock", &(password,))
            .await
            .unwrap()
    }

    async fn hold_left(&self) -> Duration {
        Duration::from_millis(app(&self.scene).get(WARDEN, "HoldLeft").await.unwrap())
    }

    pub(super) async fn shows_state(&self, wanted: &str) {
        let app = app(&self.scene);
        app.reads(ACCOUNT, "State", wanted).await.unwrap();
    }

    async fn proves(&self, password: &str) -> Answer<()> {
        app(&self.scene)
            .reauthenticate(&self.login, password)
            .await
            .unwrap()
    }

    /// That it is too soon is no refusal where the answer to the call before was lost: the code is on its way.
    fn or_was_sent(&self, refusal: Refusal) -> Answer<()> {
        let path = format!("/v1/verifications/{}/resend", self.verification);
        let exchanges = self.scene.network().exchanges();
        let was_sent = exchanges.iter().any(|e| e.path == path && e.status == 202);
        match refusal.short() == "TooSoon" && was_sent {
            true => Ok(()),
            false => Err(refusal),
        }
    }

    /// The command has reached the other device, which has carried it out.
    async fn is_carried_out(&mut self) {
        type Rows = Vec<std::collections::HashMap<String, zbus::OwnedVariant>>;
        let carried_out = async || {
            if state(&self.scene).await == "reauthentication-required" {
                // What becomes of it is asked with the next session.
                self.surely(Deed::Reauthenticate).await;
            }
            let sent = app(&self.scene).read(ACCOUNT, "Commands").await;
            let sent = Rows::try_from(sent.unwrap().unwrap()).unwrap();
            let own = sent.iter().find(|row| entry(row, "id") == self.verification)?;
            // A cloud that said that it knows of none isn't asked again.
            (entry(own, "state") == "done" || entry(own, "reason") == "forgotten").then_some(())
        };
        until("the command to be carried out", carried_out).await.unwrap();
    }

    /// Whether the cloud's list has the name.
    async fn is_listed(&self) -> bool {
        let listed = app(&self.scene).list_devices().await.unwrap();
        listed.is_ok_and(|rows| rows.iter().any(|row| entry(row, "name") == self.target))
    }

    fn fresh_name(&mut self) -> String {
        self.rounds += 1;
        format!("Ada's phone no. {}", self.rounds)
    }

    /// A number that was never seen, masked like all others of these.
    fn fresh_number(&mut self) -> String {
        self.rounds += 1;
        format!("+49151{:04}6789", self.rounds)
    }

    /// Does `deed`, unless the verification is over: a cloud that said so is believed, and what it said is taken in a moment later.
    async fn is_over(&mut self, deed: Deed) -> bool {
        match self.attempt(deed).await {
            Err(refusal) if refusal.short() == "NotFound" => true,
            answer => {
                answer.unwrap();
                false
            }
        }
    }

    /// The gateway brings what this device has sent.
    async fn sms_arrives(&mut self) {
        self.code.clear();
        let sent = self.scene.services().modem().sent();
        let text = &sent.last().unwrap().text;
        let brought = bring(&self.scene, SECRET, &self.address, text).await;
        assert_eq!(brought.status, 204);
    }
}
