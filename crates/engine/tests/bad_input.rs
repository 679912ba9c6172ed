//! Files, arguments and databases that are wrong, and how Syncline says so.
