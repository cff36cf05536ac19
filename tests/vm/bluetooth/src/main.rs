//! Belay with a Mi Band 2 over the real Bluetooth stack, run inside the virtual machine of `tests/vm/bluetooth/run`.
//!
//! Real: Linux's Bluetooth, BlueZ, `dbus-daemon`, btleplug, belayd, the warden, the cloud. Not: the two radios, which
//! are BlueZ's own `btvirt`, and the band, which is the virtual one of the simulated BlueZ, put on a GATT server.
//! The executable plays every role, as `playground` does.

mod band;
mod bluez;
mod story;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use belay_tests::role;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|a| a == "role") {
        return role::play(args.skip(1).collect());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(story::whole(&mut Teller::default())),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            println!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

/// Tells what was done and how long it took.
struct Teller {
    since: Instant,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            since: Instant::now(),
        }
    }
}

impl Teller {
    fn done(&mut self, what: &str) {
        println!("{:6.1} s  {what}", self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }
}
