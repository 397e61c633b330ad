//! Tests of the codec through its public interface.

mod checks;
mod inline;
mod properties;
mod replies;
mod requests;
