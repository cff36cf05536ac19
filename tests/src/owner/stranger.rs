//! Somebody without an account who asks the cloud about addresses: all that its public calls tell of them, and how long they take.

use std::time::Duration;

use altcha::{SolveChallengeOptions, solve_challenge};
use belay_proto::keys::random;
use belay_proto::signed::{CommandState, HoldEnd, Release, Signed};
use belay_proto::text::{base64url, from_hex};
use belay_proto::wire::{
    Bytes, ChallengeAnswer, Channel, CodeRequest, HoldRequest, LoginChallengeAnswer, LoginChallengeRequest,
    LoginRequest, NewCredentialsRequest, OpenRecoveryRequest, OpenVerificationRequest, OpenedVerification,
    OutcomeRequest, ProofOfWork, ReleaseRequest, ResendRequest, Share, VerificationPurpose,
};
use belay_proto::{CommandId, Epoch, HardwareId, Secret, keys};
use serde_json::{Map, Value};

use super::Told;
use super::http::{Reply, Wire, browse, expected};
use super::known::Subject;
use super::question::Question;
use crate::{Outcome, Stage, Surprise};

/// A code that was never sent; with one in a million it is the right one.
const GUESS: &str = "000000";

/// What somebody hears who asks.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The status and all words: what is made anew each time, ids and the like, only by its length.
    pub words: String,
    /// See [`Reply::took`].
    pub took: Duration,
    /// What the cloud's threads computed from the question until the answer was read: whatever else the machine does, that isn't in
    /// it. What is left to be done once the answer is on its way may be.
    pub computed: Duration,
}

/// Somebody with a key and no account.
#[derive(Debug)]
pub struct Stranger {
    wire: Wire,
    key: keys::SigningKey,
}

/// What was told about one subject so far.
#[derive(Debug, Default)]
pub struct Thread {
    nonce: Bytes,
    registration: String,
    recovery: String,
    /// To the page of a mail's link, with the token of an SMS of one's own.
    link: String,
}

impl Default for Stranger {
    fn default() -> Self {
        Self {
            wire: Wire::new(),
            key: keys::SigningKey::generate(),
        }
    }
}

impl Stranger {
    /// Asks once what is asked often, about nobody: so that nothing is done the first time in what is asked next, and
    /// what the question before left to be done is done.
    ///
    /// # Errors
    /// Where the cloud refuses.
    pub async fn rest(&self, stage: &Stage) -> Outcome {
        let asked = challenge("nobody-at-all@example.net");
        let reply = self.wire.post(stage, "/v1/login/challenge", &asked).await?;
        expected::<LoginChallengeAnswer>("a challenge", 200, &reply).map(drop)
    }

    /// Asks about `subject`; what it tells is kept in `thread` for the next question.
    ///
    /// # Errors
    /// Where the cloud doesn't answer.
    pub async fn ask(
        &self,
        stage: &Stage,
        question: Question,
        subject: &Subject,
        thread: &mut Thread,
    ) -> Outcome<Heard> {
        let pow = match question.costs() {
            true => Some(self.work(stage).await?),
            false => None,
        };
        let before = computed(stage)?;
        let reply = self.asked(stage, question, subject, thread, pow).await?;
        Ok(heard(&reply, computed(stage)?.saturating_sub(before)))
    }

    async fn asked(
        &self,
        stage: &Stage,
        question: Question,
        subject: &Subject,
        thread: &mut Thread,
        pow: Option<ProofOfWork>,
    ) -> Outcome<Reply> {
        let paid = || pow.clone().ok_or_else(|| Surprise::new("no work was done"));
        let reply = match question {
            Question::ChallengeOfId => self.begin(stage, &subject.account.to_string(), thread).await?,
            Question::LoginOfId => self.login(stage, &subject.account.to_string(), thread).await?,
            Question::Hold => self.hold(stage, subject).await?,
            Question::Release => self.release(stage, subject).await?,
            Question::Outcome => self.outcome(stage, subject).await?,
            Question::Challenge => self.begin(stage, &subject.address, thread).await?,
            Question::Login => self.login(stage, &subject.address, thread).await?,
            Question::Registration => {
                let body = opening(subject, subject.channel(), paid()?);
                let reply = self.wire.post(stage, "/v1/verifications", &body).await?;
                thread.registration = opened(&reply)?;
                reply
            }
            Question::Standing => {
                let path = format!("/v1/verifications/{}", thread.registration);
                self.wire.get(stage, &path).await?
            }
            Question::Code => self.guess(stage, "verifications", &thread.registration).await?,
            Question::Recovery => {
                let body = OpenRecoveryRequest {
                    identifier: subject.address.clone(),
                    device_name: "A phone".to_owned(),
                    language: None,
                    pow: paid()?,
                };
                let reply = self.wire.post(stage, "/v1/recoveries", &body).await?;
                thread.recovery = opened(&reply)?;
                reply
            }
            Question::Guess => self.guess(stage, "recoveries", &thread.recovery).await?,
            Question::Credentials => {
                let path = format!("/v1/recoveries/{}/credentials", thread.recovery);
                let ticket = base64url(&random::<48>());
                self.wire.put(stage, &path, &credentials(ticket)).await?
            }
            Question::Resend => self.resend(stage, &thread.registration, paid()?).await?,
            Question::ResendRecovery => self.resend(stage, &thread.recovery, paid()?).await?,
            Question::Cancel => self.cancel(stage, &thread.registration).await?,
            Question::CancelRecovery => self.cancel(stage, &thread.recovery).await?,
            Question::SmsOut => {
                let body = opening(subject, Channel::SmsOut, paid()?);
                let reply = self.wire.post(stage, "/v1/verifications", &body).await?;
                thread.link = link(stage, &reply)?;
                reply
            }
            Question::Link => browse(stage, "GET", &thread.link).await?,
            Question::Button => browse(stage, "POST", &thread.link).await?,
        };
        Ok(reply)
    }

    async fn begin(&self, stage: &Stage, name: &str, thread: &mut Thread) -> Outcome<Reply> {
        let body = challenge(name);
        let reply = self.wire.post(stage, "/v1/login/challenge", &body).await?;
        let answer: LoginChallengeAnswer = expected("a challenge", 200, &reply)?;
        thread.nonce = answer.nonce;
        Ok(reply)
    }

    async fn login(&self, stage: &Stage, name: &str, thread: &Thread) -> Outcome<Reply> {
        let body = LoginRequest {
            identifier: name.to_owned(),
            nonce: thread.nonce.clone(),
            action: "sign-in".to_owned(),
            signature: self.key.sign(b"", name.as_bytes()),
        };
        self.wire.post(stage, "/v1/login", &body).await
    }

    async fn hold(&self, stage: &Stage, subject: &Subject) -> Outcome<Reply> {
        let end = HoldEnd {
            account: subject.account,
            device: subject.device,
            epoch: Epoch::from_bytes(random()),
            credentials: random(),
            over: true,
        };
        let body = HoldRequest {
            hold: Signed::seal(&end, &self.key).encode().into(),
        };
        self.wire.post(stage, "/v1/holds", &body).await
    }

    async fn release(&self, stage: &Stage, subject: &Subject) -> Outcome<Reply> {
        let release = Release {
            account: subject.account,
            device: subject.device,
            epoch: Epoch::from_bytes(random()),
            hardware: HardwareId::from_bytes(random()),
        };
        let body = ReleaseRequest {
            release: Signed::seal(&release, &self.key).encode().into(),
        };
        self.wire.post(stage, "/v1/releases", &body).await
    }

    async fn outcome(&self, stage: &Stage, subject: &Subject) -> Outcome<Reply> {
        let told = Told {
            account: subject.account,
            device: subject.device,
            epoch: Epoch::from_bytes(random()),
            sequence: 1,
            command: CommandId::new(),
            action: "lock".to_owned(),
            state: CommandState::Done,
            reason: String::new(),
            step: 0,
            steps: 0,
            retry: 0,
            presence: 0,
            counter: 1,
            episode: 1,
            lock: "lost".to_owned(),
        };
        let body = OutcomeRequest {
            outcome: Signed::seal(&told, &self.key).encode().into(),
        };
        self.wire.post(stage, "/v1/outcomes", &body).await
    }

    async fn guess(&self, stage: &Stage, of: &str, id: &str) -> Outcome<Reply> {
        let code = Secret::of_text(GUESS).into();
        let path = format!("/v1/{of}/{id}/code");
        self.wire.post(stage, &path, &CodeRequest { code }).await
    }

    async fn resend(&self, stage: &Stage, id: &str, pow: ProofOfWork) -> Outcome<Reply> {
        let path = format!("/v1/verifications/{id}/resend");
        self.wire.post(stage, &path, &ResendRequest { pow }).await
    }

    async fn cancel(&self, stage: &Stage, id: &str) -> Outcome<Reply> {
        self.wire.delete(stage, &format!("/v1/verifications/{id}")).await
    }

    async fn work(&self, stage: &Stage) -> Outcome<ProofOfWork> {
        let reply = self
            .wire
            .post(stage, "/v1/challenges", &Value::Object(Map::new()))
            .await?;
        let answer: ChallengeAnswer = expected("a challenge", 200, &reply)?;
        let challenge = serde_json::from_value(answer.challenge.clone())?;
        let solution = solve_challenge(SolveChallengeOptions::new(&challenge))
            .map_err(|error| Surprise::new(error.to_string()))?
            .ok_or_else(|| Surprise::new("the work takes too long"))?;
        Ok(ProofOfWork {
            challenge: answer.challenge,
            solution: serde_json::to_value(solution)?,
        })
    }
}

fn challenge(name: &str) -> LoginChallengeRequest {
    LoginChallengeRequest {
        identifier: name.to_owned(),
    }
}

fn opening(subject: &Subject, channel: Channel, pow: ProofOfWork) -> OpenVerificationRequest {
    OpenVerificationRequest {
        purpose: VerificationPurpose::Registration,
        channel,
        address: subject.address.clone(),
        device_name: "A phone".to_owned(),
        language: None,
        pow,
    }
}

/// What a recovery would end with.
fn credentials(ticket: String) -> NewCredentialsRequest {
    NewCredentialsRequest {
        ticket: Some(ticket.into()),
        credentials: vec![1; 400].into(),
        keyring: vec![2; 200].into(),
        replaces: vec![3; 32].into(),
        share: Share(Secret::new([4; 32])),
        succession: None,
        owner: None,
        grants: Vec::new(),
    }
}

/// The id of a verification that was opened.
fn opened(reply: &Reply) -> Outcome<String> {
    expected::<OpenedVerification>("a verification", 202, reply).map(|opened| opened.id)
}

/// Where a link would lead that had the token of the SMS that is asked for.
fn link(stage: &Stage, reply: &Reply) -> Outcome<String> {
    let opened: OpenedVerification = expected("a verification", 202, reply)?;
    let asked = opened
        .sms_out
        .ok_or_else(|| Surprise::new("no SMS is asked for"))?;
    let token = asked.text.rsplit(' ').next().unwrap_or_default();
    let token = base64url(&from_hex(token)?);
    Ok(format!("{}/verify/{token}", stage.network().url()))
}

/// What all threads of the cloud have computed so far (`sum_exec_runtime`, proc(5)).
fn computed(stage: &Stage) -> Outcome<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", stage.cloud()?.pid()?))?;
    // A thread may end meanwhile.
    let said =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    let nanoseconds = said.filter_map(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok());
    Ok(Duration::from_nanos(nanoseconds.sum()))
}

fn heard(reply: &Reply, computed: Duration) -> Heard {
    // A page is text, and so is nothing.
    let said = reply.json();
    let said = said.unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&reply.body)));
    Heard {
        words: format!("{} {}", reply.status, shape(&said)),
        took: reply.took,
        computed,
    }
}

/// The answer, with each word that is as random as an id replaced by its length.
fn shape(said: &Value) -> Value {
    match said {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::String(text) => {
            let words = text.split(' ').map(|word| match is_random(word) {
                true => format!("{} random", word.len()),
                false => word.to_owned(),
            });
            Value::from(words.collect::<Vec<_>>().join(" "))
        }
        other => other.clone(),
    }
}

/// Hexadecimal or base64url of 16 bytes or more, without a word in it.
fn is_random(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.len() >= 22 && text.chars().all(is_digit)
}

/// What was heard of one question.
#[derive(Debug)]
pub struct Answers {
    /// The question.
    pub question: Question,
    /// About whom the cloud knows.
    pub known: Vec<Heard>,
    /// About as many others, none of whom it knows.
    pub unknown: Vec<Heard>,
}

/// Asks each question that fits `count` times about `known` and as often about somebody whom nobody knows, in turn; so many days
/// pass that no budget is used up. The stage's cloud must have [these settings](Question::settings).
///
/// # Errors
/// Where the cloud doesn't answer.
pub async fn interrogate(stage: &Stage, known: &Subject, count: usize) -> Outcome<Vec<Answers>> {
    let stranger = Stranger::default();
    let mut all: Vec<Answers> = Question::ALL
        .into_iter()
        .filter(|question| question.fits(known.channel()))
        .map(|question| Answers {
            question,
            known: Vec::new(),
            unknown: Vec::new(),
        })
        .collect();
    for turn in 0..count {
        let unknown = known.stranger();
        let (mut of_known, mut of_unknown) = (Thread::default(), Thread::default());
        for answers in &mut all {
            let after = answers.question.after();
            if !after.is_zero() {
                stage.clock().advance(after)?;
            }
            // Each is asked about first as often as the other.
            for is_known in [turn % 2 == 0, turn % 2 != 0] {
                stranger.rest(stage).await?;
                let (subject, thread, heard) = match is_known {
                    true => (known, &mut of_known, &mut answers.known),
                    false => (&unknown, &mut of_unknown, &mut answers.unknown),
                };
                heard.push(stranger.ask(stage, answers.question, subject, thread).await?);
            }
        }
    }
    Ok(all)
}
