//! Commands on their way from the cloud to the warden, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use belay_proto::signed::Disposition;
use belay_proto::wire::QueuedCommand;

use super::errand::Errand;

/// The longest wait before a warden that gave no judgement is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is fetched and not judged.
#[derive(Clone, Debug)]
pub struct Inflow {
    cursor: u64,
    /// Up to where the cloud's answers went.
    last: u64,
    /// The cursor was moved back and that isn't noted.
    is_moved_back: bool,
    queue: VecDeque<QueuedCommand>,
    judge: Errand,
    /// The warden may have judged the first of the queue before: its answer was lost, or belayd has just started.
    may_repeat: bool,
}

/// What an answer of the cloud means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Have this one judged.
    Judge(QueuedCommand),
    /// Note that everything up to this number is.
    Keep(u64),
}

impl Inflow {
    /// Goes on after `cursor`.
    #[must_use]
    pub fn new(cursor: u64) -> Self {
        Self {
            cursor,
            last: cursor,
            is_moved_back: false,
            queue: VecDeque::new(),
            judge: Errand::up_to(LONGEST_PAUSE),
            may_repeat: true,
        }
    }

    /// The number to fetch after.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Takes the answer to what was asked `after`: what comes after the cursor, in order, whatever the cloud makes of
    /// it. Lower numbers than were asked for are another count: of a cloud that was set up again or restored from a
    /// backup, or that lies. All of them are judged, since the warden knows each command that it has seen.
    ///
    /// While commands are to be judged it says nothing: the cloud has handed those over, and takes none of them back.
    /// What it has besides is there to be fetched once they are.
    pub fn fetched(&mut self, after: u64, mut commands: Vec<QueuedCommand>, last: u64) -> Option<Next> {
        if !self.is_idle() {
            return None;
        }
        commands.retain(|command| command.sequence <= last);
        commands.sort_by_key(|command| command.sequence);
        commands.dedup_by_key(|command| command.sequence);
        let first = commands.first().map(|command| command.sequence);
        if last < after || first.is_some_and(|first| first < after) {
            tracing::warn!(last, after, "the cloud counts commands anew");
            self.is_moved_back = true;
            self.cursor = first.map_or(last, |first| first.saturating_sub(1));
        }
        commands.retain(|command| command.sequence > self.cursor);
        self.queue.extend(commands);
        self.last = last;
        self.next()
    }

    /// The first of the queue was judged, and that is noted. Answers whether the judgement is to be told of: the
    /// repetition of one whose answer was lost isn't the cloud's doing.
    pub fn judged(&mut self, sequence: u64, disposition: Option<Disposition>) -> bool {
        self.judge.finish();
        self.cursor = sequence;
        self.queue.pop_front();
        let may_repeat = std::mem::take(&mut self.may_repeat);
        !(may_repeat && disposition == Some(Disposition::Replayed))
    }

    /// The warden gave no judgement, or it couldn't be noted.
    pub fn not_judged(&mut self, now: Duration) {
        self.may_repeat = true;
        self.judge.failed(now, None);
    }

    /// What comes next, when nothing is in hand.
    pub fn next(&mut self) -> Option<Next> {
        if let Some(command) = self.queue.front() {
            return self.judge.want().then(|| Next::Judge(command.clone()));
        }
        let is_moved_back = std::mem::take(&mut self.is_moved_back);
        if self.judge.is_busy() || (self.last <= self.cursor && !is_moved_back) {
            return None;
        }
        self.cursor = self.last;
        Some(Next::Keep(self.cursor))
    }

    /// Whether nothing is to be judged.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.judge.is_busy()
    }

    /// When to look again; never while there is nothing to judge.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.queue.front().and(self.judge.due())
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Duration) -> Option<Next> {
        let command = self.queue.front()?;
        self.judge.wake(now).then(|| Next::Judge(command.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(sequence: u64) -> QueuedCommand {
        QueuedCommand {
            sequence,
            envelope: sequence.to_be_bytes().to_vec().into(),
        }
    }

    fn commands(sequences: &[u64]) -> Vec<QueuedCommand> {
        sequences.iter().copied().map(command).collect()
    }

    /// The answer to what is asked now.
    fn answer(inflow: &mut Inflow, commands: Vec<QueuedCommand>, last: u64) -> Option<Next> {
        inflow.fetched(inflow.cursor(), commands, last)
    }

    #[test]
    fn each_command_is_judged_once_and_in_order_however_often_and_in_whatever_order_it_comes() {
        let mut inflow = Inflow::new(4);
        let first = answer(&mut inflow, commands(&[7, 5, 4, 7, 6]), 7);
        assert_eq!(first, Some(Next::Judge(command(5))));
        // The same again while it is in hand.
        assert_eq!(answer(&mut inflow, commands(&[5, 6, 7]), 7), None);
        for sequence in [5, 6] {
            assert!(inflow.judged(sequence, Some(Disposition::Accepted)));
            assert_eq!(inflow.next(), Some(Next::Judge(command(sequence + 1))));
        }
        assert!(inflow.judged(7, Some(Disposition::Accepted)));
        assert_eq!((inflow.next(), inflow.cursor()), (None, 7));
    }

    #[test]
    fn what_the_cloud_has_dropped_is_passed_over() {
        let mut inflow = Inflow::new(4);
        assert_eq!(answer(&mut inflow, Vec::new(), 9), Some(Next::Keep(9)));
        assert_eq!(answer(&mut inflow, Vec::new(), 9), None);
    }

    #[test]
    fn a_number_beyond_what_the_cloud_itself_calls_the_last_doesnt_move_the_cursor() {
        let mut inflow = Inflow::new(4);
        assert_eq!(answer(&mut inflow, commands(&[u64::MAX]), 5), Some(Next::Keep(5)));
    }

    #[test]
    fn a_judgement_that_was_lost_is_asked_for_again_and_its_repetition_is_no_news() {
        let mut inflow = Inflow::new(0);
        answer(&mut inflow, commands(&[1, 2]), 2);
        inflow.judged(1, Some(Disposition::Accepted));
        inflow.next();
        let now = Duration::from_secs(5);
        inflow.not_judged(now);
        assert_eq!(inflow.next(), None, "not before the pause is over");
        let due = inflow.due().unwrap();
        assert_eq!(inflow.wake(due), Some(Next::Judge(command(2))));
        assert!(!inflow.judged(2, Some(Disposition::Replayed)));
        answer(&mut inflow, commands(&[3]), 3);
        assert!(inflow.judged(3, Some(Disposition::Replayed)), "a real replay is");
    }

    #[test]
    fn what_was_fetched_is_judged_though_the_cloud_has_it_no_more() {
        let mut inflow = Inflow::new(0);
        answer(&mut inflow, commands(&[1, 2, 3, 4]), 4);
        inflow.judged(1, Some(Disposition::WrongDevice));
        assert_eq!(inflow.next(), Some(Next::Judge(command(2))));
        // Of a request that was on its way while the first was judged.
        assert_eq!(inflow.fetched(0, Vec::new(), 0), None);
        inflow.not_judged(Duration::from_secs(5));
        assert_eq!(
            answer(&mut inflow, Vec::new(), 0),
            None,
            "while the warden rests, too"
        );
        let due = inflow.due().unwrap();
        let next = inflow.wake(due);
        assert_eq!(numbers(&mut inflow, next), [2, 3, 4]);
        assert_eq!((inflow.due(), inflow.is_idle()), (None, true));
    }

    #[test]
    fn after_a_start_the_first_repetition_is_no_news() {
        let mut inflow = Inflow::new(0);
        answer(&mut inflow, commands(&[1]), 1);
        assert!(!inflow.judged(1, Some(Disposition::Replayed)));
        let mut inflow = Inflow::new(0);
        answer(&mut inflow, commands(&[1]), 1);
        assert!(inflow.judged(1, Some(Disposition::BadSignature)));
    }

    #[test]
    fn a_cloud_that_counts_anew_is_followed() {
        let mut inflow = Inflow::new(40);
        assert_eq!(
            answer(&mut inflow, commands(&[2]), 3),
            Some(Next::Judge(command(2)))
        );
        inflow.judged(2, Some(Disposition::Accepted));
        assert_eq!(inflow.next(), Some(Next::Keep(3)));
        assert_eq!(inflow.cursor(), 3);
        assert_eq!(answer(&mut inflow, Vec::new(), 0), Some(Next::Keep(0)));
        assert_eq!(inflow.cursor(), 0);
    }

    /// Judges one after the other, up to the number that is kept.
    fn numbers(inflow: &mut Inflow, mut next: Option<Next>) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(Next::Judge(command)) = next {
            numbers.push(command.sequence);
            inflow.judged(command.sequence, Some(Disposition::Accepted));
            next = inflow.next();
        }
        if let Some(Next::Keep(last)) = next {
            assert_eq!(last, inflow.cursor());
        }
        numbers
    }

    #[test]
    fn a_cloud_that_counts_anew_and_is_past_the_cursor_already_is_followed_from_its_beginning() {
        let mut inflow = Inflow::new(40);
        let next = answer(&mut inflow, commands(&[41, 7, 30]), 41);
        assert_eq!(numbers(&mut inflow, next), [7, 30, 41]);
        assert_eq!(inflow.cursor(), 41);
        // Numbers that a command has passed meanwhile, of an answer that was long under way, are no such thing.
        let next = inflow.fetched(38, commands(&[39, 41, 42]), 42);
        assert_eq!(numbers(&mut inflow, next), [42]);
    }

    #[test]
    fn a_cloud_that_counts_anew_while_a_command_is_in_hand_loses_none() {
        let mut inflow = Inflow::new(40);
        let next = answer(&mut inflow, commands(&[41, 42]), 42);
        assert_eq!(next, Some(Next::Judge(command(41))));
        assert_eq!(answer(&mut inflow, commands(&[2, 3]), 3), None);
        assert_eq!(numbers(&mut inflow, next), [41, 42]);
        // What it has besides is fetched now.
        let next = answer(&mut inflow, commands(&[2, 3]), 3);
        assert_eq!(numbers(&mut inflow, next), [2, 3]);
        assert_eq!(inflow.cursor(), 3);
        let next = answer(&mut inflow, commands(&[1, 2]), 2);
        assert_eq!(numbers(&mut inflow, next), [1, 2]);
        assert_eq!(answer(&mut inflow, Vec::new(), 2), None);
    }
}
