//! From the attributed function to the one that takes its place.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result};

use crate::options::Options;

pub(crate) fn main(options: TokenStream, function: &TokenStream) -> TokenStream {
    let expanded = parse(options, function).and_then(|(options, item)| {
        if item.sig.ident == "main" {
            Ok(rewrite(&options, item, &TokenStream::new(), &quote!()))
        } else {
            let text = "`#[beehive::main]` is for the function `main`; for another one call \
                        `beehive::block_on` inside it";
            Err(Error::new(item.sig.ident.span(), text))
        }
    });
    expanded.unwrap_or_else(|error| report(&error, function))
}

pub(crate) fn test(options: TokenStream, function: &TokenStream) -> TokenStream {
    let expanded = parse(options, function).map(|(mut options, item)| {
        options.workers.get_or_insert(1);
        rewrite(
            &options,
            item,
            &quote!(#[::core::prelude::v1::test]),
            &quote!(.pin(false)),
        )
    });
    expanded.unwrap_or_else(|error| report(&error, function))
}

fn parse(options: TokenStream, function: &TokenStream) -> Result<(Options, ItemFn)> {
    let options = syn::parse2(options)?;
    let item: ItemFn = syn::parse2(function.clone())?;
    if item.sig.asyncness.is_none() {
        let text = "the function must be `async`: its body is run as a future";
        return Err(Error::new(item.sig.fn_token.span, text));
    }
    if !item.sig.inputs.is_empty() {
        let text = "the function cannot have arguments: nobody would pass them";
        return Err(Error::new(item.sig.inputs.span(), text));
    }
    Ok((options, item))
}

/// The same function, not `async`, whose body runs the former one.
fn rewrite(
    options: &Options,
    item: ItemFn,
    attribute: &TokenStream,
    settings: &TokenStream,
) -> TokenStream {
    let ItemFn {
        attrs,
        vis,
        mut sig,
        block,
    } = item;
    sig.asyncness = None;
    let workers = options.workers.map(|workers| quote!(.workers(#workers)));
    let io = options
        .io
        .as_ref()
        .map(|io| quote!(.io(::beehive::Io::#io)));
    // In a function of its own, so that `return` and `?` mean the body, and errors of types point at
    // what the user has written.
    let output = &sig.output;
    let body = quote_spanned!(block.span()=> async fn body() #output #block);
    quote! {
        #attribute
        #(#attrs)*
        #vis #sig {
            #body
            let runtime = ::beehive::Runtime::builder() #workers #io #settings .build();
            match runtime {
                ::core::result::Result::Ok(runtime) => runtime.block_on(body()),
                ::core::result::Result::Err(error) => {
                    ::core::panic!("the Beehive runtime cannot start: {error}")
                }
            }
        }
    }
}

/// The error beside the function as it was, so that the rest of the program does not miss it.
fn report(error: &Error, function: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(expanded: &TokenStream) -> Option<String> {
        let text = expanded.to_string();
        let rest = text.split_once("compile_error ! {")?.1;
        Some(rest.split_once('}')?.0.trim().to_owned())
    }

    #[test]
    fn an_async_main_becomes_a_plain_one_with_the_options_in_its_builder() {
        let expanded = main(
            quote!(workers = 3, io = "epoll"),
            &quote!(
                async fn main() -> u8 {
                    7
                }
            ),
        );
        let text = expanded.to_string();
        assert_eq!(error_of(&expanded), None);
        assert!(text.starts_with("fn main () -> u8 {"), "{text}");
        assert!(text.contains(". workers (3usize)"), "{text}");
        assert!(text.contains("Io :: Epoll"), "{text}");
    }

    #[test]
    fn a_test_has_one_worker_unless_it_says_otherwise() {
        let one = test(
            quote!(),
            &quote!(
                async fn works() {}
            ),
        )
        .to_string();
        assert!(
            one.contains("(1usize)") && one.contains("prelude :: v1 :: test"),
            "{one}"
        );
        let two = test(
            quote!(workers = 2),
            &quote!(
                async fn works() {}
            ),
        )
        .to_string();
        assert!(two.contains("(2usize)"), "{two}");
    }

    #[test]
    fn mistakes_are_errors_that_say_what_to_do() {
        let good = quote!(
            async fn main() {}
        );
        for (options, function, text) in [
            (
                quote!(),
                quote!(
                    fn main() {}
                ),
                "must be `async`",
            ),
            (
                quote!(),
                quote!(
                    async fn main(x: u8) {}
                ),
                "cannot have arguments",
            ),
            (
                quote!(),
                quote!(
                    async fn other() {}
                ),
                "beehive::block_on",
            ),
            (quote!(workers = 0), good.clone(), "at least 1 worker"),
            (quote!(threads = 2), good.clone(), "`workers` and `io`"),
            (quote!(io = "kqueue"), good.clone(), "epoll"),
            (quote!(workers = 1, workers = 2), good.clone(), "twice"),
        ] {
            let expanded = main(options, &function);
            let error = error_of(&expanded).unwrap_or_default();
            assert!(error.contains(text), "{error} does not say {text}");
        }
    }
}
