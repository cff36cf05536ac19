//! What one belay-cloud carries: registrations and sign-ins a second, how long they take, its memory.
//!
//! ```sh
//! tests/benches/load.sh
//! ```
//!
//! The cloud is a process of its own, built for release with the simulators of `belay-tests`, on the kernel's clock, with its
//! usual limits and its database on the file system of `TMPDIR`; its messages go into a folder, each as a file that is synced.
//! Everybody calls it from this machine over HTTP/1.1 without TLS, on `WORKERS` connections (1, then 16; the variable of that
//! name is a list) that each have one call under way at any time.
//!
//! - **Registration**: a verification is opened, the code of its mail typed, an account made with its first device: three calls
//!   and a message. Timed from the first byte of the first to the last of the third.
//! - **Sign-in, new key**: a challenge and its answer, with the key of a device that the account doesn't know yet: two calls, and
//!   a notice by mail.
//! - **Sign-in, known key**: the same with the key of the device that the account was made with: two calls.
//!
//! What the clients do is one thread of this process. Argon2id is left out there, since no cloud sees its input: login keys are
//! drawn. Keys, records, certificates and solved challenges are made beforehand; told is what that took, and what of the
//! processors the clients use while the cloud is measured, which here is what the cloud can't have.

#[path = "load/client.rs"]
mod client;
#[path = "load/cloud.rs"]
mod cloud;
#[path = "load/mails.rs"]
mod mails;
#[path = "load/person.rs"]
mod person;
#[path = "sync/process.rs"]
mod process;

use std::cell::RefCell;
use std::fs;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use belay_tests::{Outcome, Surprise};
use tokio::task::LocalSet;

use client::Client;
use cloud::Cloud;
use mails::Mails;
use person::Person;
use process::{cpu, forget_peak, number, peak};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| LocalSet::new().block_on(&runtime, measure()));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            eprintln!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Outcome {
    println!("load before: {}", fs::read_to_string("/proc/loadavg")?.trim());
    let cloud = Rc::new(Cloud::start().await?);
    let measured = with(&cloud).await;
    if measured.is_err() {
        eprintln!("the logs are in {}", cloud.keep().display());
    }
    measured
}

/// What is done to the cloud, and what it is called.
#[derive(Clone, Copy)]
enum Deed {
    Register,
    SignInAnew,
    SignIn,
}

impl Deed {
    const ALL: [Self; 3] = [Self::Register, Self::SignInAnew, Self::SignIn];

    const fn name(self) -> &'static str {
        match self {
            Self::Register => "registration",
            Self::SignInAnew => "sign-in, new key",
            Self::SignIn => "sign-in, known key",
        }
    }

    async fn done(self, client: &mut Client, mails: &Mails, person: &Person) -> Outcome {
        match self {
            Self::Register => person.register(client, mails).await,
            Self::SignInAnew => person.sign_in(client, &person.second).await,
            Self::SignIn => person.sign_in(client, &person.first).await,
        }
    }
}

async fn with(cloud: &Rc<Cloud>) -> Outcome {
    let (pid, many) = (cloud.pid()?, number("PEOPLE", 2_000));
    println!("{:.1} MiB at rest, without an account", mebibytes(peak(pid)?));
    let mails = Rc::new(Mails::watch(&cloud.outbox())?);
    let workers = std::env::var("WORKERS").unwrap_or_else(|_| "1,16".to_owned());
    for workers in workers.split(',') {
        let workers: usize = workers.trim().parse()?;
        let people = Rc::new(prepared(cloud, many).await?);
        for deed in Deed::ALL {
            row(cloud, deed, workers, &people, &mails).await?;
        }
    }
    let database = fs::metadata(cloud.database())?.len();
    println!("{:.1} MiB of database at the end", mebibytes(database / 1024));
    Ok(())
}

/// So many people who haven't called the cloud yet, each with a solved challenge; and what that took.
async fn prepared(cloud: &Cloud, many: usize) -> Outcome<Vec<Person>> {
    let begun = Instant::now();
    let mut people: Vec<Person> = (0..many).map(|_| Person::new(cloud.origin())).collect();
    let keys = begun.elapsed();
    let mut client = Client::connect(cloud).await?;
    let begun = Instant::now();
    let mut solving = Duration::ZERO;
    for person in &mut people {
        let challenge = client.challenge().await?;
        let begun = Instant::now();
        person.work = Some(client::solved(challenge)?);
        solving += begun.elapsed();
    }
    let asking = begun.elapsed().saturating_sub(solving);
    println!(
        "made for {many}: keys, records and certificates in {:.2} s, challenges asked for in {:.2} s and solved in {:.1} s",
        keys.as_secs_f64(),
        asking.as_secs_f64(),
        solving.as_secs_f64(),
    );
    Ok(people)
}

/// Does `deed` once for each of the people, and prints what that took.
async fn row(
    cloud: &Rc<Cloud>,
    deed: Deed,
    workers: usize,
    people: &Rc<Vec<Person>>,
    mails: &Rc<Mails>,
) -> Outcome {
    let (pid, own) = (cloud.pid()?, std::process::id());
    let next = Rc::new(RefCell::new(0));
    // A connection is made once, and the nonce of the day is heard on it.
    let mut clients = Vec::new();
    for _ in 0..workers {
        let mut client = Client::connect(cloud).await?;
        client.challenge().await?;
        clients.push(client);
    }
    forget_peak(pid)?;
    let (cloud_before, own_before, begun) = (cpu(pid)?, cpu(own)?, Instant::now());
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (next, people, mails) = (Rc::clone(&next), Rc::clone(people), Rc::clone(mails));
            tokio::task::spawn_local(async move {
                let mut times = Vec::new();
                loop {
                    let number = next.replace_with(|number| *number + 1);
                    let Some(person) = people.get(number) else {
                        return Outcome::Ok(times);
                    };
                    let begun = Instant::now();
                    deed.done(&mut client, &mails, person).await?;
                    times.push(begun.elapsed());
                }
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let took = begun.elapsed().as_secs_f64();
    times.sort();
    let many = times.len() as f64;
    let each = |before: Duration, now: Duration| now.saturating_sub(before).as_secs_f64() * 1e3 / many;
    println!(
        "{:<20} {workers:>3} at once {:>8.1} a second   median {:>7.2} ms   p99 {:>7.2} ms   cpu each: cloud {:>6.3} ms, clients {:>6.3} ms   peak {:>6.1} MiB",
        deed.name(),
        many / took,
        share(&times, 0.5)?,
        share(&times, 0.99)?,
        each(cloud_before, cpu(pid)?),
        each(own_before, cpu(own)?),
        mebibytes(peak(pid)?),
    );
    Ok(())
}

/// What this share of the times isn't above, ms.
fn share(times: &[Duration], share: f64) -> Outcome<f64> {
    let rank = (times.len() as f64 * share).ceil() as usize;
    let time = times.get(rank.saturating_sub(1));
    let time = time.ok_or_else(|| Surprise::new("nothing was done"))?;
    Ok(time.as_secs_f64() * 1e3)
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
