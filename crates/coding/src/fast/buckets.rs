//! Pippenger's method: scalars in signed digits, the bases of each digit summed in its bucket, buckets weighted by running
//! sums.
//!
//! Buckets are summed as trees: entries are sorted by bucket, neighbours added in pairs, and so on with the sums, so that
//! each level is many independent additions. A pair of equal or opposite points, which those additions cannot do, takes
//! its bucket out: it is summed by itself at the end, one addition after the other.

use ark_bn254::{Fr, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, PrimeField, Zero};
use rayon::prelude::*;

use super::engine::{Engine, Pairs};

/// Bits of a scalar: the field's modulus is below 2^254.
const SCALAR_BITS: usize = 254;
/// The widest digits: their buckets and a signed digit fit 16 bits.
const WINDOW_BITS_MAX: usize = 16;
/// Scalars that are split into digits at a time.
const BLOCK: usize = 1 << 12;
/// Buckets are summed by groups of at least this many entries, whose sums stay in the second cache.
const ENTRIES: usize = 1 << 15;
/// The most bases: an entry is an index and a sign in 32 bits.
pub(super) const BASES_MAX: usize = 1 << 31;

/// The sum of `scalar * base`; `infinite` are the bases that are no point of the engine.
pub(super) fn msm<E: Engine>(engine: &E, bases: &[E::Point], infinite: &[usize], scalars: &[Fr]) -> G1Projective {
    let bits = window_bits(bases.len());
    let digits = Digits::of(scalars, infinite, bits);
    let windows: Vec<_> = (0..digits.windows)
        .into_par_iter()
        .map_init(|| Window::new(engine, bases, bits), |window, index| window.sum(&digits, index))
        .collect();
    windows
        .into_iter()
        .rev()
        .fold(G1Projective::zero(), |sum, window| (0..bits).fold(sum, |sum, _| sum.double()) + window)
}

/// The width of digits that takes the fewest additions: one for each entry and, by their cost, three for each bucket.
fn window_bits(count: usize) -> usize {
    let cost = |bits: usize| windows(bits) * (count + (3 << (bits - 1)));
    (4..=WINDOW_BITS_MAX).min_by_key(|bits| cost(*bits)).unwrap_or(WINDOW_BITS_MAX)
}

/// Digits of a scalar, one more than full ones so that the last has room for a carry.
fn windows(bits: usize) -> usize {
    SCALAR_BITS / bits + 1
}

/// Signed digits of all scalars: those of one window stand together within each block of scalars.
struct Digits {
    blocks: Vec<Vec<i16>>,
    windows: usize,
}

impl Digits {
    fn of(scalars: &[Fr], infinite: &[usize], bits: usize) -> Self {
        let windows = windows(bits);
        let mut blocks: Vec<_> = scalars.par_chunks(BLOCK).map(|block| split_block(block, bits, windows)).collect();
        for index in infinite.iter().take_while(|index| **index < scalars.len()) {
            let block = &mut blocks[index / BLOCK];
            let length = block.len() / windows;
            block.iter_mut().skip(index % BLOCK).step_by(length).for_each(|digit| *digit = 0);
        }
        Self { blocks, windows }
    }

    fn window(&self, index: usize) -> impl Iterator<Item = i16> + Clone {
        self.blocks.iter().flat_map(move |block| {
            let length = block.len() / self.windows;
            block[index * length..(index + 1) * length].iter().copied()
        })
    }
}

/// Digits of `-2^(bits-1)..2^(bits-1)`: a digit in the upper half is one of the next window less a negative one.
fn split_block(scalars: &[Fr], bits: usize, windows: usize) -> Vec<i16> {
    let mut digits = vec![0; scalars.len() * windows];
    for (at, scalar) in scalars.iter().enumerate() {
        let words = scalar.into_bigint().0;
        let mut carry = 0;
        for window in 0..windows {
            let digit = bits_at(&words, window * bits, bits) as i32 + carry;
            carry = digit >> (bits - 1) & 1 | digit >> bits;
            digits[window * scalars.len() + at] = (digit - (carry << bits)) as i16;
        }
        debug_assert_eq!(carry, 0, "the last window has room for the carry");
    }
    digits
}

/// `count` bits of a number from bit `from` on, zeros above its end.
pub(super) fn bits_at(words: &[u64; 4], from: usize, count: usize) -> u64 {
    let (word, shift) = (from / 64, from % 64);
    let low = words.get(word).map_or(0, |word| word >> shift);
    let high = if shift == 0 { 0 } else { words.get(word + 1).map_or(0, |word| word << (64 - shift)) };
    (low | high) & ((1 << count) - 1)
}

/// Sums windows one after the other, with the memory of the last.
struct Window<'a, E: Engine> {
    engine: &'a E,
    bases: &'a [E::Point],
    /// Entries (base and sign) in the order of their buckets.
    entries: Vec<u32>,
    /// Where the entries of each bucket begin, and where the last end.
    starts: Vec<u32>,
    buckets: Vec<E::Point>,
    present: Vec<bool>,
    exceptional: Vec<usize>,
    tree: Tree<E>,
}

impl<'a, E: Engine> Window<'a, E> {
    fn new(engine: &'a E, bases: &'a [E::Point], bits: usize) -> Self {
        let count = 1 << (bits - 1);
        Self {
            engine,
            bases,
            entries: Vec::new(),
            starts: vec![0; count + 1],
            buckets: vec![E::Point::default(); count],
            present: vec![false; count],
            exceptional: Vec::new(),
            tree: Tree::default(),
        }
    }

    fn sum(&mut self, digits: &Digits, index: usize) -> G1Projective {
        self.sort(digits.window(index));
        self.exceptional.clear();
        let mut from = 0;
        while from < self.buckets.len() {
            let enough = self.starts[from] as usize + ENTRIES;
            let to =
                self.starts.partition_point(|start| (*start as usize) < enough).clamp(from + 1, self.buckets.len());
            self.sum_buckets(from, to);
            from = to;
        }
        self.sum_exceptional();
        self.engine.sum_weighted(&self.buckets, &self.present)
    }

    /// Sorts the entries by bucket: counts, places, and moves the places back to where each bucket begins.
    fn sort(&mut self, digits: impl Iterator<Item = i16> + Clone) {
        self.starts.fill(0);
        let starts = &mut self.starts;
        digits.clone().filter(|digit| *digit != 0).for_each(|digit| starts[digit.unsigned_abs() as usize - 1] += 1);
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end - *start;
        }
        self.entries.resize(end as usize, 0);
        let (starts, entries) = (&mut self.starts, &mut self.entries);
        digits.enumerate().filter(|(_, digit)| *digit != 0).for_each(|(base, digit)| {
            let place = &mut starts[digit.unsigned_abs() as usize - 1];
            entries[*place as usize] = (base as u32) << 1 | u32::from(digit < 0);
            *place += 1;
        });
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    fn sum_buckets(&mut self, from: usize, to: usize) {
        let tree = &mut self.tree;
        tree.first_level(self.engine, self.bases, &self.entries, &self.starts[from..=to]);
        while tree.spans.iter().any(|span| span.count > 1) {
            tree.next_level(self.engine);
        }
        for (bucket, span) in (from..to).zip(&tree.spans) {
            self.present[bucket] = span.count > 0 && !span.exceptional;
            if self.present[bucket] {
                self.buckets[bucket] = tree.sums[span.start as usize];
            } else if span.exceptional {
                self.exceptional.push(bucket);
            }
        }
    }

    /// The sums of the buckets that held a pair of equal or opposite points.
    fn sum_exceptional(&mut self) {
        let sums: Vec<_> = self.exceptional.iter().map(|bucket| self.sum_slowly(*bucket)).collect();
        let affine = G1Projective::normalize_batch(&sums);
        for ((bucket, affine), point) in self.exceptional.iter().zip(&affine).zip(self.engine.prepare(&affine)) {
            self.present[*bucket] = !affine.is_zero();
            self.buckets[*bucket] = point;
        }
    }

    fn sum_slowly(&self, bucket: usize) -> G1Projective {
        let entries = &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
        let mut sum = G1Projective::zero();
        for block in entries.chunks(BLOCK) {
            let points: Vec<_> = block.iter().map(|entry| self.bases[(entry >> 1) as usize]).collect();
            for (entry, point) in block.iter().zip(self.engine.affine(&points)) {
                sum += if entry & 1 == 1 { -point } else { point };
            }
        }
        sum
    }
}

/// The sums of a bucket on one level of its tree.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    count: u32,
    exceptional: bool,
}

/// Trees of some buckets, level by level.
struct Tree<E: Engine> {
    spans: Vec<Span>,
    sums: Vec<E::Point>,
    next: Vec<E::Point>,
    pairs: Pairs,
    /// Entries that have no neighbour, and where they go. Copied together: each waits for memory, but not for the others.
    single: Vec<(u32, u32)>,
    scratch: E::Scratch,
}

impl<E: Engine> Default for Tree<E> {
    fn default() -> Self {
        Self {
            spans: Vec::new(),
            sums: Vec::new(),
            next: Vec::new(),
            pairs: Pairs::default(),
            single: Vec::new(),
            scratch: E::Scratch::default(),
        }
    }
}

impl<E: Engine> Tree<E> {
    /// Adds neighbours among the bases of each bucket; a base left over is copied.
    fn first_level(&mut self, engine: &E, bases: &[E::Point], entries: &[u32], starts: &[u32]) {
        self.pairs.clear();
        self.spans.clear();
        let mut end = 0;
        for bounds in starts.windows(2) {
            let count = (bounds[1] - bounds[0]).div_ceil(2);
            self.spans.push(Span { start: end, count, exceptional: false });
            end += count;
        }
        grow(&mut self.sums, end as usize);
        for (bounds, span) in starts.windows(2).zip(&self.spans) {
            let bucket = &entries[bounds[0] as usize..bounds[1] as usize];
            let pairs = bucket.chunks_exact(2);
            self.pairs.target.extend(span.start..span.start + pairs.len() as u32);
            self.pairs.left.extend(pairs.clone().map(|pair| pair[0]));
            self.pairs.right.extend(pairs.map(|pair| pair[1]));
            if let [last] = bucket.chunks_exact(2).remainder() {
                self.single.push((*last, span.start + span.count - 1));
            }
        }
        for (entry, target) in self.single.drain(..) {
            let base = bases[(entry >> 1) as usize];
            self.sums[target as usize] = if entry & 1 == 1 { engine.negated(&base) } else { base };
        }
        self.pairs.fill(E::STRIDE);
        let exceptional = engine.add_pairs(bases, &self.pairs, &mut self.sums, &mut self.scratch);
        self.take_out(&exceptional);
    }

    /// Adds neighbours among the sums of each bucket; one left over is copied.
    fn next_level(&mut self, engine: &E) {
        self.pairs.clear();
        let mut end = 0;
        grow(&mut self.next, self.sums.len());
        for span in &mut self.spans {
            let (from, count) = (span.start, span.count);
            *span = Span { start: end, count: count.div_ceil(2), ..*span };
            self.pairs.target.extend(end..end + count / 2);
            self.pairs.left.extend((0..count / 2).map(|pair| (from + 2 * pair) << 1));
            self.pairs.right.extend((0..count / 2).map(|pair| (from + 2 * pair + 1) << 1));
            end += span.count;
            if count % 2 == 1 {
                self.next[end as usize - 1] = self.sums[(from + count - 1) as usize];
            }
        }
        self.pairs.fill(E::STRIDE);
        let exceptional = engine.add_pairs(&self.sums, &self.pairs, &mut self.next, &mut self.scratch);
        std::mem::swap(&mut self.sums, &mut self.next);
        self.take_out(&exceptional);
    }

    /// Marks the buckets of these targets; what their trees say from here on is not used.
    fn take_out(&mut self, targets: &[u32]) {
        for target in targets {
            let after = self.spans.partition_point(|span| span.start <= *target);
            self.spans[after - 1].exceptional = true;
        }
    }
}

fn grow<P: Copy + Default>(points: &mut Vec<P>, count: usize) {
    if points.len() < count {
        points.resize(count, P::default());
    }
}
