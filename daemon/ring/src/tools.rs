//! Programs that are run to their end.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// None of them waits for anything but the hardware.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Runs `program` and answers what it printed; `None` where it isn't there, fails, or doesn't end.
pub(crate) async fn ask<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match timeout(ENDS_WITHIN, output).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            tracing::debug!(program, %error, "not run");
            return None;
        }
        Err(_) => {
            tracing::warn!(program, "no end in time");
            return None;
        }
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        tracing::debug!(program, status = %output.status, said = said.trim(), "failed");
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `program`; answers whether it did its work.
pub(crate) async fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> bool {
    ask(program, args).await.is_some()
}
