//! The policy as workers call it: Beehive's own, or in this crate's unit tests one that can write
//! down what it is told, reads and decides.

#[cfg(test)]
mod recorded;

#[cfg(not(test))]
pub(crate) use beehive_policy::Policy;
#[cfg(test)]
pub(crate) use recorded::Policy;
