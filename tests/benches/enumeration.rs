//! Whether the time of an answer tells who has an account.
//!
//! ```sh
//! cargo bench -p belay-tests --bench enumeration
//! ```
//!
//! The cloud is a process of its own, built for release, on loopback and on the file system of `TMPDIR`; the bench's process asks
//! each public call that takes an address or an account, or leads from one, `ROUNDS` times (1000; the variable of that name changes
//! it: with 300 chance moves a median by more than what is to be told) about one that the cloud knows and as often about ones that
//! it doesn't, in turn: for each way in which it may know one, at a cloud of its own. Time begins when a question is sent on a
//! connection that stands, so that neither connecting nor what the asker computes is in it. The cloud's clock stands still but for
//! being put forward by a day, so that no budget is used up. Told are the medians; the bench fails where they are further apart
//! than 5 % of the median, or where status or words differ. Told beside them is what the cloud's threads computed meanwhile, which
//! says something on a busy machine too, where the times don't.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use belay_tests::owner::{Answers, Heard, Known, Question, interrogate};
use belay_tests::stage::Plan;
use belay_tests::{Outcome, expect};

/// How far apart the medians may be, as a share of theirs.
const APART: f64 = 0.05;

fn main() -> ExitCode {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(rounds.unwrap_or(1000))));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            eprintln!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(rounds: usize) -> Outcome {
    let secret = file("between the gateway and the cloud")?;
    let settings = file(&Question::settings(secret.path()))?;
    let mut far = Vec::new();
    for known in Known::ALL {
        let mut plan = Plan::new(Path::new(env!("CARGO_BIN_EXE_playground")));
        plan.log_level = "info";
        plan.cloud_args = vec!["--config".to_owned(), settings.path().display().to_string()];
        let mut stage = plan.up().await?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        println!("{}; load before: {}", known.name(), load.trim());
        let subject = known.made(&stage).await?;
        // A device would ask too, each time that a day passes.
        stage.stop_belayd().await?;
        for answers in interrogate(&stage, &subject, rounds).await? {
            if tell(&answers)? > APART {
                far.push(format!("{} of {}", answers.question.name(), known.name()));
            }
        }
    }
    expect!(far.is_empty(), "more than 5 % apart: {}", far.join(", "));
    Ok(())
}

/// A file that the cloud can read.
fn file(content: &str) -> Outcome<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(content.as_bytes())?;
    belay_tests::guest::give(file.path())?;
    Ok(file)
}

/// Prints the medians; how far they are apart, as a share of the known address's.
fn tell(answers: &Answers) -> Outcome<f64> {
    let words = |heard: &[Heard]| heard.iter().map(|h| h.words.clone()).collect::<BTreeSet<_>>();
    let (known, unknown) = (words(&answers.known), words(&answers.unknown));
    let name = answers.question.name();
    expect!(known == unknown, "{name} answers {known:?} and {unknown:?}");
    let [took, computed] = [|h: &Heard| h.took, |h: &Heard| h.computed]
        .map(|time| (median(&answers.known, time), median(&answers.unknown, time)));
    println!(
        "{name:<36} {:>4} each: known {:>7.3} ms, unknown {:>7.3} ms, {:>5.2} % apart   computed {:>6.3} and {:>6.3} ms, {:>5.2} % apart",
        answers.known.len(),
        took.0,
        took.1,
        apart(took) * 100.0,
        computed.0,
        computed.1,
        apart(computed) * 100.0,
    );
    Ok(apart(took))
}

/// How far apart, as a share of the first.
fn apart((known, unknown): (f64, f64)) -> f64 {
    (known - unknown).abs() / known.max(f64::MIN_POSITIVE)
}

/// The median, ms.
fn median(heard: &[Heard], time: fn(&Heard) -> Duration) -> f64 {
    let mut times: Vec<Duration> = heard.iter().map(time).collect();
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e3
}
