//! The limit of open files: a proxy has one for each client and each connection to an instance.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit as far as the system lets it, and says when `wanted` is more.
pub fn raise(wanted: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted as u64) {
        tracing::warn!(allowed, wanted, "fewer files may be open than limits.connections and the pools may need");
    }
}
