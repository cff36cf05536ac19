//! The cloud of a stage: the real program, on a port of its own behind the network.

use std::net::SocketAddr;

use belay_proto::clock::FileClock;

use super::Stage;
use crate::process::Process;
use crate::until::until;
use crate::{Outcome, Surprise};

/// A running `belay-cloud`.
#[derive(Debug)]
pub struct Cloud {
    process: Process,
    address: SocketAddr,
}

impl Cloud {
    /// Where it listens itself; the device knows only the network's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    ///
    /// # Errors
    /// Once it has ended.
    pub fn pid(&self) -> Outcome<u32> {
        self.process.pid()
    }
}

impl Stage {
    /// Starts the cloud on its data and connects the network to it.
    ///
    /// # Errors
    /// Where it doesn't come up, with what it said.
    pub async fn start_cloud(&mut self) -> Outcome {
        let port_file = self.place.at("cloud/port");
        let _none = std::fs::remove_file(&port_file);
        let text = |name: &str| self.place.at(name).display().to_string();
        let (data, port, outbox) = (text("cloud"), text("cloud/port"), text("outbox"));
        let url = self.proxy.url();
        let mut args = vec!["--data", &data, "--listen", "127.0.0.1:0", "--port-file", &port];
        args.extend(["--public-url", &url, "--trusted-proxy", "127.0.0.1"]);
        if self.plan.outbox {
            args.extend(["--outbox", &outbox]);
        }
        args.extend(self.plan.cloud_args.iter().map(String::as_str));
        let clock = self.clock.cloud_file();
        let mut program = self.program("belay-cloud", &args).env(FileClock::VARIABLE, clock);
        for (name, value) in &self.plan.cloud_env {
            program = program.env(name, value);
        }
        let mut process = program.start()?;
        let found = until("belay-cloud to write its port", async || {
            if process.ended().is_ok_and(|end| end.is_some()) {
                return Some(None);
            }
            let text = std::fs::read_to_string(&port_file).ok()?;
            text.trim().parse::<u16>().ok().map(Some)
        })
        .await?;
        let port = found.ok_or_else(|| self.died("belay-cloud"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        self.proxy.connect(Some(address));
        self.cloud = Some(Cloud { process, address });
        Ok(())
    }

    /// Stops the cloud: from now on nobody answers behind the network.
    ///
    /// # Errors
    /// Where it doesn't stop.
    pub async fn stop_cloud(&mut self) -> Outcome {
        self.proxy.connect(None);
        if let Some(cloud) = self.cloud.take() {
            cloud.process.stop().await?;
        }
        Ok(())
    }

    /// Kills the cloud with `SIGKILL`.
    ///
    /// # Errors
    /// Where it doesn't die.
    pub async fn kill_cloud(&mut self) -> Outcome {
        self.proxy.connect(None);
        if let Some(cloud) = self.cloud.take() {
            cloud.process.kill().await?;
        }
        Ok(())
    }

    /// Waits for the end of a cloud that dies by itself.
    pub(super) async fn bury_cloud(&mut self) -> Outcome {
        self.proxy.connect(None);
        if let Some(mut cloud) = self.cloud.take() {
            cloud.process.wait().await?;
        }
        Ok(())
    }

    /// The running cloud.
    ///
    /// # Errors
    /// Where none runs.
    pub fn cloud(&self) -> Outcome<&Cloud> {
        self.cloud.as_ref().ok_or_else(|| Surprise::new("no cloud runs"))
    }

    /// The surprise that `role` ended, with the end of its log.
    pub(super) fn died(&self, role: &str) -> Surprise {
        let log =
            std::fs::read_to_string(self.place.at("logs").join(format!("{role}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default()
            .join("\n  ");
        Surprise::new(format!("{role} ended; it said:\n  {end}"))
    }
}
