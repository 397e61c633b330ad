//! `#[beehive::main]` and `#[beehive::test]`: an `async` function becomes a plain one that runs its
//! body on a runtime made for it.
//!
//! Use them through `beehive`, whose documentation of the two attributes holds for here as well: the
//! code that they make names that crate. `options` reads what stands in the parentheses,
//! `expand` writes the function.

#![forbid(unsafe_code)]

mod expand;
mod options;

use proc_macro::TokenStream;

/// Makes an `async fn main` the start of a program: its body runs on a Beehive runtime.
///
/// ```
/// #[beehive::main(workers = 2, io = "epoll")]
/// async fn main() -> std::io::Result<()> {
///     Ok(())
/// }
/// ```
///
/// - `workers = N`: how many workers; one for each core by default.
/// - `io = "auto" | "io_uring" | "epoll"`: the reactor; the best that works by default.
///
/// For anything else describe a `beehive::Runtime` by its builder.
///
/// # Panics
///
/// The function panics if the runtime cannot be started.
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::main(options.into(), &function.into()).into()
}

/// Makes an `async fn` a test: its body runs on a Beehive runtime of its own, with one worker unless
/// the options say otherwise.
///
/// ```
/// #[beehive::test(workers = 2)]
/// async fn tasks_run() {
///     assert_eq!(beehive::spawn(async { 1 }).await.unwrap(), 1);
/// }
/// ```
///
/// The options are those of `#[beehive::main]`. Workers are not bound to cores, since tests run beside
/// each other. Other attributes, such as `#[should_panic]` and `#[ignore]`, work as usual.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::test(options.into(), &function.into()).into()
}
