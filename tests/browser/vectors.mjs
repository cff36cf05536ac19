// The known-answer vectors, by the page's scripts: `node vectors.mjs FOLDER VECTORS`. Says how many of each kind hold.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder, vectors] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}.mjs`));
const { base64url, hex, unbase64url, unhex } = await load('bytes');
const { encode } = await load('cbor');
const keys = await load('keys');
const account = await load('account');
const cloud = await load('cloud');

/** From the vectors' way of writing typed values. */
function tagged(value) {
    const [[kind, inner]] = Object.entries(value);
    switch (kind) {
        case 'uint':
            return BigInt(inner);
        case 'bytes':
            return unhex(inner);
        case 'array':
            return inner.map(tagged);
        case 'map':
            return Object.fromEntries(Object.entries(inner).map(([key, each]) => [key, tagged(each)]));
        default:
            return inner;
    }
}

/** What each kind gives, of its outputs those that the page makes; nothing for inputs that no page has. */
const KINDS = {
    cbor: (i) => i.value && { encoded: hex(encode(tagged(i.value))) },
    password: async (i) => {
        const { login, verifyDigest, wrap } = await keys.ofPassword(i.password, unhex(i.salt), i.parameters, unhex(i.share));
        return { login_public: base64url(login), verify_digest: hex(verifyDigest), wrap: hex(wrap) };
    },
    root: async (i) => {
        const { owner, keyring } = await keys.ofRoot(unhex(i.root));
        return { owner_public: base64url(owner.public), keyring_key: hex(keyring) };
    },
    wrapped_root: async (i) => {
        const bound = keys.associated(unhex(i.account), i.generation);
        return { wrapped: hex(await keys.wrap(unhex(i.wrap), unhex(i.root), bound, unhex(i.nonce))) };
    },
    recovery_code: async (i) =>
        i.bits && { text: keys.recoveryText(unhex(i.bits)), wrap: hex(await keys.recoveryKey(unhex(i.bits))) },
    credentials: async ({ seed, fields }) => {
        const owner = await keys.signingKey(unhex(seed));
        const of = (name) => unhex(fields[name]);
        const { payload, signature, signed } = await account.record(owner, {
            account: of('account'),
            generation: fields.generation,
            salt: of('salt'),
            parameters: fields.parameters,
            login: unbase64url(fields.login),
            verify_digest: of('verify_digest'),
            wrapped_root: of('wrapped_root'),
            recovery_wrap: of('recovery_wrap'),
        });
        return { payload: hex(payload), signature: base64url(signature), signed: hex(signed) };
    },
    keyring: async (i) => {
        const fields = {
            account: unhex(i.account),
            generation: i.generation,
            dataRoots: i.data_roots.map(({ epoch, root }) => [epoch, unhex(root)]),
            indexKey: unhex(i.index_key),
        };
        const { payload, sealed } = await account.keyring(await keys.ofRoot(unhex(i.root)), fields, unhex(i.nonce));
        return { payload: hex(payload), sealed: hex(sealed) };
    },
    dpop: async (i) => {
        if (i.access_token) return undefined;
        const key = await keys.signingKey(unhex(i.seed));
        return {
            thumbprint: hex(await cloud.thumbprint(key.public)),
            proof: await cloud.proof(key.sign, key.public, i),
        };
    },
};

let failed = false;
for (const [kind, compute] of Object.entries(KINDS)) {
    const file = JSON.parse(readFileSync(`${vectors}/${kind}.json`, 'utf8'));
    let held = 0;
    for (const vector of file.vectors) {
        const computed = await compute(vector.in);
        if (computed === undefined) continue;
        const wanted = Object.fromEntries(Object.keys(computed).map((name) => [name, vector.out[name]]));
        if (JSON.stringify(computed) !== JSON.stringify(wanted)) {
            failed = true;
            console.error(`mismatch: ${kind}: ${vector.name}: ${JSON.stringify(computed)}`);
        }
        held += 1;
    }
    console.log(`${kind} ${held}`);
}
process.exit(failed ? 1 : 0);
