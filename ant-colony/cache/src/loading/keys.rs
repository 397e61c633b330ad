//! The keys of what was fetched lately, in a bounded table, so that a trail can name its successor by
//! 32 bits.
//!
//! A [name] is made of a key's hash and tells the bucket that the key would be in. Two keys of
//! one name take each other's place: then a trail leads to the wrong one, which is fetched in vain,
//! under its own key. Nothing here decides which value belongs to a key.
//!
//! A full bucket gives up its oldest key that no trail leads to: so a flood of strangers leaves those
//! that sequences are made of. Now and then all of the bucket have to be led to anew, or what was part
//! of a sequence once would stay for ever.

/// Keys of a bucket.
const BUCKET: usize = 8;
/// One replacement in so many makes its bucket forget which keys are wanted.
const DECAY: u32 = 32;

/// The name of the keys with this hash, for trails.
pub(super) const fn name(hash: usize) -> u32 {
    (spread(hash) >> 32) as u32
}

/// The hash, with all its bits in the upper half too: maps and shards have used some up.
pub(super) const fn spread(hash: usize) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A key and its hash.
pub(super) type Hashed<K> = (usize, K);

struct Slot<K> {
    hash: usize,
    key: K,
    /// A trail has led here.
    wanted: bool,
}

/// The youngest of a bucket comes first.
pub(super) struct Keys<K> {
    slots: Box<[Option<Slot<K>>]>,
    replaced: u32,
}

impl<K: Eq> Keys<K> {
    pub(super) const fn bytes(keys: usize) -> usize {
        keys.next_multiple_of(BUCKET) * size_of::<Option<Slot<K>>>()
    }

    pub(super) fn new(keys: usize) -> Self {
        let slots = keys.next_multiple_of(BUCKET);
        Self {
            slots: (0..slots).map(|_| None).collect(),
            replaced: 0,
        }
    }

    /// Keeps a key. What had to go for it, or is there already, to be dropped elsewhere.
    pub(super) fn keep(&mut self, hash: usize, key: K) -> Option<K> {
        let new = |wanted| Slot { hash, key, wanted };
        if let Some(slot) = self.slot(name(hash)) {
            let wanted = slot.wanted && slot.hash == hash;
            return Some(std::mem::replace(slot, new(wanted)).key);
        }
        self.replaced = self.replaced.wrapping_add(1);
        let forgets = self.replaced.is_multiple_of(DECAY);
        let bucket = self.bucket(name(hash));
        let place = victim(bucket)?;
        bucket[..=place].rotate_right(1);
        let victim = bucket[0].replace(new(false));
        if forgets {
            let slots = bucket.iter_mut().flatten();
            slots.for_each(|slot| slot.wanted = false);
        }
        victim.map(|slot| slot.key)
    }

    /// The key with this name, to which a trail leads.
    pub(super) fn follow(&mut self, name: u32) -> Option<(usize, &K)> {
        let slot = self.slot(name)?;
        slot.wanted = true;
        Some((slot.hash, &slot.key))
    }

    /// Takes the key with this name out.
    pub(super) fn take(&mut self, name: u32) -> Option<Hashed<K>> {
        let mut slots = self.bucket(name).iter_mut();
        let slot = slots.find(|slot| slot.as_ref().is_some_and(|slot| slot.name() == name))?;
        slot.take().map(|slot| (slot.hash, slot.key))
    }

    fn slot(&mut self, name: u32) -> Option<&mut Slot<K>> {
        let mut slots = self.bucket(name).iter_mut().flatten();
        slots.find(|slot| slot.name() == name)
    }

    fn bucket(&mut self, name: u32) -> &mut [Option<Slot<K>>] {
        let buckets = (self.slots.len() / BUCKET) as u64;
        let start = ((u64::from(name) * buckets) >> 32) as usize * BUCKET;
        let end = self.slots.len().min(start + BUCKET);
        &mut self.slots[start..end]
    }
}

impl<K> Slot<K> {
    const fn name(&self) -> u32 {
        name(self.hash)
    }
}

/// An empty slot, or the oldest that is not wanted, or the oldest.
fn victim<K>(bucket: &[Option<Slot<K>>]) -> Option<usize> {
    let is_wanted = |slot: &Option<Slot<K>>| slot.as_ref().is_some_and(|slot| slot.wanted);
    let empty = bucket.iter().position(Option::is_none);
    let unwanted = || bucket.iter().rposition(|slot| !is_wanted(slot));
    empty.or_else(unwanted).or(bucket.len().checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash for each number, all with different names.
    fn hash(number: u64) -> usize {
        (number << 32 | number) as usize
    }

    #[test]
    fn a_key_is_found_by_its_name_until_younger_ones_have_filled_its_bucket() {
        let mut keys = Keys::new(BUCKET);
        for number in 0..BUCKET as u64 {
            assert_eq!(keys.keep(hash(number), number), None);
        }
        assert_eq!(keys.keep(hash(100), 100), Some(0));
        assert!(keys.follow(name(hash(0))).is_none());
        let found = keys.follow(name(hash(1)));
        assert_eq!(found, Some((hash(1), &1)));
    }

    #[test]
    fn a_flood_leaves_what_a_trail_leads_to_but_not_for_ever() {
        let mut keys = Keys::new(BUCKET);
        keys.keep(hash(0), 0);
        for numbers in [1..25, 25..150] {
            assert!(keys.follow(name(hash(0))).is_some());
            numbers.for_each(|number| {
                keys.keep(hash(number), number);
            });
        }
        assert!(keys.follow(name(hash(0))).is_none());
    }

    #[test]
    fn keys_of_one_name_take_each_others_place_and_are_not_mistaken_for_each_other() {
        let mut keys = Keys::new(BUCKET);
        keys.keep(hash(1), "first");
        assert_eq!(keys.keep(hash(1), "second"), Some("first"));
        assert_eq!(keys.take(name(hash(1))), Some((hash(1), "second")));
        assert_eq!(keys.take(name(hash(1))), None);
    }

    #[test]
    fn without_room_no_key_is_kept() {
        let mut keys = Keys::new(0);
        keys.keep(hash(1), 1);
        assert!(keys.follow(name(hash(1))).is_none());
    }
}
