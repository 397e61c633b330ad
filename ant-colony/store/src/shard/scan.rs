//! Walking the keys of a database.

use super::State;
use crate::Millis;
use crate::entry::Entry;
use crate::record::is_expired;

impl State {
    /// Visits the live keys of `db` in the chain at `position` of the index; answers the
    /// next position, or none at the end.
    pub(crate) fn visit_position(
        &self,
        db: usize,
        position: u32,
        now: Millis,
        mut visit: impl FnMut(&[u8], &Entry<'_>),
    ) -> Option<u32> {
        self.index.walk(position, |slot| {
            if self.is_visible(db, slot.location(), now) {
                let (key, entry) = self.keyed_entry(slot, now);
                visit(key, &entry);
            }
        })
    }

    /// Visits one live key of `db`, looking from a random place on.
    pub(crate) fn visit_random(
        &self,
        db: usize,
        random: u64,
        now: Millis,
        visit: impl FnOnce(&[u8], &Entry<'_>),
    ) -> bool {
        let start = (random >> 32) as u32;
        let found = self
            .random_in(db, random, now, Some(start))
            .or_else(|| self.random_in(db, random, now, Some(0)));
        found.is_some_and(|slot| {
            let (key, entry) = self.keyed_entry(slot, now);
            visit(key, &entry);
            true
        })
    }

    /// A random slot of the first chain from `position` on that has a live key of `db`.
    fn random_in(
        &self,
        db: usize,
        random: u64,
        now: Millis,
        mut position: Option<u32>,
    ) -> Option<crate::index::Slot> {
        while let Some(at) = position {
            let mut chosen = None;
            let mut seen = 0;
            position = self.index.walk(at, |slot| {
                if self.is_visible(db, slot.location(), now) {
                    seen += 1;
                    // Each of the slots seen so far is the chosen one with equal chance.
                    if (random ^ u64::from(slot.location())).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                        >> 32
                        < (1 << 32) / seen
                    {
                        chosen = Some(slot);
                    }
                }
            });
            if chosen.is_some() {
                return chosen;
            }
        }
        None
    }

    fn is_visible(&self, db: usize, at: u32, now: Millis) -> bool {
        self.log.header(at).namespace() == self.namespaces[db]
            && !is_expired(self.log.expires_at(at, self.epoch), now)
    }
}
