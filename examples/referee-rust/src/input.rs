//! The program's input: JSON, checked to the last field before anything is computed from it.
use std::collections::BTreeMap;

use cozy_chess::Color;
use k256::ecdsa::VerifyingKey;

use crate::json::{self, Value};
use crate::rules::{PLIES_MAX, moves_of};
use crate::typed_data::{Domain, Word, address_of};

pub const PAYLOAD_BYTES_MAX: usize = 512 * 1024;

type Fields = BTreeMap<String, Value>;
/// r and s, unchecked: a pair out of range is a bad signature, not malformed input.
pub type RawSignature = [u8; 64];

pub struct Input {
    pub domain: Domain,
    pub white: Player,
    pub black: Player,
    pub game: Game,
    pub second_game: Option<Game>,
}

pub struct Player {
    pub address: [u8; 20],
    pub key: VerifyingKey,
}

pub struct Game {
    pub moves: Vec<String>,
    pub signatures: Vec<RawSignature>,
    pub ending: Option<Ending>,
}

/// How players ended the game off the board.
pub enum Ending {
    Resignation { by: Color, signature: RawSignature },
    Draw { expires_at: Word, white: RawSignature, black: RawSignature },
}

/// The error names the first field that is wrong.
pub fn parse(payload: &[u8]) -> Result<Input, String> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(format!("the payload has more than {PAYLOAD_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(payload).map_err(|_| "the payload is not UTF-8")?;
    let value = json::parse(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let input = fields(&value, "input", &["chainId", "contract", "number", "players", "game"], &["secondGame"])?;
    let players = fields(&input["players"], "players", &["white", "black"], &[])?;
    let chain_id = number(&input["chainId"], "chainId", 32)?;
    let contract = bytes(&input["contract"], "contract")?;
    let wager = number(&input["number"], "number", 32)?;
    Ok(Input {
        domain: Domain::new(&chain_id, &contract, &wager),
        white: player(&players["white"], "players.white")?,
        black: player(&players["black"], "players.black")?,
        game: game(&input["game"], "game", &["resignation", "draw"])?,
        second_game: input.get("secondGame").map(|second| game(second, "secondGame", &[])).transpose()?,
    })
}

fn player(value: &Value, path: &str) -> Result<Player, String> {
    let player = fields(value, path, &["address", "publicKey"], &[])?;
    let address = bytes(&player["address"], &format!("{path}.address"))?;
    let public_key: [u8; 65] = bytes(&player["publicKey"], &format!("{path}.publicKey"))?;
    if address_of(&public_key) != address {
        return Err(format!("{path}: the key is not that of the address"));
    }
    if public_key[0] != 4 {
        return Err("a public key has 65 bytes and starts with 04".to_owned());
    }
    let key =
        VerifyingKey::from_sec1_bytes(&public_key).map_err(|_| format!("{path}.publicKey is no point of secp256k1"))?;
    Ok(Player { address, key })
}

fn game(value: &Value, path: &str, optional: &[&str]) -> Result<Game, String> {
    let game = fields(value, path, &["moves", "signatures"], optional)?;
    let Value::Text(movetext) = &game["moves"] else { return Err(format!("{path}.moves is not a string")) };
    let moves = moves_of(movetext).ok_or_else(|| format!("{path}.moves is not a movetext like \"1. e4 e5 2. Nf3\""))?;
    if moves.len() > PLIES_MAX {
        return Err(format!("{path}.moves has more than {PLIES_MAX} plies"));
    }
    let signatures = match &game["signatures"] {
        Value::List(list) if list.len() == moves.len() => list,
        _ => return Err(format!("{path}.signatures is not a list of one signature a move")),
    };
    let signatures = signatures.iter().enumerate();
    Ok(Game {
        moves: moves.into_iter().map(str::to_owned).collect(),
        signatures: signatures
            .map(|(i, value)| signature(value, &format!("{path}.signatures[{i}]")))
            .collect::<Result<_, _>>()?,
        ending: ending(game, path)?,
    })
}

fn ending(game: &Fields, path: &str) -> Result<Option<Ending>, String> {
    match (game.get("resignation"), game.get("draw")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(format!("{path} has both a resignation and a draw")),
        (Some(value), None) => resignation(value, &format!("{path}.resignation")).map(Some),
        (None, Some(value)) => draw(value, &format!("{path}.draw")).map(Some),
    }
}

fn resignation(value: &Value, path: &str) -> Result<Ending, String> {
    let resignation = fields(value, path, &["by", "signature"], &[])?;
    let by = match &resignation["by"] {
        Value::Text(by) if by == "white" => Color::White,
        Value::Text(by) if by == "black" => Color::Black,
        _ => return Err(format!("{path}.by is neither white nor black")),
    };
    Ok(Ending::Resignation { by, signature: signature(&resignation["signature"], &format!("{path}.signature"))? })
}

fn draw(value: &Value, path: &str) -> Result<Ending, String> {
    let draw = fields(value, path, &["expiresAt", "white", "black"], &[])?;
    Ok(Ending::Draw {
        white: signature(&draw["white"], &format!("{path}.white"))?,
        black: signature(&draw["black"], &format!("{path}.black"))?,
        expires_at: number(&draw["expiresAt"], &format!("{path}.expiresAt"), 8)?,
    })
}

/// 64 or 65 bytes. The recovery byte is not read, since the key is known.
fn signature(value: &Value, path: &str) -> Result<RawSignature, String> {
    let error = || format!("{path} is not 0x and 64 or 65 bytes in hexadecimal");
    let bytes = hex(value).filter(|bytes| bytes.len() == 64 || bytes.len() == 65).ok_or_else(error)?;
    bytes[..64].try_into().map_err(|_| error())
}

/// A decimal string below 2^(8 * width), as a word.
fn number(value: &Value, path: &str, width: usize) -> Result<Word, String> {
    let well_formed = |digits: &str| {
        (1..=78).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'))
    };
    let digits = match value {
        Value::Text(digits) if well_formed(digits) => digits,
        _ => return Err(format!("{path} is not a decimal string")),
    };
    let mut word = [0; 32];
    for digit in digits.bytes() {
        let mut carry = u16::from(digit - b'0');
        for byte in word.iter_mut().rev() {
            carry += u16::from(*byte) * 10;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry != 0 || word[..32 - width].iter().any(|&byte| byte != 0) {
            return Err(format!("{path} is too large"));
        }
    }
    Ok(word)
}

fn bytes<const N: usize>(value: &Value, path: &str) -> Result<[u8; N], String> {
    hex(value)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("{path} is not 0x and {N} bytes in hexadecimal"))
}

fn hex(value: &Value) -> Option<Vec<u8>> {
    let Value::Text(text) = value else { return None };
    let digits = text.strip_prefix("0x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// The fields of an object that has all of `required` and nothing beyond `optional`.
fn fields<'a>(value: &'a Value, path: &str, required: &[&str], optional: &[&str]) -> Result<&'a Fields, String> {
    let Value::Object(fields) = value else { return Err(format!("{path} is not an object")) };
    if let Some(missing) = required.iter().find(|&&key| !fields.contains_key(key)) {
        return Err(format!("{path}.{missing} is missing"));
    }
    match fields.keys().find(|key| !required.contains(&key.as_str()) && !optional.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{path}.{unknown} is unknown")),
        None => Ok(fields),
    }
}
