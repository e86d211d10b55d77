//! Fast arithmetic on BN254 for encoding and committing: sums of many points, transforms of many scalars.
//!
//! Two paths give the same results: eight lanes of AVX-512 IFMA where the processor has them, found out when the program
//! runs, and a portable one. Neither is constant time: nothing here may touch a secret.
//!
//! ```
//! use ark_bn254::{Fr, G1Affine};
//! use ark_ec::AffineRepr;
//! use vouch_coding::fast;
//!
//! let bases = vec![G1Affine::generator(); 3];
//! let sum = fast::msm(&bases, &[Fr::from(1), Fr::from(2), Fr::from(4)]);
//! assert_eq!(sum, G1Affine::generator() * Fr::from(7));
//! ```

mod buckets;
mod engine;
mod fft;
mod glv;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector loads and stores, and calls that need the instructions which were detected")]
mod ifma;
mod points;
mod portable;
#[cfg(test)]
mod tests;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, VariableBaseMSM};

use self::engine::Engine;
pub use self::fft::{fft, ifft};
#[cfg(target_arch = "x86_64")]
use self::ifma::Ifma;
pub use self::points::{fft_points, ifft_points, multiply_many};
use self::portable::Portable;

/// Whether this machine has the wide multiplication that eight lanes need; without it everything takes the portable path.
pub fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Ifma::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Below this many bases arkworks' own method is no slower than the lanes.
const FEW: usize = 64;
/// Below this many bases arkworks' own method is no slower than the portable path.
const FEW_PORTABLE: usize = 1_024;

/// Bases in the form that sums are quickest from, so that converting them is paid once.
#[derive(Clone, Debug)]
pub struct PreparedBases {
    points: Points,
    /// Places of the points at infinity, which the formulas do not know.
    infinite: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Points {
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma, Vec<ifma::Point>),
    Portable(Vec<G1Affine>),
}

impl PreparedBases {
    /// Prepares bases for the fastest path that this machine has.
    ///
    /// # Panics
    /// Where there are more than 2^31 bases.
    pub fn new(bases: &[G1Affine]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = Ifma::detect() {
            return Self::of(bases, Points::Ifma(ifma, ifma.prepare(bases)));
        }
        Self::portable(bases)
    }

    /// Prepares bases for the path that every machine has.
    ///
    /// # Panics
    /// Where there are more than 2^31 bases.
    pub fn portable(bases: &[G1Affine]) -> Self {
        Self::of(bases, Points::Portable(bases.to_vec()))
    }

    fn of(bases: &[G1Affine], points: Points) -> Self {
        assert!(bases.len() <= buckets::BASES_MAX, "an entry is an index and a sign in 32 bits");
        let infinite = bases.iter().enumerate().filter(|(_, base)| base.is_zero()).map(|(index, _)| index).collect();
        Self { points, infinite }
    }

    /// How many bases there are.
    pub fn len(&self) -> usize {
        match &self.points {
            #[cfg(target_arch = "x86_64")]
            Points::Ifma(_, points) => points.len(),
            Points::Portable(points) => points.len(),
        }
    }

    /// Whether there are no bases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum of each scalar times its base. Bases beyond the scalars, and scalars beyond the bases, count as zero.
    pub fn msm(&self, scalars: &[Fr]) -> G1Projective {
        let count = scalars.len().min(self.len());
        match &self.points {
            #[cfg(target_arch = "x86_64")]
            Points::Ifma(ifma, points) => sum(ifma, &points[..count], &self.infinite, &scalars[..count], FEW),
            Points::Portable(points) => {
                sum(&Portable, &points[..count], &self.infinite, &scalars[..count], FEW_PORTABLE)
            }
        }
    }
}

fn sum<E: Engine>(engine: &E, bases: &[E::Point], infinite: &[usize], scalars: &[Fr], few: usize) -> G1Projective {
    if bases.len() < few {
        return G1Projective::msm_unchecked(&engine.affine(bases), scalars);
    }
    buckets::msm(engine, bases, infinite, scalars)
}

/// The sum of each scalar times its base, as [`PreparedBases::msm`].
///
/// # Panics
/// Where there are more than 2^31 bases.
pub fn msm(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let count = bases.len().min(scalars.len());
    if count < FEW {
        return G1Projective::msm_unchecked(&bases[..count], &scalars[..count]);
    }
    PreparedBases::new(&bases[..count]).msm(scalars)
}
