// Core deterministic CBOR (RFC 8949 §4.2.1), as far as Belay's signed objects go: unsigned numbers, bytes, texts, booleans,
// arrays, and maps with text keys.

import { concat, utf8 } from './bytes.mjs';

/** The encoding of a value. A map is an object; its keys come out in the order of their encodings. */
export function encode(value) {
    switch (typeof value) {
        case 'boolean':
            return Uint8Array.of(value ? 0xf5 : 0xf4);
        case 'number':
        case 'bigint':
            return head(0, value);
        case 'string': {
            const bytes = utf8(value);
            return concat(head(3, bytes.length), bytes);
        }
        case 'object':
            return compound(value);
        default:
            throw new TypeError('no signed object holds this');
    }
}

function compound(value) {
    if (value instanceof Uint8Array) return concat(head(2, value.length), value);
    if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(encode));
    if (value === null) throw new TypeError('no signed object holds this');
    const pairs = Object.entries(value).map(([key, inner]) => [encode(key), encode(inner)]);
    pairs.sort(([one], [other]) => order(one, other));
    return concat(head(5, pairs.length), ...pairs.flat());
}

/** Byte by byte. */
function order(one, other) {
    const length = Math.min(one.length, other.length);
    for (let at = 0; at < length; at += 1) {
        if (one[at] !== other[at]) return one[at] - other[at];
    }
    return one.length - other.length;
}

/** Major type and number in the fewest bytes. */
function head(major, number) {
    const wide = BigInt(number);
    if (wide < 0n || wide > 0xffff_ffff_ffff_ffffn) throw new RangeError('not an unsigned number of 64 bits');
    if (typeof number === 'number' && !Number.isSafeInteger(number)) throw new RangeError('not a whole number');
    const kind = major << 5;
    if (wide < 24n) return Uint8Array.of(kind | Number(wide));
    const [information, length] = wide < 0x100n ? [24, 1] : wide < 0x1_0000n ? [25, 2] : wide < 0x1_0000_0000n ? [26, 4] : [27, 8];
    const bytes = new Uint8Array(1 + length);
    bytes[0] = kind | information;
    for (let at = length, rest = wide; at > 0; at -= 1, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
    return bytes;
}
