//! Errors named by what the caller can do next.
//!
//! One type for the whole product: what failed, where, what to do. No blanket conversion from a driver's
//! error: only the connector knows which side it stands on, so the connector converts.
//! Promise I15: no text that ends here may hold a secret or a cell's value.

use std::fmt;

/// `Result` with the product's own [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error. At most 15 kinds; [`ErrorKind::policy`] is the one table of
/// retry and advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The configuration or the command line is wrong; nothing was started.
    Config,
    /// A connection, table or column that was named does not exist.
    NotFound,
    /// Login or right refused.
    Denied,
    /// The other side does not answer, or went away.
    Unreachable,
    /// The other side is there but locked, throttled or deadlocked.
    Busy,
    /// No space left, or a quota reached.
    Full,
    /// The two schemas do not fit each other.
    Schema,
    /// A value that the sink cannot hold exactly (I10: refused by name, never altered).
    Value,
    /// A rule of the database (unique, foreign key, check, not null) refused a change.
    Constraint,
    /// The connector cannot do this.
    Unsupported,
    /// The position is not one that this source can continue from.
    PositionLost,
    /// Another process took the lane over; this one must stop.
    Fenced,
    /// Bytes that are not what they should be.
    Corrupt,
    /// Stopped on request.
    Interrupted,
    /// A promise of our own code is broken.
    Bug,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Again after a short back-off.
    Soon,
    /// Only a person can change the outcome.
    Never,
}

/// One row of the table behind [`ErrorKind::policy`].
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Short name for `--json` and logs.
    pub name: &'static str,
    /// Whether the retry decorator tries again.
    pub retry: Retry,
    /// What to do next, when the error itself carries no closer hint.
    pub advice: &'static str,
}

impl ErrorKind {
    /// Every kind, for tests and documentation.
    pub const ALL: [Self; 15] = [
        Self::Config,
        Self::NotFound,
        Self::Denied,
        Self::Unreachable,
        Self::Busy,
        Self::Full,
        Self::Schema,
        Self::Value,
        Self::Constraint,
        Self::Unsupported,
        Self::PositionLost,
        Self::Fenced,
        Self::Corrupt,
        Self::Interrupted,
        Self::Bug,
    ];

    /// The one table of retry and advice.
    #[must_use]
    pub const fn policy(self) -> Policy {
        use Retry::{Never, Soon};
        let (name, retry, advice) = match self {
            Self::Config => ("config", Never, "correct the command line or the configuration file"),
            Self::NotFound => ("not_found", Never, "check the name; `syncline check` lists what is there"),
            Self::Denied => ("denied", Never, "grant the missing right, or use another login"),
            Self::Unreachable => ("unreachable", Soon, "check address and network; the same command continues"),
            Self::Busy => ("busy", Soon, "wait for the other program to finish; the same command continues"),
            Self::Full => ("full", Never, "make room; the same command continues where this one stopped"),
            Self::Schema => ("schema", Never, "change the sink's table, or map or exclude the column"),
            Self::Value => ("value", Never, "change the value at the source, or the column's type at the sink"),
            Self::Constraint => ("constraint", Never, "look at the row named here, on both sides"),
            Self::Unsupported => ("unsupported", Never, "see the guide for what this connector can do"),
            Self::PositionLost => ("position_lost", Never, "start over from a snapshot"),
            Self::Fenced => ("fenced", Never, "another process runs this job; let only one of them go on"),
            Self::Corrupt => ("corrupt", Never, "check the file or database with its own tools"),
            Self::Interrupted => ("interrupted", Never, "run the same command again; it continues"),
            Self::Bug => ("bug", Never, "please report this with the command and the output of `-v`"),
        };
        Policy { name, retry, advice }
    }
}

/// One error: what failed, of which kind, where, what to do next, and the cause.
///
/// A single boxed pointer, so that `Result<T>` stays small on the data path.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: String,
    at: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry: Retry,
    change: Option<u64>,
    columns: bool,
}

impl Error {
    /// An error of `kind`; `what` is one clause without a final stop, free of secrets and cell values.
    #[must_use]
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            what: what.into(),
            at: Vec::new(),
            hint: None,
            source: None,
            retry: kind.policy().retry,
            change: None,
            columns: false,
        }))
    }

    /// Adds where it happened, for example `("table", "orders")`.
    #[must_use]
    pub fn at(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.at.push((key, value.into()));
        self
    }

    /// Says what to do next, closer than the kind's general advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks that retrying was already tried and given up, so that nobody above retries again.
    #[must_use]
    pub fn given_up(mut self) -> Self {
        self.0.retry = Retry::Never;
        self
    }

    /// Names the change that was refused by its `_ord`, so that the lane can set it aside.
    #[must_use]
    pub fn of_change(mut self, ord: u64) -> Self {
        self.0.change = Some(ord);
        self
    }

    /// `_ord` of the change that was refused, if it was one.
    #[must_use]
    pub fn change(&self) -> Option<u64> {
        self.0.change
    }

    /// Says that columns of a source's table have come or gone, so that looking at both ends again may help.
    #[must_use]
    pub fn of_columns(mut self) -> Self {
        self.0.columns = true;
        self
    }

    /// Whether columns of a source's table have come or gone.
    #[must_use]
    pub fn is_of_columns(&self) -> bool {
        self.0.columns
    }

    /// The error as it is shown, without these of its places: what it says of a change however often it is read.
    #[must_use]
    pub fn without(&self, keys: &[&str]) -> String {
        struct Without<'a>(&'a Error, &'a [&'a str]);
        impl fmt::Display for Without<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, self.1)
            }
        }
        Without(self, keys).to_string()
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What failed, without place and cause.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Where it failed.
    #[must_use]
    pub fn places(&self) -> &[(&'static str, String)] {
        &self.0.at
    }

    /// What to do next: the error's own hint, or its kind's advice.
    #[must_use]
    pub fn advice(&self) -> &str {
        self.0.hint.as_deref().unwrap_or(self.0.kind.policy().advice)
    }
}

impl Error {
    fn write(&self, f: &mut fmt::Formatter<'_>, left_out: &[&str]) -> fmt::Result {
        f.write_str(&self.0.what)?;
        let mut open = false;
        for (key, value) in self.0.at.iter().filter(|(key, _)| !left_out.contains(key)) {
            write!(f, "{}{key} {value}", if open { ", " } else { " [" })?;
            open = true;
        }
        if open {
            f.write_str("]")?;
        }
        let mut cause = self.0.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(e) = cause {
            write!(f, ": {e}")?;
            cause = e.source();
        }
        Ok(())
    }
}

/// What failed, where in brackets, then the causes. The advice is separate: [`Error::advice`].
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &[])
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.policy().name)
    }
}

/// The causes are part of [`Display`](fmt::Display), so `source` is not offered a second time.
impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
