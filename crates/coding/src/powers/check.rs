//! Whether points are what a ceremony's must be: consecutive powers of one secret, on both groups.
//!
//! Long lists are checked at once by a random combination (r_i of 128 bits drawn from the points' own hash, so nobody
//! chooses points after the numbers): with Q = sum of r_i P_i and R = sum of r_i P_(i+1), R = t Q. The constants are tied to
//! each other by a few pairings. With p_i the exponent of `g2_powers[i]` and q_i that of `g1_reverse[i]`, these say
//! q_27 = p_27, q_i = q_(i+1) + p_i and q_i + p_i equal for all i, from which p_(i+1) = 2 p_i follows.

use ark_bn254::{G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::PrimeField;
use sha2::{Digest, Sha256};
use vouch_core::bls::pairing_is_one;
use vouch_core::points::{self, Fr, G1Affine, G2Affine};

use super::{Constants, ORDER_LOG, Powers};

/// Points of a list that are combined before progress is told.
const STEP: usize = 1 << 14;

/// What points of a ceremony cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{g1} points on G1, {g2} on G2 and {trailing} trailing ones; expected a power of two, the same of each")]
    Counts { g1: usize, g2: usize, trailing: usize },
    #[error("the first point of {list} is not the generator")]
    Generator { list: &'static str },
    #[error("the points of {list} are not consecutive powers of one secret, or it is zero")]
    Powers { list: &'static str },
    #[error("by the reverse powers on G1, the trailing points on G2 are not the last ones before t^(2^28)")]
    Trailing,
    #[error("the point for 2^{log} of {list} is another power")]
    Constant { list: &'static str, log: usize },
}

impl Powers {
    /// Checks every point. `told`: how many of how many points are done.
    pub fn check(&self, told: &dyn Fn(usize, usize)) -> Result<(), Fault> {
        let (g1, g2, trailing) = (self.g1.len(), self.g2.len(), self.g2_trailing.len());
        if !g1.is_power_of_two() || g1 != g2 || g2 != trailing || g1.ilog2() as usize >= ORDER_LOG {
            return Err(Fault::Counts { g1, g2, trailing });
        }
        self.check_generators()?;
        let seed = self.seed();
        let step = |list: usize| move |done: usize| told(list * g1 + done, 3 * g1);
        if g1 > 1 {
            let (now, next) = combine::<G1Projective>(&self.g1, seed, &step(0));
            // The secret on the other group is the second point there.
            let holds = pairing_is_one([next, -now], [G2Affine::generator(), self.g2[1]]);
            require(holds, Fault::Powers { list: "G1" })?;
            for (list, name, at) in [(&self.g2, "G2", 1), (&self.g2_trailing, "G2 (trailing)", 2)] {
                let (now, next) = combine::<G2Projective>(list, seed, &step(at));
                let holds = pairing_is_one([G1Affine::generator(), -self.g1[1]], [next, now]);
                require(holds, Fault::Powers { list: name })?;
            }
        }
        self.check_constants_are_of_the_lists()?;
        self.constants.check()
    }

    fn check_generators(&self) -> Result<(), Fault> {
        require(self.g1[0] == G1Affine::generator(), Fault::Generator { list: "G1" })?;
        require(self.g2[0] == G2Affine::generator(), Fault::Generator { list: "G2" })?;
        // Nothing follows from a secret of zero, and one is as good as known.
        let is_secret = |second: &G1Affine| !second.is_zero() && *second != G1Affine::generator();
        require(self.g1.get(1).is_none_or(is_secret), Fault::Powers { list: "G1" })
    }

    fn check_constants_are_of_the_lists(&self) -> Result<(), Fault> {
        let Constants { g1_reverse, g2_powers } = &self.constants;
        for (log, point) in g2_powers.iter().enumerate() {
            let known = self.g2.get(1 << log);
            require(known.is_none_or(|known| known == point), Fault::Constant { list: "G2", log })?;
        }
        let reverse = g1_reverse[self.g1.len().ilog2() as usize];
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        require(pairing_is_one([reverse, -g1], [g2, self.g2_trailing[0]]), Fault::Trailing)
    }

    /// A hash of all points.
    fn seed(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        self.g1.iter().for_each(|point| hasher.update(points::g1_bytes(point)));
        self.g2.iter().chain(&self.g2_trailing).for_each(|point| hasher.update(points::g2_bytes(point)));
        hasher.finalize().into()
    }
}

impl Constants {
    /// Whether they are powers of one secret, whichever it is.
    pub fn check(&self) -> Result<(), Fault> {
        let Self { g1_reverse, g2_powers } = self;
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let top = ORDER_LOG - 1;
        let mut above = (g1, g2_powers[top]);
        for log in (0..ORDER_LOG).rev() {
            let fault = Fault::Constant { list: "G1 (reverse)", log };
            require(pairing_is_one([g1_reverse[log], -above.0], [g2, above.1]), fault)?;
            let same = pairing_is_one([g1_reverse[log], -g1_reverse[top]], [g2_powers[log], g2_powers[top]]);
            require(same, Fault::Constant { list: "G2", log })?;
            above = (g1_reverse[log], g2_powers[log.saturating_sub(1)]);
        }
        Ok(())
    }
}

fn require(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

/// The sums of r_i P_i and of r_i P_(i+1).
fn combine<G: CurveGroup<ScalarField = Fr> + VariableBaseMSM<MulBase = G::Affine>>(
    points: &[G::Affine],
    seed: [u8; 32],
    told: &dyn Fn(usize),
) -> (G::Affine, G::Affine) {
    let (mut now, mut next) = (G::zero(), G::zero());
    let pairs = points.len() - 1;
    for start in (0..pairs).step_by(STEP) {
        let end = pairs.min(start + STEP);
        let numbers: Vec<Fr> = (start..end).map(|index| number(seed, index)).collect();
        now += G::msm_unchecked(&points[start..end], &numbers);
        next += G::msm_unchecked(&points[start + 1..=end], &numbers);
        told(end);
    }
    (now.into_affine(), next.into_affine())
}

/// 128 bits.
fn number(seed: [u8; 32], index: usize) -> Fr {
    let hash = Sha256::new().chain_update(seed).chain_update((index as u64).to_be_bytes()).finalize();
    Fr::from_be_bytes_mod_order(&hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::DevelopmentSrs;

    fn of(secret: u64, symbols: usize) -> Powers {
        Powers::development(&DevelopmentSrs::with_secret(Fr::from(secret)), symbols).unwrap()
    }

    fn fault(change: impl FnOnce(&mut Powers)) -> Fault {
        let mut powers = of(12_345, 8);
        change(&mut powers);
        powers.check(&|_, _| {}).unwrap_err()
    }

    #[test]
    fn points_of_one_secret_hold_at_every_size() {
        of(12_345, 8).check(&|_, _| {}).unwrap();
        for symbols in [1, 2, 64] {
            let told = std::cell::Cell::new((0, 0));
            of(987_654_321, symbols).check(&|done, all| told.set((done, all))).unwrap();
            assert!(symbols == 1 || told.get() == (3 * symbols - 1, 3 * symbols), "{symbols}");
        }
    }

    #[test]
    fn any_point_that_is_another_is_found() {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        assert_eq!(fault(|powers| powers.g1[0] = -g1), Fault::Generator { list: "G1" });
        assert_eq!(fault(|powers| powers.g2[0] = -g2), Fault::Generator { list: "G2" });
        for index in 1..8 {
            assert_eq!(fault(|powers| powers.g1[index] = g1), Fault::Powers { list: "G1" }, "{index}");
            let found = fault(|powers| powers.g2[index] = g2);
            // The second point is what the others are held against.
            let list = if index == 1 { "G1" } else { "G2" };
            assert_eq!(found, Fault::Powers { list }, "{index}");
        }
        for index in 0..8 {
            assert_eq!(fault(|powers| powers.g2_trailing[index] = g2), Fault::Powers { list: "G2 (trailing)" });
        }
        assert_eq!(fault(|powers| powers.g2_trailing = of(12_345, 8).g2), Fault::Trailing);
        for log in [0, 1, 2, 4, 26, 27] {
            let found = fault(|powers| powers.constants.g1_reverse[log] = g1);
            assert!(matches!(found, Fault::Constant { .. }), "{log}: {found}");
            let found = fault(|powers| powers.constants.g2_powers[log] = g2);
            assert!(matches!(found, Fault::Constant { .. }), "{log}: {found}");
        }
    }

    #[test]
    fn points_of_another_secret_and_lists_of_other_lengths_are_found() {
        let other = of(54_321, 8);
        assert_eq!(fault(|powers| powers.g1 = other.g1.clone()), Fault::Powers { list: "G1" });
        assert_eq!(
            fault(|powers| powers.g2_trailing = other.g2_trailing.clone()),
            Fault::Powers { list: "G2 (trailing)" }
        );
        let found = fault(|powers| powers.constants = other.constants.clone());
        assert!(matches!(found, Fault::Constant { .. }), "{found}");
        let found = fault(|powers| powers.g2.truncate(7));
        assert_eq!(found, Fault::Counts { g1: 8, g2: 7, trailing: 8 });
        let found = fault(|powers| (powers.g1, powers.g2, powers.g2_trailing) = (vec![], vec![], vec![]));
        assert_eq!(found, Fault::Counts { g1: 0, g2: 0, trailing: 0 });
        for known in [0, 1] {
            let weak = Powers::development(&DevelopmentSrs::with_secret(Fr::from(known)), 8).unwrap();
            assert_eq!(weak.check(&|_, _| {}), Err(Fault::Powers { list: "G1" }), "{known}");
        }
    }
}
