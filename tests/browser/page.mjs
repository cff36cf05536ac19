// Uses the page that a cloud serves, with a document that knows no more than what the page's script asks of one:
// `node page.mjs FOLDER HTML ORIGIN`. Each line of input is a deed, `{"fill": {ID: TEXT}}`, `{"click": ID}` or `{"submit": ID}`;
// each line of output is what the reader sees then.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, file, origin] = process.argv.slice(2);
const html = readFileSync(file, 'utf8');

class Heard {
    #listeners = new Map();
    addEventListener(type, listener) {
        this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    }
    removeEventListener(type, listener) {
        this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((other) => other !== listener));
    }
    heard(type) {
        return this.#listeners.get(type) ?? [];
    }
    dispatch(type) {
        let prevented = false;
        const event = { type, preventDefault: () => (prevented = true) };
        for (const listener of this.heard(type)) listener(event);
        return prevented;
    }
}

/** What stands where refusals are said. */
const isError = (id) => id.startsWith('error-') || id === 'wait' || id === 'tries';

class Element extends Heard {
    value = '';
    constructor(id, attributes, text) {
        super();
        this.id = id;
        this.hidden = /\bhidden\b/.test(attributes);
        this.disabled = /\bdisabled\b/.test(attributes);
        this.textContent = text;
    }
    get children() {
        return this.id === 'errors' ? [...elements.values()].filter(({ id }) => isError(id)) : [];
    }
    querySelector() {
        return null;
    }
    remove() {
        elements.delete(this.id);
    }
    replaceChildren(...parts) {
        this.textContent = parts.filter((part) => typeof part === 'string').join('');
    }
    focus() {}
    select() {}
    setAttribute() {}
    removeAttribute() {}
}

const elements = new Map();
for (const [, before, id, after, text] of html.matchAll(/<\w+([^>]*) id="([^"]+)"([^>]*)>([^<]*)/g)) {
    if (elements.has(id)) throw new Error(`${id} twice`);
    elements.set(id, new Element(id, before + after, text));
}

// As in a browser, where the window is what is global.
const window = new Heard();
Object.assign(globalThis, {
    window: globalThis,
    addEventListener: (...heard) => window.addEventListener(...heard),
    removeEventListener: (...heard) => window.removeEventListener(...heard),
    location: { origin },
    isSecureContext: true,
    requestAnimationFrame: (draw) => setTimeout(draw),
    document: {
        documentElement: { lang: /<html lang="([^"]+)"/.exec(html)[1] },
        getElementById: (id) => elements.get(id) ?? null,
        createElement: (tag) => ({ tag }),
    },
});

const steps = ['trust', 'ask', 'working', 'prove', 'written', 'done'];
const pause = () => new Promise((over) => setTimeout(over, 5));

/** What is to be seen once nothing is being worked on. */
async function seen() {
    const settled = () => elements.get('working').hidden && (elements.get('trust').hidden || !elements.get('start').disabled);
    while (!settled() && elements.get('error-unsupported').hidden) await pause();
    const text = (id) => elements.get(id).textContent;
    const visible = [...elements.values()].filter(({ hidden }) => !hidden).map(({ id }) => id);
    return {
        steps: visible.filter((id) => steps.includes(id)),
        errors: visible.filter((id) => id.startsWith('error-')),
        wait: elements.get('wait').hidden ? null : text('wait-time'),
        tries: elements.get('tries').hidden ? null : Number(text('tries-left')),
        address: text('address'),
        recovery: text('recovery'),
        typed: ['password', 'again'].map((id) => elements.get(id).value).join(''),
        stays: window.heard('beforeunload').length,
    };
}
const say = async () => process.stdout.write(`${JSON.stringify(await seen())}\n`);

await import(pathToFileURL(`${folder}/page.mjs`));
await say();
for await (const line of createInterface({ input: process.stdin })) {
    const { fill, click, submit } = JSON.parse(line);
    for (const [id, text] of Object.entries(fill ?? {})) elements.get(id).value = text;
    if (click) elements.get(click).dispatch('click');
    // A form that isn't stopped would be sent by the browser, with what was typed.
    if (submit && !elements.get(submit).dispatch('submit')) throw new Error(`${submit} is sent`);
    await say();
}
process.exit(0);
