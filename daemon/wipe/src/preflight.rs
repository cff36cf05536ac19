//! What must hold before a byte is changed.

use std::io;
use std::path::Path;

use crate::deeds;
use crate::luks::LuksError;
use crate::machine::{Found, Machine};
use crate::plan::{Plan, PowerOffMethod, Step, Work};

/// Why nothing is begun: a code and, for a person, the rest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Unfit {
    /// `journal-in-area`, `journal-not-durable`, `missing`, `not-luks2`, `not-a-device`, `mounted`,
    /// `no-program`, `unreadable`.
    pub reason: &'static str,
    /// Which path, and what is there.
    pub detail: String,
}

fn unfit<T>(reason: &'static str, detail: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit {
        reason,
        detail: detail.into(),
    })
}

/// Looks at everything that the plan names, and changes nothing.
///
/// # Errors
/// [`Unfit`], the first one found.
pub fn check(machine: &dyn Machine, plan: &Plan) -> Result<(), Unfit> {
    let durable = machine
        .durable(&plan.journal)
        .map_err(unreadable(&plan.journal))?;
    if !durable {
        return unfit(
            "journal-not-durable",
            format!("{} lies in memory", plan.journal.display()),
        );
    }
    plan.steps.iter().try_for_each(|step| {
        outside(machine, plan, step)?;
        fit(machine, step)
    })
}

/// The journal has to outlive the step.
fn outside(machine: &dyn Machine, plan: &Plan, step: &Step) -> Result<(), Unfit> {
    let paths: Vec<&Path> = match &step.work {
        Work::LuksKeyslots { device } | Work::Discard { device, .. } => vec![device],
        Work::Overwrite { target, .. } => vec![target],
        Work::Remove { paths } => paths.iter().map(|path| path.as_path()).collect(),
        Work::FactoryReset { .. } | Work::Exec { .. } | Work::PowerOff { .. } => Vec::new(),
    };
    let real = |path: &Path| machine.real(path).map_err(unreadable(path));
    let within = |journal: &Path, path: &Path| journal.starts_with(path) || path.starts_with(journal);
    for path in paths {
        let on_it = machine
            .lies_on(&plan.journal, path)
            .map_err(unreadable(&plan.journal))?;
        // As written, and as symlinks have it: /boot may be a link into the area.
        let inside = within(&plan.journal, path) || within(&real(&plan.journal)?, &real(path)?);
        if on_it || inside {
            return unfit(
                "journal-in-area",
                format!("{} lies in {}", plan.journal.display(), path.display()),
            );
        }
    }
    Ok(())
}

fn fit(machine: &dyn Machine, step: &Step) -> Result<(), Unfit> {
    match &step.work {
        Work::LuksKeyslots { device } => {
            if found(machine, step, device)? == Found::Missing {
                return Ok(());
            }
            sized(machine, device)?;
            match deeds::layout(machine, device) {
                Ok(_) => Ok(()),
                Err(LuksError::Read(error)) => Err(unreadable(device)(error)),
                Err(error) => unfit("not-luks2", format!("{}: {error}", device.display())),
            }
        }
        Work::Discard { device, mounted } => {
            if found(machine, step, device)? == Found::Missing {
                return Ok(());
            }
            sized(machine, device)?;
            free(machine, device, *mounted)
        }
        Work::Overwrite { target, mounted, .. } => match found(machine, step, target)? {
            Found::Other => unfit("not-a-device", target.display().to_string()),
            Found::Missing | Found::File(_) | Found::Folder => Ok(()),
            Found::Device(_) => free(machine, target, *mounted),
        },
        Work::Remove { paths } => paths
            .iter()
            .try_for_each(|path| found(machine, step, path).map(drop)),
        Work::FactoryReset { method } => installed(machine, deeds::reset_command(*method).0),
        Work::Exec { command, .. } => installed(machine, command.first().map_or("", String::as_str)),
        Work::PowerOff { method } => match method {
            PowerOffMethod::Kernel => Ok(()),
            PowerOffMethod::Systemd => installed(machine, deeds::SYSTEMCTL),
            PowerOffMethod::Exec(command) => installed(machine, command.first().map_or("", String::as_str)),
        },
    }
}

/// What is there. Only media that can be pulled out may be missing.
fn found(machine: &dyn Machine, step: &Step, path: &Path) -> Result<Found, Unfit> {
    match machine.look(path).map_err(unreadable(path))? {
        Found::Missing if !step.external => unfit("missing", path.display().to_string()),
        found => Ok(found),
    }
}

/// A device, or an image in a file.
fn sized(machine: &dyn Machine, device: &Path) -> Result<(), Unfit> {
    match machine.look(device).map_err(unreadable(device))? {
        Found::Device(_) | Found::File(_) => Ok(()),
        _ => unfit("not-a-device", device.display().to_string()),
    }
}

fn free(machine: &dyn Machine, device: &Path, mounted: bool) -> Result<(), Unfit> {
    if !mounted && machine.in_use(device).map_err(unreadable(device))? {
        return unfit(
            "mounted",
            format!(
                "{} is in use, and the step doesn't say `mounted = true`",
                device.display()
            ),
        );
    }
    Ok(())
}

fn installed(machine: &dyn Machine, program: &str) -> Result<(), Unfit> {
    match machine.program(program) {
        Some(_) => Ok(()),
        None => unfit("no-program", format!("{program} isn't installed")),
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Unfit {
    move |error| Unfit {
        reason: "unreadable",
        detail: format!("{}: {error}", path.display()),
    }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
