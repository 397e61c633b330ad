//! Scopes: children that may borrow from the frame around them.
//!
//! A task must be `'static`, because it lives as long as it likes. A child of a scope may borrow,
//! because the scope does not end before it. That is a promise which a *future* cannot keep by
//! waiting in its destructor: a future can be leaked, its destructor never runs, and children on
//! other workers would go on using a frame that is gone. (The crate `async-scoped` has this hole; its
//! `scope_and_collect` is therefore unsafe.) So there are two kinds, and each is sound for a reason
//! of its own:
//!
//! | | children run | sound because |
//! |---|---|---|
//! | [`scope()`], [`scope_local`] | inside the task that awaits the scope, one at a time: **concurrency without parallelism** | children are owned by the scope's future. Leak it, and nobody polls them any more. |
//! | [`Runtime::scope`](crate::Runtime::scope), [`Handle::scope`](crate::Handle::scope) | on all workers, **in parallel** | the call *blocks* its thread until all children are gone, also when it panics. A thread that blocks cannot leak its frame. |
//!
//! The blocking kind must not be called by a worker, and says so. For parallel work on borrowed data
//! from inside a task, use [`fork`](crate::fork), where the worker itself helps until all is done.

mod blocking;
mod children;
mod in_task;
mod packet;

pub use blocking::{Scope, ScopedTask};
pub use in_task::{Child, LocalScope, TaskScope, scope, scope_local};

pub(crate) use blocking::run;
