//! How ranks, images and units are kept and travel: bytes, each form with its version in front.
//!
//! Cells are in their [canonical form](syncline_model::Cell::canonical_bytes), so equal rows have equal bytes everywhere.

use sha2::{Digest as _, Sha256};
use syncline_model::merge::{
    Cells, Change, Deed, Edit, Fate, Rank, Reason, Register, RowState, TableRules, Unit, Write,
};
use syncline_model::origin::Origin;
use syncline_model::stamp::Stamp;
use syncline_model::{CellBuf, Error, ErrorKind, Result};

/// The version of every form here.
const FORM: u8 = 1;

/// A rank that nobody has: that of rows which were there when the group was made and were not touched since.
pub const UNTOUCHED: Rank = Rank { stamp: Stamp::ZERO, origin: Origin(0) };

/// The ranks of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    pub inserted: Option<Rank>,
    pub deleted: Option<Rank>,
    pub registers: Vec<Option<Rank>>,
}

impl Ranks {
    pub fn of(row: &RowState) -> Self {
        let registers = row.registers.iter().map(|r| r.as_ref().map(|r| r.rank)).collect();
        Self { inserted: row.inserted, deleted: row.deleted, registers }
    }

    /// Those of a row that nobody has touched.
    pub fn untouched(registers: usize) -> Self {
        Self { inserted: Some(UNTOUCHED), deleted: None, registers: vec![Some(UNTOUCHED); registers] }
    }
}

fn put_number(number: usize, out: &mut Vec<u8>) {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_rank(rank: Rank, out: &mut Vec<u8>) {
    out.extend_from_slice(&rank.stamp.to_bits().to_be_bytes());
    out.extend_from_slice(&rank.origin.0.to_be_bytes());
}

/// The cells one after the other; their number is known from elsewhere.
pub fn put_cells(cells: &[CellBuf], out: &mut Vec<u8>) {
    cells.iter().for_each(|cell| cell.as_cell().canonical_bytes(out));
}

/// What finds cells in an index: the first 16 bytes of a SHA-256 over their canonical form.
pub fn hash(cells: &[CellBuf]) -> CellBuf {
    let mut bytes = Vec::with_capacity(64);
    put_cells(cells, &mut bytes);
    digest(&bytes)
}

/// The same of any bytes.
pub fn digest(bytes: &[u8]) -> CellBuf {
    let digest = Sha256::digest(bytes);
    CellBuf::Bytes(digest.get(..16).unwrap_or_default().into())
}

/// Each rank once, then for insert, delete and every register which one it is.
pub fn ranks(ranks: &Ranks) -> Vec<u8> {
    let all = || [ranks.inserted, ranks.deleted].into_iter().chain(ranks.registers.iter().copied());
    let mut distinct: Vec<Rank> = all().flatten().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let mut out = vec![FORM];
    put_number(distinct.len(), &mut out);
    distinct.iter().for_each(|rank| put_rank(*rank, &mut out));
    for rank in all() {
        let place = rank.and_then(|rank| distinct.binary_search(&rank).ok()).map_or(0, |place| place + 1);
        out.extend_from_slice(&u16::try_from(place).unwrap_or(u16::MAX).to_be_bytes());
    }
    out
}

/// The inverse of [`ranks`].
pub fn read_ranks(bytes: &[u8], registers: usize) -> Result<Ranks> {
    let mut bytes = Bytes::of(bytes)?;
    let count = bytes.number()?;
    let distinct: Vec<Rank> = (0..count).map(|_| bytes.rank()).collect::<Result<_>>()?;
    let mut rank = || -> Result<Option<Rank>> {
        match usize::from(u16::from_be_bytes(bytes.fixed()?)) {
            0 => Ok(None),
            place => distinct.get(place - 1).copied().map(Some).ok_or_else(damaged),
        }
    };
    let (inserted, deleted) = (rank()?, rank()?);
    Ok(Ranks { inserted, deleted, registers: (0..registers).map(|_| rank()).collect::<Result<_>>()? })
}

/// The values of a row that is not shown.
pub fn image(row: &RowState) -> Vec<u8> {
    let mut out = vec![FORM];
    for register in &row.registers {
        out.push(u8::from(register.is_some()));
        register.iter().for_each(|register| put_cells(&register.value, &mut out));
    }
    out
}

/// The row of that image and those ranks.
pub fn read_image(bytes: &[u8], ranks: &Ranks, rules: &TableRules) -> Result<RowState> {
    let mut bytes = Bytes::of(bytes)?;
    let registers = (0..rules.registers()).map(|at| {
        if bytes.fixed::<1>()? == [0] {
            return Ok(None);
        }
        let value = bytes.cells(rules.columns(at).len())?;
        let rank = ranks.registers.get(at).copied().flatten().ok_or_else(damaged)?;
        Ok(Some(Register { rank, value }))
    });
    let registers = registers.collect::<Result<Vec<_>>>()?;
    Ok(RowState { inserted: ranks.inserted, deleted: ranks.deleted, registers: registers.into() })
}

/// A fate as a number; a dead row has none.
pub fn fate(fate: Option<Fate>) -> i64 {
    match fate {
        None => 0,
        Some(Fate::Visible) => 1,
        Some(Fate::Parked(Reason::Incomplete)) => 2,
        Some(Fate::Parked(Reason::Unique(index))) => 1000 + 2 * i64::try_from(index).unwrap_or(0),
        Some(Fate::Parked(Reason::Reference(index))) => 1001 + 2 * i64::try_from(index).unwrap_or(0),
    }
}

/// The inverse of [`fate`].
pub fn read_fate(number: i64) -> Result<Option<Fate>> {
    let index = || usize::try_from((number - 1000) / 2).map_err(|_| damaged());
    Ok(match number {
        0 => None,
        1 => Some(Fate::Visible),
        2 => Some(Fate::Parked(Reason::Incomplete)),
        1000.. if number % 2 == 0 => Some(Fate::Parked(Reason::Unique(index()?))),
        1000.. => Some(Fate::Parked(Reason::Reference(index()?))),
        _ => return Err(damaged()),
    })
}

/// The changes of a unit; who made it stands beside.
pub fn unit(unit: &Unit) -> Vec<u8> {
    let mut out = vec![FORM];
    put_number(unit.changes.len(), &mut out);
    for change in &unit.changes {
        out.extend_from_slice(&change.number.to_be_bytes());
        out.extend_from_slice(&change.stamp.to_bits().to_be_bytes());
        put_number(change.edits.len(), &mut out);
        for edit in &change.edits {
            put_number(edit.table, &mut out);
            out.push(match edit.deed {
                Deed::Insert => b'I',
                Deed::Update => b'U',
                Deed::Delete => b'D',
            });
            put_number(edit.key.len(), &mut out);
            put_cells(&edit.key, &mut out);
            put_number(edit.writes.len(), &mut out);
            edit.writes.iter().for_each(|write| put_write(write, &mut out));
        }
    }
    out
}

fn put_write(write: &Write, out: &mut Vec<u8>) {
    put_number(write.register, out);
    out.push(u8::from(write.base.is_some()));
    write.base.iter().for_each(|base| put_rank(*base, out));
    put_number(write.value.len(), out);
    put_cells(&write.value, out);
}

/// The inverse of [`unit`].
pub fn read_unit(origin: Origin, bytes: &[u8]) -> Result<Unit> {
    let mut bytes = Bytes::of(bytes)?;
    let changes = bytes.number()?;
    let changes = (0..changes).map(|_| {
        let number = u64::from_be_bytes(bytes.fixed()?);
        let stamp = Stamp::from_bits(u64::from_be_bytes(bytes.fixed()?));
        let edits = bytes.number()?;
        let edits = (0..edits).map(|_| bytes.edit()).collect::<Result<_>>()?;
        Ok(Change { number, stamp, edits })
    });
    Ok(Unit { origin, changes: changes.collect::<Result<_>>()? })
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "what a member keeps of its sync group cannot be read")
        .hint("only Syncline may write to its tables; the guide's chapter on sync says how to make the group anew")
}

/// Bytes that are being read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self> {
        let mut bytes = Self(bytes);
        if bytes.fixed()? == [FORM] { Ok(bytes) } else { Err(damaged()) }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<usize> {
        usize::try_from(u32::from_be_bytes(self.fixed()?)).map_err(|_| damaged())
    }

    fn rank(&mut self) -> Result<Rank> {
        let stamp = Stamp::from_bits(u64::from_be_bytes(self.fixed()?));
        Ok(Rank { stamp, origin: Origin(u64::from_be_bytes(self.fixed()?)) })
    }

    fn cells(&mut self, count: usize) -> Result<Cells> {
        let cells = (0..count).map(|_| CellBuf::from_canonical(&mut self.0).ok_or_else(damaged));
        cells.collect::<Result<Vec<_>>>().map(Into::into)
    }

    fn edit(&mut self) -> Result<Edit> {
        let table = self.number()?;
        let deed = match self.fixed()? {
            [b'I'] => Deed::Insert,
            [b'U'] => Deed::Update,
            [b'D'] => Deed::Delete,
            _ => return Err(damaged()),
        };
        let cells = self.number()?;
        let key = self.cells(cells)?;
        let writes = self.number()?;
        let writes = (0..writes).map(|_| {
            let register = self.number()?;
            let base = if self.fixed()? == [1] { Some(self.rank()?) } else { None };
            let cells = self.number()?;
            Ok(Write { register, value: self.cells(cells)?, base })
        });
        Ok(Edit { table, key, deed, writes: writes.collect::<Result<_>>()? })
    }
}

/// Cells with their number in front, as they stand beside their hash.
pub fn cells(cells: &[CellBuf]) -> Vec<u8> {
    let mut out = vec![FORM];
    put_number(cells.len(), &mut out);
    put_cells(cells, &mut out);
    out
}

/// The inverse of [`cells`].
pub fn read_cells(bytes: &[u8]) -> Result<Cells> {
    let mut bytes = Bytes::of(bytes)?;
    let count = bytes.number()?;
    bytes.cells(count)
}

#[cfg(test)]
mod tests;
