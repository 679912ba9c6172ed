//! Rows as SQLite stores them, for a copy between two SQLite files: a value is its storage class and its content.
//!
//! What the value means is not asked on the way, so dates are not parsed to be printed again. The sink still looks
//! whether its column keeps the value as it is (I10).

use rusqlite::types::ValueRef;
use syncline_model::{Error, ErrorKind, Result};

/// The form's name.
pub const FORM: &str = "sqlite/1";

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// Appends one value: a byte for its storage class; 8 bytes of number, or 4 of length and the content.
pub fn append(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    match value {
        ValueRef::Null => out.push(NULL),
        ValueRef::Integer(v) => fixed(INTEGER, v.to_le_bytes(), out),
        ValueRef::Real(v) => fixed(REAL, v.to_le_bytes(), out),
        ValueRef::Text(bytes) => sized(TEXT, bytes, out)?,
        ValueRef::Blob(bytes) => sized(BLOB, bytes, out)?,
    }
    Ok(())
}

fn fixed(class: u8, bytes: [u8; 8], out: &mut Vec<u8>) {
    out.push(class);
    out.extend_from_slice(&bytes);
}

fn sized(class: u8, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    // SQLite's own limit is below 2 GiB.
    let length = u32::try_from(bytes.len()).map_err(|_| Error::new(ErrorKind::Value, "a value passes 4 GiB"))?;
    out.push(class);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Takes the next value off the front; absent if the bytes are no such form.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Option<ValueRef<'a>> {
    let (class, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match *class {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(i64::from_le_bytes(*array(bytes)?)),
        REAL => ValueRef::Real(f64::from_le_bytes(*array(bytes)?)),
        TEXT => ValueRef::Text(content(bytes)?),
        BLOB => ValueRef::Blob(content(bytes)?),
        _ => return None,
    })
}

fn array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn content<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(*array(bytes)?);
    let (content, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(content)
}

#[cfg(test)]
mod tests;
