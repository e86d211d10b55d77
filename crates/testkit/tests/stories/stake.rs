//! Stake through the command line: deposited, delegated, bound to a set, slashed, withdrawn; and what is refused on the way.

use std::os::unix::fs::PermissionsExt;

use alloy_primitives::{Address, U256, U512};
use serde_json::Value;
use vouch_chain::keys::{self, Cost, PasswordSource};

use crate::eigen::{Scene, amount, tokens};

const SET: &str = "9";
/// In whole tokens, with digits down to the last one, so that the rounding shows.
const DEPOSIT: &str = "301.000000000000000007";
const DEPOSIT_UNITS: u128 = 301_000_000_000_000_000_007;
const WHOLE: u128 = 1_000_000_000_000_000_000;

/// What `percent` of `allocated` leaves of `max`: how a slash is told on chain, worked out here in wide integers.
fn slashed(allocated: u128, max: u128, tenths_of_percent: u128) -> (u128, u128) {
    let taken = allocated * tenths_of_percent / 1_000;
    (allocated - taken, max - taken)
}

/// `floor(deposit * magnitude / 1e18)`.
fn paid(deposit: u128, magnitude: u128) -> U256 {
    let product = U512::from(deposit) * U512::from(magnitude) / U512::from(WHOLE);
    U256::from(product.to::<u128>())
}

#[tokio::test]
async fn a_staker_gets_what_slashing_left_and_nobody_leaves_early() {
    let scene = Scene::new().await;
    let avs = scene.address("developer").to_string();
    become_operator(&scene).await;
    delegate(&scene).await;
    delegate_with_leave(&scene).await;
    make_set(&scene).await;
    bind(&scene, &avs).await;
    withdraw_after_slashes(&scene).await;
    move_on(&scene).await;
    leave(&scene, &avs).await;
    change_a_key(&scene).await;
    scene.world.cloud.stop().await.unwrap();
}

async fn become_operator(scene: &Scene) {
    let nobody = scene.refused("white", &["operator", "update", "--metadata", "https://white.example"]).await;
    assert!(nobody.contains("operator"), "{nobody}");
    let told = scene.sign("white", &["operator", "register", "--metadata", "https://white.example"]).await;
    assert_eq!(address(&told["operator"]), scene.address("white"));
    let twice = scene.refused("white", &["operator", "register"]).await;
    assert!(twice.contains("delegated already"), "{twice}");
    let nothing = scene.refused("white", &["operator", "update"]).await;
    assert!(nothing.contains("--approver"), "{nothing}");
}

async fn delegate(scene: &Scene) {
    let (client, token) = (scene.sender("client"), scene.network.contracts().stakes[0].token);
    scene.network.mint(&client, token, scene.address("client"), U256::from(DEPOSIT_UNITS)).await.unwrap();
    let black = scene.address("black").to_string();
    let no_operator = scene.refused("client", &["stake", "delegate", &black]).await;
    assert!(no_operator.contains("vouch operator list"), "{no_operator}");
    let too_much = scene.refused("client", &["stake", "deposit", "302", "--strategy", "DEMOA"]).await;
    assert!(too_much.contains("does not have so many tokens"), "{too_much}");
    let odd = scene.refused("client", &["stake", "deposit", "1e3", "--strategy", "DEMOA"]).await;
    assert!(odd.contains("whole tokens"), "{odd}");
    scene.sign("client", &["stake", "deposit", DEPOSIT, "--strategy", "DEMOA"]).await;
    let white = scene.address("white").to_string();
    scene.sign("client", &["stake", "delegate", &white]).await;
    let again = scene.refused("client", &["stake", "delegate", &white]).await;
    assert!(again.contains("redelegate"), "{again}");
    let status = scene.show(&["stake", "status", "--as", "client"]).await;
    assert_eq!(address(&status["delegatedTo"]), scene.address("white"));
    assert_eq!(amount(&status["deposits"][0], "tokens"), U256::from(DEPOSIT_UNITS), "{status}");
}

async fn make_set(scene: &Scene) {
    let what = ["avs", "create", "--metadata", "https://avs.example/avs.json", "--registrar", "open"];
    scene.sign("developer", &what).await;
    scene.sign("developer", &["avs", "set", "create", SET, "--strategy", "DEMOA"]).await;
}

/// Black takes nobody in without the leave of its approver, which is good for one staker, until it ends.
async fn delegate_with_leave(scene: &Scene) {
    let [black, white, developer] = ["black", "white", "developer"].map(|name| scene.address(name).to_string());
    let nobody = scene.refused("white", &["operator", "approve", &developer]).await;
    assert!(nobody.contains("nobody has to sign"), "{nobody}");
    scene.sign("black", &["operator", "register", "--approver", &white]).await;
    scene.pass(3).await;
    let wrong = scene.refused("black", &["operator", "approve", &developer]).await;
    assert!(wrong.contains(&white), "{wrong}");
    let approve = ["operator", "approve", &developer, "--operator", &black, "--as", "white", "--yes"];
    let told = scene.world.cloud.json(&approve).await.unwrap()["result"].clone();
    let leave = [told["approval"].as_str().unwrap(), told["salt"].as_str().unwrap(), &told["expiry"].to_string()];
    let delegate = ["stake", "delegate", &black, "--approval", leave[0], "--salt", leave[1], "--expiry"];
    let needed = "leave to delegate is missing, over or used";
    for (who, arguments) in [
        ("developer", &delegate[..3]),
        ("developer", &[&delegate[..], &["1"]].concat()),
        ("developer", &[&delegate[..], &["99999999999"]].concat()),
        ("gateway", &[&delegate[..], &[leave[2]]].concat()),
    ] {
        let refused = scene.refused(who, arguments).await;
        assert!(refused.contains(needed), "{who} {arguments:?}: {refused}");
    }
    scene.sign("developer", &[&delegate[..], &[leave[2]]].concat()).await;
    let status = scene.show(&["stake", "status", "--as", "developer"]).await;
    assert_eq!(address(&status["delegatedTo"]), scene.address("black"));
}

/// White lets the set slash half of its stake, and joins it.
async fn bind(scene: &Scene, avs: &str) {
    let set = ["--avs", avs, "--set", SET];
    let early = scene.refused("white", &[&["operator", "leave"][..], &set].concat()).await;
    assert!(early.contains("not in that set"), "{early}");
    let nothing =
        scene.refused("white", &[&["operator", "deallocate", "--strategy", "DEMOA"][..], &set].concat()).await;
    assert!(nothing.contains("vouch operator status"), "{nothing}");
    scene.sign("white", &[&["operator", "allocate", "50", "--strategy", "DEMOA"][..], &set].concat()).await;
    let pending = allocation(&scene.show(&["operator", "status", "--as", "white"]).await)["pending"].clone();
    assert_eq!(pending["change"].as_str().map(str::to_owned), Some((WHOLE / 2).to_string()), "{pending}");
    let effect_block = pending["effectBlock"].as_u64().unwrap();
    let now = scene.network.chain().latest_block_number().await.unwrap();
    scene.anvil.mine(effect_block.saturating_sub(now) + 1).await.unwrap();
    scene.sign("white", &[&["operator", "join"][..], &set].concat()).await;
    let twice = scene.refused("white", &[&["operator", "join"][..], &set].concat()).await;
    assert!(twice.contains("is in that set"), "{twice}");
    let status = scene.show(&["operator", "status", "--as", "white"]).await;
    assert_eq!(allocation(&status)["magnitude"].as_u64().map(u128::from), Some(WHOLE / 2), "{status}");
    assert_eq!(status["sets"].as_array().map(Vec::len), Some(1), "{status}");
}

/// One slash before the withdrawal is queued, one while it waits, one when its time is over: the last one takes nothing.
async fn withdraw_after_slashes(scene: &Scene) {
    let delay = scene.network.deployment().parameters.withdrawal_delay_blocks;
    slash(scene, "33.3").await;
    let (allocated, max) = slashed(WHOLE / 2, WHOLE, 333);
    let first = scene.show(&["stake", "status", "--as", "client"]).await;
    assert_eq!(amount(&first["deposits"][0], "tokens"), paid(DEPOSIT_UNITS, max), "{first}");
    let too_much = scene.refused("client", &["stake", "withdraw", "300", "--strategy", "DEMOA"]).await;
    assert!(too_much.contains("after slashing"), "{too_much}");
    scene.sign("client", &["stake", "withdraw", "all", "--strategy", "DEMOA"]).await;
    let early = scene.refused("client", &["stake", "complete"]).await;
    assert!(early.contains("can be completed from block"), "{early}");
    slash(scene, "10").await;
    let (allocated, max) = slashed(allocated, max, 100);
    let queued = scene.show(&["stake", "status", "--as", "client"]).await;
    let worth = &queued["withdrawals"][0]["worth"][0];
    assert_eq!(amount(worth, "tokens"), paid(DEPOSIT_UNITS, max), "{queued}");
    scene.pass(delay + 1).await;
    slash(scene, "50").await;
    let before = balance(scene).await;
    let told = scene.sign("client", &["stake", "complete"]).await;
    assert_eq!(told["withdrawals"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(balance(scene).await - before, paid(DEPOSIT_UNITS, max), "with {allocated} left allocated");
    let over = scene.refused("client", &["stake", "complete"]).await;
    assert!(over.contains("nothing waits"), "{over}");
}

/// Another operator, and stake that goes back among the deposits instead of being paid out.
async fn move_on(scene: &Scene) {
    let delay = scene.network.deployment().parameters.withdrawal_delay_blocks;
    let other = scene.address("operator-1");
    scene.sign("client", &["stake", "deposit", "10", "--strategy", "DEMOA"]).await;
    scene.sign("client", &["stake", "redelegate", &other.to_string()]).await;
    scene.pass(delay + 1).await;
    scene.sign("client", &["stake", "complete", "--as-shares"]).await;
    let status = scene.show(&["stake", "status", "--as", "client"]).await;
    assert_eq!(address(&status["delegatedTo"]), other);
    // What was deposited with a slashed operator is worth as much as before, but for rounding against the staker.
    let tokens_left = amount(&status["deposits"][0], "tokens");
    assert!(tokens_left <= tokens(10) && tokens_left + U256::from(2) >= tokens(10), "{status}");
    let stranger =
        scene.refused("black", &["stake", "undelegate", "--staker", &scene.address("client").to_string()]).await;
    assert!(stranger.contains("only the staker"), "{stranger}");
    scene.sign("client", &["stake", "undelegate"]).await;
    let status = scene.show(&["stake", "status", "--as", "client"]).await;
    assert!(status["delegatedTo"].is_null() && status["withdrawals"].as_array().map(Vec::len) == Some(1), "{status}");
}

async fn leave(scene: &Scene, avs: &str) {
    let set = ["--avs", avs, "--set", SET];
    scene.sign("white", &[&["operator", "leave"][..], &set].concat()).await;
    scene.sign("white", &[&["operator", "deallocate", "--strategy", "DEMOA"][..], &set].concat()).await;
    let status = scene.show(&["operator", "status", "--as", "white"]).await;
    assert!(status["sets"].as_array().is_some_and(Vec::is_empty), "{status}");
    let pending = &allocation(&status)["pending"];
    assert!(pending["change"].as_str().is_some_and(|change| change.starts_with('-')), "still slashable: {status}");
    let update = ["operator", "update", "--metadata", "https://white.example/2", "--allocation-delay", "700"];
    scene.sign("white", &update).await;
}

/// A key of an app's set gives way to another; one that was used cannot come back.
async fn change_a_key(scene: &Scene) {
    let folder = scene.world.folder.path();
    let (keystore, password_file) = (folder.join("bls.json"), folder.join("bls-password"));
    std::fs::write(&password_file, "a password").unwrap();
    std::fs::set_permissions(&password_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let password = PasswordSource::File(password_file.clone()).read().unwrap();
    keys::create_bls(&keystore, &password, Cost::Light).unwrap();
    let files = ["--bls-keystore", keystore.to_str().unwrap(), "--bls-password-file", password_file.to_str().unwrap()];
    let app = scene.world.app.app.to_string();
    let hash = |shown: &Value| shown["keys"][0]["keyHash"].as_str().unwrap().to_owned();
    let before = hash(&scene.show(&["operator", "keys", "show", "--as", "operator-1"]).await);
    let register =
        scene.refused("operator-1", &[&["operator", "keys", "register", "--app", &app][..], &files].concat()).await;
    assert!(register.contains("keys rotate"), "{register}");
    let rotate = [&["operator", "keys", "rotate", "--app", &app][..], &files].concat();
    scene.sign("operator-1", &rotate).await;
    assert_ne!(hash(&scene.show(&["operator", "keys", "show", "--as", "operator-1"]).await), before);
    let again = scene.refused("operator-1", &rotate).await;
    assert!(again.contains("used before"), "{again}");
}

async fn slash(scene: &Scene, percent: &str) {
    let white = scene.address("white").to_string();
    let slash = ["avs", "slash", SET, &white, "--percent", percent, "--strategy", "DEMOA", "--reason", "a story"];
    scene.sign("developer", &slash).await;
}

async fn balance(scene: &Scene) -> U256 {
    scene.pass(3).await;
    let view = scene.network.view().await.unwrap();
    let token = scene.network.contracts().stakes[0].token;
    scene.network.token_balance(&view, token, scene.address("client")).await.unwrap()
}

/// White's allocation of its DEMOA stake to the set.
fn allocation(status: &Value) -> &Value {
    let stakes = status["stakes"].as_array().unwrap();
    stakes
        .iter()
        .find_map(|stake| stake["allocations"].get(0))
        .unwrap_or_else(|| panic!("nothing is allocated: {status}"))
}

fn address(value: &Value) -> Address {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}
