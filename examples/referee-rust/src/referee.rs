//! From the input to the verdict: replay the game, check every signature, say where it stands.
use cozy_chess::Color;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

use crate::input::{Ending, Game, Input, RawSignature};
use crate::rules::{Play, State, mover_of, movetext_of};
use crate::typed_data::{Word, address_word, number_word};

/// Why a record is illegal: the numbers of the verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None = 0,
    IllegalMove = 1,
    BadSignature = 2,
    MoveAfterEnd = 3,
    BadEnding = 4,
    BadSecondGame = 5,
    NoFork = 6,
}

/// The fields of `IWager.Verdict`.
pub struct Verdict {
    wager: Word,
    white: [u8; 20],
    black: [u8; 20],
    standing: Standing,
}

/// Where one game stands; `record` holds the hash of each move as signed, as far as the game is in order.
struct Standing {
    state: State,
    winner: Option<Color>,
    on_move: Option<Color>,
    fault: Fault,
    expires_at: Word,
    record: Vec<Word>,
}

/// The verdict on a parsed input.
pub fn judge(input: &Input) -> Verdict {
    let first = standing_of(input, &input.game);
    let standing = match &input.second_game {
        None => first,
        Some(second) => takeback_of(first, &standing_of(input, second)),
    };
    Verdict { wager: input.domain.wager_id, white: input.white.address, black: input.black.address, standing }
}

fn standing_of(input: &Input, game: &Game) -> Standing {
    let mut replay = Replay { play: Play::new(), texts: Keccak256::new(), record: Vec::new() };
    let fault = replay.run(input, game);
    let forged = (replay.record.iter().zip(&game.signatures).enumerate()).position(|(i, (hash, signature))| {
        !verifies(key_of(input, mover_of(i + 1)), &input.domain.signing_digest(hash), signature)
    });
    if let Some(forged) = forged {
        replay.record.truncate(forged);
        return Standing::illegal(Fault::BadSignature, replay.record);
    }
    match (&game.ending, fault) {
        (None, Fault::None) => replay.on_board(),
        (Some(ending), Fault::None) => replay.ended(input, ending),
        _ => Standing::illegal(fault, replay.record),
    }
}

struct Replay {
    play: Play,
    /// The hash of the movetext so far, unfinished: each move names the whole game before it.
    texts: Keccak256,
    record: Vec<Word>,
}

impl Replay {
    fn run(&mut self, input: &Input, game: &Game) -> Fault {
        for san in &game.moves {
            if self.play.state != State::Ongoing {
                return Fault::MoveAfterEnd;
            }
            if !self.play.play(san) {
                return Fault::IllegalMove;
            }
            self.texts.update(movetext_of(self.play.plies(), san));
            self.record.push(input.domain.move_hash(self.play.plies(), &self.text_hash()));
        }
        Fault::None
    }

    fn text_hash(&self) -> Word {
        self.texts.clone().finalize().into()
    }

    fn on_board(self) -> Standing {
        let (state, plies) = (self.play.state, self.play.plies());
        let winner = (state == State::Checkmate).then(|| mover_of(plies));
        let on_move = (state == State::Ongoing).then(|| mover_of(plies + 1));
        Standing { winner, on_move, ..Standing::new(state, self.record) }
    }

    /// A resignation or an agreed draw: an act of the players while the game goes on.
    fn ended(self, input: &Input, ending: &Ending) -> Standing {
        let (plies, game) = (self.play.plies(), self.text_hash());
        let signed = |hash: Word, by: Color, signature| {
            verifies(key_of(input, by), &input.domain.signing_digest(&hash), signature)
        };
        let in_order = self.play.state == State::Ongoing
            && match ending {
                Ending::Resignation { by, signature } => {
                    signed(input.domain.resignation_hash(plies, &game), *by, signature)
                }
                Ending::Draw { expires_at, white, black } => {
                    let hash = input.domain.draw_hash(plies, &game, expires_at);
                    signed(hash, Color::White, white) && signed(hash, Color::Black, black)
                }
            };
        match ending {
            _ if !in_order => Standing::illegal(Fault::BadEnding, self.record),
            Ending::Resignation { by, .. } => {
                Standing { winner: Some(!*by), ..Standing::new(State::Resignation, self.record) }
            }
            Ending::Draw { expires_at, .. } => {
                Standing { expires_at: *expires_at, ..Standing::new(State::AgreedDraw, self.record) }
            }
        }
    }
}

/// Two games in order that part at some ply: the player who moved there moved twice.
fn takeback_of(mut first: Standing, second: &Standing) -> Standing {
    if first.state == State::Illegal {
        return first;
    }
    if second.state == State::Illegal {
        return Standing::illegal(Fault::BadSecondGame, first.record);
    }
    let Some(fork) = first.record.iter().zip(&second.record).position(|(one, other)| one != other) else {
        return Standing::illegal(Fault::NoFork, first.record);
    };
    first.record.truncate(fork + 1);
    Standing { winner: Some(!mover_of(fork + 1)), ..Standing::new(State::Takeback, first.record) }
}

fn key_of(input: &Input, side: Color) -> &VerifyingKey {
    match side {
        Color::White => &input.white.key,
        Color::Black => &input.black.key,
    }
}

/// Both values of s count: nothing depends on a signature being unique.
fn verifies(key: &VerifyingKey, digest: &Word, signature: &RawSignature) -> bool {
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key.verify_prehash(digest, &signature.normalize_s().unwrap_or(signature)).is_ok()
}

impl Standing {
    fn new(state: State, record: Vec<Word>) -> Self {
        Self { state, winner: None, on_move: None, fault: Fault::None, expires_at: [0; 32], record }
    }

    fn illegal(fault: Fault, record: Vec<Word>) -> Self {
        Self { fault, ..Self::new(State::Illegal, record) }
    }
}

impl Verdict {
    /// `abi.encode`: an offset, nine words, the record's length, the record.
    pub fn encode(&self) -> Vec<u8> {
        let Standing { state, winner, on_move, fault, expires_at, record } = &self.standing;
        let head = [
            number_word(32),
            self.wager,
            address_word(&self.white),
            address_word(&self.black),
            number_word(*state as usize),
            number_word(side(*winner)),
            number_word(side(*on_move)),
            number_word(*fault as usize),
            *expires_at,
            number_word(9 * 32),
            number_word(record.len()),
        ];
        head.iter().chain(record).flatten().copied().collect()
    }
}

fn side(side: Option<Color>) -> usize {
    side.map_or(0, |side| side as usize + 1)
}
