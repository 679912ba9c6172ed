//! Databases as people have them.
