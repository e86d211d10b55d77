//! Points in XYZZ coordinates (`x = X/ZZ`, `y = Y/ZZZ`, `ZZ^3 = ZZZ^2`), eight at a time: additions without inversions, for
//! sums in which each addition needs the one before it. Formulas: madd-2008-s and add-2008-s of the Explicit-Formulas
//! Database.

use std::arch::x86_64::__mmask8;

use ark_bn254::{Fq, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, Zero};

use super::lanes::Lanes;
use super::modulus::{Fp, LIMBS, Modulus};
use super::point::{Coordinate, Point, gather_x, gather_y, lanes_from_ark, lanes_to_ark};

/// Eight points. All coordinates of an infinite one are zero modulo `p`.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    pub(super) x: Coordinate,
    y: Lanes<Fp, 4>,
    zz: Lanes<Fp, 2>,
    zzz: Lanes<Fp, 2>,
}

impl Sum {
    /// The same finite point in all lanes.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn of(point: &G1Affine) -> Self {
        let one = Lanes::<Fp, 1>::constant(Fp::ONE).widen();
        let (x, y) = (lanes_from_ark(&[point.x; 8]), lanes_from_ark(&[point.y; 8]));
        Self { x: x.widen(), y: y.widen(), zz: one, zzz: one }
    }

    /// Points in Jacobian coordinates.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn from_projective(points: &[G1Projective; 8]) -> Self {
        let finite = points.map(|point| if point.is_zero() { [Fq::ZERO; 3] } else { [point.x, point.y, point.z] });
        let z = lanes_from_ark(&finite.map(|point| point[2]));
        let (x, y) = (lanes_from_ark(&finite.map(|point| point[0])), lanes_from_ark(&finite.map(|point| point[1])));
        let zz = z.square();
        Self { x: x.widen(), y: y.widen(), zz, zzz: zz.mul(&z) }
    }

    /// Adds a finite affine point to each lane that `mask` names, all of them finite. Equal or opposite points make `ZZ`
    /// zero, and it stays zero in whatever is added afterwards: one look at the end, [`Sum::to_finite`], finds it.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn add_affine(&mut self, points: &[&Point; 8], mask: __mmask8) {
        let (x, y) = (gather_x(points), gather_y(points));
        let p = x.mul(&self.zz).sub::<3, 5>(&self.x);
        let r = y.mul(&self.zzz).sub::<4, 6>(&self.y);
        let sum = Self::finish(&p, &r, &self.x, &self.y, &self.zz, &self.zzz);
        self.blend(mask, &sum);
    }

    /// Adds other finite points to these, with the same exception as [`Sum::add_affine`].
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn add(&mut self, other: &Self) {
        let (x, y) = (self.x.mul(&other.zz), self.y.mul(&other.zzz));
        let p = other.x.mul(&self.zz).sub::<2, 4>(&x);
        let r = other.y.mul(&self.zzz).sub::<2, 4>(&y);
        let (zz, zzz) = (self.zz.mul(&other.zz), self.zzz.mul(&other.zzz));
        *self = Self::finish(&p.widen(), &r.widen(), &x.widen(), &y.widen(), &zz, &zzz);
    }

    /// The sum from the differences `p` of `x` and `r` of `y`, over the common `zz` and `zzz`.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
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

    /// Adds the other points in the lanes that `mask` names, whatever points they are.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn add_where(&mut self, other: &Self, mask: __mmask8) {
        let (x, y) = (self.x.mul(&other.zz), self.y.mul(&other.zzz));
        let p = other.x.mul(&self.zz).sub::<2, 4>(&x);
        let r = other.y.mul(&self.zzz).sub::<2, 4>(&y);
        let (zz, zzz) = (self.zz.mul(&other.zz), self.zzz.mul(&other.zzz));
        let mut sum = Self::finish(&p.widen(), &r.widen(), &x.widen(), &y.widen(), &zz, &zzz);
        // An infinite operand brings `p` to zero too, since its `x` and `ZZ` are zero.
        let exceptional = p.zeros() & mask;
        if exceptional != 0 {
            self.replace_exceptional(&mut sum, other, exceptional, r.zeros());
        }
        self.blend(mask, &sum);
    }

    /// Puts right the lanes of a sum whose operands have equal `x` (and where `same`, equal `y`) or are infinite.
    #[cold]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    fn replace_exceptional(&self, sum: &mut Self, other: &Self, exceptional: __mmask8, same: __mmask8) {
        let zero = Lanes::<Fp, 1>::constant([0; LIMBS]);
        let infinite = Self { x: zero.widen(), y: zero.widen(), zz: zero.widen(), zzz: zero.widen() };
        sum.blend(exceptional, &infinite);
        let mut doubled = *self;
        doubled.double();
        sum.blend(exceptional & same, &doubled);
        sum.blend(exceptional & self.zz.zeros(), other);
        sum.blend(exceptional & other.zz.zeros(), self);
    }

    /// Doubles each lane; infinite points stay so. Formulas: dbl-2008-s-1.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn double(&mut self) {
        let u = self.y.add::<4, 8>(&self.y).raw().reduce();
        let v = u.square();
        let w = u.mul(&v);
        let (s, square) = (self.x.mul(&v), self.x.square());
        let m = square.add::<2, 4>(&square).add::<2, 6>(&square);
        let x = m.square().raw().minus::<2, 4>(&s.raw()).minus::<2, 6>(&s.raw()).reduce();
        let y = m.mul(&s.sub::<3, 5>(&x)).sub::<2, 4>(&w.mul(&self.y));
        *self = Self { x, y, zz: v.mul(&self.zz), zzz: w.mul(&self.zzz) };
    }

    /// Takes the lanes of the other that `mask` names.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn blend(&mut self, mask: __mmask8, other: &Self) {
        self.x = self.x.blend(mask, &other.x);
        self.y = self.y.blend(mask, &other.y);
        self.zz = self.zz.blend(mask, &other.zz);
        self.zzz = self.zzz.blend(mask, &other.zzz);
    }

    /// Negates the lanes that `mask` names.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn negate(&mut self, mask: __mmask8) {
        self.y = self.y.negate_where::<8>(mask).reduce().widen();
    }

    /// The eight points, or none where an addition of finite points met equal or opposite ones.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn to_finite(self) -> Option<[G1Projective; 8]> {
        (self.zz.zeros() == 0).then(|| self.to_projective())
    }

    /// The points in Jacobian coordinates with `Z = ZZ * ZZZ`, hence `X * Z^2 / ZZ` and `Y * Z^3 / ZZZ`.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn to_projective(self) -> [G1Projective; 8] {
        let square = self.zzz.square();
        let (x_factor, z) = (self.zz.mul(&square), self.zz.mul(&self.zzz));
        let y_factor = x_factor.mul(&self.zz.square());
        let (x, y) = (lanes_to_ark(&self.x.mul(&x_factor)), lanes_to_ark(&self.y.mul(&y_factor)));
        let z = lanes_to_ark(&z);
        let mut points = [G1Projective::zero(); 8];
        for lane in 0..8 {
            if !z[lane].is_zero() {
                points[lane] = G1Projective::new_unchecked(x[lane], y[lane], z[lane]);
            }
        }
        points
    }
}
