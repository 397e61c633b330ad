//! How keys and values become the two words of a pair: themselves, or a hash and an address.

use alloc::boxed::Box;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use core::ptr;

use super::reclaim::{Domain, Node, Protected, drop_all};
use super::search::Hold;
use super::table::{Spot, Table};

/// Entries are two words in the table: for keys and values that are [`Word`]s.
#[derive(Debug, Clone, Copy)]
pub enum Inline {}

/// Entries are in boxes; the table holds the key's hash and the box's address.
#[derive(Debug, Clone, Copy)]
pub enum Boxed {}

/// How a map holds its entries: [`Inline`] or [`Boxed`]. Nothing else can implement it.
pub trait Layout<K, V>: Store<K, V> + Find<K, K> {}

impl<K: Word, V: Word> Layout<K, V> for Inline {}
impl<K: Hash + Eq, V> Layout<K, V> for Boxed {}

/// A type of at most a machine word, held in the table itself: integers, `bool`, `char`, `()`.
/// Nothing else can implement it.
pub trait Word: Copy + Hash + Eq + sealed::Sealed {
    #[doc(hidden)]
    fn to_word(self) -> usize;
    #[doc(hidden)]
    fn from_word(word: usize) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! words {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}
        impl Word for $integer {
            #[inline(always)]
            fn to_word(self) -> usize {
                self as usize
            }

            #[inline(always)]
            fn from_word(word: usize) -> Self {
                word as Self
            }
        }
    )*};
}

words!(u8 i8 u16 i16 u32 i32 usize isize);
#[cfg(target_pointer_width = "64")]
words!(u64 i64);

impl sealed::Sealed for bool {}
impl Word for bool {
    fn to_word(self) -> usize {
        self.into()
    }

    fn from_word(word: usize) -> Self {
        word != 0
    }
}

impl sealed::Sealed for char {}
impl Word for char {
    fn to_word(self) -> usize {
        self as usize
    }

    fn from_word(word: usize) -> Self {
        u32::try_from(word)
            .ok()
            .and_then(Self::from_u32)
            .unwrap_or(Self::REPLACEMENT_CHARACTER)
    }
}

impl sealed::Sealed for () {}
impl Word for () {
    fn to_word(self) -> usize {
        0
    }

    fn from_word(_: usize) -> Self {}
}

/// An entry that can be read.
pub trait Entry<K, V> {
    fn key(&self) -> &K;
    fn value(&self) -> &V;
}

/// What a map needs to know of its layout.
///
/// # Safety
/// [`hold`](Self::hold) says that a pair is held only if the spot [belongs](Spot::belongs) or its
/// value is [current](Spot::current), as [`Table::search`](super::table::Table::search) demands.
pub unsafe trait Store<K, V>: Sized {
    /// How many bytes lie where the value word is an address of; 0 if it is none.
    const BOXED_BYTES: usize;
    /// What guards entries against being freed while they are read.
    type Domain;
    /// An entry before it is in the map.
    type Fresh: Entry<K, V>;
    /// An entry of the map, for as long as it is read.
    type Held<'d>: Entry<K, V>
    where
        Self: 'd,
        K: 'd,
        V: 'd;
    /// An entry that was taken out of the map.
    type Removed<'d>: Entry<K, V>
    where
        Self: 'd,
        K: 'd,
        V: 'd;

    fn domain() -> Self::Domain;
    fn fresh(key: K, value: V) -> Self::Fresh;
    /// The value word of a fresh entry; gives up the entry.
    fn into_word(fresh: Self::Fresh) -> *mut ();
    /// The hash of the key of the pair with this key word.
    fn hash_of(key: usize, hasher: &impl BuildHasher) -> usize;

    /// Holds the pair that was read at `spot`, if it is still there and its key `is` the one.
    ///
    /// # Safety
    /// `spot` is one of a table whose value words all come from [`into_word`](Self::into_word) and,
    /// once taken out, go through [`removed`](Self::removed) with this `domain`. Its key word, if
    /// it was read in one piece, is none that the depth in the home bucket's tags, as they were
    /// seen, sends elsewhere.
    unsafe fn hold<'d>(
        domain: &'d Self::Domain,
        spot: &Spot<'_>,
        is: impl FnOnce(&K) -> bool,
    ) -> Hold<Self::Held<'d>>;

    /// # Safety
    /// The pair was in the table that belongs to `domain` and the caller has taken it, or its value
    /// word, out.
    unsafe fn removed(domain: &Self::Domain, key: usize, value: *mut ()) -> Self::Removed<'_>;

    /// Drops the entries of a map that is being dropped.
    ///
    /// # Safety
    /// All value words come from [`into_word`](Self::into_word), and nobody uses the table after
    /// this.
    unsafe fn drop_entries(table: &mut Table);
}

/// Which keys can be looked for.
pub trait Find<K, Q: ?Sized> {
    fn hash(key: &Q, hasher: &impl BuildHasher) -> usize;
    /// The key word.
    fn word(key: &Q, hash: usize) -> usize;
    /// True if `stored`, whose key word is the same, is the key.
    fn is(stored: &K, key: &Q) -> bool;
}

/// A key and a value that are words.
#[derive(Clone, Copy)]
pub struct Words<K, V>(K, V);

impl<K, V> Entry<K, V> for Words<K, V> {
    #[inline(always)]
    fn key(&self) -> &K {
        &self.0
    }

    #[inline(always)]
    fn value(&self) -> &V {
        &self.1
    }
}

impl<K: Word> Find<K, K> for Inline {
    #[inline(always)]
    fn hash(key: &K, hasher: &impl BuildHasher) -> usize {
        hasher.hash_one(key) as usize
    }

    #[inline(always)]
    fn word(key: &K, _: usize) -> usize {
        key.to_word()
    }

    #[inline(always)]
    fn is(_: &K, _: &K) -> bool {
        true
    }
}

// SAFETY: `hold` asks whether the spot belongs.
unsafe impl<K: Word, V: Word> Store<K, V> for Inline {
    const BOXED_BYTES: usize = 0;
    type Domain = ();
    type Fresh = Words<K, V>;
    type Held<'d>
        = Words<K, V>
    where
        K: 'd,
        V: 'd;
    type Removed<'d>
        = Words<K, V>
    where
        K: 'd,
        V: 'd;

    fn domain() {}

    fn fresh(key: K, value: V) -> Words<K, V> {
        Words(key, value)
    }

    fn into_word(fresh: Words<K, V>) -> *mut () {
        ptr::without_provenance_mut(fresh.1.to_word())
    }

    #[inline]
    fn hash_of(key: usize, hasher: &impl BuildHasher) -> usize {
        hasher.hash_one(K::from_word(key)) as usize
    }

    #[inline(always)]
    unsafe fn hold((): &(), spot: &Spot<'_>, _: impl FnOnce(&K) -> bool) -> Hold<Words<K, V>> {
        if spot.belongs() {
            Hold::Is(Words(
                K::from_word(spot.key),
                V::from_word(spot.value.addr()),
            ))
        } else {
            Hold::Changed
        }
    }

    unsafe fn removed((): &(), key: usize, value: *mut ()) -> Words<K, V> {
        Words(K::from_word(key), V::from_word(value.addr()))
    }

    unsafe fn drop_entries(_: &mut Table) {}
}

impl<K: Borrow<Q>, Q: Hash + Eq + ?Sized> Find<K, Q> for Boxed {
    fn hash(key: &Q, hasher: &impl BuildHasher) -> usize {
        hasher.hash_one(key) as usize
    }

    fn word(_: &Q, hash: usize) -> usize {
        hash
    }

    fn is(stored: &K, key: &Q) -> bool {
        stored.borrow() == key
    }
}

type Pair<K, V> = Node<(K, V)>;

impl<K, V> Entry<K, V> for Box<Pair<K, V>> {
    fn key(&self) -> &K {
        &self.0
    }

    fn value(&self) -> &V {
        &self.1
    }
}

impl<K, V> Entry<K, V> for Protected<'_, (K, V)> {
    fn key(&self) -> &K {
        &self.0
    }

    fn value(&self) -> &V {
        &self.1
    }
}

/// An entry that is retired when this is dropped.
pub struct Retiring<'d, K, V> {
    domain: &'d Domain<(K, V)>,
    node: *mut Pair<K, V>,
}

impl<K, V> Retiring<'_, K, V> {
    fn pair(&self) -> &(K, V) {
        // SAFETY: taken out by us and not retired yet.
        unsafe { &*self.node }
    }
}

impl<K, V> Entry<K, V> for Retiring<'_, K, V> {
    fn key(&self) -> &K {
        &self.pair().0
    }

    fn value(&self) -> &V {
        &self.pair().1
    }
}

impl<K, V> Drop for Retiring<'_, K, V> {
    fn drop(&mut self) {
        // SAFETY: made by `removed` with an entry that its caller has taken out.
        unsafe { self.domain.retire(self.node) };
    }
}

// SAFETY: `hold` asks whether the value is current.
unsafe impl<K: Hash + Eq, V> Store<K, V> for Boxed {
    const BOXED_BYTES: usize = size_of::<Pair<K, V>>();
    type Domain = Domain<(K, V)>;
    type Fresh = Box<Pair<K, V>>;
    type Held<'d>
        = Protected<'d, (K, V)>
    where
        K: 'd,
        V: 'd;
    type Removed<'d>
        = Retiring<'d, K, V>
    where
        K: 'd,
        V: 'd;

    fn domain() -> Domain<(K, V)> {
        Domain::new()
    }

    fn fresh(key: K, value: V) -> Box<Pair<K, V>> {
        Node::new((key, value))
    }

    fn into_word(fresh: Box<Pair<K, V>>) -> *mut () {
        Box::into_raw(fresh).cast()
    }

    fn hash_of(key: usize, _: &impl BuildHasher) -> usize {
        key
    }

    unsafe fn hold<'d>(
        domain: &'d Domain<(K, V)>,
        spot: &Spot<'_>,
        is: impl FnOnce(&K) -> bool,
    ) -> Hold<Protected<'d, (K, V)>> {
        let shown = domain.protect(spot.value.cast());
        let Some(value) = spot.current() else {
            return Hold::Changed;
        };
        // SAFETY: the key has not been sent elsewhere before the tags were seen, and the value is
        // current: so it was in the table after it was shown. What is taken out is retired.
        let held = unsafe { shown.confirm(value.cast()) };
        if is(held.key()) {
            Hold::Is(held)
        } else {
            Hold::Other
        }
    }

    unsafe fn removed(domain: &Domain<(K, V)>, _: usize, value: *mut ()) -> Retiring<'_, K, V> {
        Retiring {
            domain,
            node: value.cast(),
        }
    }

    unsafe fn drop_entries(table: &mut Table) {
        drop_all(table.pairs(|key| key), |(_, value)| {
            // SAFETY: by contract this came from `Box::into_raw`; a pair is visited only once.
            drop(unsafe { Box::from_raw(value.cast::<Pair<K, V>>()) });
        });
    }
}
