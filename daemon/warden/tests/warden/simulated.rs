//! An operating system that follows, or doesn't, as a test says.

use std::sync::{Arc, Mutex};

use belay_proto::clock::BoxFuture;
use belay_warden::enforce::{EnforceError, Enforcer, Job};
use tokio::sync::{oneshot, watch};

/// Copies share one system.
#[derive(Clone)]
pub struct Simulated {
    jobs: Arc<watch::Sender<Vec<Job>>>,
    answer: Arc<Mutex<Result<(), EnforceError>>>,
    /// What every wipe is answered, where it isn't as everything else.
    wipes: Arc<Mutex<Option<Result<(), EnforceError>>>>,
    /// The same of every preparation.
    prepares: Arc<Mutex<Option<Result<(), EnforceError>>>>,
    gate: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl Default for Simulated {
    fn default() -> Self {
        Self {
            jobs: Arc::new(watch::Sender::new(Vec::new())),
            answer: Arc::new(Mutex::new(Ok(()))),
            wipes: Arc::default(),
            prepares: Arc::default(),
            gate: Arc::default(),
        }
    }
}

impl Simulated {
    /// From now on every job but the watch is answered so.
    pub fn answers(&self, answer: Result<(), EnforceError>) {
        *self.answer.lock().unwrap() = answer;
    }

    /// From now on every wipe that was prepared is answered so.
    pub fn wipes(&self, answer: Result<(), EnforceError>) {
        *self.wipes.lock().unwrap() = Some(answer);
    }

    /// From now on every preparation of a wipe is answered so.
    pub fn prepares(&self, answer: Result<(), EnforceError>) {
        *self.prepares.lock().unwrap() = Some(answer);
    }

    /// The next `Lost` isn't answered before what this gives is dropped.
    pub fn hangs(&self) -> oneshot::Sender<()> {
        let (hung, gate) = oneshot::channel();
        *self.gate.lock().unwrap() = Some(gate);
        hung
    }

    /// The jobs so far, but the watch's.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.jobs.borrow().clone();
        jobs.retain(|job| *job != Job::Watch);
        jobs
    }

    /// Waits for the n-th job, not counting the watch's.
    pub async fn job(&self, number: usize) -> Job {
        let mut jobs = self.jobs.subscribe();
        let count = |jobs: &Vec<Job>| jobs.iter().filter(|job| **job != Job::Watch).count();
        jobs.wait_for(|jobs| count(jobs) >= number).await.unwrap();
        self.jobs().swap_remove(number - 1)
    }

    /// Waits until the watch was started so often.
    pub async fn watched(&self, times: usize) {
        let mut jobs = self.jobs.subscribe();
        let count = |jobs: &Vec<Job>| jobs.iter().filter(|job| **job == Job::Watch).count();
        jobs.wait_for(|jobs| count(jobs) >= times).await.unwrap();
    }

    /// How often the watch was started.
    pub fn watches(&self) -> usize {
        self.jobs
            .borrow()
            .iter()
            .filter(|job| **job == Job::Watch)
            .count()
    }
}

impl Enforcer for Simulated {
    fn enforce(&self, job: Job) -> BoxFuture<'_, Result<(), EnforceError>> {
        Box::pin(async move {
            let answer = match job {
                Job::Watch => Some(Ok(())),
                Job::Wipe(_) => self.wipes.lock().unwrap().clone(),
                Job::Prepare(_) => self.prepares.lock().unwrap().clone(),
                _ => None,
            };
            let answer = answer.unwrap_or_else(|| self.answer.lock().unwrap().clone());
            let gate = self.gate.lock().unwrap().take_if(|_| job == Job::Lost);
            self.jobs.send_modify(|jobs| jobs.push(job));
            if let Some(gate) = gate {
                // Open once nobody holds it any more.
                let _ = gate.await;
            }
            answer
        })
    }
}
