//! Open loop: requests arrive when they arrive, whether or not the last is done, and latency counts
//! from then. [`window`] is a stretch of such arrivals and what became of them, [`crowd`] runs it on
//! a runtime, [`capacity`] looks for the highest load that a runtime bears, [`bimodal`] mixes short
//! requests with few long ones, [`model`] compares with the simulator.
//!
//! With two cores and two workers there is none left for a client: a task of the runtime itself
//! looks at the clock, spawns what is due, and yields. So an idle worker that takes this task over
//! finds what has arrived, and while all workers are busy nothing is lost, since latency counts from
//! the planned arrival. Runtimes of one thread run twice, each with a random half of the arrivals:
//! they have no other way to divide them.

mod bimodal;
mod capacity;
mod crowd;
mod model;
mod window;

pub(super) use bimodal::slowdown;
pub(super) use capacity::{NO_SPARGIO, exponential_10us, exponential_25us, exponential_100us};
pub(super) use model::simulated;
