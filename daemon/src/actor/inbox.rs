//! The mailbox of an actor.

use tokio::sync::{mpsc, oneshot, watch};

/// The receiving end of an actor's mailbox.
///
/// Taking a message is also what proves the actor alive: the supervisor's question is answered in
/// [`Inbox::recv`], so an actor that hangs in its work doesn't answer.
#[derive(Debug)]
pub struct Inbox<M> {
    messages: mpsc::Receiver<M>,
    questions: mpsc::Receiver<oneshot::Sender<()>>,
    stop: watch::Receiver<bool>,
    /// Nothing is taken any more but what was sent before.
    stopping: bool,
    /// Every handle is gone.
    orphaned: bool,
}

impl<M> Inbox<M> {
    pub(super) fn new(
        messages: mpsc::Receiver<M>,
        questions: mpsc::Receiver<oneshot::Sender<()>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            messages,
            questions,
            stop,
            stopping: false,
            orphaned: false,
        }
    }

    /// The next message; `None` once belayd stops and all that was sent before has been taken. An actor that
    /// nobody sends anything lives as long as belayd too. Cancelling the call loses nothing.
    pub async fn recv(&mut self) -> Option<M> {
        loop {
            tokio::select! {
                biased;
                Some(question) = self.questions.recv() => {
                    // A supervisor that gave up waiting needs no answer.
                    let _ = question.send(());
                }
                () = stopped(&mut self.stop), if !self.stopping => {
                    self.stopping = true;
                    self.messages.close();
                }
                message = self.messages.recv(), if self.stopping || !self.orphaned => match message {
                    Some(message) => return Some(message),
                    None if self.stopping => return None,
                    None => self.orphaned = true,
                },
            }
        }
    }

    /// Answers once belayd stops: for work that may be cut short.
    pub async fn stopped(&self) {
        stopped(&mut self.stop.clone()).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A supervisor that is gone has stopped everything.
    let _ = stop.wait_for(|stop| *stop).await;
}
