//! Secrets that stand elsewhere: `env:NAME`, `file:/path`; any other text is the secret itself.
//!
//! Nothing here prints a secret, its length or its beginning.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a secret cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The variable is not set, or not text.
    #[error("env:{0}, which is not set")]
    Variable(String),
    /// The variable or file is there, and empty: more likely an accident than a wish.
    #[error("{0}, which is empty")]
    Empty(String),
    /// The file cannot be read.
    #[error("file:{}, which cannot be read ({source})", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The secret that `text` names or is; a relative file starts at `folder`. One line end after a file's content is dropped.
pub fn reveal(text: &str, folder: &Path) -> Result<String, SecretError> {
    let secret = if let Some(variable) = text.strip_prefix("env:") {
        std::env::var(variable).map_err(|_| SecretError::Variable(variable.to_owned()))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let path = folder.join(path);
        let content = std::fs::read_to_string(&path).map_err(|source| SecretError::File { path, source })?;
        let content = content.strip_suffix('\n').unwrap_or(&content);
        content.strip_suffix('\r').unwrap_or(content).to_owned()
    } else {
        return Ok(text.to_owned());
    };
    if secret.is_empty() { Err(SecretError::Empty(text.to_owned())) } else { Ok(secret) }
}
