// The key hierarchy: from a password to keys, from a root to keys, the recovery code. Every label and form is the contract's;
// `proto/vectors` holds for this file as it does for the device's code.

import * as vendored from './vendor/argon2.umd.min.js';
import { base64url, concat, random, u64, unbase64url, utf8 } from './bytes.mjs';
import { encode } from './cbor.mjs';

// The file brings its functions as a module's default where it finds CommonJS, and as a global in a browser.
const { argon2id } = vendored.default ?? globalThis.hashwasm;

/** Argon2id's parameters for new accounts: 64 MiB, 3 passes, 1 lane. */
export const PARAMETERS = Object.freeze({ memory_kib: 65_536, iterations: 3, parallelism: 1 });

/** Fails where WebAssembly is missing or forbidden, in no time. */
export const tryOut = () =>
    argon2id({
        password: 'x',
        salt: new Uint8Array(16),
        memorySize: 8,
        iterations: 1,
        parallelism: 1,
        hashLength: 32,
        outputType: 'binary',
    });

/** HKDF-SHA-256 with an empty salt, 32 bytes. */
export async function hkdf(secret, label) {
    const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
    const how = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: utf8(label) };
    return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
}

/** SHA-256. */
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/** What PKCS #8 puts before an Ed25519 seed (RFC 8410 §7). */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20);

/** An Ed25519 key pair of a seed: the public key's 32 bytes, and what signs. */
export async function signingKey(seed) {
    const document = concat(PKCS8, seed);
    // Extractable for the moment that it takes to learn the public half.
    const pair = await crypto.subtle.importKey('pkcs8', document, 'Ed25519', true, ['sign']);
    const { x } = await crypto.subtle.exportKey('jwk', pair);
    const key = await crypto.subtle.importKey('pkcs8', document, 'Ed25519', false, ['sign']);
    document.fill(0);
    const sign = async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, message));
    return { public: unbase64url(x), sign };
}

/** `01 ‖ nonce ‖ AES-256-GCM`. A nonce is given in tests alone: none may be used twice under one key. */
export async function wrap(key, plaintext, associated, nonce = random(12)) {
    const cipher = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
    const how = { name: 'AES-GCM', iv: nonce, additionalData: associated };
    const sealed = await crypto.subtle.encrypt(how, cipher, plaintext);
    return concat(Uint8Array.of(1), nonce, new Uint8Array(sealed));
}

/** What a wrapped root and a sealed keyring are bound to. */
export const associated = (account, generation) => concat(account, u64(generation));

/** A signed object: the payload's encoding, its signature under the domain, and both as they travel. */
export async function sign(key, domain, fields) {
    const payload = encode(fields);
    const signature = await key.sign(concat(utf8(`${domain}\0`), payload));
    return { payload, signature, signed: encode({ payload, signature }) };
}

/** What a password gives with salt, parameters and the cloud's share. `wrap` is the key that the root is wrapped with. */
export async function ofPassword(password, salt, parameters, share) {
    const normal = utf8(password.normalize('NFKC'));
    const master = await argon2id({
        password: normal,
        salt,
        memorySize: parameters.memory_kib,
        iterations: parameters.iterations,
        parallelism: parameters.parallelism,
        hashLength: 32,
        outputType: 'binary',
    });
    const [seed, verify, wrapKey] = await Promise.all([
        hkdf(master, 'belay/login/1'),
        hkdf(master, 'belay/verify/1'),
        hkdf(concat(master, share), 'belay/wrap/1'),
    ]);
    const login = await signingKey(seed);
    const digest = await sha256(verify);
    for (const secret of [normal, master, seed, verify]) secret.fill(0);
    return { login: login.public, verifyDigest: digest, wrap: wrapKey };
}

/** The account root's keys. */
export async function ofRoot(root) {
    const [seed, keyring] = await Promise.all([hkdf(root, 'belay/owner-signing/1'), hkdf(root, 'belay/keyring/1')]);
    const owner = await signingKey(seed);
    seed.fill(0);
    return { owner, keyring };
}

/** Crockford's base32 symbols; the last five only check. */
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U';

/** A recovery code as it is shown: 160 bits in groups of 4, and a check symbol, the number modulo 37. */
export function recoveryText(bits) {
    let number = bits.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const check = SYMBOLS[Number(number % 37n)];
    let symbols = '';
    for (let place = 0; place < 32; place += 1, number >>= 5n) symbols = SYMBOLS[Number(number & 31n)] + symbols;
    return [...symbols.match(/.{4}/g), check].join('-');
}

/** The key that wraps the root a second time. */
export const recoveryKey = (bits) => hkdf(bits, 'belay/recovery/1');

/** The RFC 7638 thumbprint's members of a public Ed25519 key, and the form in which a proof carries it. */
export const jwk = (publicKey) => ({ kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) });
