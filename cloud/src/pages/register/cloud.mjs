// Calls to the cloud that served this page, each with a proof of a key that can't leave the browser (DPoP, RFC 9449).

import { base64url, concat, hex, random, unhex, utf8 } from './bytes.mjs';
import { jwk, sha256 } from './keys.mjs';

/** How long an answer may take, ms. */
const PATIENCE = 30_000;

/** The most that a cloud may ask as proof of work: rounds a guess, and guesses. */
const MOST_ROUNDS = 1_000_000;
const MOST_GUESSES = 1_000_000;

/** The cloud refused by name, or (`offline`, `strange`) gave no answer that means anything. */
export class Refusal extends Error {
    constructor(name, { retryAfter, triesLeft } = {}) {
        super(name);
        this.name = name;
        /** Seconds until another try may help, where the cloud says so. */
        this.retryAfter = retryAfter;
        /** Codes that may still be tried. */
        this.triesLeft = triesLeft;
    }
}

/** A fresh key for proofs. Its private half can sign and nothing else; with the page it is gone. */
export const proofKey = () => crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);

/** Names one attempt, so that it counts once however often it is sent. */
export const attempt = () => hex(random(16));

/** A DPoP proof of `key` (private) and `publicKey` (32 bytes) for one call. */
export async function proof(signer, publicKey, { method, url, nonce, iat, jti }) {
    const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: jwk(publicKey) };
    const claims = { jti, htm: method, htu: url, iat, ...(nonce === undefined ? {} : { nonce }) };
    const message = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.');
    return `${message}.${base64url(await signer(utf8(message)))}`;
}

/** A solved challenge (ALTCHA, version 2), as the next call carries it. */
export async function solve(challenge) {
    const { algorithm, cost, keyLength, keyPrefix, nonce, salt } = challenge.parameters;
    const sound =
        algorithm === 'PBKDF2/SHA-256' && cost >= 1 && cost <= MOST_ROUNDS && keyLength >= 1 && keyLength <= 32 &&
        keyPrefix.length <= 2 * keyLength;
    if (!sound) throw new Refusal('strange');
    const seed = unhex(nonce);
    const how = { name: 'PBKDF2', hash: 'SHA-256', salt: unhex(salt), iterations: cost };
    for (let counter = 0; counter < MOST_GUESSES; counter += 1) {
        const guess = new Uint8Array(4);
        new DataView(guess.buffer).setUint32(0, counter);
        const key = await crypto.subtle.importKey('raw', concat(seed, guess), 'PBKDF2', false, ['deriveBits']);
        const derivedKey = hex(new Uint8Array(await crypto.subtle.deriveBits(how, key, 8 * keyLength)));
        if (derivedKey.startsWith(keyPrefix.toLowerCase())) return { challenge, solution: { counter, derivedKey } };
    }
    throw new Refusal('strange');
}

/** The cloud at `origin`, for one key. */
export class Cloud {
    #origin;
    #pair;
    #public;
    #nonce;

    constructor(origin, pair, publicKey) {
        this.#origin = origin;
        this.#pair = pair;
        this.#public = publicKey;
    }

    /** With a key of its own. */
    static async connect(origin) {
        const pair = await proofKey();
        const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
        return new Cloud(origin, pair, publicKey);
    }

    /** A solved challenge. */
    async work() {
        const { challenge } = await this.#call('POST', '/v1/challenges', {});
        return solve(challenge);
    }

    /** `POST`: the answer. The same body under the same `key` is one call. */
    post(path, body, key = attempt()) {
        return this.#call('POST', path, body, key);
    }

    /** `GET`: the answer. */
    get(path) {
        return this.#call('GET', path);
    }

    async #call(method, path, body, key) {
        let answer = await this.#send(method, path, body, key);
        // A nonce is good for a while; with a stale one, or none, the answer brings a fresh one.
        if (answer.status === 401 && (await named(answer.clone())).name === 'use-dpop-nonce') {
            answer = await this.#send(method, path, body, key);
        }
        if (!answer.ok) throw await named(answer);
        try {
            return answer.status === 204 ? undefined : await answer.json();
        } catch {
            throw new Refusal('strange');
        }
    }

    async #send(method, path, body, key) {
        const url = this.#origin + path;
        const signer = async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', this.#pair.privateKey, message));
        const call = { method, url, nonce: this.#nonce, iat: Math.floor(Date.now() / 1000), jti: base64url(random(16)) };
        const headers = { DPoP: await proof(signer, this.#public, call) };
        if (body !== undefined) headers['Content-Type'] = 'application/json';
        if (key !== undefined) headers['Idempotency-Key'] = key;
        const text = body === undefined ? undefined : JSON.stringify(body);
        let answer;
        try {
            // Nowhere else, whatever the answer says, and with no cookie.
            answer = await fetch(url, {
                method,
                headers,
                body: text,
                redirect: 'error',
                credentials: 'omit',
                cache: 'no-store',
                referrerPolicy: 'no-referrer',
                signal: AbortSignal.timeout(PATIENCE),
            });
        } catch {
            throw new Refusal('offline');
        }
        this.#nonce = answer.headers.get('DPoP-Nonce') ?? this.#nonce;
        return answer;
    }
}

/** The refusal in an answer. */
async function named(answer) {
    const wait = Number(answer.headers.get('Retry-After'));
    const retryAfter = wait > 0 ? wait : undefined;
    try {
        const problem = await answer.json();
        const name = /^urn:belay:problem:([a-z-]+)$/.exec(problem.type)[1];
        return new Refusal(name, { retryAfter, triesLeft: problem.tries_left });
    } catch {
        return new Refusal('strange', { retryAfter });
    }
}

/** The thumbprint of a public key (RFC 7638). */
export async function thumbprint(publicKey) {
    const { crv, kty, x } = jwk(publicKey);
    return sha256(utf8(JSON.stringify({ crv, kty, x })));
}
