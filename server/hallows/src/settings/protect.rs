//! Protected mode: a server that anyone on the network could use is refused
//! unless the user said how it shall be protected.

use super::Settings;
use crate::failure::Failure;

/// Refuses a public address without a password.
pub(super) fn check(settings: &Settings) -> Result<(), Failure> {
    if !settings.protected_mode || settings.password.is_some() {
        return Ok(());
    }
    match settings
        .listen
        .iter()
        .find(|address| !address.ip().to_canonical().is_loopback())
    {
        None => Ok(()),
        Some(public) => Err(Failure::usage(
            format!("--listen {public} can be reached from other machines, and no password is set"),
            format!(
                "Do one of these:\n\
                 - set a password: --requirepass-file FILE (or HALLOWS_REQUIREPASS);\n\
                 - serve this machine only: --listen 127.0.0.1:{};\n\
                 - if the network itself is trusted: --protected-mode no.",
                public.port()
            ),
        )),
    }
}
