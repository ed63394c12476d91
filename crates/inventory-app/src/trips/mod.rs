//! Trips: who rode which bike when, and the way that was taken.

mod track;
mod track_model;

pub use track::Track;
