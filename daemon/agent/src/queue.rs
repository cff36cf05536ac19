//! Work that waits, in lanes: what is short goes together, what is long a few at a time, so that a film delays no contact.

use std::collections::VecDeque;

use crate::state::Work;

/// What is at most so long goes with others in one call, bytes.
pub const SMALL: u64 = 64 * 1024;
/// Long items on their way into the collection at once: as many as belayd brings at once where they are small, which large ones wait for
/// there, and as the cloud takes chunks of one device. With four, the processors wait for the disk a third of the time.
const LONG_PUTS: usize = 8;
/// Long records on their way into the source, or compared, at once.
const LONG_OTHERS: usize = 4;
/// Items a job, at most.
const MOST_ITEMS: usize = 1000;
/// Bytes a job, at most, but for the first item.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Work on some items, all in the same lane.
#[derive(Debug)]
pub struct Job {
    /// Which.
    pub lane: Lane,
    /// Natural key and work.
    pub items: Vec<(String, Work)>,
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Short items into the collection.
    Puts,
    /// Short records into the source.
    Fetches,
    /// A long item into the collection.
    LongPuts,
    /// A long record into the source, or compared.
    Long,
    /// Short ones compared.
    Joins,
    /// Records deleted.
    Deletes,
    /// Items removed, and whether they are to be.
    Removes,
}

/// The lanes.
const LANES: [Lane; 7] = [
    Lane::Removes,
    Lane::Puts,
    Lane::Fetches,
    Lane::Joins,
    Lane::Deletes,
    Lane::LongPuts,
    Lane::Long,
];

/// What waits, and how much of each lane is under way.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: [VecDeque<(String, Work)>; LANES.len()],
    running: [usize; LANES.len()],
}

impl Queue {
    /// Adds work.
    pub fn push(&mut self, natural: String, work: Work) {
        let lane = lane_of(&work);
        if let Some(waiting) = self.waiting.get_mut(index(lane)) {
            waiting.push_back((natural, work));
        }
    }

    /// The next job that may begin now.
    pub fn begin(&mut self) -> Option<Job> {
        for (lane, (waiting, running)) in LANES.iter().zip(self.waiting.iter_mut().zip(&mut self.running)) {
            let (at_once, most) = match lane {
                Lane::LongPuts => (LONG_PUTS, 1),
                Lane::Long => (LONG_OTHERS, 1),
                _ => (1, MOST_ITEMS),
            };
            if *running >= at_once || waiting.is_empty() {
                continue;
            }
            *running += 1;
            let (mut items, mut bytes) = (Vec::new(), 0);
            while items.len() < most
                && let Some((_, work)) = waiting.front()
                && (items.is_empty() || bytes + length(work) <= MOST_BYTES)
            {
                bytes += length(work);
                items.extend(waiting.pop_front());
            }
            return Some(Job { lane: *lane, items });
        }
        None
    }

    /// A job ended.
    pub fn end(&mut self, lane: Lane) {
        if let Some(running) = self.running.get_mut(index(lane)) {
            *running = running.saturating_sub(1);
        }
    }

    /// Takes back what hasn't begun.
    pub fn clear(&mut self) -> Vec<String> {
        let waiting = self.waiting.iter_mut().flat_map(|waiting| waiting.drain(..));
        waiting.map(|(natural, _)| natural).collect()
    }
}

fn index(lane: Lane) -> usize {
    LANES.iter().position(|known| *known == lane).unwrap_or_default()
}

fn length(work: &Work) -> u64 {
    match work {
        Work::Put { item, .. } => item.mark.size,
        Work::Join { item, record } | Work::Compare { item, record } => item.mark.size.max(record.length),
        Work::Fetch { record, .. } => record.length,
        Work::Delete { .. } | Work::Remove { .. } | Work::Ask { .. } => 0,
    }
}

fn lane_of(work: &Work) -> Lane {
    match work {
        Work::Put { .. } if length(work) > SMALL => Lane::LongPuts,
        Work::Fetch { .. } | Work::Join { .. } if length(work) > SMALL => Lane::Long,
        // It may be read in pieces, whatever its length, and delays nothing that waits to be put.
        Work::Compare { .. } => Lane::Long,
        Work::Put { .. } => Lane::Puts,
        Work::Join { .. } => Lane::Joins,
        Work::Fetch { .. } => Lane::Fetches,
        Work::Delete { .. } => Lane::Deletes,
        Work::Remove { .. } | Work::Ask { .. } => Lane::Removes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Local, Mark};

    fn put(size: u64) -> Work {
        let mark = Mark {
            modified: 0,
            size,
            inode: 0,
            mode: 0,
        };
        let item = Local {
            place: String::new(),
            kind: String::new(),
            attributes: Attributes::new(),
            mark,
        };
        Work::Put { item, over: None }
    }

    #[test]
    fn short_ones_go_together_and_eight_long_ones_beside_them() {
        let mut queue = Queue::default();
        for n in 0..10 {
            queue.push(format!("short {n}"), put(100));
            queue.push(format!("long {n}"), put(SMALL + 1));
        }
        let jobs: Vec<Job> = std::iter::from_fn(|| queue.begin()).collect();
        let sizes: Vec<(Lane, usize)> = jobs.iter().map(|job| (job.lane, job.items.len())).collect();
        assert_eq!(
            sizes,
            [&[(Lane::Puts, 10)][..], &[(Lane::LongPuts, 1); 8]].concat()
        );
        queue.end(Lane::LongPuts);
        assert_eq!(queue.begin().map(|job| job.items.len()), Some(1));
        assert!(queue.begin().is_none());
        assert_eq!(queue.clear().len(), 1);
    }

    #[test]
    fn a_job_is_bounded_in_bytes_and_a_single_item_always_fits() {
        let mut queue = Queue::default();
        for n in 0..200 {
            queue.push(n.to_string(), put(SMALL));
        }
        let job = queue.begin().unwrap();
        assert_eq!(job.items.len() as u64, MOST_BYTES / SMALL);
    }
}
