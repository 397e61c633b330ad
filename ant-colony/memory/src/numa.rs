//! Asking for the memory of one node.
//!
//! Invariant: the range that a caller hands over is its own map, so a policy for its pages concerns
//! nobody else.

use std::io;
use std::ptr::NonNull;

/// `MPOL_PREFERRED` of `linux/mempolicy.h`: this node first, any other rather than none. A strict
/// binding would kill the program where the node has no explicit huge page left.
const PREFERRED: libc::c_ulong = 1;
/// Bits of a mask word.
const WORD_BITS: usize = libc::c_ulong::BITS as usize;
/// The kernel's own limit (`MAX_NUMNODES`).
const NODES_MAX: usize = 1024;

/// Prefers a node for the pages of the range that have not been touched yet.
pub(crate) fn prefer(start: NonNull<u8>, bytes: usize, node: usize) -> io::Result<()> {
    if node >= NODES_MAX {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut mask = [0 as libc::c_ulong; NODES_MAX / WORD_BITS];
    mask[node / WORD_BITS] |= 1 << (node % WORD_BITS);
    // The kernel reads one bit less than it is told.
    let bits: libc::c_ulong = NODES_MAX as libc::c_ulong + 1;
    // SAFETY: the call reads the mask, which lives until it returns, and `bits - 1` bits are in it; it
    // changes where untouched pages will come from, and nothing in the memory itself.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            start.as_ptr(),
            bytes,
            PREFERRED,
            mask.as_ptr(),
            bits,
            0 as libc::c_uint,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
