//! Signed objects.

use serde_json::json;

use super::{Inputs, Outcome, check};
use crate::keys::{KdfParameters, SigningKey};
use crate::secret::Secret;
use crate::signed::{
    AccountOrder, Action, Command, CredentialsRecord, Deed, DelegateCertificate, DelegatedVerbs,
    DeviceCertificate, HoldEnd, LoginStatement, Object, Release, ResetAuthorisation, Signed, Succession,
    Verb,
};
use crate::text::hex;

/// Signs with the vector's seed; the payload must read back and verify.
pub(super) fn seal<T: Object>(i: &Inputs<'_>, object: &T) -> Result<Signed, String> {
    let key = SigningKey::from_seed(&Secret::new(i.sized("seed")?));
    let signed = Signed::seal(object, &key);
    let opened: T = signed.open(&key.public()).map_err(|error| format!("{error:?}"))?;
    assert_eq!(opened.encode(), signed.payload);
    assert_eq!(Signed::decode(&signed.encode()).as_ref(), Ok(&signed));
    Ok(signed)
}

pub(super) fn outputs(signed: &Signed) -> serde_json::Value {
    json!({ "payload": hex(&signed.payload), "signature": signed.signature, "signed": hex(&signed.encode()) })
}

#[test]
fn credentials_records_have_the_known_bytes() {
    check(include_str!("../../vectors/credentials.json"), |i| {
        let f = i.inner("fields")?;
        let p = f.inner("parameters")?;
        let record = CredentialsRecord {
            account: f.parsed("account")?,
            generation: f.number("generation")?,
            salt: f.sized("salt")?,
            parameters: KdfParameters {
                memory_kib: p.small("memory_kib")?,
                iterations: p.small("iterations")?,
                parallelism: p.small("parallelism")?,
            },
            login: f.parsed("login")?,
            verify_digest: f.sized("verify_digest")?,
            wrapped_root: f.bytes("wrapped_root")?,
            recovery_wrap: f.bytes("recovery_wrap")?,
        };
        Ok(outputs(&seal(i, &record)?))
    });
}

#[test]
fn device_certificates_have_the_known_bytes() {
    check(include_str!("../../vectors/certificate.json"), |i| {
        let f = i.inner("fields")?;
        let certificate = DeviceCertificate {
            account: f.parsed("account")?,
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            device_key: f.parsed("device_key")?,
            warden_key: f.parsed("warden_key")?,
            box_key: f.parsed("box_key")?,
            hardware: f.parsed("hardware")?,
            hardware_locked: f.flag("hardware_locked")?,
            model: f.text("model")?.to_owned(),
            wipe_class: f.text("wipe_class")?.to_owned(),
            key_epoch: f.number("key_epoch")?,
        };
        Ok(outputs(&seal(i, &certificate)?))
    });
}

#[test]
fn releases_have_the_known_bytes_and_texts() {
    check(include_str!("../../vectors/release.json"), |i| {
        let f = i.inner("fields")?;
        let release = Release {
            account: f.parsed("account")?,
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            hardware: f.parsed("hardware")?,
        };
        let signed = seal(i, &release)?;
        let text = Release::to_text(&signed);
        assert_eq!(Release::from_text(&text).as_ref(), Ok(&signed));
        let mut outputs = outputs(&signed);
        outputs["text"] = text.into();
        Ok(outputs)
    });
}

#[test]
fn reset_authorisations_have_the_known_bytes() {
    check(include_str!("../../vectors/reset.json"), |i| {
        let f = i.inner("fields")?;
        let authorisation = ResetAuthorisation {
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            boot_id: f.text("boot_id")?.to_owned(),
            expires_boottime_ms: f.number("expires_boottime_ms")?,
            release: f.flag("release")?,
        };
        Ok(outputs(&seal(i, &authorisation)?))
    });
}

#[test]
fn login_statements_have_the_known_bytes() {
    check(include_str!("../../vectors/login.json"), |i| {
        let f = i.inner("fields")?;
        let statement = LoginStatement {
            origin: f.text("origin")?.to_owned(),
            identifier: f.text("identifier")?.to_owned(),
            nonce: f.bytes("nonce")?,
            action: f.text("action")?.to_owned(),
            thumbprint: f.sized("thumbprint")?,
        };
        let signed = seal(i, &statement)?;
        let key = SigningKey::from_seed(&Secret::new(i.sized("seed")?));
        assert_eq!(statement.sign(&key), signed.signature);
        Ok(json!({ "payload": hex(&signed.payload), "signature": signed.signature }))
    });
}

#[test]
fn delegate_certificates_have_the_known_bytes() {
    check(include_str!("../../vectors/delegate.json"), |i| {
        let f = i.inner("fields")?;
        let verbs = f
            .list("actions")?
            .iter()
            .map(|verb| Verb::parse(verb.as_str().unwrap_or_default()).map_err(|error| error.to_string()));
        let verbs = verbs.collect::<Result<Vec<_>, _>>()?;
        let actions = DelegatedVerbs::new(verbs.clone()).map_err(|error| error.to_string())?;
        if !actions.iter().eq(&verbs) {
            return Err("out of order".to_owned());
        }
        let certificate = DelegateCertificate {
            account: f.parsed("account")?,
            key: f.parsed("key")?,
            actions,
            generation: f.number("generation")?,
            issued_at: f.number("issued_at")?,
            expires_at: f.number("expires_at")?,
        };
        Ok(outputs(&seal(i, &certificate)?))
    });
}

#[test]
fn orders_have_the_known_bytes() {
    check(include_str!("../../vectors/order.json"), |i| {
        let f = i.inner("fields")?;
        let order = AccountOrder {
            account: f.parsed("account")?,
            id: f.parsed("id")?,
            generation: f.number("generation")?,
            deed: Deed::parse(f.text("deed")?).map_err(|error| error.to_string())?,
        };
        Ok(outputs(&seal(i, &order)?))
    });
}

#[test]
fn successions_have_the_known_bytes() {
    check(include_str!("../../vectors/succession.json"), |i| {
        let f = i.inner("fields")?;
        let succession = Succession {
            account: f.parsed("account")?,
            generation: f.number("generation")?,
            owner: f.parsed("owner")?,
            report_box: f.sized("report_box")?,
            credentials: f.sized("credentials")?,
        };
        Ok(outputs(&seal(i, &succession)?))
    });
}

#[test]
fn ends_of_holds_have_the_known_bytes() {
    check(include_str!("../../vectors/hold.json"), |i| {
        let f = i.inner("fields")?;
        let end = HoldEnd {
            account: f.parsed("account")?,
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            credentials: f.sized("credentials")?,
            over: f.flag("over")?,
        };
        Ok(outputs(&seal(i, &end)?))
    });
}

pub(super) fn action(verb: &str, i: &Inputs<'_>) -> Result<Action, String> {
    let names = i.0.as_object().ok_or("no arguments")?.len();
    let (action, arguments) = match Verb::parse(verb).map_err(|error| error.to_string())? {
        Verb::Lock => (
            Action::Lock {
                message: i.text("message")?.to_owned(),
                phone: i.text("phone")?.to_owned(),
            },
            2,
        ),
        Verb::Unlock => (Action::Unlock, 0),
        Verb::Wipe => (
            Action::Wipe {
                external: i.flag("external")?,
                keep_esim: i.flag("keep_esim")?,
            },
            2,
        ),
        Verb::Ring => (
            Action::Ring {
                seconds: i.number("seconds")?,
            },
            1,
        ),
        Verb::StopRing => (Action::StopRing, 0),
        Verb::Locate => (Action::Locate, 0),
        Verb::Message => (
            Action::Message {
                text: i.text("text")?.to_owned(),
            },
            1,
        ),
        Verb::SignOut => (Action::SignOut, 0),
        Verb::Cancel => (Action::Cancel { id: i.parsed("id")? }, 1),
    };
    if names == arguments {
        Ok(action)
    } else {
        Err("an unknown argument".to_owned())
    }
}

fn command(i: &Inputs<'_>) -> Outcome {
    let f = i.inner("fields")?;
    let command = Command {
        id: f.parsed("id")?,
        account: f.parsed("account")?,
        device: f.parsed("device")?,
        epoch: f.parsed("epoch")?,
        counter: f.number("counter")?,
        issued_at: f.number("issued_at")?,
        expires_at: f.number("expires_at")?,
        presence: f.number("presence")?,
        episode: f.number("episode")?,
        action: action(f.text("action")?, &f.inner("arguments")?)?,
    };
    Ok(outputs(&seal(i, &command)?))
}

#[test]
fn commands_have_the_known_bytes() {
    check(include_str!("../../vectors/command.json"), command);
}
