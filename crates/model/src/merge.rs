//! Merge: how the nodes of a sync group come to hold the same rows, whatever the order in which changes arrive.
//!
//! Everything is a maximum over one total order ([`Rank`]), so order and duplicates cannot matter (I6, I7). A row's
//! [`RowState`] is the newest insert, the newest delete, and per *register* (the columns that share a stamp) the newest
//! value. What an application sees is [`view`], a pure function of that state: it parks what unique and foreign keys do
//! not allow, and parked rows return by themselves.
//!
//! A node cannot ask for the view of millions of rows in each transaction. [`ripple`] is the view's difference before and
//! after: it begins at the rows that the transaction touched and looks, by indexed lookups ([`Rows`]), only at those that
//! share a unique value or a reference with one whose fate changes.
//!
//! A node does three things, each in one transaction of its database: [`fold`] gives its own changes number and stamp,
//! once; [`State::apply`] takes in what other nodes made, as far as [`Intake`] lets it; [`State::release`] forgets
//! tombstones that nobody can need any more.
//!
//! Absent on purpose: storage, clocks, and the exchange itself. The caller passes the time, locks rows before it folds,
//! and delivers what a node knows in the order in which that node learned it. The last is what makes a conflict exact:
//! see [`RowState::apply`].

mod fold;
mod intake;
mod rank;
mod ripple;
mod row;
mod rules;
mod state;
mod unit;
mod vector;
mod view;

pub use fold::{Folded, fold};
pub use intake::{Intake, Verdict};
pub use rank::Rank;
pub use ripple::{Among, Ask, Ripple, RowKey, Rows, Stored, Touched, ripple};
pub use row::{Cells, Loss, Lost, Register, RowState};
pub use rules::{Deletes, Group, Mode, TableRules};
pub use state::{RowLoss, State};
pub use unit::{Change, Deed, Edit, Unit, Write};
pub use vector::{Seen, Vector};
pub use view::{Fate, Reason, view};

#[cfg(test)]
mod tests;
