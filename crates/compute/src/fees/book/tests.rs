use alloy_primitives::{Address, B256, U256};
use vouch_core::{AppId, BatchHash, Request};

use super::*;
use crate::machine::LocalFiles;
use crate::store::{Birth, Identity};

const LANE: LaneKey = LaneKey { app: AppId(B256::repeat_byte(1)), lane: 1 };
const CLIENT: Address = Address::repeat_byte(7);

fn units(number: u64) -> U256 {
    U256::from(number)
}

fn hash(sequence: u64) -> BatchHash {
    BatchHash(B256::from(units(sequence)))
}

fn behind(sequence: u64) -> Parent {
    let hash = if sequence == 0 { BatchHash::ZERO } else { hash(sequence) };
    Parent { sequence, hash, unpriced: false, anchor: Anchor { window: 8, ..Anchor::default() } }
}

struct Book {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Book {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::new("test", 1, Address::ZERO, B256::ZERO);
        let store = Store::open(&LocalFiles, &folder.path().join("book.redb"), &identity, Birth { block: 0, clock: 0 })
            .unwrap();
        store.write(|transaction| transaction.open_table(BOOK).map(|_| ()).map_err(Into::into)).unwrap();
        Self { store, _folder: folder }
    }

    fn draft(&self, sequence: u64, parent: Parent) -> Draft {
        Draft::start(&self.store, LANE, sequence, &parent, [CLIENT]).unwrap()
    }

    /// Charges the client `fee` in the batch of `sequence`, and keeps it; returns the total.
    fn count(&self, sequence: u64, parent: Parent, fee: u64) -> U256 {
        let mut draft = self.draft(sequence, parent);
        let total = charge(&mut draft, fee).unwrap();
        self.store.write(|transaction| draft.write(transaction, hash(sequence), 0)).unwrap();
        total
    }

    fn newest_total(&self, state: LaneState) -> Result<U256, Error> {
        newest_total(&self.store, LANE, Some(&state), CLIENT)
    }

    fn stated(&self, sequence: u64, parent: Parent, stated: u64) -> Result<U256, Refusal> {
        charge(&mut self.draft(sequence, parent).on_the_word_of(&[units(stated)]), 10)
    }
}

fn charge(draft: &mut Draft, fee: u64) -> Result<U256, Refusal> {
    let request = Request { client: CLIENT, max_fee: U256::MAX, ..Request::default() };
    draft.charge(request.id(), &request, units(fee), &rich()).map(|charge| charge.total)
}

fn rich() -> Deposit {
    Deposit { balance: units(1_000_000), ..Deposit::default() }
}

#[test]
fn totals_rise_from_batch_to_batch() {
    let book = Book::new();
    assert_eq!(book.count(1, behind(0), 10), units(10));
    assert_eq!(book.count(2, behind(1), 5), units(15));
    assert_eq!(book.newest_total(LaneState::default()).unwrap(), units(15));
    assert_eq!(newest_charges(&book.store, LANE, 1, 9).unwrap(), [(CLIENT, 1)]);
}

#[test]
fn who_saw_every_batch_demands_the_exact_number() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    assert_eq!(book.stated(2, behind(1), 10), Ok(units(20)));
    for wrong in [9, 11, 0] {
        let refusal = Refusal::WrongOwed { client: CLIENT, stated: units(wrong), known: units(10) };
        assert_eq!(book.stated(2, behind(1), wrong), Err(refusal));
    }
}

#[test]
fn who_missed_a_batch_demands_no_less_than_it_knows_until_it_sees_the_client_again() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    assert_eq!(book.stated(3, behind(2), 10), Ok(units(20)), "nothing was charged in the one that it missed");
    assert_eq!(book.stated(3, behind(2), 30), Ok(units(40)));
    assert!(book.stated(3, behind(2), 9).is_err());
    let mut draft = book.draft(3, behind(2)).on_the_word_of(&[units(30)]);
    charge(&mut draft, 10).unwrap();
    book.store.write(|transaction| draft.write(transaction, hash(3), 0)).unwrap();
    assert!(book.stated(4, behind(3), 41).is_err(), "from here on it knows again");
    assert_eq!(book.stated(4, behind(3), 40), Ok(units(50)));
}

#[test]
fn an_unpriced_parent_is_no_gap() {
    let book = Book::new();
    let unpriced = Parent { unpriced: true, ..behind(6) };
    assert_eq!(book.stated(7, unpriced, 0), Ok(units(10)));
    assert!(book.stated(7, unpriced, 1).is_err(), "nobody owed anything before there was a price");
}

#[test]
fn a_skip_takes_back_what_void_batches_charged() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    book.count(2, behind(1), 100);
    book.count(3, behind(2), 100);
    // The lane was skipped from 1 to 9: 2 to 9 are void, and the next batch stands on 1.
    assert_eq!(book.draft(10, behind(1)).owed_before(CLIENT, U256::ZERO), Ok(units(10)));
    assert!(book.stated(10, behind(1), 11).is_err(), "nothing is missing: batch 1 is known again by its hash");
    let other = Draft::start(&book.store, LANE, 10, &behind(1), []).unwrap();
    book.store.write(|transaction| other.write(transaction, hash(10), 1)).unwrap();
    assert_eq!(book.stated(11, behind(10), 10), Ok(units(20)), "also for a client whom batch 10 did not charge");
    assert_eq!(book.newest_total(LaneState::default()).unwrap(), units(10));
    assert_eq!(newest_charges(&book.store, LANE, 9, 9).unwrap(), [(CLIENT, 1)], "a void charge is not settled");
}

/// The lane was skipped from 1 to 9, and batch 10 on top of 1 was missed: what 2 and 3 charged is void, and nothing says so.
#[test]
fn who_missed_the_first_batch_behind_a_skip_demands_only_what_is_final() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    let posted = Anchor { sequence: 1, hash: hash(1), window: 8 };
    book.count(2, Parent { anchor: posted, ..behind(1) }, 100);
    book.count(3, behind(2), 100);
    assert_eq!(book.stated(11, behind(10), 10), Ok(units(20)), "what the others know");
    assert_eq!(book.stated(11, behind(10), 50), Ok(units(60)), "10 may have charged the client again");
    assert!(book.stated(11, behind(10), 9).is_err(), "the first batch is final");
    let [debt] = debts(&book.store, LANE, &behind(10), [CLIENT]).unwrap()[..] else { panic!("one client") };
    assert_eq!(debt, Debt { total: units(10), exact: false });
    let other = Draft::start(&book.store, LANE, 11, &behind(10), []).unwrap();
    book.store.write(|transaction| other.write(transaction, hash(11), 1)).unwrap();
    let state = LaneState { cursor: 11, tip_sequence: 11, tip: hash(11), window: 8, ..LaneState::default() };
    assert_eq!(book.newest_total(state).unwrap(), units(10), "nor is the client refused for it");
}

/// A batch that was signed and never certified, and a skip over it: no client signs for its charge a second time.
#[test]
fn what_a_skip_made_void_is_owed_no_more_whether_or_not_the_lane_goes_on() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    book.count(2, behind(1), 100);
    let state =
        |cursor, tip| LaneState { cursor, tip_sequence: tip, tip: hash(tip), window: 8, ..LaneState::default() };
    assert_eq!(book.newest_total(state(1, 1)).unwrap(), units(110), "2 can still be posted");
    assert_eq!(book.newest_total(state(9, 1)).unwrap(), units(10));
    assert_eq!(book.newest_total(state(2, 2)).unwrap(), units(110));
    let unknown = LaneState { tip: hash(77), ..state(12, 12) };
    assert_eq!(
        book.newest_total(unknown).unwrap(),
        U256::ZERO,
        "others went on, and whether behind a skip is not known"
    );
}

#[test]
fn what_is_missing_and_too_short_for_a_skip_takes_nothing_back() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    assert!(book.stated(9, behind(8), 9).is_err(), "the earliest batch behind a skip is number 9");
    assert_eq!(book.stated(10, behind(9), 0), Ok(units(10)));
}

#[test]
fn a_charge_behind_a_skip_takes_the_place_of_void_ones() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    book.count(2, behind(1), 100);
    book.count(10, behind(1), 5);
    let history: History = read(&book.store, &client_key(LANE, CLIENT)).unwrap().unwrap();
    assert_eq!(history, [(1, units(10)), (10, units(15))]);
}

#[test]
fn another_batch_of_the_parents_sequence_is_a_gap() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    let other = Parent { hash: hash(99), ..behind(1) };
    assert_eq!(book.stated(2, other, 30), Ok(units(40)), "what the other one charged is not known here");
    assert!(book.stated(2, other, 9).is_err());
}

#[test]
fn who_drafts_behind_a_gap_goes_by_the_chain_and_by_what_executors_say() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    let before = |parent: Parent, at_least: u64, heard: u64| {
        let draft = book.draft(parent.sequence + 1, parent).with_heard([(CLIENT, units(heard))].into());
        draft.owed_before(CLIENT, units(at_least)).unwrap()
    };
    assert_eq!([before(behind(2), 0, 0), before(behind(2), 25, 0)], [10, 25].map(units));
    assert_eq!([before(behind(2), 25, 40), before(behind(2), 45, 40)], [40, 45].map(units));
    assert_eq!(before(behind(1), 25, 40), units(10), "who has counted everything needs nobody's word");
}

#[test]
fn nobody_is_charged_beyond_what_it_signed() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    let mut draft = book.draft(2, behind(1));
    let request = Request { client: CLIENT, max_fee: units(14), ..Request::default() };
    let refusal = Refusal::MaxFeeTooLow { offered: units(14), needed: units(15) };
    assert_eq!(draft.charge(request.id(), &request, units(5), &rich()), Err(refusal));
    assert!(draft.owed().is_empty(), "what is refused is not counted");
    assert!(draft.charge(request.id(), &request, units(4), &rich()).is_ok());
}

#[test]
fn nobody_is_charged_beyond_its_deposit() {
    let book = Book::new();
    book.count(1, behind(0), 10);
    let request = Request { client: CLIENT, max_fee: U256::MAX, ..Request::default() };
    let mut deposit = Deposit { balance: units(9), withdrawing: units(9), settled: [(1, units(5))].into() };
    let refusal = Refusal::FundsTooLow { available: units(9), needed: units(10) };
    let charge = |deposit: &Deposit| book.draft(2, behind(1)).charge(request.id(), &request, units(5), deposit);
    assert_eq!(charge(&deposit), Err(refusal));
    deposit.balance = units(10);
    assert_eq!(charge(&deposit).map(|charge| charge.total), Ok(units(15)), "what is being withdrawn cannot leave yet");
}

#[test]
fn charges_follow_from_the_batch_and_what_was_owed() {
    let request = |client: u8, nonce| Request { client: Address::repeat_byte(client), nonce, ..Request::default() };
    let requests = [request(1, 1), request(2, 2), request(1, 3)];
    let entries = || requests.iter().map(|request| (request, units(10)));
    let charged = charges(entries(), &[units(100), units(7)]).unwrap();
    assert_eq!(charged.iter().map(|charge| charge.total).collect::<Vec<_>>(), [110, 17, 120].map(units));
    assert_eq!(charges(entries(), &[units(100)]), None);
    assert_eq!(charges(entries(), &[units(1), units(2), units(3)]), None);
    assert_eq!(fees_root(&Price::default(), &charged), B256::ZERO);
}

#[test]
fn old_totals_are_forgotten_and_the_newest_final_one_is_not() {
    let book = Book::new();
    for sequence in 1..=5 {
        let mut draft = book.draft(sequence, behind(sequence - 1));
        charge(&mut draft, 1).unwrap();
        book.store.write(|transaction| draft.write(transaction, hash(sequence), 3)).unwrap();
    }
    let history: History = read(&book.store, &client_key(LANE, CLIENT)).unwrap().unwrap();
    assert_eq!(history, [(3, units(3)), (4, units(4)), (5, units(5))]);
}
