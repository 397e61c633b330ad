//! The wrapper on which the traits of others are implemented.

/// A reader or writer of Beehive that has the traits of tokio, futures-io and hyper, by feature.
///
/// It keeps nothing between two calls, so it can be put around a stream and taken off at any time.
///
/// # Cancel safety
///
/// A read or write that is dropped before it is ready has taken or given no byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compat<T> {
    pub(crate) inner: T,
}

impl<T> Compat<T> {
    /// Puts the traits around a stream.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream.
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream.
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Takes the traits off.
    pub fn into_inner(self) -> T {
        self.inner
    }
}
