//! Addresses, and names that stand for them.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::blocking::unblock;

/// What sockets can be bound or connected to: addresses, and names with a port, such as
/// `"localhost:80"` or `("localhost", 80)`.
///
/// Names are looked up by the system's resolver, on a thread that may block; addresses, also as
/// text, need no look-up. The trait is sealed.
pub trait ToSocketAddrs: sealed::Target {}

impl<T: sealed::Target + ?Sized> ToSocketAddrs for T {}

mod sealed {
    use super::Lookup;

    pub trait Target {
        #[doc(hidden)]
        fn lookup(&self) -> Lookup;
    }
}

/// What has to be looked up, if anything.
#[doc(hidden)]
#[derive(Debug)]
pub enum Lookup {
    Known(Vec<SocketAddr>),
    /// A name with its port, as one text.
    Text(String),
    /// A name and its port.
    Name(String, u16),
}

/// Looks up the addresses of a name with a port.
///
/// # Errors
///
/// Those of the resolver; `InvalidInput` for text that is not `name:port`.
///
/// # Cancel safety
///
/// The look-up goes on without the future, and its result is dropped.
pub async fn lookup_host(
    target: impl ToSocketAddrs,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    Ok(resolve(&target).await?.into_iter())
}

/// The addresses of a target, at least one.
pub(super) async fn resolve(target: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let found = match target.lookup() {
        Lookup::Known(addresses) => addresses,
        Lookup::Text(text) => unblock(move || collect(text.as_str())).await?,
        Lookup::Name(name, port) => unblock(move || collect((name.as_str(), port))).await?,
    };
    if found.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name stands for no address",
        ));
    }
    Ok(found)
}

fn collect(target: impl std::net::ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    Ok(target.to_socket_addrs()?.collect())
}

/// Tries the addresses of a target in order; gives the first success or the last error.
pub(super) async fn first_of<T, F>(
    target: &impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = None;
    for address in resolve(target).await? {
        match attempt(address).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Targets that are addresses already.
macro_rules! known {
    ($($address:ty),*) => {
        $(impl sealed::Target for $address {
            fn lookup(&self) -> Lookup {
                Lookup::Known(vec![SocketAddr::from(*self)])
            }
        })*
    };
}

known!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl sealed::Target for [SocketAddr] {
    fn lookup(&self) -> Lookup {
        Lookup::Known(self.to_vec())
    }
}

impl sealed::Target for str {
    fn lookup(&self) -> Lookup {
        match self.parse() {
            Ok(address) => Lookup::Known(vec![address]),
            Err(_) => Lookup::Text(self.to_owned()),
        }
    }
}

impl sealed::Target for String {
    fn lookup(&self) -> Lookup {
        self.as_str().lookup()
    }
}

impl sealed::Target for (&str, u16) {
    fn lookup(&self) -> Lookup {
        match self.0.parse::<IpAddr>() {
            Ok(address) => (address, self.1).lookup(),
            Err(_) => Lookup::Name(self.0.to_owned(), self.1),
        }
    }
}

impl sealed::Target for (String, u16) {
    fn lookup(&self) -> Lookup {
        (self.0.as_str(), self.1).lookup()
    }
}

impl<T: sealed::Target + ?Sized> sealed::Target for &T {
    fn lookup(&self) -> Lookup {
        (**self).lookup()
    }
}
