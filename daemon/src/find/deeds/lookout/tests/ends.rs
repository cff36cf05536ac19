//! How commands by text ended, told by text.

use belay_proto::dbus::Error;
use belay_proto::keys::SigningKey;
use belay_proto::signed::CommandState;
use belay_proto::sms::{SmsAction, SmsCommand};
use belay_proto::{CommandId, DeviceId, Epoch};
use tokio::sync::broadcast;

use super::{arrives, texts};
use crate::find::deeds::testing::Rig;
use crate::find::{Announcement, Told};
use crate::platform::Text;

/// Announces that a command has ended, as the store knows.
fn announce(to: &broadcast::Sender<Announcement>) {
    let told = Told {
        command: CommandId::new(),
        action: String::new(),
        state: CommandState::Done,
        reason: String::new(),
    };
    to.send(Announcement::Finished(told)).unwrap();
}

fn listen(rig: &mut Rig) -> broadcast::Sender<Announcement> {
    let (announcer, announcements) = broadcast::channel(4);
    let endings = rig.machine.endings(announcements);
    rig.supervisor.start("endings", endings);
    announcer
}

async fn deleted(rig: &Rig) {
    let mut deleted = rig.phone.deleted.subscribe();
    deleted.wait_for(|deleted| !deleted.is_empty()).await.unwrap();
    rig.settle().await;
}

async fn sent(rig: &Rig) {
    let mut sent = rig.phone.sent.subscribe();
    sent.wait_for(|sent| !sent.is_empty()).await.unwrap();
    rig.settle().await;
}

fn command() -> SmsCommand {
    SmsCommand {
        action: SmsAction::Lock,
        counter: 1,
        epoch: Epoch::random(),
        presence_or_episode: 1,
        expiry_minutes: 0,
        device_tag: SmsCommand::tag_of(&DeviceId::random()),
    }
}

fn text(id: &str, command: &SmsCommand) -> Text {
    Text {
        id: id.into(),
        text: command.sign(&SigningKey::generate()),
    }
}

/// A command that somebody signed.
fn signed() -> (CommandId, Text) {
    let command = command();
    (command.id(), text("sms/1", &command))
}

#[tokio::test]
async fn a_text_with_a_bad_signature_takes_no_answer_from_the_one_that_it_copies() {
    let mut rig = Rig::new().await;
    let command = command();
    let judged = |rig: &Rig, judgement| rig.asked.send_modify(|asked| asked.judgement = Some(judgement));
    judged(&rig, ("accepted", Some(command.id())));
    rig.phone
        .modem
        .send_modify(|view| view.texts.push(text("sms/1", &command)));
    deleted(&rig).await;
    // The same bytes, also noted by a round that was cut short, below somebody else's signature.
    let copy = text("sms/2", &command);
    rig.asked
        .send_modify(|asked| asked.refusal = Some(Error::Busy(String::new())));
    rig.phone.modem.send_modify(|view| view.texts.push(copy));
    rig.settle().await;
    rig.supervisor.stop().await;
    rig.asked.send_modify(|asked| asked.refusal = None);
    judged(&rig, ("bad-signature", None));
    rig.restart().await;
    let mut gone = rig.phone.deleted.subscribe();
    gone.wait_for(|gone| gone.len() == 2).await.unwrap();
    rig.ends(command.id(), "lock", "done", "").await;
    rig.phone.power.send_modify(|power| power.percentage = Some(50));
    rig.settle().await;
    assert_eq!(texts(&rig), ["Ada's phone: lock: done."]);
}

#[tokio::test]
async fn a_command_by_text_is_judged_once_deleted_and_its_end_told_to_the_trusted_number_alone() {
    let mut rig = Rig::new().await;
    let announcer = listen(&mut rig);
    let command = CommandId::new();
    rig.asked
        .send_modify(|asked| asked.judgement = Some(("accepted", Some(command))));
    arrives(&rig, "sms/1");
    deleted(&rig).await;
    assert_eq!(rig.asked.borrow().texts, ["belay:AABB"]);
    assert!(texts(&rig).is_empty(), "it hasn't ended");
    rig.ends(CommandId::new(), "locate", "done", "").await;
    rig.ends(command, "ring", "failed", "unsupported").await;
    announce(&announcer);
    sent(&rig).await;
    announce(&announcer);
    rig.settle().await;
    let expected = (
        "+491700000009".to_owned(),
        "Ada's phone: ring: failed (unsupported).".to_owned(),
    );
    assert_eq!(*rig.phone.sent.borrow(), [expected]);
}

#[tokio::test]
async fn an_end_that_was_told_before_the_judgement_was_heard_is_told_all_the_same() {
    let rig = Rig::new().await;
    let command = CommandId::new();
    rig.ends(command, "lock", "done", "").await;
    rig.settle().await;
    rig.asked
        .send_modify(|asked| asked.judgement = Some(("accepted", Some(command))));
    arrives(&rig, "sms/1");
    sent(&rig).await;
    assert_eq!(texts(&rig), ["Ada's phone: lock: done."]);
}

#[tokio::test]
async fn an_end_that_was_kept_before_a_kill_is_told_after_it() {
    let mut rig = Rig::new().await;
    let command = CommandId::new();
    rig.asked
        .send_modify(|asked| asked.judgement = Some(("accepted", Some(command))));
    arrives(&rig, "sms/1");
    deleted(&rig).await;
    // Nobody announces it any more.
    rig.supervisor.stop().await;
    rig.ends(command, "lock", "done", "").await;
    rig.restart().await;
    sent(&rig).await;
    rig.restart().await;
    rig.settle().await;
    assert_eq!(texts(&rig), ["Ada's phone: lock: done."]);
}

#[tokio::test]
async fn a_judgement_that_was_lost_in_a_kill_costs_no_answer() {
    let mut rig = Rig::new().await;
    let (command, text) = signed();
    // The warden accepts it, and nobody hears so.
    let lost = Error::Busy(String::new());
    rig.asked.send_modify(|asked| asked.refusal = Some(lost));
    rig.phone.modem.send_modify(|view| view.texts = vec![text]);
    rig.settle().await;
    rig.supervisor.stop().await;
    rig.asked.send_modify(|asked| {
        asked.refusal = None;
        asked.judgement = Some(("replayed", Some(command)));
    });
    rig.ends(command, "lock", "done", "").await;
    rig.restart().await;
    sent(&rig).await;
    assert_eq!(texts(&rig), ["Ada's phone: lock: done."]);
}

#[tokio::test]
async fn a_text_of_a_stranger_is_waited_for_no_longer_than_its_judgement() {
    for judgement in ["bad-signature", "replayed"] {
        let rig = Rig::new().await;
        let (command, text) = signed();
        rig.asked
            .send_modify(|asked| asked.judgement = Some((judgement, Some(command))));
        rig.phone.modem.send_modify(|view| view.texts = vec![text]);
        deleted(&rig).await;
        rig.ends(command, "lock", "done", "").await;
        rig.phone.power.send_modify(|power| power.percentage = Some(50));
        rig.settle().await;
        assert!(texts(&rig).is_empty(), "{judgement}");
    }
}
