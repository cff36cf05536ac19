// From an address and a password to an account, step by step. Knows no page.

import { make } from './account.mjs';
import { Cloud, Refusal, attempt } from './cloud.mjs';
import { tryOut } from './keys.mjs';
import { objection } from './password.mjs';

/** A registration under way. Of the password nothing is kept past `begin`. */
export class Registration {
    #cloud;
    #account;
    #profile;
    #verification;
    #code;
    #submission;

    constructor(cloud) {
        this.#cloud = cloud;
    }

    /** At the cloud of `origin`; fails where this browser can't make the keys. */
    static async at(origin) {
        await tryOut();
        return new Registration(await Cloud.connect(origin));
    }

    /**
     * Makes the keys and asks for a code. `browser` is how the message names where this began; answers when another code may be
     * asked for, ms.
     */
    async begin({ identifier, password, language, browser, name }) {
        const address = identifier.trim();
        const why = objection(password, address);
        if (why !== undefined) throw new Refusal(`password-${why}`);
        const pow = await this.#cloud.work();
        this.#account = await make(password);
        this.#profile = { language, newsletter: false, ...(name ? { display_name: name } : {}) };
        const opened = await this.#cloud.post('/v1/verifications', {
            purpose: 'registration',
            channel: address.startsWith('+') ? 'sms' : 'email',
            address,
            device_name: browser,
            language,
            pow,
        });
        this.#verification = opened.id;
        return opened.resend_in_ms;
    }

    /** Asks for another code; answers as `begin`. */
    async resend() {
        const pow = await this.#cloud.work();
        const opened = await this.#cloud.post(`/v1/verifications/${this.#verification}/resend`, { pow });
        return opened.resend_in_ms;
    }

    /**
     * Proves the address, with nothing once the message's link was opened, and makes the account; answers the recovery code.
     * Called again after an answer that was lost it makes no second account.
     */
    async confirm(code) {
        if (this.#submission === undefined) {
            const ticket = await this.#prove(code.replaceAll(/[\s-]/g, ''));
            const { account: _, ...made } = this.#account.made;
            this.#submission = { body: { ticket, ...made, profile: this.#profile }, key: attempt() };
        }
        try {
            const created = await this.#cloud.post('/v1/accounts', this.#submission.body, this.#submission.key);
            if (created.account !== this.#account.made.account) throw new Refusal('strange');
        } catch (refusal) {
            // The ticket's time is over, or the address was taken meanwhile: with another one, another body.
            if (refusal.name === 'bad-ticket') this.#submission = undefined;
            throw refusal;
        }
        return this.#account.recoveryCode;
    }

    async #prove(code) {
        // The same code again is the same try; another one is another.
        if (this.#code?.code !== code) this.#code = { code, key: attempt() };
        try {
            const { ticket } = await this.#cloud.post(`/v1/verifications/${this.#verification}/code`, { code }, this.#code.key);
            return ticket;
        } catch (refusal) {
            if (refusal.name !== 'offline') this.#code = undefined;
            throw refusal;
        }
    }
}
