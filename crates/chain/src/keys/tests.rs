use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
use tempfile::TempDir;

use super::*;

/// A password file that only its owner can read.
fn password(folder: &TempDir, text: &str) -> Password {
    let path = folder.path().join(format!("password-{}", text.len()));
    let _ = fs::remove_file(&path);
    file::write_private(&path, text.as_bytes()).unwrap();
    PasswordSource::File(path).read().unwrap()
}

fn edit(path: &Path, change: impl FnOnce(&mut serde_json::Value)) -> PathBuf {
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    let edited = path.with_extension("edited");
    let _ = fs::remove_file(&edited);
    file::write_private(&edited, &serde_json::to_vec(&value).unwrap()).unwrap();
    edited
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_come_back_as_they_were_put_away() {
    let folder = tempfile::tempdir().unwrap();
    let (ecdsa, bls) = (folder.path().join("ecdsa.json"), folder.path().join("bls.json"));
    let password = password(&folder, "correct horse\n");
    let signer = create_ecdsa(&ecdsa, &password, Cost::Light).unwrap();
    let secret = create_bls(&bls, &password, Cost::Light).unwrap();
    assert_eq!(read_ecdsa(&ecdsa, &password).unwrap().to_bytes(), signer.to_bytes());
    assert_eq!(*read_bls(&bls, &password).unwrap().to_bytes(), *secret.to_bytes());
    assert_eq!((mode(&ecdsa), mode(&bls)), (0o600, 0o600));
}

#[test]
fn a_wrong_password_is_called_so_and_its_source_named() {
    let folder = tempfile::tempdir().unwrap();
    let (ecdsa, bls) = (folder.path().join("ecdsa.json"), folder.path().join("bls.json"));
    let (right, wrong) = (password(&folder, "right"), password(&folder, "no"));
    create_ecdsa(&ecdsa, &right, Cost::Light).unwrap();
    create_bls(&bls, &right, Cost::Light).unwrap();
    let errors = [read_ecdsa(&ecdsa, &wrong).unwrap_err(), read_bls(&bls, &wrong).unwrap_err()];
    for error in errors {
        assert!(matches!(error, Error::WrongPassword { .. }), "{error}");
        assert!(error.to_string().contains("password-2"), "{error}");
    }
}

#[test]
fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (ecdsa, bls) = (folder.path().join("ecdsa.json"), folder.path().join("bls.json"));
    let password = password(&folder, "secret");
    create_ecdsa(&ecdsa, &password, Cost::Light).unwrap();
    create_bls(&bls, &password, Cost::Light).unwrap();
    let half = folder.path().join("half.json");
    let content = fs::read(&bls).unwrap();
    file::write_private(&half, &content[..content.len() / 2]).unwrap();
    let damaged = [
        read_ecdsa(&half, &password).unwrap_err(),
        read_bls(&half, &password).unwrap_err(),
        read_ecdsa(&edit(&ecdsa, |value| value["address"] = "00".repeat(20).into()), &password).unwrap_err(),
        read_ecdsa(&edit(&ecdsa, |value| value["crypto"]["ciphertext"] = "00".into()), &password).unwrap_err(),
        read_ecdsa(&edit(&ecdsa, |value| value["crypto"]["kdfparams"]["dklen"] = 8.into()), &password).unwrap_err(),
        read_ecdsa(&edit(&ecdsa, |value| value["crypto"]["kdfparams"]["n"] = 0.into()), &password).unwrap_err(),
        read_bls(&edit(&bls, |value| value["pubkey"] = "00".into()), &password).unwrap_err(),
        read_bls(&edit(&bls, |value| value["crypto"]["cipher"]["params"]["iv"] = "00".into()), &password).unwrap_err(),
    ];
    for error in damaged {
        assert!(matches!(error, Error::Corrupted { .. }), "{error:?}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_keystore_cannot_make_us_work_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bls.json");
    let password = password(&folder, "secret");
    create_bls(&path, &password, Cost::Light).unwrap();
    for (name, value) in [("n", 1u64 << 40), ("r", 1 << 30), ("p", 1 << 30)] {
        let edited = edit(&path, |keystore| keystore["crypto"]["kdf"]["params"][name] = value.into());
        assert!(matches!(read_bls(&edited, &password), Err(Error::Corrupted { .. })), "{name}");
    }
}

#[test]
fn other_forms_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (ecdsa, bls) = (folder.path().join("ecdsa.json"), folder.path().join("bls.json"));
    let password = password(&folder, "secret");
    create_ecdsa(&ecdsa, &password, Cost::Light).unwrap();
    create_bls(&bls, &password, Cost::Light).unwrap();
    let pbkdf2 = edit(&ecdsa, |value| value["crypto"]["kdf"] = "pbkdf2".into());
    assert!(read_ecdsa(&pbkdf2, &password).unwrap_err().to_string().contains("pbkdf2"));
    let version = edit(&bls, |value| value["version"] = 5.into());
    assert!(read_bls(&version, &password).unwrap_err().to_string().contains("version 5"));
}

#[test]
fn keys_are_never_overwritten_and_open_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ecdsa.json");
    let password = password(&folder, "secret");
    create_ecdsa(&path, &password, Cost::Light).unwrap();
    assert!(matches!(create_ecdsa(&path, &password, Cost::Light), Err(Error::Exists { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(read_ecdsa(&path, &password), Err(Error::TooOpen { mode: 0o640, .. })));
}

#[test]
fn passwords_come_from_files_and_variables_and_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!format!("{:?}", password(&folder, "hidden")).contains("hidden"));
    let missing = PasswordSource::Environment("VOUCH_NO_SUCH_VARIABLE".to_owned()).read().unwrap_err();
    assert!(missing.to_string().contains("VOUCH_NO_SUCH_VARIABLE"));
    // PATH is set wherever tests run.
    assert!(PasswordSource::Environment("PATH".to_owned()).read().is_ok());
    let empty = folder.path().join("empty");
    file::write_private(&empty, b"\nsecond line").unwrap();
    assert!(matches!(PasswordSource::File(empty).read(), Err(Error::InvalidPassword { .. })));
}

#[test]
fn version_3_files_go_both_ways_between_us_and_another_implementation() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours.json");
    let password = password(&folder, "secret");
    let signer = create_ecdsa(&ours, &password, Cost::Light).unwrap();
    let opened = PrivateKeySigner::decrypt_keystore(&ours, "secret").unwrap();
    assert_eq!(opened.to_bytes(), signer.to_bytes());
    let mut random = rand::thread_rng();
    let key = signer.to_bytes();
    PrivateKeySigner::encrypt_keystore(folder.path(), &mut random, key, "secret", Some("theirs.json")).unwrap();
    let theirs = folder.path().join("theirs.json");
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(read_ecdsa(&theirs, &password).unwrap().to_bytes(), signer.to_bytes());
}

/// EIP-2335's own scrypt example, except that its public key is on another curve. The password is given in the form that
/// NFKD makes of it.
#[test]
fn the_standards_example_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.json");
    let secret = hex_literal("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    let key = vouch_core::bls::SecretKey::from_bytes(&secret).unwrap().public_key();
    let pubkey = hex::encode(vouch_core::points::g1_compressed(key.g1().point()));
    let content = serde_json::json!({
        "crypto": {
            "kdf": { "function": "scrypt", "message": "", "params": { "dklen": 32, "n": 262_144, "p": 1, "r": 8,
                "salt": "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3" } },
            "checksum": { "function": "sha256", "params": {},
                "message": "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484" },
            "cipher": { "function": "aes-128-ctr", "params": { "iv": "264daa3f303d7259501c93d997d84fe6" },
                "message": "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f" } },
        "description": "", "pubkey": pubkey, "path": "", "uuid": "1d85ae20-35c5-4611-98e8-aa14a633906f", "version": 4,
    });
    file::write_private(&path, content.to_string().as_bytes()).unwrap();
    let opened = read_bls(&path, &password(&folder, "testpassword\u{1f511}")).unwrap();
    assert_eq!(*opened.to_bytes(), secret);
}

fn hex_literal(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}
