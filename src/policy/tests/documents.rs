//! The document: what is accepted, what is refused, and where.
