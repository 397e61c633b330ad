//! The options in the parentheses of an attribute.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token};

/// What was asked for; the rest is left to the runtime's builder.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) workers: Option<usize>,
    /// A variant of `beehive::Io`.
    pub(crate) io: Option<Ident>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let repeated = if name == "workers" {
                options.workers.replace(workers(input)?).is_some()
            } else if name == "io" {
                options.io.replace(io(input)?).is_some()
            } else {
                let text = format!("unknown option `{name}`: there are `workers` and `io`");
                return Err(Error::new(name.span(), text));
            };
            if repeated {
                let text = format!("`{name}` is given twice");
                return Err(Error::new(name.span(), text));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn workers(input: ParseStream<'_>) -> Result<usize> {
    let number: LitInt = input.parse()?;
    match number.base10_parse()? {
        0 => Err(Error::new(
            number.span(),
            "a runtime needs at least 1 worker; leave the option out for one per core",
        )),
        workers => Ok(workers),
    }
}

fn io(input: ParseStream<'_>) -> Result<Ident> {
    let name: LitStr = input.parse()?;
    let variant = match name.value().as_str() {
        "auto" => "Auto",
        "io_uring" => "IoUring",
        "epoll" => "Epoll",
        _ => {
            let text = "there are the reactors \"auto\", \"io_uring\" and \"epoll\"";
            return Err(Error::new(name.span(), text));
        }
    };
    Ok(Ident::new(variant, name.span()))
}
