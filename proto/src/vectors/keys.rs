//! CBOR, key derivation and sealing.

use serde_json::{Value as Json, json};

use super::{Inputs, Outcome, check};
use crate::accessory::{AccessoryIds, AccessoryRecord, SharedAccessory};
use crate::cbor::Value;
use crate::id::AccountId;
use crate::keys::{BoxKey, KdfParameters, Master, RecoveryCode, Root, WrapKey, collection_key, seal_from};
use crate::seal::{self, RecordIds, open_record, seal_record_with};
use crate::secret::Secret;
use crate::signed::{EpochKeys, Keyring};
use crate::text::hex;

fn secret<const N: usize>(i: &Inputs<'_>, key: &str) -> Result<Secret<[u8; N]>, String> {
    i.sized(key).map(Secret::new)
}

fn account(i: &Inputs<'_>) -> Result<AccountId, String> {
    i.parsed("account")
}

fn typed(json: &Json) -> Result<Value, String> {
    let i = Inputs(json);
    Ok(
        match json
            .as_object()
            .and_then(|map| map.keys().next())
            .map(String::as_str)
        {
            Some("uint") => Value::Uint(i.parsed("uint")?),
            Some("bool") => Value::Bool(i.flag("bool")?),
            Some("bytes") => Value::Bytes(i.bytes("bytes")?),
            Some("text") => Value::Text(i.text("text")?.to_owned()),
            Some("array") => Value::Array(i.list("array")?.iter().map(typed).collect::<Result<_, _>>()?),
            Some("map") => {
                let map = i.get("map")?.as_object().ok_or("no map")?;
                Value::Map(
                    map.iter()
                        .map(|(key, value)| Ok((key.clone(), typed(value)?)))
                        .collect::<Result<_, String>>()?,
                )
            }
            _ => return Err("an unknown type".to_owned()),
        },
    )
}

#[test]
fn cbor_has_the_known_encodings() {
    check(include_str!("../../vectors/cbor.json"), |i| {
        let value = if i.has("bytes") {
            Value::decode(&i.bytes("bytes")?).map_err(|error| error.to_string())?
        } else {
            typed(i.get("value")?)?
        };
        let encoded = value.encode();
        assert_eq!(Value::decode(&encoded).as_ref(), Ok(&value));
        Ok(json!({ "encoded": hex(&encoded) }))
    });
}

fn password(i: &Inputs<'_>) -> Outcome {
    let p = i.inner("parameters")?;
    let parameters = KdfParameters {
        memory_kib: p.small("memory_kib")?,
        iterations: p.small("iterations")?,
        parallelism: p.small("parallelism")?,
    };
    let password = Secret::of_text(i.text("password")?);
    let master =
        Master::derive(&password, &i.sized("salt")?, &parameters).map_err(|error| error.to_string())?;
    let login = master.login_key();
    Ok(json!({
        "normal": hex(crate::keys::nfkc(&password).expose().as_bytes()),
        "master": hex(master.bytes().expose()),
        "login_seed": hex(login.seed().expose()),
        "login_public": login.public(),
        "wrap": hex(master.wrap_key(&secret(i, "share")?).secret().expose()),
        "verify": hex(master.verify().expose()),
        "verify_digest": hex(&master.verify_digest()),
    }))
}

#[test]
fn passwords_give_the_known_keys() {
    check(include_str!("../../vectors/password.json"), password);
}

#[test]
fn the_root_gives_the_known_keys() {
    check(include_str!("../../vectors/root.json"), |i| {
        let root = Root::from_bytes(secret(i, "root")?);
        let (owner, report_box) = (root.owner_key(), root.report_box());
        Ok(json!({
            "owner_seed": hex(owner.seed().expose()),
            "owner_public": owner.public(),
            "report_box_secret": hex(report_box.secret().expose()),
            "report_box_public": report_box.public(),
            "keyring_key": hex(root.keyring_key().expose()),
            "collection_key": hex(collection_key(&secret(i, "data_root")?, i.text("collection")?).expose()),
        }))
    });
}

#[test]
fn recovery_codes_have_the_known_texts_and_keys() {
    check(include_str!("../../vectors/recovery_code.json"), |i| {
        let code = if i.has("typed") {
            RecoveryCode::parse(i.text("typed")?).map_err(|error| error.to_string())?
        } else {
            RecoveryCode::from_bytes(secret(i, "bits")?)
        };
        Ok(json!({
            "bits": hex(code.bytes().expose()),
            "text": code.text().expose(),
            "wrap": hex(code.wrap_key().secret().expose()),
        }))
    });
}

#[test]
fn roots_wrap_to_the_known_bytes() {
    check(include_str!("../../vectors/wrapped_root.json"), |i| {
        let (key, root) = (
            WrapKey::new(secret(i, "wrap")?),
            Root::from_bytes(secret(i, "root")?),
        );
        let (account, generation) = (account(i)?, i.number("generation")?);
        let wrapped = root.wrap_with(&key, &account, generation, &i.sized("nonce")?);
        let opened = Root::unwrap(&key, &account, generation, &wrapped).map_err(|error| error.to_string())?;
        assert_eq!(opened.bytes().expose(), root.bytes().expose());
        Ok(json!({ "wrapped": hex(&wrapped) }))
    });
}

#[test]
fn records_seal_to_the_known_bytes() {
    check(include_str!("../../vectors/record.json"), |i| {
        let (key, id, plaintext) = (
            secret(i, "collection_key")?,
            i.bytes("id")?,
            i.bytes("plaintext")?,
        );
        let ids = RecordIds {
            account: account(i)?,
            collection: i.text("collection")?,
            id: &id,
            kind: i.text("kind")?,
            key_epoch: i.number("key_epoch")?,
        };
        let sealed = seal_record_with(&key, &ids, &plaintext, &i.sized("salt")?);
        let opened = open_record(&key, &ids, &sealed).map_err(|error| error.to_string())?;
        assert_eq!(opened.expose(), &plaintext);
        Ok(json!({ "sealed": hex(&sealed) }))
    });
}

#[test]
fn accessories_seal_to_the_known_bytes() {
    check(include_str!("../../vectors/accessory.json"), |i| {
        let ids = AccessoryIds {
            account: account(i)?,
            accessory: i.parsed("id")?,
            key_epoch: i.number("key_epoch")?,
        };
        let shared = |i: Inputs<'_>| {
            let key = i.has("key").then(|| i.bytes("key").map(Secret::new));
            Ok::<_, String>(SharedAccessory {
                kind: i.parsed("kind")?,
                address: i.parsed("address")?,
                name: i.parsed("name")?,
                serial: i.parsed("serial")?,
                key: key.transpose()?,
            })
        };
        let accessory = i.has("accessory").then(|| i.inner("accessory").and_then(shared));
        let record = AccessoryRecord {
            revision: i.number("revision")?,
            changed_at: i.number("changed_at")?,
            accessory: accessory.transpose()?,
        };
        let key = secret(i, "collection_key")?;
        let sealed = record.seal_with(&key, &ids, &i.sized("salt")?);
        let sealed = sealed.map_err(|error| error.to_string())?;
        let opened = AccessoryRecord::open(&key, &ids, &sealed).map_err(|error| error.to_string())?;
        assert_eq!(opened.plaintext().expose(), record.plaintext().expose());
        Ok(json!({ "sealed": hex(&sealed) }))
    });
}

#[test]
fn boxes_seal_to_the_known_bytes() {
    check(include_str!("../../vectors/box.json"), |i| {
        let recipient = BoxKey::from_secret(&secret(i, "recipient_secret")?);
        let ephemeral = BoxKey::from_secret(&secret(i, "ephemeral_secret")?);
        let (aad, plaintext) = (i.bytes("aad")?, i.bytes("plaintext")?);
        let sealed = seal_from(&ephemeral, &recipient.public(), &aad, &plaintext);
        let opened = recipient.open(&aad, &sealed).map_err(|error| error.to_string())?;
        assert_eq!(opened.expose(), &plaintext);
        Ok(json!({ "recipient_public": recipient.public(), "sealed": hex(&sealed) }))
    });
}

fn keyring(i: &Inputs<'_>) -> Result<Keyring, String> {
    let pairs = i.list("data_roots")?.iter().map(|pair| {
        let pair = Inputs(pair);
        Ok((pair.number("epoch")?, secret(&pair, "root")?))
    });
    let data_roots =
        EpochKeys::new(pairs.collect::<Result<_, String>>()?).map_err(|error| error.to_string())?;
    Ok(Keyring {
        account: account(i)?,
        generation: i.number("generation")?,
        data_roots,
        index_key: secret(i, "index_key")?,
        removed: None,
    })
}

#[test]
fn keyrings_seal_to_the_known_bytes() {
    check(include_str!("../../vectors/keyring.json"), |i| {
        let (root, keyring) = (Root::from_bytes(secret(i, "root")?), keyring(i)?);
        let sealed = keyring.seal_with(&root, &i.sized("nonce")?);
        let opened = Keyring::open(&root, &keyring.account, keyring.generation, &sealed)
            .map_err(|error| error.to_string())?;
        assert_eq!(opened.key_epoch(), keyring.key_epoch());
        Ok(json!({ "payload": hex(&keyring.encode()), "sealed": hex(&sealed) }))
    });
}

#[test]
fn keyrings_in_boxes_seal_to_the_known_bytes() {
    check(include_str!("../../vectors/keyring_box.json"), |i| {
        let owner = Root::from_bytes(secret(i, "root")?).owner_key();
        let recipient = BoxKey::from_secret(&secret(i, "recipient_secret")?);
        let ephemeral = BoxKey::from_secret(&secret(i, "ephemeral_secret")?);
        let keyring = keyring(i)?;
        let sealed = keyring.seal_from(&owner, &ephemeral, &recipient.public());
        let opened = Keyring::open_boxed(&recipient, &owner.public(), &keyring.account, &sealed)
            .map_err(|error| error.to_string())?;
        assert_eq!(opened.encode(), keyring.encode());
        Ok(json!({ "recipient_public": recipient.public(), "sealed": hex(&sealed) }))
    });
}

#[test]
fn the_plain_wrap_is_the_wrapped_roots_form() {
    let (key, nonce) = (Secret::new([1; 32]), [2; 12]);
    let account = AccountId::from_bytes([3; 16]);
    let aad = [account.as_bytes().as_slice(), &4_u64.to_be_bytes()].concat();
    let root = Root::from_bytes(Secret::new([5; 32]));
    let wrapped = root.wrap_with(&WrapKey::new(key.duplicate()), &account, 4, &nonce);
    assert_eq!(seal::wrap_with(&key, &aad, &[5; 32], &nonce), wrapped);
}
