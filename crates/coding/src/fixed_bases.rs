//! Multi-scalar multiplication over points that stay the same.
//!
//! Every base is kept with its multiples by 2^(window * j), so all windows of all scalars fall into one set of buckets
//! (Pippenger's method with tables). Buckets are added up in affine coordinates, pairwise, with one field inversion a round
//! (Montgomery's trick): 6 multiplications an addition instead of 11 and more. About three times as fast as a general
//! multiplication (`benches/commit.rs`), for `64 * points * windows` bytes.

use ark_bn254::{Fq, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField, serial_batch_inversion_and_mul};
use vouch_core::points::{Fr, G1Affine};

/// One more than the bits of a scalar, because signed digits carry.
const SCALAR_BITS: usize = Fr::MODULUS_BIT_SIZE as usize + 1;

/// From so many additions on, a second thread is worth its start.
const PARALLEL_MIN: usize = 4_096;

/// Points with their tables.
pub(crate) struct FixedBases {
    /// Bits of a window.
    window: usize,
    count: usize,
    /// 2^(window * j) times base i stands at j * count + i.
    multiples: Vec<G1Affine>,
}

/// A multiple to be added to the bucket of its digit.
#[derive(Clone, Copy)]
struct Entry {
    /// The digit's size, not zero.
    bucket: u32,
    multiple: u32,
    negative: bool,
}

impl FixedBases {
    pub fn new(bases: &[G1Affine]) -> Self {
        let window = (bases.len().ilog2() as usize).clamp(4, 12);
        let mut row: Vec<G1Projective> = bases.iter().map(|base| base.into_group()).collect();
        let mut multiples = bases.to_vec();
        for _ in 1..SCALAR_BITS.div_ceil(window) {
            row.iter_mut().for_each(|point| (0..window).for_each(|_| *point = point.double()));
            multiples.extend(G1Projective::normalize_batch(&row));
        }
        Self { window, count: bases.len(), multiples }
    }

    /// The sum of scalar i times base i; as many scalars as bases.
    pub fn multiply(&self, scalars: &[Fr]) -> G1Projective {
        debug_assert_eq!(scalars.len(), self.count, "one scalar for each base");
        let entries = self.entries(scalars);
        let (points, lengths) = self.sorted(&entries);
        if points.len() < PARALLEL_MIN {
            return bucket_sums(points, lengths).weighted;
        }
        // Two halves of about as many points: a batch waits for its commitment and nothing else can be done for it.
        let (middle, split) = middle(&lengths);
        let (low, high) = (points[..split].to_vec(), points[split..].to_vec());
        let (low_lengths, high_lengths) = (lengths[..middle].to_vec(), lengths[middle..].to_vec());
        let (low, high) = std::thread::scope(|scope| {
            let high = scope.spawn(|| bucket_sums(high, high_lengths));
            let low = bucket_sums(low, low_lengths);
            (low, high.join())
        });
        let high = high.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        low.weighted + high.weighted + high.plain * Fr::from(middle as u64)
    }

    fn entries(&self, scalars: &[Fr]) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.multiples.len());
        for (index, scalar) in scalars.iter().enumerate() {
            let limbs = scalar.into_bigint().0;
            let mut carry = 0;
            for (row, start) in (0..SCALAR_BITS).step_by(self.window).enumerate() {
                let digit = bits(&limbs, start, self.window) as i64 + carry;
                carry = i64::from(digit > 1 << (self.window - 1));
                let digit = digit - (carry << self.window);
                if digit != 0 {
                    let multiple = (row * self.count + index) as u32;
                    entries.push(Entry { bucket: digit.unsigned_abs() as u32, multiple, negative: digit < 0 });
                }
            }
        }
        entries
    }

    /// The points bucket by bucket, and how many each bucket has.
    fn sorted(&self, entries: &[Entry]) -> (Vec<G1Affine>, Vec<usize>) {
        let mut lengths = vec![0; 1 << (self.window - 1)];
        entries.iter().for_each(|entry| lengths[entry.bucket as usize - 1] += 1);
        let mut next = starts(&lengths);
        let mut points = vec![G1Affine::zero(); entries.len()];
        for entry in entries {
            let multiple = self.multiples[entry.multiple as usize];
            let place = &mut next[entry.bucket as usize - 1];
            points[*place] = if entry.negative { -multiple } else { multiple };
            *place += 1;
        }
        (points, lengths)
    }
}

/// The sums of some neighbouring buckets.
struct Sums {
    /// The first bucket's points once, the second's twice, and so on.
    weighted: G1Projective,
    /// Every point once.
    plain: G1Projective,
}

fn bucket_sums(mut points: Vec<G1Affine>, mut lengths: Vec<usize>) -> Sums {
    while lengths.iter().any(|length| *length > 1) {
        add_pairs(&mut points, &mut lengths);
    }
    weighted_sum(&points, &lengths)
}

/// The first bucket of the upper half of all points, and how many points are below it.
fn middle(lengths: &[usize]) -> (usize, usize) {
    let half = lengths.iter().sum::<usize>() / 2;
    let mut below = 0;
    let reaches = |length: &usize| {
        below += length;
        below >= half
    };
    let bucket = lengths.iter().position(reaches).map_or(lengths.len(), |last| last + 1);
    (bucket, below)
}

/// `length` bits of a number from bit `start`.
fn bits(limbs: &[u64; 4], start: usize, length: usize) -> u64 {
    let (limb, shift) = (start / 64, start % 64);
    let low = limbs[limb] >> shift;
    let high = if shift + length > 64 && limb < 3 { limbs[limb + 1] << (64 - shift) } else { 0 };
    (low | high) & ((1 << length) - 1)
}

fn starts(lengths: &[usize]) -> Vec<usize> {
    let running = lengths.iter().scan(0, |sum, length| {
        let start = *sum;
        *sum += length;
        Some(start)
    });
    running.collect()
}

/// Replaces every two neighbours of a bucket by their sum. Sums move to the front, behind what was read already.
fn add_pairs(points: &mut Vec<G1Affine>, lengths: &mut [usize]) {
    let mut inverses = Vec::with_capacity(points.len() / 2);
    let mut start = 0;
    for length in lengths.iter() {
        let (pairs, _) = points[start..start + length].as_chunks::<2>();
        inverses.extend(pairs.iter().map(|[left, right]| denominator(left, right)));
        start += length;
    }
    serial_batch_inversion_and_mul(&mut inverses, &Fq::ONE);
    let (mut inverses, mut read, mut written) = (inverses.into_iter(), 0, 0);
    for length in lengths.iter_mut() {
        let pairs = *length / 2;
        for (pair, inverse) in (0..pairs).zip(&mut inverses) {
            points[written + pair] = add(&points[read + 2 * pair], &points[read + 2 * pair + 1], inverse);
        }
        if *length % 2 == 1 {
            points[written + pairs] = points[read + *length - 1];
        }
        read += *length;
        *length = length.div_ceil(2);
        written += *length;
    }
    points.truncate(written);
}

/// What the slope of the line through both points is divided by; zero if the line is vertical or there is none.
fn denominator(left: &G1Affine, right: &G1Affine) -> Fq {
    if left.x != right.x {
        right.x - left.x
    } else if left.y == right.y {
        left.y.double()
    } else {
        Fq::ZERO
    }
}

/// The sum, given the inverse of [`denominator`] (zero's is zero).
fn add(left: &G1Affine, right: &G1Affine, inverse: Fq) -> G1Affine {
    if left.is_zero() {
        return *right;
    }
    if right.is_zero() {
        return *left;
    }
    let rise = if left.x != right.x {
        right.y - left.y
    } else if left.y == right.y {
        let square = left.x.square();
        square.double() + square
    } else {
        return G1Affine::zero();
    };
    let slope = rise * inverse;
    let x = slope.square() - left.x - right.x;
    G1Affine::new_unchecked(x, slope * (left.x - x) - left.y)
}

/// Bucket k's point, if any, counts k + 1 times: a sum of running sums from the last bucket on.
fn weighted_sum(points: &[G1Affine], lengths: &[usize]) -> Sums {
    let (mut running, mut sum) = (G1Projective::ZERO, G1Projective::ZERO);
    let mut points = points.iter().rev();
    for length in lengths.iter().rev() {
        if *length == 1 {
            running += points.next().expect("a bucket of length one has a point");
        }
        sum += running;
    }
    Sums { weighted: sum, plain: running }
}

#[cfg(test)]
mod tests {
    use ark_ec::VariableBaseMSM;
    use proptest::prelude::*;

    use super::*;

    fn base(number: u64) -> G1Affine {
        (G1Affine::generator() * Fr::from(number)).into_affine()
    }

    fn check(bases: &[G1Affine], scalars: &[Fr]) {
        let expected = G1Projective::msm(bases, scalars).unwrap();
        assert_eq!(FixedBases::new(bases).multiply(scalars), expected, "{} bases", bases.len());
    }

    /// Equal points double, opposite ones cancel, infinity is neutral: each would spoil a plain chord.
    #[test]
    fn points_that_coincide() {
        let (one, negated) = (base(1), -base(1));
        check(&[one; 8], &[Fr::from(3); 8]);
        check(&[one, negated, one, negated], &[Fr::from(5); 4]);
        check(&[G1Affine::zero(), one, G1Affine::zero(), base(2)], &[Fr::from(9); 4]);
        check(&[one, base(2), base(4), base(8)], &[8, 4, 2, 1].map(Fr::from));
    }

    #[test]
    fn scalars_at_the_edges() {
        let bases: Vec<G1Affine> = (1..=32).map(base).collect();
        for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(16), Fr::from(17), Fr::from(u64::MAX), -Fr::from(16)] {
            check(&bases, &[scalar; 32]);
            check(&bases[..1], &[scalar]);
        }
    }

    /// Many points: two threads, also where one of them has (nearly) all the work.
    #[test]
    fn halves_add_up() {
        let bases: Vec<G1Affine> = (1..=256).map(base).collect();
        let mixed: Vec<Fr> = (1..=256u64).map(|index| Fr::from(index).inverse().unwrap()).collect();
        check(&bases, &mixed);
        let same_digit = Fr::from_le_bytes_mod_order(&[0x11; 31]);
        for scalar in [same_digit, -same_digit, mixed[9], -Fr::ONE] {
            check(&bases, &[scalar; 256]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn agrees_with_the_general_method(scalars in prop::collection::vec(any::<[u8; 32]>(), 1..80)) {
            let scalars: Vec<Fr> = scalars.iter().map(|bytes| Fr::from_be_bytes_mod_order(bytes)).collect();
            let bases: Vec<G1Affine> = (0..scalars.len() as u64).map(|index| base(index * index + 1)).collect();
            check(&bases, &scalars);
        }
    }
}
