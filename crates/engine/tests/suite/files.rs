//! What only SQLite files have: storage classes, collations, triggers, generated columns.
