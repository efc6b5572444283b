//! JSON as it was found, and what is said of it when it is not what was expected.

use std::path::Path;

use serde_json::Value;

use super::ImportError;

/// The JSON of a file; errors speak of it as `name`.
pub(super) fn json(path: &Path, name: &str) -> Result<Value, ImportError> {
    let failed = |why: String| ImportError::File { file: name.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// A member that is a text, or a number as one.
pub(super) fn text_of(value: &Value, file: &str, member: &'static str) -> Result<String, ImportError> {
    match &value[member] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(shape(file, other, member)),
    }
}

/// A modulus: a whole number, or nothing where keys are placed whole.
pub(super) fn modulus_of(value: &Value, file: &str) -> Result<Option<u32>, ImportError> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.as_str() {
        "" => Ok(None),
        text => text
            .parse::<u32>()
            .ok()
            .filter(|modulus| (1..=65_536).contains(modulus))
            .map(Some)
            .ok_or_else(|| shape(file, value, "mod, a whole number from 1 to 65536, or nothing")),
    }
}

/// The items of a list.
pub(super) fn list<'a>(file: &str, value: &'a Value, expected: &'static str) -> Result<&'a [Value], ImportError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| shape(file, value, expected))
}

/// What stands where something else was expected.
pub(super) fn shape(file: &str, found: &Value, expected: &'static str) -> ImportError {
    let found = found.to_string().chars().take(80).collect();
    ImportError::Shape { file: file.to_owned(), found, expected }
}
