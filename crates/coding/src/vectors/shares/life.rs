//! An operator with three stakers: they deposit, it is slashed, they deposit again, it takes magnitude back, they queue, it is
//! slashed again, they leave. The contracts go through the same steps.

use alloy_primitives::U256;
use vouch_core::shares::{self, WAD};

use super::Formula;
use super::draw::Draw;

const STAKERS: usize = 3;
/// What a staker deposits at most each time.
const DEPOSIT_MAX: U256 = U256::from_limbs([0, 1 << 40, 0, 0]);

pub(super) const FORMULA: Formula = Formula {
    name: "lives",
    takes: &[
        "first0",
        "first1",
        "first2",
        "second0",
        "second1",
        "second2",
        "queued0",
        "queued1",
        "queued2",
        "magnitude",
        "wad1",
        "taken",
        "wad2",
    ],
    makes: &[
        "factor0",
        "factor1",
        "factor2",
        "withdrawable0",
        "withdrawable1",
        "withdrawable2",
        "paid0",
        "paid1",
        "paid2",
        "parked1",
        "parked2",
        "operatorShares",
        "maxMagnitude",
        "magnitudeLeft",
        "takenLeft",
        "stake",
    ],
    compute,
    draw,
};

/// A staker's account with one strategy.
#[derive(Clone, Copy)]
struct Staker {
    shares: U256,
    factor: U256,
    /// What is queued, scaled.
    queued: U256,
}

/// The operator's side of it.
struct Operator {
    shares: U256,
    max_magnitude: U256,
    magnitude: U256,
    /// What is being taken back from the set.
    taken: U256,
}

fn compute(v: &[U256]) -> Option<Vec<U256>> {
    let [magnitude, wad1, taken, wad2] = std::array::from_fn(|index| v[3 * STAKERS + index]);
    let mut operator = Operator { shares: U256::ZERO, max_magnitude: WAD, magnitude, taken: U256::ZERO };
    let mut stakers = [Staker { shares: U256::ZERO, factor: WAD, queued: U256::ZERO }; STAKERS];
    for (staker, amount) in stakers.iter_mut().zip(&v[..STAKERS]) {
        operator.deposit(staker, *amount)?;
    }
    let parked1 = operator.slash(wad1, &[])?;
    for (staker, amount) in stakers.iter_mut().zip(&v[STAKERS..]) {
        operator.deposit(staker, *amount)?;
    }
    operator.take_back(taken)?;
    for (staker, shares) in stakers.iter_mut().zip(&v[2 * STAKERS..]) {
        operator.queue(staker, *shares)?;
    }
    let parked2 = operator.slash(wad2, &stakers)?;

    let mut made: Vec<U256> = stakers.iter().map(|staker| staker.factor).collect();
    for staker in &stakers {
        made.push(shares::withdrawable(staker.shares, staker.factor, operator.max_magnitude)?);
    }
    for staker in &stakers {
        made.push(shares::mul_div(staker.queued, operator.max_magnitude, WAD)?);
    }
    let stake = shares::stake_of(operator.shares, operator.magnitude, operator.max_magnitude)?;
    made.extend([parked1, parked2, operator.shares, operator.max_magnitude, operator.magnitude, operator.taken, stake]);
    Some(made)
}

impl Operator {
    /// The strategy's rate stays one to one: nothing leaves it before all is done.
    fn deposit(&mut self, staker: &mut Staker, amount: U256) -> Option<()> {
        let factor = shares::scaling_factor_after(staker.factor, staker.shares, amount, self.max_magnitude)?;
        (!factor.is_zero() && !amount.is_zero()).then_some(())?;
        staker.factor = factor;
        staker.shares = staker.shares.checked_add(amount)?;
        self.shares = self.shares.checked_add(amount)?;
        Some(())
    }

    fn take_back(&mut self, taken: U256) -> Option<()> {
        self.taken = taken;
        (taken <= self.magnitude).then_some(())
    }

    /// A staker that keeps nothing starts anew.
    fn queue(&mut self, staker: &mut Staker, shares: U256) -> Option<()> {
        let left = staker.shares.checked_sub(shares)?;
        (!shares.is_zero()).then_some(())?;
        staker.queued = shares::mul_div(shares, staker.factor, WAD)?;
        staker.shares = left;
        if left.is_zero() {
            staker.factor = WAD;
        }
        let worth = shares::mul_div(staker.queued, self.max_magnitude, WAD)?;
        self.shares = self.shares.checked_sub(worth)?;
        Some(())
    }

    /// What is parked, from the operator's shares and from the queue of `leaving`.
    fn slash(&mut self, wad: U256, leaving: &[Staker]) -> Option<U256> {
        (!wad.is_zero() && wad <= WAD).then_some(())?;
        let slashed = shares::slash_magnitude(self.magnitude, wad)?;
        self.magnitude -= slashed;
        self.taken -= shares::slash_magnitude(self.taken, wad)?;
        let prev = self.max_magnitude;
        self.max_magnitude = prev.checked_sub(slashed)?;

        let own = shares::slashed_shares(self.shares, prev, self.max_magnitude)?;
        self.shares -= own;
        let scaled = leaving.iter().try_fold(U256::ZERO, |sum, staker| sum.checked_add(staker.queued))?;
        let queued = shares::mul_div(scaled, prev, WAD)?;
        own.checked_add(shares::slashed_queue(queued, U256::from(leaving.len()), prev, self.max_magnitude)?)
    }
}

fn draw(draw: &mut Draw) -> Vec<U256> {
    loop {
        let values = attempt(draw);
        if compute(&values).is_some() {
            return values;
        }
    }
}

/// Mostly a life that the contracts accept: a first slash that leaves something to deposit into.
fn attempt(draw: &mut Draw) -> Vec<U256> {
    let one = U256::from(1);
    let mut values: Vec<U256> = (0..2 * STAKERS).map(|_| draw.amount(DEPOSIT_MAX).max(one)).collect();
    for staker in 0..STAKERS {
        let shares = values[staker] + values[STAKERS + staker];
        values.push(draw.between(one, shares));
    }
    let magnitude = draw.magnitude().max(one);
    let wad1 = draw.magnitude().max(one);
    let left = magnitude - shares::slash_magnitude(magnitude, wad1).unwrap_or(magnitude);
    let taken = draw.between(U256::ZERO, left);
    values.extend([magnitude, wad1, taken, draw.magnitude().max(one)]);
    values
}
