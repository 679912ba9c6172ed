//! Text that must never be shown.

use std::fmt;

use serde::{Serialize, Serializer};

/// What stands in place of a secret wherever it would be shown.
const MASK: &str = "***";

/// A password or another text that no error, log, JSON or debug print may contain (I15).
///
/// There is no `Display`, no `Deref` and no comparison: whoever needs the text says so with [`Secret::expose`], and
/// every such place is found by its name. Memory is not wiped on drop: drivers copy the text anyway.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself; only for the driver that logs in with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}
