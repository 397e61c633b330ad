//! Permits that own their gate, for tasks that must be `'static`.

use core::mem;

use super::error::{AcquireError, TryAcquireError};
use super::gate::Gate;
use crate::sync::Arc;

impl Gate {
    /// [`Gate::try_acquire`] with a permit that owns the gate.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Busy`] or [`TryAcquireError::Closed`].
    pub fn try_acquire_owned(gate: &Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        // What it admits to is given back by the owned permit instead.
        mem::forget(gate.try_acquire()?);
        Ok(OwnedPermit { gate: gate.clone() })
    }

    /// [`Gate::acquire`] with a permit and a future that own the gate.
    ///
    /// # Errors
    ///
    /// [`AcquireError`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`Gate::acquire`].
    pub async fn acquire_owned(
        gate: Arc<Self>,
        deadline: u64,
    ) -> Result<OwnedPermit, AcquireError> {
        // As above.
        mem::forget(gate.acquire(deadline).await?);
        Ok(OwnedPermit { gate })
    }
}

/// A [`Permit`](super::Permit) that owns its gate.
#[derive(Debug)]
#[must_use = "a permit that is dropped is given back"]
pub struct OwnedPermit {
    gate: Arc<Gate>,
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.gate.release();
    }
}
