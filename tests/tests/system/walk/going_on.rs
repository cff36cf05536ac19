//! What a person does who got an answer or didn't, and everything that was promised to them.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, App, Options, REMOVE_DEVICE, WARDEN, entry, refused};
use belay_tests::until::{turns, within};
use belay_tests::{Outcome, Stage};
use zbus::OwnedVariant;

use super::deeds::{Deed, NEW, patiently};
use super::walker::Walker;
use crate::owner::{PASSWORD, app, code, state};

impl Walker {
    /// What the owner does who got an answer or didn't: looks, and where it isn't done asks again. Then everything that was
    /// promised is looked at.
    pub async fn finish(&mut self, deed: Deed, answered: bool) {
        match deed {
            Deed::Register | Deed::Confirm | Deed::Acknowledge => self.finish_registration(deed).await,
            Deed::SignIn => self.finish_sign_in().await,
            Deed::Reauthenticate => {
                let (app, who) = (app(&self.scene), self.who.clone());
                patiently("a session", async || app.reauthenticate(&who, PASSWORD).await)
                    .await
                    .unwrap();
            }
            Deed::ChangePassword | Deed::NewRoot => self.finish_change(deed, answered).await,
            Deed::RecoveryCode => {
                if !answered {
                    let app = app(&self.scene);
                    let made = patiently("a code", async || app.create_recovery_code(PASSWORD).await);
                    self.recovery = made.await.unwrap();
                }
                self.recover().await;
            }
            Deed::BeginRecovery => self.recover().await,
            Deed::CompleteRecovery => self.finish_recovery(answered).await,
            Deed::AddAddress => {
                let (app, address) = (app(&self.scene), self.second_address());
                if !answered {
                    let again = async || app.add_identifier(&address, PASSWORD).await;
                    patiently("another address", again).await.unwrap();
                }
                self.id = entry(&pending(&self.scene).await, "id");
                self.confirm_with_mails(&address, async |app, id, code| {
                    app.confirm_identifier(id, code).await
                })
                .await;
                self.has_addresses(2).await;
            }
            Deed::ConfirmAddress => {
                if app(&self.scene).identifiers().await.unwrap().len() < 2 {
                    let (app, id, code) = (app(&self.scene), &self.id, &self.code);
                    let again = async || app.confirm_identifier(id, code).await;
                    let answer = patiently("the address", again).await;
                    // Done, though nobody here heard of it: the address is among the others as soon as they are read.
                    assert!(
                        answer.as_ref().is_ok_and(|()| true)
                            || answer
                                .as_ref()
                                .is_err_and(|refusal| refusal.short() == "NotFound"),
                        "{answer:?}"
                    );
                }
                self.has_addresses(2).await;
            }
            Deed::RemoveAddress => {
                self.again_unless(deed, async |app| app.identifiers().await.unwrap().len() == 1)
                    .await;
                self.has_addresses(1).await;
            }
            Deed::SetLogin => {
                self.again_unless(deed, async |app| first_is_second(&app).await)
                    .await;
                let app = app(&self.scene);
                let comes = within("the login to be the second address", async {
                    let mut turns = turns();
                    while !first_is_second(&app).await {
                        turns.tick().await;
                    }
                });
                self.in_time(comes).await.unwrap();
                self.who = self.second_address();
            }
            Deed::SignOut => self.finish_sign_out().await,
            Deed::RemoveDevice => {
                let gone = |answer: &Answer<()>| {
                    answer.is_ok()
                        || answer
                            .as_ref()
                            .is_err_and(|refusal| refusal.short() == "NotFound")
                };
                let (app, other) = (app(&self.scene), self.other_id.clone());
                let again = async || app.order(REMOVE_DEVICE, &other, PASSWORD).await;
                let answer = match answered {
                    true => Ok(()),
                    false => patiently("the removal", again).await,
                };
                assert!(gone(&answer), "{answer:?}");
                self.other_is_removed().await;
            }
            Deed::DeleteAccount => self.finish_deletion().await,
            Deed::BeginHold => self.finish_hold(answered).await,
            Deed::WaitOut => self.is_waited_out().await,
            Deed::RefuseHold | Deed::RefuseElsewhere => self.finish_refusal(deed, answered).await,
            Deed::LeaveData | Deed::Reset => self.finish_leaving(deed).await,
            Deed::DeletionRefused => self.finish_refused_deletion().await,
            Deed::ComeBack => self.finish_coming_back().await,
        }
    }

    async fn again_unless(&mut self, deed: Deed, is_done: impl AsyncFn(App) -> bool) {
        // What was done without an answer is known here as soon as the cloud has told.
        let app = app(&self.scene);
        let (who, before) = (self.who.clone(), app.clone());
        patiently("a session", async || before.reauthenticate(&who, PASSWORD).await)
            .await
            .unwrap();
        if !is_done(app).await {
            assert!(self.attempt(deed).await, "{deed:?}");
        }
    }

    async fn has_addresses(&self, wanted: usize) {
        let app = app(&self.scene);
        let comes = within("the addresses", async {
            let mut turns = turns();
            while app.identifiers().await.unwrap().len() != wanted {
                turns.tick().await;
            }
        });
        self.in_time(comes).await.unwrap();
    }

    /// Proves with each code that was sent, the newest may be the one, until one is right.
    pub async fn confirm_with_mails(
        &mut self,
        to: &str,
        prove: impl AsyncFn(&App, &str, &str) -> Outcome<Answer<()>>,
    ) {
        let app = app(&self.scene);
        loop {
            let code = code(&self.scene, to).await;
            let (id, ask) = (self.id.clone(), async |code: &str, id: &str| {
                prove(&app, id, code).await
            });
            match patiently("the code's answer", async || ask(&code, &id).await).await {
                Ok(()) => return,
                Err(refusal) => assert_eq!(refusal.short(), "WrongCode", "{refusal}"),
            }
        }
    }

    async fn finish_registration(&mut self, deed: Deed) {
        let app = app(&self.scene);
        if deed == Deed::Register {
            self.id = entry(&pending(&self.scene).await, "id");
            if self.id.is_empty() {
                let who = self.who.clone();
                let again = async || app.register(&who, PASSWORD, &Options::new()).await;
                self.id = patiently("a registration", again).await.unwrap();
            }
        }
        if deed != Deed::Acknowledge {
            let known = (deed == Deed::Confirm).then(|| self.code.clone());
            self.recovery = self.confirmed(known).await;
        }
        assert_eq!(state(&self.scene).await, "bound");
        if !pending(&self.scene).await.is_empty() {
            let id = self.id.clone();
            let told = patiently("the acknowledgement", async || app.acknowledge(&id).await).await;
            told.unwrap();
        }
        assert!(pending(&self.scene).await.is_empty());
        if deed == Deed::Confirm {
            self.recover().await;
        }
    }

    /// The recovery code, with the code that is known or that of a mail.
    async fn confirmed(&self, known: Option<String>) -> String {
        let app = app(&self.scene);
        loop {
            let code = match &known {
                Some(code) => code.clone(),
                None => code(&self.scene, &self.who).await,
            };
            match patiently("the account", async || app.confirm(&self.id, &code).await).await {
                Ok(recovery) => return recovery,
                Err(refusal) => assert!(known.is_none() && refusal.short() == "WrongCode", "{refusal}"),
            }
        }
    }

    pub async fn finish_sign_in(&mut self) {
        let (app, who) = (app(&self.scene), self.who.clone());
        if state(&self.scene).await != "bound" {
            let again = async || app.sign_in(&who, PASSWORD).await;
            patiently("the sign-in", again).await.unwrap();
        }
        assert_eq!(state(&self.scene).await, "bound");
    }

    async fn finish_change(&mut self, deed: Deed, answered: bool) {
        let (app, who) = (app(&self.scene), self.who.clone());
        let with = async |password: &'static str| {
            patiently("a session", async || app.reauthenticate(&who, password).await).await
        };
        match with(NEW).await {
            Ok(()) => {}
            Err(refusal) => {
                assert_eq!(refusal.short(), "WrongPassword", "{refusal}");
                assert!(!answered, "what was answered holds");
                with(PASSWORD).await.unwrap();
                assert!(self.attempt(deed).await, "the change, asked again");
                with(NEW).await.unwrap();
            }
        }
        refused(with(PASSWORD).await, "WrongPassword").unwrap();
        self.password = NEW;
    }

    /// The recovery code that was shown last recovers.
    pub async fn recover(&mut self) {
        self.begin_again().await;
        let who = self.who.clone();
        let recovery = self.recovery.clone();
        let address = self.who.clone();
        self.confirm_with_mails(&address, async |app, id, code| {
            app.complete_recovery((id, code), &who, NEW, &recovery).await
        })
        .await;
        self.is_recovered().await;
    }

    /// Another recovery begins.
    pub async fn begin_again(&mut self) {
        let (app, who) = (app(&self.scene), self.who.clone());
        let begin = async || app.begin_recovery(&who).await;
        let mut begun = patiently("a recovery", begin).await;
        if begun.as_ref().is_err_and(|refusal| refusal.short() == "TooSoon") {
            // Whoever waits as long as they are told.
            self.scene.clock().advance(Duration::from_secs(15 * 60)).unwrap();
            begun = patiently("a recovery", begin).await;
        }
        self.id = begun.unwrap();
    }

    async fn is_recovered(&mut self) {
        let (app, who) = (app(&self.scene), self.who.clone());
        let again = async || app.reauthenticate(&who, NEW).await;
        patiently("a session", again).await.unwrap();
        self.password = NEW;
    }

    async fn finish_recovery(&mut self, answered: bool) {
        let (app, who) = (app(&self.scene), self.who.clone());
        if answered {
            return self.is_recovered().await;
        }
        let (id, code, recovery) = (&self.id, &self.code, &self.recovery);
        let again = async || app.complete_recovery((id, code), &who, NEW, recovery).await;
        if let Err(refusal) = patiently("the recovery", again).await {
            // It was done, or it is over: the new password says which.
            let with = async || app.reauthenticate(&who, NEW).await;
            match patiently("a session", with).await {
                Ok(()) => {}
                Err(_) => {
                    let over = ["CodeExpired", "NotFound", "Cancelled", "Conflict"];
                    assert!(over.contains(&refusal.short()), "{refusal}");
                    return self.recover().await;
                }
            }
        }
        self.is_recovered().await;
    }

    pub async fn finish_sign_out(&mut self) {
        let app = app(&self.scene);
        let binding = app.text(WARDEN, "BindingState").await.unwrap();
        // Both say the same: a belayd that got no answer hears of it from the warden's next life.
        self.shows(&binding).await;
        if binding == "bound" {
            app.sign_out(PASSWORD).await.unwrap().unwrap();
        }
        assert_eq!(state(&self.scene).await, "unbound");
        self.is_delivered().await;
    }

    /// The release reaches the cloud, and the device is anybody's.
    async fn is_delivered(&self) {
        let app = app(&self.scene);
        let is_pending = async || app.get::<bool>(ACCOUNT, "PendingRelease").await.unwrap();
        let ask = async || app.call(ACCOUNT, "CheckActivation", &(Options::new(),)).await;
        let comes = within("the release to reach the cloud", async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                if is_pending().await {
                    continue;
                }
                // Of a sign-out whose answer was lost nothing waits until the warden has told the release.
                let free: Answer<String> = patiently("the activation", ask).await;
                if free.unwrap() == "free" && !is_pending().await {
                    return;
                }
            }
        });
        self.in_time(comes).await.unwrap();
    }

    async fn finish_deletion(&mut self) {
        let (app, who) = (app(&self.scene), self.who.clone());
        // The account is gone and the device frees itself, or everything is as it was and may be asked again.
        let mut tries = turns();
        let comes = within("the account to be gone or there", async {
            loop {
                tries.tick().await;
                match state(&self.scene).await.as_str() {
                    "unbound" => break,
                    "bound" => match app.delete_account(PASSWORD).await {
                        // It may free itself between the password and the call: that ends the ticket.
                        Ok(Err(refusal)) => assert!(
                            [
                                "BadTicket",
                                "Offline",
                                "Busy",
                                "NotBound",
                                "ReauthenticationRequired",
                                "WrongPassword"
                            ]
                            .contains(&refusal.short()),
                            "{refusal}"
                        ),
                        Ok(Ok(())) => {}
                        Err(surprise) => panic!("{surprise}"),
                    },
                    _ => {}
                }
            }
        });
        self.in_time(comes).await.unwrap();
        self.is_delivered().await;
        let again = async || app.sign_in(&who, PASSWORD).await;
        refused(patiently("the sign-in", again).await, "WrongPassword").unwrap();
    }
}

async fn first_is_second(app: &App) -> bool {
    let addresses = app.identifiers().await.unwrap();
    addresses.first().is_some_and(|first| first.2.contains(".com"))
}

/// The property `Pending`.
async fn pending(stage: &Stage) -> HashMap<String, OwnedVariant> {
    app(stage).get(ACCOUNT, "Pending").await.unwrap()
}
