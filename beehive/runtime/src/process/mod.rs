//! Child processes: started as by [`std::process`], awaited through a file that tells of their end.

mod child;
mod command;

pub use child::Child;
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
