//! The next thing that happens: one time per core, and one for the next arrival.
//!
//! A core does one thing at a time, so it has at most one event ahead. That makes a tournament tree
//! the better queue: no stale entries, an event is moved or cancelled in `log2(cores)` steps, and
//! nothing is allocated while the simulation runs. Of two events at the same time the one with the
//! lower number comes first, so a run is the same every time.

/// No event.
pub(crate) const NEVER: u64 = u64::MAX;

/// Times by slot, the earliest at hand.
#[derive(Debug, Clone)]
pub(crate) struct Agenda {
    times: Vec<u64>,
    /// `winner[1]` is the slot with the earliest time; node `i` holds the better of `2i` and `2i+1`.
    winner: Vec<u32>,
}

impl Agenda {
    pub(crate) fn new(slots: usize) -> Self {
        let leaves = slots.next_power_of_two().max(2);
        let mut winner = vec![0; leaves];
        for node in (1..leaves).rev() {
            winner[node] = if 2 * node < leaves {
                winner[2 * node]
            } else {
                (2 * node - leaves) as u32
            };
        }
        Self {
            times: vec![NEVER; leaves],
            winner,
        }
    }

    /// Sets when the event of a slot happens; [`NEVER`] cancels it.
    pub(crate) fn set(&mut self, slot: usize, time: u64) {
        self.times[slot] = time;
        let leaves = self.times.len();
        let mut node = (leaves + slot) / 2;
        // The lowest node has two leaves below it, all others two nodes.
        let (mut left, mut right) = ((slot & !1) as u32, (slot | 1) as u32);
        loop {
            let better = if self.times[right as usize] < self.times[left as usize] {
                right
            } else {
                left
            };
            self.winner[node] = better;
            if node == 1 {
                return;
            }
            node /= 2;
            left = self.winner[2 * node];
            right = self.winner[2 * node + 1];
        }
    }

    /// The earliest event: its slot and its time.
    pub(crate) fn next(&self) -> (usize, u64) {
        let slot = self.winner[1] as usize;
        (slot, self.times[slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_event_is_next_whatever_was_set_before() {
        let mut random = fastrand::Rng::with_seed(3);
        for slots in [1, 2, 3, 9, 64, 65] {
            let mut agenda = Agenda::new(slots);
            let mut model = vec![NEVER; slots];
            for _ in 0..2_000 {
                let slot = random.usize(..slots);
                let time = if random.u8(..) < 40 {
                    NEVER
                } else {
                    random.u64(..500)
                };
                agenda.set(slot, time);
                model[slot] = time;
                let earliest = *model.iter().min().unwrap();
                let (slot, time) = agenda.next();
                assert_eq!(time, earliest);
                if time != NEVER {
                    assert_eq!(model.iter().position(|&t| t == time), Some(slot));
                }
            }
        }
    }
}
