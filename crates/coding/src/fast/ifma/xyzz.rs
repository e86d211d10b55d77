//! Points in XYZZ coordinates (`x = X/ZZ`, `y = Y/ZZZ`, `ZZ^3 = ZZZ^2`), eight at a time: additions without inversions, for
//! sums in which each addition needs the one before it. Formulas: madd-2008-s and add-2008-s of the Explicit-Formulas
//! Database.

use std::arch::x86_64::__mmask8;

use ark_bn254::{G1Affine, G1Projective};
use ark_ff::Zero;

use super::lanes::Lanes;
use super::modulus::{Fp, Modulus};
use super::point::{Coordinate, Point, gather_x, gather_y, lanes_from_ark, lanes_to_ark};

/// Eight finite points. An addition of equal or opposite points makes `ZZ` zero, and it stays zero in whatever is added
/// afterwards: that one look at the end finds it.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    x: Coordinate,
    y: Lanes<Fp, 4>,
    zz: Lanes<Fp, 2>,
    zzz: Lanes<Fp, 2>,
}

impl Sum {
    /// The same finite point in all lanes.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2")]
    pub(super) fn of(point: &G1Affine) -> Self {
        let one = Lanes::<Fp, 1>::constant(Fp::ONE).widen();
        let (x, y) = (lanes_from_ark(&[point.x; 8]), lanes_from_ark(&[point.y; 8]));
        Self { x: x.widen(), y: y.widen(), zz: one, zzz: one }
    }

    /// Adds an affine point to each lane that `mask` names.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2")]
    pub(super) fn add_affine(&mut self, points: &[&Point; 8], mask: __mmask8) {
        let (x, y) = (gather_x(points), gather_y(points));
        let p = x.mul(&self.zz).sub::<3, 5>(&self.x);
        let r = y.mul(&self.zzz).sub::<4, 6>(&self.y);
        let sum = Self::finish(&p, &r, &self.x, &self.y, &self.zz, &self.zzz);
        self.x = self.x.blend(mask, &sum.x);
        self.y = self.y.blend(mask, &sum.y);
        self.zz = self.zz.blend(mask, &sum.zz);
        self.zzz = self.zzz.blend(mask, &sum.zzz);
    }

    /// Adds the other lanes to these.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2")]
    pub(super) fn add(&mut self, other: &Self) {
        let (x, y) = (self.x.mul(&other.zz), self.y.mul(&other.zzz));
        let p = other.x.mul(&self.zz).sub::<2, 4>(&x);
        let r = other.y.mul(&self.zzz).sub::<2, 4>(&y);
        let (zz, zzz) = (self.zz.mul(&other.zz), self.zzz.mul(&other.zzz));
        *self = Self::finish(&p.widen(), &r.widen(), &x.widen(), &y.widen(), &zz, &zzz);
    }

    /// The sum from the differences `p` of `x` and `r` of `y`, over the common `zz` and `zzz`.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2")]
    fn finish(
        p: &Lanes<Fp, 5>,
        r: &Lanes<Fp, 6>,
        x: &Coordinate,
        y: &Lanes<Fp, 4>,
        zz: &Lanes<Fp, 2>,
        zzz: &Lanes<Fp, 2>,
    ) -> Self {
        let pp = p.square();
        let (ppp, q) = (p.mul(&pp), x.mul(&pp));
        let rest = r.square().raw().minus::<2, 4>(&ppp.raw()).minus::<2, 6>(&q.raw());
        let sum_x = rest.minus::<2, 8>(&q.raw()).reduce();
        let sum_y = r.mul(&q.sub::<3, 5>(&sum_x)).sub::<2, 4>(&y.mul(&ppp));
        Self { x: sum_x, y: sum_y, zz: zz.mul(&pp), zzz: zzz.mul(&ppp) }
    }

    /// The eight points, or none where an addition met equal or opposite points.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2")]
    pub(super) fn to_projective(self) -> Option<[G1Projective; 8]> {
        let (x, y) = (lanes_to_ark(&self.x), lanes_to_ark(&self.y));
        let (zz, zzz) = (lanes_to_ark(&self.zz), lanes_to_ark(&self.zzz));
        let mut points = [G1Projective::zero(); 8];
        for lane in 0..8 {
            if zz[lane].is_zero() {
                return None;
            }
            // Jacobian coordinates with Z = ZZ * ZZZ: X * Z^2 / ZZ and Y * Z^3 / ZZZ.
            let (zz, zzz) = (zz[lane], zzz[lane]);
            let square = zzz * zzz;
            points[lane] =
                G1Projective::new_unchecked(x[lane] * zz * square, y[lane] * zz * zz * zz * square, zz * zzz);
        }
        Some(points)
    }
}
