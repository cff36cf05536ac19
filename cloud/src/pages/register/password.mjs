// Which passwords are accepted: the warden's own rule, so that a page takes none that a device would refuse.

import * as vendored from './vendor/zxcvbn.js';

const zxcvbn = vendored.default ?? globalThis.zxcvbn;

/** Characters of the shortest password, counted as the key derivation sees them. */
const SHORTEST = 8;

/** Of zxcvbn's scores from 0 to 4 the least. */
const STRONG_ENOUGH = 3;

/** What is looked at; more takes long and changes nothing. */
const LONGEST_LOOKED_AT = 100;

/** Letters of a word that is worth a guess. */
const SHORTEST_WORD = 3;

/** The most that a secret may have on its way to a warden, bytes. */
const MOST_BYTES = 1024;

/** What somebody tries first who knows the login: it, its parts, and a number also as it is dialled at home. */
function ownWords(identifier) {
    const login = identifier.toLowerCase();
    if (login.startsWith('+')) {
        const digits = login.replace(/[^0-9]/g, '');
        const atHome = [1, 2, 3].map((country) => digits.slice(country)).filter((number) => number !== '');
        return [...atHome.flatMap((number) => [number, `0${number}`]), digits, login];
    }
    const at = login.lastIndexOf('@');
    const [name, domain] = at < 0 ? [login, ''] : [login.slice(0, at), login.slice(at + 1)];
    const words = [name, domain, ...login.split(/[^\p{Alphabetic}\p{N}]+/u)];
    return [...words.filter((word) => [...word].length >= SHORTEST_WORD), login];
}

/** Why a password isn't accepted: `short`, `simple` (no letter or no digit), `weak`, `long`; or nothing. */
export function objection(password, identifier) {
    const normal = password.normalize('NFKC');
    if ([...normal].length < SHORTEST) return 'short';
    if (new TextEncoder().encode(password).length > MOST_BYTES) return 'long';
    if (!/\p{Alphabetic}/u.test(normal) || !/\p{N}/u.test(normal)) return 'simple';
    const { score } = zxcvbn(normal.slice(0, LONGEST_LOOKED_AT), ownWords(identifier));
    return score < STRONG_ENOUGH ? 'weak' : undefined;
}
