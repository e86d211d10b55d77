//! Where a vDSO's functions are, and what to write over them.

use super::sys::Stub;
use super::window;

/// Bytes that replace a function's first ones: load the replacement's address, jump there.
const JUMP_SIZE: usize = 12;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("the kernel's vDSO is not the 64-bit ELF image expected: {0}; report the kernel's version")]
    Malformed(&'static str),
    #[error(
        "the kernel's vDSO function {name} has {size} bytes, too few to be replaced ({JUMP_SIZE}); use another kernel"
    )]
    TooShort { name: String, size: u64 },
    #[error("the kernel's vDSO has no function {0}, so programs would read the time in a way not known here")]
    Missing(&'static str),
}

/// Bytes to write at an offset of the vDSO's image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub offset: u64,
    pub bytes: [u8; JUMP_SIZE],
}

/// A jump for each function of the image that `stubs` replaces. All stubs but `getrandom`, which old kernels lack, must
/// have a function.
pub(super) fn patches(image: &[u8], stubs: &[Stub]) -> Result<Vec<Patch>, Error> {
    let mut patches: Vec<Patch> = Vec::new();
    for symbol in symbols(image)? {
        let name = symbol.name.strip_prefix("__vdso_").unwrap_or(&symbol.name);
        let Some(stub) = stubs.iter().find(|stub| stub.name == name) else { continue };
        if patches.iter().any(|patch| patch.offset == symbol.offset) {
            continue;
        }
        if symbol.size < JUMP_SIZE as u64 || symbol.offset.saturating_add(symbol.size) > image.len() as u64 {
            return Err(Error::TooShort { name: symbol.name, size: symbol.size });
        }
        patches.push(Patch { offset: symbol.offset, bytes: jump(window::CODE + stub.offset) });
    }
    let known = symbols(image)?;
    let missing = |stub: &&Stub| {
        stub.name != "getrandom" && !known.iter().any(|symbol| symbol.name.trim_start_matches("__vdso_") == stub.name)
    };
    stubs.iter().find(missing).map_or(Ok(patches), |stub| Err(Error::Missing(stub.name)))
}

/// `movabs rax, target; jmp rax`: rax carries no argument, and the functions' answer is written to it later.
fn jump(target: u64) -> [u8; JUMP_SIZE] {
    let mut bytes = [0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0];
    bytes[2..10].copy_from_slice(&target.to_le_bytes());
    bytes
}

struct Symbol {
    name: String,
    offset: u64,
    size: u64,
}

/// The functions in the image's dynamic symbol table (ELF-64, little-endian: System V ABI, chapters 4 and 5).
fn symbols(image: &[u8]) -> Result<Vec<Symbol>, Error> {
    const DYNAMIC_SYMBOLS: u32 = 11;
    const FUNCTION: u8 = 2;
    if bytes(image, 0, 6)? != b"\x7fELF\x02\x01" {
        return Err(Error::Malformed("wrong magic bytes"));
    }
    let table = word(image, 0x28)?;
    let (entry_size, count) = (u64::from(half(image, 0x3a)?), u64::from(half(image, 0x3c)?));
    let section = |index: u64| table.saturating_add(index.saturating_mul(entry_size));
    for index in 0..count {
        let header = section(index);
        if u32::from(half(image, header.saturating_add(4))?) != DYNAMIC_SYMBOLS {
            continue;
        }
        let (start, size) = (word(image, header + 0x18)?, word(image, header + 0x20)?);
        let strings = word(image, section(u64::from(half(image, header + 0x28)?)).saturating_add(0x18))?;
        let mut found = Vec::new();
        for offset in (0..size.min(image.len() as u64)).step_by(24) {
            let entry = start.saturating_add(offset);
            let (name, kind) = (half(image, entry)?, bytes(image, entry.saturating_add(4), 1)?[0] & 0xf);
            let (value, size) = (word(image, entry.saturating_add(8))?, word(image, entry.saturating_add(16))?);
            if kind == FUNCTION && value != 0 {
                found.push(Symbol { name: string(image, strings.saturating_add(name.into()))?, offset: value, size });
            }
        }
        return Ok(found);
    }
    Err(Error::Malformed("it has no dynamic symbols"))
}

fn bytes(image: &[u8], at: u64, length: usize) -> Result<&[u8], Error> {
    let start = usize::try_from(at).map_err(|_| Error::Malformed("an offset lies outside of it"))?;
    let end = start.checked_add(length).ok_or(Error::Malformed("an offset lies outside of it"))?;
    image.get(start..end).ok_or(Error::Malformed("an offset lies outside of it"))
}

/// Two bytes: also the low half of fields that are below 2^16 in every vDSO (section types, links, name offsets).
fn half(image: &[u8], at: u64) -> Result<u16, Error> {
    let bytes = bytes(image, at, 2)?;
    Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn word(image: &[u8], at: u64) -> Result<u64, Error> {
    bytes(image, at, 8)?
        .try_into()
        .map(u64::from_le_bytes)
        .map_err(|_| Error::Malformed("an offset lies outside of it"))
}

fn string(image: &[u8], at: u64) -> Result<String, Error> {
    const NAME_MAX: usize = 64;
    let start = usize::try_from(at).map_err(|_| Error::Malformed("a name lies outside of it"))?;
    let tail = image.get(start..).ok_or(Error::Malformed("a name lies outside of it"))?;
    let name = tail.iter().take(NAME_MAX).take_while(|byte| **byte != 0).copied().collect();
    String::from_utf8(name).map_err(|_| Error::Malformed("a name is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::sys;
    use std::os::unix::fs::FileExt;

    /// This process's own vDSO, unpatched.
    fn own_image() -> Vec<u8> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with("[vdso]")).unwrap();
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut image = vec![0; (end - start) as usize];
        std::fs::File::open("/proc/self/mem").unwrap().read_exact_at(&mut image, start).unwrap();
        image
    }

    #[test]
    fn every_function_of_this_kernel_is_replaced() {
        let (code, stubs) = sys::stubs();
        let patches = patches(&own_image(), &stubs).unwrap();
        assert!(patches.len() >= 5, "{patches:?}");
        for patch in &patches {
            let target = u64::from_le_bytes(patch.bytes[2..10].try_into().unwrap());
            assert!((window::CODE..window::CODE + code.len() as u64).contains(&target));
        }
    }

    #[test]
    fn an_image_cut_or_garbled_anywhere_is_refused_or_read_but_never_a_panic() {
        let (_, stubs) = sys::stubs();
        let image = own_image();
        for length in (0..image.len()).step_by(97) {
            assert!(patches(&image[..length], &stubs).is_err() || length > 0x500, "{length}");
        }
        for position in (0..image.len()).step_by(13) {
            let mut garbled = image.clone();
            garbled[position] ^= 0xff;
            let _any = patches(&garbled, &stubs);
        }
        assert_eq!(patches(b"", &stubs), Err(Error::Malformed("an offset lies outside of it")));
    }

    #[test]
    fn the_stubs_fit_their_page() {
        let (code, stubs) = sys::stubs();
        assert!(code.len() < window::PAGE as usize);
        assert!(stubs.iter().all(|stub| stub.offset < code.len() as u64));
    }
}
