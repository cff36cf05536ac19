//! The device of a stage: belayd and the warden, started, killed, reset.

use futures_util::StreamExt;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use super::Stage;
use crate::app::{ACCOUNT, App};
use crate::process::{self, Program};
use crate::until::within;
use crate::{Outcome, Surprise};

/// The name of belayd on the bus.
pub const BELAYD: &str = "org.belay1";

/// The name of the warden on the bus.
pub const WARDEN: &str = "org.belay1.Warden";

impl Stage {
    /// Makes the warden's first state, as the package's installation does.
    ///
    /// # Errors
    /// Where it refuses, with what it said.
    pub async fn init_warden(&self) -> Outcome {
        let status = self.warden_command(&["init"]).await?;
        if status == Some(0) {
            Ok(())
        } else {
            Err(self.died("belay-warden"))
        }
    }

    /// Runs `belay-warden --config … ARGS` to its end and returns its exit code.
    ///
    /// # Errors
    /// Where it can't be started, or doesn't end.
    pub async fn warden_command(&self, args: &[&str]) -> Outcome<Option<i32>> {
        let config = self.place.at("belay.toml").display().to_string();
        let mut all = vec!["--config", &config];
        all.extend(args);
        let (status, _) = self.program("belay-warden", &all).output().await?;
        Ok(status.code())
    }

    /// Starts belayd and waits until it has its name and knows the warden.
    ///
    /// # Errors
    /// Where it doesn't come up, with what it said.
    pub async fn start_belayd(&mut self) -> Outcome {
        self.launch_belayd().await?;
        self.settled().await
    }

    /// The same, where no file of belayd's may become longer than so many KiB, see [`Program::with_files_of`].
    ///
    /// # Errors
    /// Where it doesn't come up, with what it said.
    pub async fn start_belayd_with_files_of(&mut self, kib: u32) -> Outcome {
        self.launch(self.belayd_program().with_files_of(kib)).await?;
        self.settled().await
    }

    /// Starts belayd and waits until it has its name; what it knows of the warden is another matter.
    ///
    /// # Errors
    /// Where it doesn't come up, with what it said.
    pub async fn launch_belayd(&mut self) -> Outcome {
        self.launch(self.belayd_program()).await
    }

    fn belayd_program(&self) -> Program {
        let config = self.place.at("belay.toml").display().to_string();
        self.program("belayd", &["--config", &config])
    }

    async fn launch(&mut self, program: Program) -> Outcome {
        let dbus = DBusProxy::new(&self.person).await?;
        let mut owners = dbus.receive_name_owner_changed_with_args(&[(0, BELAYD)]).await?;
        let mut process = program.start()?;
        let came = tokio::select! {
            came = within("belayd to take its name", async {
                while let Some(change) = owners.next().await {
                    if change.args().is_ok_and(|a| a.new_owner().is_some()) {
                        return true;
                    }
                }
                false
            }) => came?,
            ended = process.wait() => { ended?; false }
        };
        if !came {
            return Err(self.died("belayd"));
        }
        self.belayd = Some(process);
        Ok(())
    }

    /// Waits until belayd has heard from the warden: before that its account's state is `unknown`.
    async fn settled(&self) -> Outcome {
        let app = App::new(&self.person);
        let mut account = app.watch(ACCOUNT).await?;
        within("belayd to hear from the warden", async {
            loop {
                match app.read(ACCOUNT, "State").await? {
                    // A lost device doesn't tell, and the signal that takes the property back has no value.
                    Err(refusal) if refusal.short() == "DeviceLost" => return Ok(()),
                    Ok(state) if is_known(&state) => return Ok(()),
                    Ok(_) => account.changed().await?,
                    Err(refusal) => return Err(refusal.into()),
                }
            }
        })
        .await?
    }

    /// Stops belayd with `SIGTERM`.
    ///
    /// # Errors
    /// Where it doesn't stop.
    pub async fn stop_belayd(&mut self) -> Outcome {
        match self.belayd.take() {
            Some(belayd) => belayd.stop().await.map(drop),
            None => Ok(()),
        }
    }

    /// Kills belayd with `SIGKILL`.
    ///
    /// # Errors
    /// Where it doesn't die.
    pub async fn kill_belayd(&mut self) -> Outcome {
        match self.belayd.take() {
            Some(belayd) => belayd.kill().await,
            None => Ok(()),
        }
    }

    /// The process that owns `name` on the bus, if one does.
    ///
    /// # Errors
    /// Where the bus doesn't answer.
    pub async fn owner(&self, name: &'static str) -> Outcome<Option<u32>> {
        let dbus = DBusProxy::new(&self.person).await?;
        // One question: an owner may leave between two.
        match dbus
            .get_connection_unix_process_id(BusName::try_from(name)?)
            .await
        {
            Ok(pid) => Ok(Some(pid)),
            Err(zbus::fdo::Error::NameHasNoOwner(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Kills the warden with `SIGKILL`, if it runs, and waits until the bus has noticed. The bus starts it again
    /// at the next call.
    ///
    /// # Errors
    /// Where it doesn't die.
    pub async fn kill_warden(&self) -> Outcome {
        let dbus = DBusProxy::new(&self.person).await?;
        // Before it is asked who that is: it may leave by itself at any time.
        let mut owners = dbus.receive_name_owner_changed_with_args(&[(0, WARDEN)]).await?;
        let Some(pid) = self.owner(WARDEN).await? else {
            return Ok(());
        };
        process::kill(pid)?;
        within("the warden to leave the bus", async {
            while let Some(change) = owners.next().await {
                if change.args().is_ok_and(|a| a.new_owner().is_none()) {
                    return Ok(());
                }
            }
            Err(Surprise::new("the bus went away"))
        })
        .await?
    }

    /// The device starts again: both programs die, boot time begins anew, belayd comes back.
    ///
    /// # Errors
    /// Where something doesn't die or come back.
    pub async fn reboot(&mut self) -> Outcome {
        self.kill_belayd().await?;
        self.kill_warden().await?;
        self.place.wipe("warden-run")?;
        self.clock.reboot()?;
        self.start_belayd().await
    }

    /// A factory reset that nobody authorised: everything both programs ever stored is gone, and the warden is
    /// initialised again. Only a reset-proof place survives.
    ///
    /// # Errors
    /// Where something doesn't die or come back.
    pub async fn factory_reset(&mut self) -> Outcome {
        self.kill_belayd().await?;
        self.kill_warden().await?;
        for folder in ["belayd", "warden", "warden-run"] {
            self.place.wipe(folder)?;
        }
        self.clock.reboot()?;
        self.init_warden().await?;
        self.start_belayd().await
    }
}

fn is_known(state: &zbus::OwnedVariant) -> bool {
    <&str>::try_from(&**state).is_ok_and(|state| state != "unknown")
}
