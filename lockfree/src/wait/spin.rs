//! Spinning, with a bound.

use crate::sync::spin_loop;

/// Counts futile tries and spins a little longer after each, up to a bound.
#[derive(Debug, Default, Clone)]
pub struct Spin {
    step: u32,
}

impl Spin {
    /// The longest single wait is two to this power of pauses.
    const STEP_MAX: u32 = 6;

    /// Nothing has been tried yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { step: 0 }
    }

    /// Pauses; true while another try is worth it before waiting in another way.
    #[inline]
    pub fn spin(&mut self) -> bool {
        let pauses = if crate::sync::MODELLED {
            1
        } else {
            1 << self.step
        };
        for _ in 0..pauses {
            spin_loop();
        }
        let again = self.step < Self::STEP_MAX;
        self.step += u32::from(again);
        again
    }
}
