//! What players sign: EIP-712 typed data, hashed with keccak256.
use sha3::{Digest, Keccak256};

pub type Word = [u8; 32];

/// The wager's domain: what every signature is bound to.
pub struct Domain {
    pub wager_id: Word,
    separator: Word,
}

impl Domain {
    pub fn new(chain_id: &Word, contract: &[u8; 20], number: &Word) -> Self {
        let contract = address_word(contract);
        let separator = keccak(&[
            &text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            &text("Vouch Wager"),
            &text("1"),
            chain_id,
            &contract,
        ]);
        Self { wager_id: keccak(&[chain_id, &contract, number]), separator }
    }

    pub fn signing_digest(&self, hash: &Word) -> Word {
        keccak(&[&[0x19, 0x01], &self.separator, hash])
    }

    pub fn move_hash(&self, ply: usize, game: &Word) -> Word {
        self.struct_hash("Move(bytes32 wager,uint32 ply,string game)", ply, game, &[])
    }

    pub fn resignation_hash(&self, ply: usize, game: &Word) -> Word {
        self.struct_hash("Resignation(bytes32 wager,uint32 ply,string game)", ply, game, &[])
    }

    pub fn draw_hash(&self, ply: usize, game: &Word, expires_at: &Word) -> Word {
        self.struct_hash("DrawAgreement(bytes32 wager,uint32 ply,string game,uint64 expiresAt)", ply, game, expires_at)
    }

    fn struct_hash(&self, kind: &str, ply: usize, game: &Word, further: &[u8]) -> Word {
        keccak(&[&text(kind), &self.wager_id, &number_word(ply), game, further])
    }
}

/// The address of a 65-byte public key.
pub fn address_of(public_key: &[u8; 65]) -> [u8; 20] {
    let mut address = [0; 20];
    address.copy_from_slice(&keccak(&[&public_key[1..]])[12..]);
    address
}

pub fn number_word(value: usize) -> Word {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}

pub fn address_word(address: &[u8; 20]) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(address);
    word
}

fn text(text: &str) -> Word {
    keccak(&[text.as_bytes()])
}

fn keccak(parts: &[&[u8]]) -> Word {
    parts.iter().fold(Keccak256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}
