// A new account, made here and nowhere else: root, keys, credentials record, keyring, recovery code. What leaves the page opens
// nothing without the password or the recovery code.

import { base64url, hex, random } from './bytes.mjs';
import { PARAMETERS, associated, ofPassword, ofRoot, recoveryKey, recoveryText, sign, wrap } from './keys.mjs';

/** The credentials of a new account begin with this generation, and its keys with this epoch. */
const FIRST = 1;

/** The recovery wrap is good for every generation: whoever changes the password doesn't know the code. */
const ANY_GENERATION = 0;

/** All that is drawn by chance; in tests given. */
export const fresh = () => ({
    account: random(16),
    salt: random(16),
    share: random(32),
    root: random(32),
    dataRoot: random(32),
    indexKey: random(32),
    recovery: random(20),
});

/** The signed credentials record. */
export async function record(owner, fields) {
    return sign(owner, 'belay-credentials/1', { v: 1, ...fields });
}

/** The keyring, signed by the owner key and sealed under the root. A nonce is given in tests alone. */
export async function keyring(keys, { account, generation, dataRoots, indexKey }, nonce) {
    const fields = { v: 1, account, generation, data_roots: dataRoots, index_key: indexKey };
    const { payload, signed } = await sign(keys.owner, 'belay-keyring/1', fields);
    return { payload, sealed: await wrap(keys.keyring, signed, associated(account, generation), nonce) };
}

/**
 * Makes an account: what `POST /v1/accounts` takes of it, and the recovery code as it is shown. Of the password nothing is kept.
 */
export async function make(password, drawn = fresh(), parameters = PARAMETERS) {
    const { account, salt, share, root } = drawn;
    const [ofPerson, keys, recovering] = await Promise.all([
        ofPassword(password, salt, parameters, share),
        ofRoot(root),
        recoveryKey(drawn.recovery),
    ]);
    const [wrapped, recoveryWrap] = await Promise.all([
        wrap(ofPerson.wrap, root, associated(account, FIRST)),
        wrap(recovering, root, associated(account, ANY_GENERATION)),
    ]);
    const credentials = await record(keys.owner, {
        account,
        generation: FIRST,
        salt,
        parameters: { ...parameters },
        login: ofPerson.login,
        verify_digest: ofPerson.verifyDigest,
        wrapped_root: wrapped,
        recovery_wrap: recoveryWrap,
    });
    const sealed = await keyring(keys, {
        account,
        generation: FIRST,
        dataRoots: [[FIRST, drawn.dataRoot]],
        indexKey: drawn.indexKey,
    });
    const recoveryCode = recoveryText(drawn.recovery);
    const made = {
        account: hex(account),
        credentials: base64url(credentials.signed),
        owner: base64url(keys.owner.public),
        keyring: base64url(sealed.sealed),
        share: base64url(share),
    };
    for (const secret of [root, drawn.dataRoot, drawn.indexKey, drawn.recovery, ofPerson.wrap, recovering, keys.keyring]) {
        secret.fill(0);
    }
    return { made, recoveryCode };
}
