//! Recovery without the code: the hold begins, is waited out, or is refused by who knows the password after all.

use std::time::Duration;

use belay_proto::wire::Hint;
use belay_tests::Outcome;
use belay_tests::app::{ACCOUNT, Answer, App, Options, WARDEN, memfd, refused};
use belay_tests::owner::Console;
use belay_tests::until::{turns, until, within};
use zbus::Fd;

use super::deeds::{Deed, NEW, patiently};
use super::walker::Walker;
use crate::holding::allow;
use crate::owner::{PASSWORD, app, code};

/// Longer than a hold lasts.
const HOLD: Duration = Duration::from_secs(73 * 3600);

impl Walker {
    /// The owner's device lets itself be recovered, and the code for that was sent.
    pub async fn may_hold(&mut self) {
        allow(&self.scene, true).await;
        let app = app(&self.scene);
        self.id = app.begin_recovery(&self.who).await.unwrap().unwrap();
        self.code = code(&self.scene, &self.who).await;
    }

    /// A hold is under way.
    pub async fn holds(&mut self) {
        self.may_hold().await;
        self.forgotten().await.unwrap().unwrap();
        self.shows("recovery-hold").await;
    }

    pub async fn shows(&self, state: &str) {
        let app = app(&self.scene);
        self.in_time(app.reads(ACCOUNT, "State", state)).await.unwrap();
    }

    /// Recovers with the code that was sent and a new password alone.
    pub async fn forgotten(&self) -> Outcome<Answer<()>> {
        let app = app(&self.scene);
        with_nothing(&app, &self.who, &self.id, &self.code).await
    }

    /// The old password ends what waits.
    pub async fn unlocks(&self) -> Outcome<Answer<()>> {
        let password = Fd::from(memfd(PASSWORD.as_bytes())?);
        app(&self.scene).call(WARDEN, "Unlock", &(password,)).await
    }

    /// The time passes; whether the warden says so.
    pub async fn waits_out(&self) -> bool {
        self.scene.clock().advance(HOLD).unwrap();
        let app = app(&self.scene);
        // While there is time left the pin hasn't moved. A warden that died of it doesn't answer.
        let moves = within("the pin to move", async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                match hold_left(&app).await {
                    Some(left) if !left.is_zero() => {}
                    left => return left.is_some(),
                }
            }
        });
        moves.await.unwrap()
    }

    /// Whoever signs in elsewhere with the old password says no; whether the cloud heard.
    pub async fn refuses_elsewhere(&self) -> bool {
        let signed_in = Console::sign_in(&self.scene, &self.who, PASSWORD).await;
        self.scene.network().hint(Hint::Account);
        signed_in
            .inspect_err(|surprise| eprintln!("no answer: {surprise}"))
            .is_ok()
    }

    /// Whoever got no answer looks whether the hold runs, and otherwise begins again. Then it is waited out.
    pub async fn finish_hold(&mut self, answered: bool) {
        let app = app(&self.scene);
        if !self.is_held().await {
            assert!(!answered, "what was answered holds");
            self.begin_again().await;
            let who = self.who.clone();
            self.confirm_with_mails(&who, async |app, id, code| {
                with_nothing(app, &who, id, code).await
            })
            .await;
            assert!(self.is_held().await);
        }
        self.shows("recovery-hold").await;
        let who = self.who.clone();
        let early = patiently("a session", async || app.reauthenticate(&who, NEW).await).await;
        refused(early, "RecoveryOnHold").unwrap();
        self.scene.clock().advance(HOLD).unwrap();
        self.is_waited_out().await;
    }

    /// Whether a hold runs, as the warden says.
    async fn is_held(&self) -> bool {
        let app = app(&self.scene);
        let left = within("the warden's answer", async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                if let Some(left) = hold_left(&app).await {
                    return left;
                }
            }
        });
        !left.await.unwrap().is_zero()
    }

    /// The new password is the password, here and at the cloud, and the one before opens nothing.
    pub async fn is_waited_out(&mut self) {
        let over = async || (!self.is_held().await).then_some(());
        until("the pin to move", over).await.unwrap();
        self.opens_after_hold(NEW).await.unwrap();
        let (app, who) = (app(&self.scene), self.who.clone());
        let before = async || app.reauthenticate(&who, PASSWORD).await;
        refused(patiently("the old password", before).await, "WrongPassword").unwrap();
        self.password = NEW;
    }

    /// The password of before is the password, and nothing comes of the other, however late.
    pub async fn finish_refusal(&mut self, deed: Deed, answered: bool) {
        if !answered {
            match deed {
                Deed::RefuseElsewhere => {
                    within("the cloud to hear", async {
                        let mut turns = turns();
                        while !self.refuses_elsewhere().await {
                            turns.tick().await;
                        }
                    })
                    .await
                    .unwrap();
                }
                _ => patiently("the old password", async || self.unlocks().await)
                    .await
                    .unwrap(),
            }
        }
        if deed == Deed::RefuseElsewhere {
            // A hint that came to a belayd or a cloud which died is lost; the next one isn't.
            self.scene.network().hint(Hint::Account);
        }
        self.shows("bound").await;
        self.scene.clock().advance(HOLD).unwrap();
        assert!(!self.is_held().await);
        refused(self.opens_after_hold(NEW).await, "WrongPassword").unwrap();
        self.opens_after_hold(PASSWORD).await.unwrap();
    }

    /// The answer to this password, once the cloud was told how the hold ended.
    async fn opens_after_hold(&self, password: &str) -> Answer<()> {
        let (app, who) = (app(&self.scene), self.who.clone());
        let comes = within("the cloud to know of the hold's end", async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                let ask = async || app.reauthenticate(&who, password).await;
                match patiently("a session", ask).await {
                    Err(refusal) if refusal.short() == "RecoveryOnHold" => {}
                    answer => return answer,
                }
            }
        });
        self.in_time(comes).await.unwrap()
    }
}

/// Completes a recovery with the code that was sent and a new password alone.
async fn with_nothing(app: &App, who: &str, id: &str, code: &str) -> Outcome<Answer<()>> {
    let ticket = match app.present("recover", who, &[("new", NEW)]).await? {
        Ok(ticket) => ticket,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let code = Fd::from(memfd(code.as_bytes())?);
    let body = (id, code, ticket, Options::new());
    app.call(ACCOUNT, "CompleteRecovery", &body).await
}

/// `HoldLeft`, where the warden answers.
async fn hold_left(app: &App) -> Option<Duration> {
    app.get(WARDEN, "HoldLeft").await.ok().map(Duration::from_millis)
}
