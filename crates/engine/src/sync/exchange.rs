//! What one member tells another: the receiver shows what it has seen of each origin, the sender gives all that is newer
//! and not of the receiver's making, in the order in which it learned it. So nothing comes back to its maker (I9), and a
//! change arrives once, however many ways lead to a member (I5, F92).

use syncline_model::merge::Vector;
use syncline_model::origin::Origin;
use syncline_model::stamp::Stamp;
use syncline_model::{Error, ErrorKind, Result};

use super::coded;
use super::control::{self, UNIT};
use super::draft::Done;
use super::node::Node;

/// Brings one member all that the other knows and it does not. `cursor` is how far the sender's log is known to be there.
///
/// # Errors
/// What either database says; [`ErrorKind::PositionLost`] if one of the two was put back to an earlier state, or copied.
pub async fn deliver(from: &mut Node, to: &mut Node, cursor: &mut u64) -> Result<Done> {
    let mut done = Done::default();
    check(from, to).await?;
    if *cursor < from.memory.seq {
        // One moment judges all of it: else a unit could be held, and one that rests on it be let in a little later.
        let mut gate = to.gate().await?;
        let mut at = *cursor;
        while at < from.memory.seq {
            let due = from.due(to.origin, to.vector(), at).await;
            let (units, upto) = due.map_err(|e| e.at("member", &*from.name))?;
            if upto == at {
                // What is left was pruned: all have it.
                at = from.memory.seq;
                break;
            }
            if !units.is_empty() {
                done.add(to.import(&mut gate, &units).await?);
            }
            at = upto;
        }
        // What was held comes again.
        if done.held == 0 {
            *cursor = at;
        }
    }
    let (seen, known) = (to.vector().clone(), to.memory.known.clone());
    from.learn(to.origin, &seen, &known);
    let (seen, known) = (from.vector().clone(), from.memory.known.clone());
    to.learn(from.origin, &seen, &known);
    Ok(done)
}

/// Whether the two are what they were when they last met: a database that was put back, or is a copy of one that goes on
/// elsewhere, gives numbers a second time, and what it makes would be lost in silence (F12, F13).
async fn check(from: &mut Node, to: &Node) -> Result<()> {
    let (own, theirs) = (from.vector().clone(), to.vector().clone());
    if theirs.of(from.origin).number > own.of(from.origin).number {
        return Err(put_back(&from.name, &to.name));
    }
    if from.memory.known.get(&to.origin).is_some_and(|known| !theirs.covers_all(known)) {
        return Err(put_back(&to.name, &from.name));
    }
    for (origin, seen) in own.iter() {
        let there = theirs.of(origin);
        let forked = match there.number {
            0 => false,
            number if number == seen.number => there.stamp != seen.stamp,
            number if number < seen.number => {
                let end = is_an_end(from, origin, number, there.stamp).await;
                !end.map_err(|e| e.at("member", &*from.name))?
            }
            _ => false,
        };
        if forked {
            return Err(copied(&from.name, &to.name, origin));
        }
    }
    Ok(())
}

/// Whether what was seen ends where a unit of the log ends: units travel whole. What is not in the log any more was seen by
/// all.
async fn is_an_end(node: &mut Node, origin: Origin, number: u64, stamp: Stamp) -> Result<bool> {
    let rest =
        format!("WHERE origin = {} AND last_number >= {number} ORDER BY last_number LIMIT 1", origin.0.cast_signed());
    let Some(row) = node.member.select(UNIT, &rest).await?.into_iter().next() else { return Ok(true) };
    if control::count(&row, 2)? == number {
        return Ok(control::count(&row, 3)? == stamp.to_bits());
    }
    Ok(coded::read_unit(origin, control::bytes(&row, 4)?)?.first() > number)
}

/// How far ahead of another a member is, in changes of all origins.
pub fn ahead(from: &Vector, to: &Vector) -> u64 {
    from.iter().map(|(origin, seen)| seen.number.saturating_sub(to.of(origin).number)).sum()
}

fn put_back(name: &str, other: &str) -> Error {
    Error::new(
        ErrorKind::PositionLost,
        "this member knows less than it has told before: it was put back to an earlier state",
    )
    .at("member", name)
    .at("told", other)
    .hint("nothing was taken in. Look at what it has that others lack; then make the group anew (guide, chapter sync)")
}

fn copied(name: &str, other: &str, origin: Origin) -> Error {
    Error::new(
        ErrorKind::PositionLost,
        "two databases have made different changes under one id: one is a copy of the other",
    )
    .at("member", name)
    .at("other", other)
    .at("origin", origin.to_string())
    .hint("nothing was taken in. A copied database must leave its group first: `syncline sync --leave`")
}
