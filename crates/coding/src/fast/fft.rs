//! Fourier transforms over the scalar field.

use ark_bn254::Fr;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

/// The largest size: 2^28 divides the order of the field's multiplicative group.
const LOG_MAX: u32 = 28;

/// Evaluates the polynomial of these coefficients at the powers of arkworks' root of unity of their count, in place.
///
/// # Panics
/// Where the count is not a power of two, or exceeds 2^28, the order of the field's roots of unity.
pub fn fft(values: &mut [Fr]) {
    transform(values, false);
}

/// The inverse of [`fft`]: the coefficients of the polynomial with these values.
///
/// # Panics
/// As [`fft`].
pub fn ifft(values: &mut [Fr]) {
    transform(values, true);
}

fn transform(values: &mut [Fr], inverse: bool) {
    let count = values.len();
    assert!(count.is_power_of_two() && count <= 1 << LOG_MAX, "a transform takes 2^0 to 2^28 numbers, not {count}");
    #[cfg(target_arch = "x86_64")]
    if let (Some(ifma), Some(plan)) = (super::ifma::Ifma::detect(), plans::get(count.trailing_zeros(), inverse)) {
        return ifma.fft(plan, values, &mut vec![Fr::default(); count]);
    }
    portable(values, inverse);
}

/// As [`fft`] or [`ifft`] with arkworks' method, which every machine has.
pub(super) fn portable(values: &mut [Fr], inverse: bool) {
    let Some(domain) = Radix2EvaluationDomain::<Fr>::new(values.len()) else { return };
    // arkworks transforms vectors, which it may lengthen; these have the right length.
    let mut vector = values.to_vec();
    if inverse {
        domain.ifft_in_place(&mut vector);
    } else {
        domain.fft_in_place(&mut vector);
    }
    values.copy_from_slice(&vector);
}

/// The roots of each size, worked out when it is first asked for: at most 400 KiB a size and direction.
#[cfg(target_arch = "x86_64")]
mod plans {
    use std::sync::OnceLock;

    use super::super::ifma::fft::{LOG_MAX, Plan};

    type Plans = [[OnceLock<Option<Plan>>; 2]; LOG_MAX as usize + 1];

    /// The plan of a size, where there is one.
    pub(super) fn get(log: u32, inverse: bool) -> Option<&'static Plan> {
        static PLANS: Plans = [const { [const { OnceLock::new() }; 2] }; LOG_MAX as usize + 1];
        PLANS.get(log as usize)?[usize::from(inverse)].get_or_init(|| Plan::new(log, inverse)).as_ref()
    }
}
