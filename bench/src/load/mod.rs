//! A load client of our own, for what redis-benchmark cannot do: speak memcached's protocol, fill a
//! server with exactly the keys asked for, and time a lone connection.
//!
//! [`client`] is a single connection that reads what it is told. Closed loops: every connection sends a batch, waits for all its replies, sends the next. One
//! thread serves all connections, as redis-benchmark does. [`dialect`] is the protocol, [`closed_loop`]
//! the connections. Latency under load is for [`open_loop`]: a closed loop hides the queue it causes.

pub(crate) mod client;
pub(crate) mod closed_loop;
pub(crate) mod dialect;
pub(crate) mod open_loop;

/// What values are made of.
pub(crate) const VALUE_BYTE: u8 = b'x';

/// The value that SET writes where its size is not what is measured: 64 bytes.
pub(crate) const VALUE: [u8; 64] = [VALUE_BYTE; 64];

/// Appends the key numbered `index`: 16 bytes, and the names that redis-benchmark gives its keys.
fn push_key(out: &mut Vec<u8>, index: u64) {
    out.extend_from_slice(format!("key:{index:012}").as_bytes());
}

/// The order in which a run visits keys.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    /// 0, 1, 2, ...: fills.
    Sequential { next: u64 },
    /// Uniform among the first `count`, from a fixed seed: the same visits for every subject.
    Random { count: u64, state: u64 },
}

impl Keys {
    pub(crate) fn sequential() -> Keys {
        Keys::Sequential { next: 0 }
    }

    pub(crate) fn random(count: u64) -> Keys {
        Keys::Random {
            count,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next(&mut self) -> u64 {
        match self {
            Keys::Sequential { next } => {
                *next += 1;
                *next - 1
            }
            Keys::Random { count, state } => {
                // Marsaglia's xorshift64: cheap beside a system call, even enough for keys.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state % *count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_sixteen_bytes_and_redis_benchmarks_names() {
        let mut out = Vec::new();
        push_key(&mut out, 42);
        assert_eq!(out, b"key:000000000042");
        assert_eq!(out.len(), 16);
    }

    #[test]
    fn random_keys_repeat_with_every_run_and_stay_below_the_count() {
        let draw = || -> Vec<u64> {
            let mut keys = Keys::random(10);
            (0..1000).map(|_| keys.next()).collect()
        };
        assert_eq!(draw(), draw());
        let seen: std::collections::BTreeSet<_> = draw().into_iter().collect();
        assert!(seen.iter().eq(&(0..10).collect::<Vec<_>>()));
    }
}
