// Registers with the scripts that a cloud serves, as its page does: `node register.mjs FOLDER ORIGIN IDENTIFIER PASSWORD`.
// Codes come one a line; each answer is a line of JSON.

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, origin, identifier, password] = process.argv.slice(2);
const { Registration } = await import(pathToFileURL(`${folder}/flow.mjs`));
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const refused = ({ name, triesLeft, retryAfter }) => ({ refused: name, triesLeft, retryAfter });

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const registration = await Registration.at(origin);
try {
    say({ resendIn: await registration.begin({ identifier, password, language: 'de', browser: 'a web browser' }) });
    for (;;) {
        const { value: line, done } = await lines.next();
        if (done) break;
        try {
            if (line === 'resend') say({ resendIn: await registration.resend() });
            else say({ recoveryCode: await registration.confirm(line) });
        } catch (refusal) {
            say(refused(refusal));
        }
    }
} catch (refusal) {
    say(refused(refusal));
}
process.exit(0);
