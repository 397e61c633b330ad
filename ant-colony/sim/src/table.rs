//! What nearly every policy is made of: objects that are tracked, each in one of several lists.
//!
//! A [`Table`] finds the entry of an object; entries lie densely, so that a table takes four bytes
//! for each object of the trace and the rest for each that is tracked. A [`List`] links entries by
//! age. Each entry is in at most one list; a list does not own its entries, so both are passed
//! along.

const NONE: u32 = u32::MAX;

/// Where an entry lies, as long as it is tracked.
pub(crate) type Slot = u32;

/// A tracked object, with what the policy notes about it.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) object: u32,
    pub(crate) size: u32,
    newer: Slot,
    older: Slot,
    pub(crate) note: T,
}

/// The objects that a policy tracks.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot>,
    entries: Vec<Entry<T>>,
    free: Vec<Slot>,
}

impl<T: Copy> Table<T> {
    /// For a trace with this many distinct objects.
    pub(crate) fn new(objects: u32) -> Self {
        Self {
            slots: vec![NONE; objects as usize],
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn find(&self, object: u32) -> Option<Slot> {
        let slot = self.slots[object as usize];
        (slot != NONE).then_some(slot)
    }

    /// Tracks an object that is not tracked.
    pub(crate) fn insert(&mut self, object: u32, size: u32, note: T) -> Slot {
        let entry = Entry {
            object,
            size,
            newer: NONE,
            older: NONE,
            note,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            slot
        } else {
            self.entries.push(entry);
            (self.entries.len() - 1) as Slot
        };
        self.slots[object as usize] = slot;
        slot
    }

    /// Forgets an entry that is in no list.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let object = self[slot].object;
        self.slots[object as usize] = NONE;
        self.free.push(slot);
    }
}

impl<T> std::ops::Index<Slot> for Table<T> {
    type Output = Entry<T>;

    fn index(&self, slot: Slot) -> &Entry<T> {
        &self.entries[slot as usize]
    }
}

impl<T> std::ops::IndexMut<Slot> for Table<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut Entry<T> {
        &mut self.entries[slot as usize]
    }
}

/// Entries of a table from the oldest to the newest.
#[derive(Debug)]
pub(crate) struct List {
    newest: Slot,
    oldest: Slot,
    used: u64,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self {
            newest: NONE,
            oldest: NONE,
            used: 0,
        }
    }

    /// What its entries take of the capacity.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// The next newer entry of the same list.
    pub(crate) fn newer<T>(table: &Table<T>, slot: Slot) -> Option<Slot> {
        let newer = table[slot].newer;
        (newer != NONE).then_some(newer)
    }

    /// Adds an entry that is in no list.
    pub(crate) fn push<T>(&mut self, table: &mut Table<T>, slot: Slot) {
        let entry = &mut table[slot];
        entry.older = self.newest;
        entry.newer = NONE;
        self.used += u64::from(entry.size);
        match self.newest {
            NONE => self.oldest = slot,
            newest => table[newest].newer = slot,
        }
        self.newest = slot;
    }

    /// Takes out an entry of this list.
    pub(crate) fn unlink<T>(&mut self, table: &mut Table<T>, slot: Slot) {
        let entry = &table[slot];
        let (newer, older) = (entry.newer, entry.older);
        self.used -= u64::from(entry.size);
        match newer {
            NONE => self.newest = older,
            newer => table[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => table[older].newer = newer,
        }
    }

    /// Makes an entry of this list its newest.
    pub(crate) fn renew<T>(&mut self, table: &mut Table<T>, slot: Slot) {
        if self.newest != slot {
            self.unlink(table, slot);
            self.push(table, slot);
        }
    }

    /// Takes out the oldest entry.
    pub(crate) fn pop<T>(&mut self, table: &mut Table<T>) -> Option<Slot> {
        let oldest = self.oldest()?;
        self.unlink(table, oldest);
        Some(oldest)
    }

    /// As [`List::push`], for a list of ghosts that holds at most `capacity`: its oldest are
    /// forgotten, or at once what would never fit.
    pub(crate) fn push_ghost<T: Copy>(&mut self, table: &mut Table<T>, slot: Slot, capacity: u64) {
        let size = u64::from(table[slot].size);
        if size > capacity {
            return table.remove(slot);
        }
        while self.used + size > capacity
            && let Some(oldest) = self.pop(table)
        {
            table.remove(oldest);
        }
        self.push(table, slot);
    }
}
