//! Rows in a brand's own form.

use std::sync::Arc;

use arrow_buffer::Buffer;

use crate::schema::TableSchema;

/// Snapshot rows of one table as their database gives them, carried undecoded to a database of the same brand.
///
/// Only where nothing looks at a row between source and sink: no filter, no step, no clock, no parking. Which tables
/// that are is decided before any row moves; everything else travels as cells.
#[derive(Debug, Clone)]
pub struct NativeRows {
    /// The table; `bytes` hold its columns in this order.
    pub schema: Arc<TableSchema>,
    /// The form's name. Only its own brand knows more of it.
    pub form: &'static str,
    /// Number of rows.
    pub rows: usize,
    /// The rows, one after the other.
    pub bytes: Buffer,
}
