//! Sequences of tokens in which something has to be remembered.

use crate::random::permutation;
use rand::{Rng, RngExt};

/// What a model reads, and what it is to answer at each place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The tokens, from 0.
    pub inputs: Vec<usize>,
    /// The answer at each token, or [`None`] where none is asked for.
    pub targets: Vec<Option<usize>>,
}

/// The copying tasks (Hochreiter and Schmidhuber 1997; selective: Jing et al. 2019). `count` tokens of `kinds` kinds
/// are shown among blanks (token `kinds`), over `length >= count` places; then a signal (token `kinds + 1`) asks `count`
/// times for the tokens in their order. They come first, the gap after them having a fixed length; if `selective`, they
/// lie at random places, and only reading tells which of them to keep.
pub fn copying(count: usize, kinds: usize, length: usize, selective: bool, rng: &mut impl Rng) -> Sequence {
    assert!(length >= count && kinds > 0, "room for {count} tokens in {length} places");
    let mut places: Vec<usize> = if selective { permutation(length, rng) } else { (0..length).collect() };
    places.truncate(count);
    places.sort_unstable();
    let tokens: Vec<usize> = (0..count).map(|_| rng.random_range(0..kinds as u32) as usize).collect();
    let mut inputs = vec![kinds; length];
    places.iter().zip(&tokens).for_each(|(&place, &token)| inputs[place] = token);
    inputs.extend(vec![kinds + 1; count]);
    let mut targets = vec![None; length];
    targets.extend(tokens.into_iter().map(Some));
    Sequence { inputs, targets }
}

/// A finite group of permutations, whose word problem (what is the product of all that was read?) tells models that
/// keep track of a state from those that cannot. On the two elements of `cyclic(2)` it is parity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    elements: Vec<Vec<u8>>,
    /// By rows.
    table: Vec<usize>,
}

impl Group {
    /// The rotations of `n >= 1` things, Z_n: commutative.
    pub fn cyclic(n: usize) -> Self {
        Self::of((0..n).map(|turn| (0..n).map(|i| ((i + turn) % n) as u8).collect()).collect())
    }

    /// All permutations of `n <= 5` things, S_n.
    pub fn symmetric(n: usize) -> Self {
        Self::of(permutations(n))
    }

    /// The even ones, A_n; A_5 is the smallest that cannot be solved by commutative steps.
    pub fn alternating(n: usize) -> Self {
        let inversions = |p: &[u8]| (0..n).map(|j| (0..j).filter(|&i| p[i] > p[j]).count()).sum::<usize>();
        Self::of(permutations(n).into_iter().filter(|p| inversions(p) % 2 == 0).collect())
    }

    /// From all elements in lexicographic order, the identity first.
    fn of(elements: Vec<Vec<u8>>) -> Self {
        let product = |a: &[u8], b: &[u8]| {
            let ab: Vec<u8> = b.iter().map(|&i| a[usize::from(i)]).collect();
            elements.binary_search(&ab).expect("closed under products")
        };
        let table = elements.iter().flat_map(|a| elements.iter().map(move |b| product(a, b))).collect();
        Self { elements, table }
    }

    /// How many elements; element 0 is the identity.
    pub fn order(&self) -> usize {
        self.elements.len()
    }

    /// `a b`: first b, then a.
    pub fn product(&self, a: usize, b: usize) -> usize {
        self.table[a * self.order() + b]
    }

    /// What the element does: thing i goes to place `[i]` of the result. Its matrix has a one in row `[i]`, column i.
    pub fn permutation(&self, element: usize) -> &[u8] {
        &self.elements[element]
    }

    /// `length` random elements, each answered by the product of all so far, the newest on the left.
    pub fn words(&self, length: usize, rng: &mut impl Rng) -> Sequence {
        let inputs: Vec<usize> = (0..length).map(|_| rng.random_range(0..self.order() as u32) as usize).collect();
        let product = |state: &mut usize, &token: &usize| {
            *state = self.product(token, *state);
            Some(Some(*state))
        };
        let targets = inputs.iter().scan(0, product).collect();
        Sequence { inputs, targets }
    }
}

/// All permutations of `n` things in lexicographic order.
fn permutations(n: usize) -> Vec<Vec<u8>> {
    assert!(n <= 5, "{n} things have too many permutations for a table");
    let mut found = vec![Vec::new()];
    for _ in 0..n {
        found = found
            .iter()
            .flat_map(|begun: &Vec<u8>| {
                let free = (0..n as u8).filter(|i| !begun.contains(i));
                free.map(|i| begun.iter().copied().chain([i]).collect()).collect::<Vec<_>>()
            })
            .collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn groups_have_their_orders_and_obey_the_axioms() {
        for (group, order, commutative) in [
            (Group::cyclic(6), 6, true),
            (Group::symmetric(3), 6, false),
            (Group::alternating(4), 12, false),
            (Group::alternating(5), 60, false),
        ] {
            assert_eq!(group.order(), order);
            let all = || 0..order;
            assert!(all().all(|a| group.product(0, a) == a && group.product(a, 0) == a));
            assert!(all().all(|a| all().any(|b| group.product(a, b) == 0)));
            let associative = |a, b, c| group.product(group.product(a, b), c) == group.product(a, group.product(b, c));
            assert!(all().all(|a| all().all(|b| all().step_by(7).all(|c| associative(a, b, c)))));
            assert_eq!(all().all(|a| all().all(|b| group.product(a, b) == group.product(b, a))), commutative);
        }
    }

    #[test]
    fn words_are_answered_by_acting_one_after_the_other() {
        let (group, rng) = (Group::alternating(5), &mut ChaCha8Rng::seed_from_u64(1));
        let word = group.words(40, rng);
        let mut things: Vec<u8> = (0..5).collect();
        for (token, target) in word.inputs.iter().zip(&word.targets) {
            // Each thing moves on from where it is.
            things.iter_mut().for_each(|place| *place = group.permutation(*token)[usize::from(*place)]);
            assert_eq!(target.map(|state| group.permutation(state)), Some(&things[..]));
        }
        let parity = Group::cyclic(2).words(30, rng);
        let ones = |k: usize| parity.inputs[..=k].iter().sum::<usize>() % 2;
        assert!((0..30).all(|k| parity.targets[k] == Some(ones(k))));
    }

    #[test]
    fn what_was_shown_is_asked_for_in_its_order() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        for selective in [false, true] {
            let task = copying(6, 4, 20, selective, rng);
            assert_eq!((task.inputs.len(), task.targets.len()), (26, 26));
            let shown: Vec<_> = task.inputs[..20].iter().filter(|&&token| token < 4).copied().map(Some).collect();
            assert_eq!(task.targets[20..], shown);
            assert!(
                task.targets[..20].iter().all(Option::is_none) && task.inputs[20..].iter().all(|&token| token == 5)
            );
            assert_eq!(task.inputs[..6].iter().all(|&token| token < 4), !selective);
        }
    }
}
