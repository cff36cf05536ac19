//! What an owner does with an account: how each thing begins, and how it is asked for.

use belay_tests::Outcome;
use belay_tests::app::{Answer, Options, REMOVE_DEVICE, REMOVE_IDENTIFIER, Refusal, SET_LOGIN};
use belay_tests::until::{turns, within};

use super::walker::Walker;
use crate::owner::{BENS, PASSWORD, app, code, registering};

/// The password that another takes the place of.
pub const NEW: &str = BENS;

/// A thing that an owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Register,
    Confirm,
    Acknowledge,
    SignIn,
    Reauthenticate,
    ChangePassword,
    NewRoot,
    RecoveryCode,
    BeginRecovery,
    CompleteRecovery,
    AddAddress,
    ConfirmAddress,
    RemoveAddress,
    SetLogin,
    SignOut,
    RemoveDevice,
    DeleteAccount,
    /// The recovery of who has forgotten the password and has no code begins: its hold.
    BeginHold,
    /// The hold is waited out.
    WaitOut,
    /// The old password ends the hold, at the device;
    RefuseHold,
    /// or at the cloud, elsewhere.
    RefuseElsewhere,
    /// A sign-out that leaves the data here.
    LeaveData,
    /// A deletion while another device is bound.
    DeletionRefused,
    /// A sign-in before the release of the last time was brought, which goes along.
    ComeBack,
    /// A sign-out with the leave to reset the device.
    Reset,
}

impl Deed {
    pub const ALL: [Self; 25] = [
        Self::Register,
        Self::Confirm,
        Self::Acknowledge,
        Self::SignIn,
        Self::Reauthenticate,
        Self::ChangePassword,
        Self::NewRoot,
        Self::RecoveryCode,
        Self::BeginRecovery,
        Self::CompleteRecovery,
        Self::AddAddress,
        Self::ConfirmAddress,
        Self::RemoveAddress,
        Self::SetLogin,
        Self::SignOut,
        Self::RemoveDevice,
        Self::DeleteAccount,
        Self::BeginHold,
        Self::WaitOut,
        Self::RefuseHold,
        Self::RefuseElsewhere,
        Self::LeaveData,
        Self::DeletionRefused,
        Self::ComeBack,
        Self::Reset,
    ];
}

/// Asks until the answer is one that asking again wouldn't change: a cloud that was just started may not be there yet.
pub async fn patiently<T>(what: &str, mut ask: impl AsyncFnMut() -> Outcome<Answer<T>>) -> Answer<T> {
    let passes = |refusal: &Refusal| matches!(refusal.short(), "Offline" | "Busy");
    within(what, async {
        let mut turns = turns();
        loop {
            turns.tick().await;
            match ask().await {
                Ok(Err(refusal)) if passes(&refusal) => {}
                answer => return answer.unwrap(),
            }
        }
    })
    .await
    .unwrap()
}

impl Walker {
    /// Sets the stage for `deed`: an account of its own, and the device where the deed begins.
    pub async fn ready(&mut self, deed: Deed) {
        self.new_owner();
        match deed {
            Deed::Register => return,
            Deed::Confirm => {
                (self.id, self.code) = registering(&self.scene, &self.who, PASSWORD).await;
                return;
            }
            _ => {}
        }
        (self.id, self.code) = registering(&self.scene, &self.who, PASSWORD).await;
        let app = app(&self.scene);
        self.recovery = app.confirm(&self.id, &self.code).await.unwrap().unwrap();
        if deed == Deed::Acknowledge {
            return;
        }
        app.acknowledge(&self.id).await.unwrap().unwrap();
        match deed {
            Deed::SignIn => {
                app.sign_out(PASSWORD).await.unwrap().unwrap();
            }
            Deed::CompleteRecovery => {
                self.id = app.begin_recovery(&self.who).await.unwrap().unwrap();
                self.code = code(&self.scene, &self.who).await;
            }
            Deed::ConfirmAddress => self.add_address().await,
            Deed::RemoveAddress | Deed::SetLogin => {
                self.add_address().await;
                app.confirm_identifier(&self.id, &self.code)
                    .await
                    .unwrap()
                    .unwrap();
            }
            Deed::RemoveDevice | Deed::DeletionRefused => self.another().await,
            Deed::SignOut | Deed::DeleteAccount | Deed::LeaveData | Deed::Reset => {
                app.enable("contacts", true).await.unwrap().unwrap();
                self.stores(1).await;
            }
            Deed::ComeBack => self.release_waits().await,
            Deed::BeginHold => self.may_hold().await,
            Deed::WaitOut | Deed::RefuseHold | Deed::RefuseElsewhere => self.holds().await,
            _ => {}
        }
    }

    async fn add_address(&mut self) {
        let (app, address) = (app(&self.scene), self.second_address());
        self.id = app.add_identifier(&address, PASSWORD).await.unwrap().unwrap();
        self.code = code(&self.scene, &address).await;
    }

    /// Asks for `deed` once; whether it was granted.
    pub async fn attempt(&mut self, deed: Deed) -> bool {
        let app = app(&self.scene);
        let (who, id, code) = (&self.who, &self.id, &self.code);
        match deed {
            Deed::Register => {
                let asked = app.register(who, PASSWORD, &Options::new()).await;
                granted(asked).map(|id| self.id = id).is_some()
            }
            Deed::Confirm => {
                let asked = app.confirm(id, code).await;
                granted(asked).map(|code| self.recovery = code).is_some()
            }
            Deed::Acknowledge => granted(app.acknowledge(id).await).is_some(),
            Deed::SignIn | Deed::ComeBack => granted(app.sign_in(who, PASSWORD).await).is_some(),
            Deed::Reauthenticate => granted(app.reauthenticate(who, PASSWORD).await).is_some(),
            Deed::ChangePassword | Deed::NewRoot => {
                let asked = app.change_password(PASSWORD, NEW, deed == Deed::NewRoot).await;
                granted(asked).is_some()
            }
            Deed::RecoveryCode => {
                let asked = app.create_recovery_code(PASSWORD).await;
                granted(asked).map(|code| self.recovery = code).is_some()
            }
            Deed::BeginRecovery => granted(app.begin_recovery(who).await).is_some(),
            Deed::CompleteRecovery => {
                let asked = app.complete_recovery((id, code), who, NEW, &self.recovery).await;
                granted(asked).is_some()
            }
            Deed::AddAddress => {
                let asked = app.add_identifier(&self.second_address(), PASSWORD).await;
                granted(asked).is_some()
            }
            Deed::ConfirmAddress => granted(app.confirm_identifier(id, code).await).is_some(),
            Deed::RemoveAddress | Deed::SetLogin => {
                // The second is the one that was added.
                let Ok(addresses) = app.identifiers().await else {
                    return false;
                };
                let what = if deed == Deed::SetLogin {
                    SET_LOGIN
                } else {
                    REMOVE_IDENTIFIER
                };
                granted(app.order(what, &addresses[1].0, PASSWORD).await).is_some()
            }
            Deed::SignOut => granted(app.sign_out(PASSWORD).await).is_some(),
            Deed::RemoveDevice => {
                let asked = app.order(REMOVE_DEVICE, &self.other_id, PASSWORD).await;
                granted(asked).is_some()
            }
            Deed::DeleteAccount => granted(app.delete_account(PASSWORD).await).is_some(),
            Deed::BeginHold => granted(self.forgotten().await).is_some(),
            Deed::WaitOut => self.waits_out().await,
            Deed::RefuseHold => granted(self.unlocks().await).is_some(),
            Deed::RefuseElsewhere => self.refuses_elsewhere().await,
            Deed::LeaveData => granted(self.leaves_data().await).is_some(),
            Deed::DeletionRefused => self.is_kept_from_deleting().await,
            Deed::Reset => granted(self.resets().await).is_some(),
        }
    }
}

/// What was granted, where an answer came at all.
fn granted<T>(asked: Outcome<Answer<T>>) -> Option<T> {
    match asked {
        Ok(Ok(granted)) => return Some(granted),
        Ok(Err(refusal)) => eprintln!("refused: {refusal}"),
        Err(surprise) => eprintln!("no answer: {surprise}"),
    }
    None
}
