//! Ending the demo from outside: the process that runs it if it lives, and whatever a crashed one has left.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags};

use super::DemoError;
use super::directory::Claim;
use super::instance::STOP_PATIENCE;
use super::process;
use super::state_file::{self, Files, State};

/// How long the demo's own process may take for its tear-down; longer than its servers may.
const DEMO_PATIENCE: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Nothing: no demo runs here.
    Nothing,
    /// A running demo, which has ended.
    Ended,
    /// The remains of a demo that had crashed; they are gone.
    Tidied,
}

/// Ends the demo in `directory`; doing it twice is no error. Errors: something cannot be ended or removed.
pub async fn down(directory: &Path) -> Result<Down, DemoError> {
    if !directory.exists() {
        return Ok(Down::Nothing);
    }
    let directory = directory.canonicalize().map_err(DemoError::file("find", directory))?;
    if let Some(claim) = Claim::take_abandoned(&directory)? {
        // A file nobody can read any more is no reason to leave servers running.
        let files = State::read(&directory).map_or(Files::Remove, |state| state.files);
        if files == Files::Keep && process::servers_below(&directory).is_empty() {
            return Ok(Down::Nothing);
        }
        tidy(claim, files).await?;
        return Ok(Down::Tidied);
    }
    if !state_file::path_in(&directory).exists() {
        return Ok(Down::Nothing);
    }
    let state = State::read(&directory)?;
    if let Some(pid) = Pid::from_raw(state.process)
        && let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty())
    {
        process::end(pid, handle, DEMO_PATIENCE).await?;
    }
    // Whatever the process did not manage; normally nothing is left.
    if let Some(claim) = Claim::take_abandoned(&directory)? {
        tidy(claim, state.files).await?;
    }
    Ok(Down::Ended)
}

/// Ends what still runs in a claimed directory and removes its files unless they are to stay. Errors: something cannot be ended or removed.
pub async fn tidy(claim: Claim, files: Files) -> Result<(), DemoError> {
    process::end_servers_below(claim.directory(), STOP_PATIENCE).await?;
    match files {
        Files::Remove => claim.remove(),
        Files::Keep => Ok(()),
    }
}
