//! belayd replaced by a program that calls everything belayd may call, in any order, with any
//! bytes: the device is never unbound and never unlocked, and no answer holds the recovery code or a password.

use belay_proto::dbus::{BindingState, LockState};
use belay_proto::keys::RecoveryCode;
use belay_proto::signed::{Action, Command, DeviceCertificate, Signed};
use belay_proto::sms::{SmsAction, SmsCommand};
use belay_proto::steps::{self, *};
use belay_proto::{CommandId, DeviceId, PendingId, TicketId};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::life::lures;
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, Running};

#[derive(Clone, Debug)]
enum Call {
    Use {
        ticket: usize,
        step: usize,
        input: Input,
    },
    Credentials(Input),
    Command(Input),
    Beat,
    Tighten(String),
    History(u64),
}

#[derive(Clone, Debug)]
enum Input {
    Bytes(Vec<u8>),
    /// One of the inputs that a well-meaning belayd would send, by number.
    Fitting(usize),
    /// The same with a bit flipped somewhere.
    Flipped(usize, usize),
}

const STEPS: [&str; 33] = [
    steps::NEW_CREDENTIALS,
    steps::BIND,
    steps::DISCARD,
    steps::ACKNOWLEDGE,
    steps::LOGIN_SIGNATURE,
    steps::OPEN_ROOT,
    steps::CERTIFY,
    steps::RELEASE,
    steps::AUTHORIZE_RESET,
    steps::SAVED_RELEASE,
    steps::SIGN_COMMAND,
    steps::OUTCOMES,
    steps::STATE_REPORT,
    steps::EFFECTS,
    steps::BEGIN,
    steps::END,
    steps::SMS,
    steps::TICK,
    steps::COLLECTION_KEYS,
    steps::SET_FIND,
    steps::SET_POLICIES,
    steps::NEW_PASSWORD,
    steps::NEW_RECOVERY_CODE,
    steps::RECOVER,
    steps::RECOVERED,
    steps::ORDER,
    steps::REMOVE_DEVICE,
    steps::TAKE_KEYRING,
    steps::TAKE_DELEGATE,
    steps::SUCCEED,
    steps::LEAVE,
    steps::STAY,
    "no-such-step",
];

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Input::Bytes),
        4 => any::<usize>().prop_map(Input::Fitting),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(which, bit)| Input::Flipped(which, bit)),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (any::<usize>(), any::<usize>(), input()).prop_map(|(ticket, step, input)| Call::Use { ticket, step, input }),
        3 => input().prop_map(Call::Credentials),
        3 => input().prop_map(Call::Command),
        1 => Just(Call::Beat),
        1 => ".{0,20}".prop_map(Call::Tighten),
        1 => any::<u64>().prop_map(Call::History),
    ]
}

/// What the impostor has in hand: the tickets of a thief who typed wrong passwords, everything the
/// cloud keeps of the owner, and an account of its own with the same password as typed.
struct Loot {
    tickets: Vec<String>,
    inputs: Vec<Vec<u8>>,
}

impl Loot {
    async fn gather(warden: &Running, owner: &Account, own: &Account) -> Self {
        let mut tickets = vec![
            String::new(),
            TicketId::random().to_string(),
            owner.pending.to_string(),
        ];
        let purposes = [
            Purpose::SignOut,
            Purpose::Reset,
            Purpose::Reauthenticate,
            Purpose::Find,
            Purpose::Policies,
            Purpose::Command,
        ];
        for purpose in purposes {
            tickets.push(warden.present(purpose, LOGIN, OTHER_PASSWORD).await.unwrap());
        }
        let removal = remove_device_subject(DeviceId::random());
        for (purpose, subject) in [
            (Purpose::RecoveryCode, ""),
            (Purpose::DeleteAccount, "delete-account"),
            (Purpose::RemoveDevice, removal.as_str()),
        ] {
            tickets.push(warden.present(purpose, subject, OTHER_PASSWORD).await.unwrap());
        }
        let stranger = belay_proto::keys::SigningKey::generate();
        let forged = Signed::seal(&own.with_password(OTHER_PASSWORD).record(), &stranger).encode();
        let mut inputs = commands(owner, own);
        inputs.extend(lures(owner, own));
        let collection = steps::ACCESSORIES.to_owned();
        inputs.extend([
            CollectionKeysInput { collection }.encode(),
            ReleaseInput {}.encode(),
            AuthorizeResetInput { release: true }.encode(),
            BindInput {
                existing: Some(owner.certificate.clone()),
            }
            .encode(),
            PendingInput {
                pending: owner.pending,
            }
            .encode(),
            PendingInput {
                pending: PendingId::random(),
            }
            .encode(),
            NewCredentialsInput {
                device_key: crate::support::device_key(),
                login: String::new(),
            }
            .encode(),
            CertifyInput {
                device_key: crate::support::device_key(),
                login: String::new(),
            }
            .encode(),
            owner.challenge("reauthenticate"),
            own.challenge("reauthenticate"),
            owner.open_root(),
            own.open_root(),
            owner.credentials.clone(),
            own.credentials.clone(),
            forged,
        ]);
        Self { tickets, inputs }
    }

    fn bytes(&self, input: &Input) -> Vec<u8> {
        let fitting = |which: &usize| self.inputs[which % self.inputs.len()].clone();
        match input {
            Input::Bytes(bytes) => bytes.clone(),
            Input::Fitting(which) => fitting(which),
            Input::Flipped(which, bit) => {
                let mut bytes = fitting(which);
                let position = (bit / 8) % bytes.len();
                bytes[position] ^= 1 << (bit % 8);
                bytes
            }
        }
    }
}

/// Commands to the owner's device by the impostor's own owner key, and the inputs of the steps around them.
fn commands(owner: &Account, own: &Account) -> Vec<Vec<u8>> {
    let target: DeviceCertificate = Signed::decode(&owner.certificate)
        .unwrap()
        .open(&owner.owner)
        .unwrap();
    let key = own.root().owner_key();
    let wipe = crate::owner::wipe();
    let command = CommandId::new();
    let signed = [Action::Unlock, Action::SignOut, wipe.clone()].map(|action| {
        let command = Command {
            id: CommandId::new(),
            account: target.account,
            device: target.device,
            epoch: target.epoch,
            counter: u64::MAX,
            issued_at: 1_767_225_600_000,
            expires_at: 0,
            presence: 0,
            episode: u64::from(action == Action::Unlock),
            action,
        };
        crate::owner::envelope(&command, &key, None)
    });
    let sms = SmsCommand {
        action: SmsAction::Unlock,
        counter: u64::MAX,
        epoch: target.epoch,
        presence_or_episode: 1,
        expiry_minutes: u32::MAX,
        device_tag: SmsCommand::tag_of(&target.device),
    };
    let asked = SignCommandInput {
        certificate: owner.certificate.clone(),
        report: None,
        action: "wipe".to_owned(),
        arguments: wipe.encode_arguments(),
    };
    let ended = EndInput {
        command,
        done: true,
        reason: String::new(),
    };
    let policies = PolicyChanges {
        wipe_after_offline: Some(steps::SHORTEST_OFFLINE),
        ..PolicyChanges::default()
    };
    let rest = [
        SmsInput { text: sms.sign(&key) }.encode(),
        asked.encode(),
        OutcomesInput { after: u64::MAX }.encode(),
        BeginInput { command }.encode(),
        ended.encode(),
        SetFindInput { enabled: false }.encode(),
        policies.encode(),
        Done {}.encode(),
    ];
    signed.into_iter().chain(rest).collect()
}

/// What no answer to belayd may hold, in any of its forms.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// The recovery code, as somebody at the device is told it, the passwords, the root and the keyring.
    async fn of(warden: &Running, owner: &Account) -> Self {
        let claim = warden.bind_pending(owner.pending).await.unwrap().claim;
        let text = warden.recovery_code(&claim).await.unwrap();
        let bytes = RecoveryCode::parse(text.expose())
            .unwrap()
            .bytes()
            .expose()
            .to_vec();
        let bare = text.expose().replace('-', "").into_bytes();
        let passwords = [PASSWORD, OTHER_PASSWORD].map(|password| password.as_bytes().to_vec());
        let mut all = vec![text.expose().clone().into_bytes(), bare, bytes];
        all.extend(passwords);
        // Keys of collections are belayd's; what they are made of isn't.
        let (root, keyring) = (owner.root(), owner.keyring());
        all.push(root.bytes().expose().to_vec());
        all.extend(keyring.data_roots.iter().map(|(_, key)| key.expose().to_vec()));
        all.push(keyring.index_key.expose().to_vec());
        Self(all)
    }

    fn are_in(&self, answer: &[u8]) -> bool {
        self.0
            .iter()
            .any(|secret| answer.windows(secret.len()).any(|window| window == secret))
    }
}

#[test]
fn no_calls_of_belayds_alone_ever_unbind_or_unlock_or_tell_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let device = Device::initialised();
    let (owner, own, secrets) = runtime.block_on(async {
        let warden = device.start();
        let owner = warden.register().await;
        let secrets = Secrets::of(&warden, &owner).await;
        drop(warden);
        let own = Device::initialised()
            .other_hardware()
            .start()
            .register()
            .await
            .with_password(OTHER_PASSWORD);
        (owner, own, secrets)
    });
    let files = device.snapshot();
    let config = ProptestConfig {
        cases: 48,
        ..ProptestConfig::default()
    };
    let calls = proptest::collection::vec(call(), 1..24);
    TestRunner::new(config)
        .run(&calls, |calls| {
            device.put_back(&files);
            runtime.block_on(async {
                let warden = device.start();
                let loot = Loot::gather(&warden, &owner, &own).await;
                let mine = warden.handle.snapshot().bound;
                let mut locked = false;
                for call in &calls {
                    let answer = perform(&warden, &loot, call).await;
                    prop_assert!(!secrets.are_in(&answer), "told by {:?}", call);
                    let now = warden.handle.snapshot();
                    locked |= now.lock == LockState::Lost;
                    prop_assert_eq!(now.binding, BindingState::Bound);
                    prop_assert_eq!(&now.bound, &mine);
                    prop_assert!(!locked || now.lock == LockState::Lost, "unlocked by {:?}", call);
                }
                drop(warden);
                let state = device.load();
                prop_assert_eq!(state.binding.name(), "bound");
                prop_assert_eq!(locked, state.lock != belay_warden::core::state::Lock::Unlocked);
                Ok(())
            })
        })
        .unwrap();
}

/// Makes a call; all that it was answered, a refusal too.
async fn perform(warden: &Running, loot: &Loot, call: &Call) -> Vec<u8> {
    match call {
        Call::Use { ticket, step, input } => {
            let ticket = &loot.tickets[ticket % loot.tickets.len()];
            warden
                .use_ticket(ticket, STEPS[step % STEPS.len()], loot.bytes(input))
                .await
                .unwrap_or_else(|refusal| refusal.to_string().into_bytes())
        }
        Call::Credentials(input) => said(&warden.handle.credentials(loot.bytes(input)).await),
        Call::Command(input) => said(&warden.handle.command(loot.bytes(input)).await),
        Call::Beat => said(&warden.handle.beat().await),
        Call::Tighten(reason) => said(&warden.handle.tighten(reason.clone()).await),
        Call::History(since) => said(&warden.handle.history(*since).await),
    }
}

fn said(answer: &impl std::fmt::Debug) -> Vec<u8> {
    format!("{answer:?}").into_bytes()
}
