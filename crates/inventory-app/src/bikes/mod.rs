//! Bikes: where each of them is, and whether somebody rides it.

mod position;
mod position_model;

pub use position::Position;
