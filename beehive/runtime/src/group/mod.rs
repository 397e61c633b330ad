//! Groups of tasks: [`JoinSet`], whose results come in the order in which the tasks end.

mod join_set;
pub(crate) mod ready;

pub use join_set::JoinSet;
