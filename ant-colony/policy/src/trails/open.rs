//! Predictions that may still come true.

/// That an object will be fetched soon, because of what was fetched now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction<K> {
    /// The hash of the object whose trail it was.
    pub(super) from: u64,
    pub(super) successor: K,
    /// Of which kind it is in the records; nothing of an object that was there already.
    pub(super) kind: Option<Kind>,
    /// What was fetched next instead.
    pub(super) next: Option<K>,
}

/// Predictions of a kind are right equally often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(pub(super) u8);

impl<K> Prediction<K> {
    pub(super) const fn new(from: u64, successor: K, kind: Option<Kind>) -> Self {
        Self {
            from,
            successor,
            kind,
            next: None,
        }
    }
}

/// The last predictions of a workload, until each has come true.
#[derive(Clone, Debug)]
pub(super) struct Open<K> {
    predictions: [Option<Prediction<K>>; WINDOW],
    /// Where the next one goes, in place of the oldest.
    place: usize,
    /// Where the last fetch has left one.
    newest: Option<usize>,
}

/// A prediction that has not come true by as many later ones was wrong. One successor at once would
/// be too strict where two sequences interleave.
const WINDOW: usize = 16;

impl<K: Copy + Eq> Open<K> {
    pub(super) fn new() -> Self {
        Self {
            predictions: [None; WINDOW],
            place: 0,
            newest: None,
        }
    }

    /// Takes out those that predicted what is fetched now.
    pub(super) fn take(&mut self, key: K) -> impl Iterator<Item = Prediction<K>> {
        if let Some(place) = self.newest.take()
            && let Some(newest) = &mut self.predictions[place]
        {
            newest.next = Some(key);
        }
        let is_right = move |prediction: &mut Prediction<K>| prediction.successor == key;
        let places = self.predictions.iter_mut();
        places.filter_map(move |prediction| prediction.take_if(is_right))
    }

    /// Adds one. Answers the one that was wrong and is not open any more.
    pub(super) fn push(&mut self, prediction: Prediction<K>) -> Option<Prediction<K>> {
        let wrong = self.predictions[self.place].replace(prediction);
        self.newest = Some(self.place);
        self.place = (self.place + 1) % WINDOW;
        wrong
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn prediction(from: u64, successor: u32) -> Prediction<u32> {
        Prediction::new(from, successor, None)
    }

    #[test]
    fn a_prediction_comes_true_once_and_not_after_many_others() {
        let mut open = Open::new();
        open.push(prediction(1, 7));
        assert_eq!(open.take(8).count(), 0);
        assert_eq!(open.take(7).count(), 1);
        assert_eq!(open.take(7).count(), 0);
        open.push(prediction(2, 8));
        open.take(100).for_each(drop);
        let others = 0..WINDOW as u64;
        let wrong: Vec<_> = others
            .filter_map(|i| open.push(prediction(3 + i, 50)))
            .collect();
        let [wrong] = wrong[..] else {
            panic!("{wrong:?}")
        };
        assert_eq!((wrong.from, wrong.next), (2, Some(100)));
        assert_eq!(open.take(8).count(), 0);
    }

    #[test]
    fn all_that_predicted_an_object_were_right() {
        let mut open = Open::new();
        for from in 0..5 {
            open.push(prediction(from, from as u32 % 2));
        }
        let right: Vec<u64> = open.take(0).map(|prediction| prediction.from).collect();
        assert_eq!(right, [0, 2, 4]);
    }
}
