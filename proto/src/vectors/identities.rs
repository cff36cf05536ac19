//! Device and hardware ids, key thumbprints, identifiers.

use serde_json::json;

use super::check;
use crate::hardware::{HardwareParts, hardware_id};
use crate::id::device_id;
use crate::identifier::Identifier;

#[test]
fn devices_have_the_known_ids() {
    check(include_str!("../../vectors/device_id.json"), |i| {
        Ok(json!({ "device": device_id(&i.parsed("warden_key")?, &i.parsed("epoch")?) }))
    });
}

#[test]
fn hardware_has_the_known_ids() {
    check(include_str!("../../vectors/hardware_id.json"), |i| {
        let parts = HardwareParts {
            soc: i.maybe("soc")?,
            storage: i.maybe("storage")?,
            imei: i.maybe("imei")?,
            board: i.maybe("board")?,
        };
        Ok(json!({ "hardware": hardware_id(&parts), "unprinted": parts.unprinted() }))
    });
}

#[test]
fn identifiers_have_the_known_forms() {
    check(include_str!("../../vectors/identifier.json"), |i| {
        let identifier = Identifier::parse(i.text("typed")?).map_err(|error| error.to_string())?;
        Ok(json!({
            "kind": identifier.kind(),
            "normal": identifier.as_str(),
            "masked": identifier.masked(),
            "compared": identifier.compared(),
        }))
    });
}

#[cfg(feature = "cloud")]
#[test]
fn proofs_have_the_known_bytes() {
    use crate::keys::SigningKey;
    use crate::secret::Secret;

    check(include_str!("../../vectors/dpop.json"), |i| {
        let key = SigningKey::from_seed(&Secret::new(i.sized("seed")?));
        let (nonce, token) = (i.maybe("nonce")?, i.maybe("access_token")?);
        let (method, url) = (i.text("method")?, i.text("url")?);
        let (iat, jti) = (i.number("iat")?, i.text("jti")?);
        let proof = crate::dpop::create_with(&key, method, url, nonce.as_deref(), token.as_deref(), iat, jti);
        let verified =
            crate::dpop::verify(&proof, method, url, token.as_deref()).map_err(|error| error.to_string())?;
        assert_eq!(
            (verified.key, verified.jti.as_str(), verified.iat, verified.nonce),
            (key.public(), jti, iat, nonce)
        );
        Ok(json!({ "thumbprint": crate::text::hex(&key.public().thumbprint()), "proof": proof }))
    });
}
