// The page's buttons and fields. What happens behind them is in flow.mjs, which knows no page.

import { Registration } from './flow.mjs';

const at = (id) => document.getElementById(id);
const steps = ['trust', 'ask', 'working', 'prove', 'written', 'done'];

/** The field that a refusal speaks of, where it is about one. */
const fields = {
    'password-short': 'password',
    'password-long': 'password',
    'password-simple': 'password',
    'password-weak': 'password',
    different: 'again',
    'invalid-address': 'identifier',
    'channel-unavailable': 'identifier',
    'wrong-code': 'code',
    'not-confirmed': 'code',
    'code-expired': 'code',
};

/**
 * Shows one step, and puts the reader at its first field, else at its text: never at a button, since a key that is still held, or
 * pressed once too often, would press it.
 */
function show(step) {
    for (const id of steps) at(id).hidden = id !== step;
    (at(step).querySelector('input') ?? at(step)).focus();
}

/** How long `seconds` are, in the reader's language: whole minutes, or hours where it is long, and never too short. */
function span(seconds) {
    const [count, unit] = seconds > 90 * 60 ? [seconds / 3600, 'hour'] : [seconds / 60, 'minute'];
    const how = { style: 'unit', unit, unitDisplay: 'long' };
    return new Intl.NumberFormat(document.documentElement.lang, how).format(Math.ceil(count));
}

/**
 * Says what was refused, or nothing, and how long to wait or how often to try, where the cloud has told; and puts the reader at the
 * field that it is about.
 */
function say(name, { retryAfter, triesLeft } = {}) {
    for (const line of at('errors').children) line.hidden = true;
    for (const id of Object.values(fields)) at(id).removeAttribute('aria-invalid');
    if (name === undefined) return;
    (at(`error-${name}`) ?? at('error-other')).hidden = false;
    if (retryAfter !== undefined) {
        at('wait-time').textContent = span(retryAfter);
        at('wait').hidden = false;
    }
    if (triesLeft !== undefined) {
        at('tries-left').textContent = triesLeft;
        at('tries').hidden = false;
    }
    const field = at(fields[name]);
    field?.setAttribute('aria-invalid', 'true');
    field?.focus();
    field?.select();
}

/** Does what takes a while; where it is refused the reader is back at `step`, with a reason. */
async function work(step, deed) {
    say();
    show('working');
    // The page is drawn before the keys are made, which keeps it busy.
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    try {
        await deed();
    } catch (refusal) {
        show(step);
        say(refusal.name, refusal);
    }
}

/** Writes the recovery code down, which goes on in another line between two groups and nowhere else. */
function write(code) {
    const groups = code.match(/[^-]+-?/g);
    at('recovery').replaceChildren(...groups.flatMap((group) => [group, document.createElement('wbr')]));
}

/** Nobody leaves by accident while a recovery code is shown. */
const stay = (event) => event.preventDefault();

async function begin() {
    // Whether this browser has what the keys need is known before anything is typed.
    const registration = await Registration.at(location.origin).catch(() => undefined);
    // The page has loaded, and says itself what is wrong.
    at('slow').remove();
    if (registration === undefined) {
        say(isSecureContext ? 'unsupported' : 'insecure');
        return;
    }
    at('start').disabled = false;
    at('start').addEventListener('click', () => show('ask'));

    at('ask').addEventListener('submit', (event) => {
        event.preventDefault();
        const [identifier, password, again] = ['identifier', 'password', 'again'].map((id) => at(id).value);
        if (password !== again) {
            say('different');
            return;
        }
        work('ask', async () => {
            const { lang: language } = document.documentElement;
            await registration.begin({ identifier, password, language, browser: at('browser').textContent });
            // What was typed isn't needed any more.
            at('password').value = at('again').value = '';
            at('address').textContent = identifier.trim();
            show('prove');
        });
    });

    at('resend').addEventListener('click', () =>
        work('prove', async () => {
            await registration.resend();
            show('prove');
        }),
    );

    at('prove').addEventListener('submit', (event) => {
        event.preventDefault();
        work('prove', async () => {
            write(await registration.confirm(at('code').value));
            window.addEventListener('beforeunload', stay);
            show('written');
        });
    });

    at('acknowledge').addEventListener('click', () => {
        window.removeEventListener('beforeunload', stay);
        at('recovery').textContent = '';
        show('done');
    });
}

begin();
