//! The depth of a data statement: its levels, tables and conditions, by way of the parser crate.
//!
//! The only folder that names the parser crate. It is fed our own tokens, never the text, so that both readings cannot differ on comments, quotes
//! and literals: each literal is handed over as the number of its slot. What it does not recognise is an error, never a guess; it classifies nothing.
//! Start at [`reader`].

mod conditions;
mod expressions;
mod names;
mod queries;
pub(super) mod reader;
mod tables;
mod tokens;
