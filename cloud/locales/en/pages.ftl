### The page behind a mail's link.

page-ask =
    .title = Confirm your address
    .lead = A Belay account is being set up on
    .lead-identifier = This address is being added to a Belay account on
    .lead-recovery = A new password for your Belay account is being set on
    .caution = Confirm only if this is your device and you have just started this.
    .button = Confirm

page-confirmed =
    .title = Your address is confirmed
    .lead = Go on at
    .close = You can close this page.

page-gone =
    .title = This link is no longer valid
    .advice = It is used up, or older than a day. Ask for another code on your device.

page-failed =
    .title = Something went wrong
    .advice = Please try again in a moment.

### Registration in the browser. The reader is somebody without a device at hand; what stays in the page never reaches the server.

page-register =
    .title = Create a Belay account
    .no-script = This page needs JavaScript: your keys are made here, not on the server.
    .trust-lead = Your password and your keys are made in this page and never leave it. The server keeps only what it can't read.
    .trust-who = Even so, you trust whoever serves this page, { $host }: a page that was tampered with could read what you type. If you don't want to rely on that, create your account on a device with Belay instead.
    .trust-next = Afterwards you sign in on your devices with the same address and password.
    .start = Begin
    .slow = The page is still loading. If it stays like this, load it again, or try a newer browser.
    .identifier = E-mail address, or phone number with its country code
    .password = New password
    .password-hint = At least 8 characters, with a letter and a digit, and hard to guess. Nobody can tell it to you if you forget it.
    .again = The same password again
    .create = Send me a code
    .working = One moment. Making your keys takes a few seconds.
    .sent = A code is on its way to
    .code = The 6 digits of the code
    .link = Or open the link in the e-mail, confirm there, and leave the field empty.
    .confirm = Create the account
    .resend = Send another code
    .anew = Another address
    .recovery-lead = Your account is ready. This is your recovery code; it is shown only now:
    .recovery-advice = Write it on paper and keep it safe. It gets you into your account if you forget the password. Nobody else can give it to you, and whoever has it can get in too.
    .recovery-done = I have written it down
    .done = Now sign in on your device with your address and your password.
    .browser = a web browser
    .wait = You can try again in:
    .tries = Tries that this code has left:
    .error-password-short = The password is too short: at least 8 characters.
    .error-password-long = The password is too long.
    .error-password-simple = The password needs a letter and a digit.
    .error-password-weak = The password is too easy to guess. Several unrelated words with a number make a good one.
    .error-different = The two passwords are not the same.
    .error-offline = The server can't be reached. Check your connection and try again.
    .error-strange = The server's answer makes no sense. Please try again later.
    .error-invalid-address = That is neither an e-mail address nor a phone number with its country code, such as +491701234567.
    .error-channel-unavailable = This server can't send codes there. Try an e-mail address or a phone number instead.
    .error-wrong-code = That isn't the code. Look at the newest message.
    .error-not-confirmed = Type the code, or open the link in the e-mail and confirm there first.
    .error-code-expired = This code is no longer valid. Ask for another one.
    .error-too-soon = Another code can be sent 15 minutes after the last.
    .error-too-many = Too many codes were asked for or tried. Please try again later.
    .error-identifier-taken = There is an account with this address already. Sign in on your device.
    .error-bad-ticket = That took too long. Please load the page again and begin anew.
    .error-insecure = The connection to this page isn't protected, and without that no keys can be made here. Open its https address instead.
    .error-unsupported = This browser lacks what your keys need: Web Crypto with Ed25519, or WebAssembly. Update it, or create your account on a device.
    .error-other = That didn't work. Please load the page again and begin anew.
