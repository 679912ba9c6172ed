//! What a transaction changes of what applications see, without looking at every row.
//!
//! [`view`](super::view) says what is right; this says how the rows that a transaction touched change it. Both agree on
//! every row, whatever happened:
//!
//! - *Claims* (`claims.rs`). The rows whose claim changed are *open*. A row whose unique values become taken or free by
//!   that is opened too, and so on. Whether a row is admitted depends on earlier claims alone, so a row that none of
//!   its values tells anything new stays as it is.
//! - *Parents* (`parents.rs`). Visible is the largest set of admitted rows in which every reference is answered. A set of
//!   rows is worked out anew, the rest stays as it is stored. Whoever refers to what came or went joins it; and of a
//!   row that stays hidden its hidden parents do, or rows that refer to each other in a circle would never return.
//!
//! What is asked for grows with what changes and clashes, and not with the table.

mod claims;
mod known;
mod parents;

use std::collections::BTreeMap;

use super::row::{Cells, RowState};
use super::rules::Group;
use super::view::Fate;
use crate::error::Result;
use known::Known;

/// A row of the group: the position of its table, and its key.
pub type RowKey = (usize, Cells);

/// Rows that are asked for: those of a table that have these values in these columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// Position of the table in the group.
    pub table: usize,
    /// Positions of columns that an index serves: of a unique index, of a foreign key, or where a foreign key points.
    pub columns: Vec<usize>,
    /// Their values; none is null.
    pub values: Cells,
    /// Which of them.
    pub among: Among,
}

/// Which of the rows that have certain values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Among {
    /// Those that have what they claim: visible, or parked for a reference. Of a unique value at most one.
    Admitted,
    /// Those that are parked for a unique index, whichever it is.
    Waiting,
}

impl Among {
    /// Whether rows of that fate are meant.
    #[must_use]
    pub fn is(self, fate: Fate) -> bool {
        use super::view::Reason;
        match fate {
            Fate::Visible | Fate::Parked(Reason::Reference(_)) => self == Self::Admitted,
            Fate::Parked(Reason::Unique(_)) => self == Self::Waiting,
            Fate::Parked(Reason::Incomplete) => false,
        }
    }
}

/// A row as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Position of the table in the group.
    pub table: usize,
    /// The row.
    pub key: Cells,
    /// What is known of it.
    pub row: RowState,
    /// What the last transaction made of it.
    pub fate: Fate,
}

/// What one transaction reads of a node's rows. Visible rows are in the application's tables, the others in a table of
/// parked ones; each ask is an indexed lookup in one or both.
///
/// A caller whose store is a database finds what users have committed, folded or not. So when all is found it locks what it
/// is to write, and only then looks whether anything was committed that it has not folded; if so, some answer may have
/// told of that, and the transaction begins again. What it only reads it may lock and need not: a user's later change
/// of such a row meets the constraints of the database, and then one of the two begins again, or is folded next.
pub trait Rows {
    /// All rows that at least one of the asks is about, in any order, each once or more. Rows too many do no harm; of
    /// rows that the transaction touched it does not matter whether and how they are answered.
    ///
    /// # Errors
    /// What reading can lead to.
    fn find(&mut self, asked: &[Ask]) -> Result<Vec<Stored>>;
}

/// A row whose state the transaction has changed: folded, taken in, released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// What was known of it; absent if nothing.
    pub before: Option<RowState>,
    /// What it was then; absent if it was dead or unknown.
    pub fate: Option<Fate>,
    /// What is known of it now; absent if it was forgotten.
    pub after: Option<RowState>,
}

/// A row that applications see otherwise than before, or that is parked for another reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ripple {
    /// What it was; absent if it was dead or unknown.
    pub was: Option<Fate>,
    /// What it is; absent if it is dead or unknown. Where it was visible and is, its values are others.
    pub fate: Option<Fate>,
    /// What is known of it.
    pub row: Option<RowState>,
}

/// The rows whose fate or shown values change by what the transaction touched, and no others: exactly the difference
/// between [`view`](super::view) before and after.
///
/// Of a touched row that is not among them, the fate is what it was. If its application's own transaction is what was
/// folded, its table may show another row all the same, and the caller compares.
///
/// # Errors
/// - What [`Rows::find`] returns.
/// - [`ErrorKind::Bug`](crate::ErrorKind::Bug): a row is of a table that the group does not have.
pub fn ripple(
    group: &Group,
    rows: &mut dyn Rows,
    touched: &BTreeMap<RowKey, Touched>,
) -> Result<BTreeMap<RowKey, Ripple>> {
    let mut known = Known::new(group, touched)?;
    let open = claims::admit(&mut known, rows)?;
    parents::show(&mut known, rows, open)?;
    Ok(known.differences())
}
