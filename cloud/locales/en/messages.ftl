### Mails and text messages. `.subject` and `.mail` make a mail, `.sms` a text message.
###
### `.subject` and `.sms` take nothing that a person wrote. An `.sms` has to fit one part: 160 characters of GSM 03.38, or 70
### of any others. $device is a name that somebody gave, $code six digits, $link an address, the others are numbers.

## Codes

registration =
    .subject = Confirm your Belay account
    .mail =
        A Belay account is being set up on “{ $device }” with this address.

        Your code: { $code }

        It is good for { $minutes } minutes. Or confirm here within { $hours } hours:
        { $link }

        If this wasn't you, do nothing: without the code nothing happens.
    .sms = Belay: your code is { $code }, good for { $minutes } minutes. Tell nobody.

registration-taken =
    .subject = You have a Belay account already
    .mail =
        Somebody wants to set up a Belay account on “{ $device }” with this address, but an account with it exists already.

        If this was you: choose “Sign in” on the device instead. The code { $code } only proves that the address is yours; it sets up no second account.
        { $link }

        If this wasn't you, do nothing: without the code nothing happens.
    .sms = Belay: this number has an account already, please sign in. Code { $code }.

identifier =
    .subject = Confirm this address for your Belay account
    .mail =
        This address is being added to a Belay account on “{ $device }”.

        Your code: { $code }

        It is good for { $minutes } minutes. Or confirm here within { $hours } hours:
        { $link }

        If this wasn't you, do nothing: without the code nothing happens.
    .sms = Belay: { $code } adds this number to an account, good for { $minutes } minutes. Tell nobody.

identifier-taken =
    .subject = This address belongs to a Belay account already
    .mail =
        Somebody wants to add this address to a Belay account on “{ $device }”, but it belongs to an account already.

        If this was you: remove it from the other account first. The code { $code } only proves that the address is yours.

        If this wasn't you, do nothing: without the code nothing happens.
    .sms = Belay: this number belongs to an account already. Code { $code }. Tell nobody.

recovery =
    .subject = Recover your Belay account
    .mail =
        Somebody who doesn't know the password wants to recover your Belay account on “{ $device }”.

        Your code: { $code }

        It is good for { $minutes } minutes. Or confirm here within { $hours } hours:
        { $link }

        Tell nobody, whoever asks: no one at Belay ever needs it.

        You need your recovery code too. Without it, recover on a device whose settings allow recovery without a code: the new password takes effect there after 72 hours. A device that belongs to nobody can do so too, after a week for as long as you have another one; what is stored here then stays unreadable, and your other devices stay with the old password.

        If this wasn't you, do nothing: without the code nothing happens.
    .sms = Belay: { $code } recovers your account, good for { $minutes } minutes. Not you? Tell nobody.

## Notices

signed-in =
    .subject = New sign-in to your Belay account
    .mail =
        Somebody signed in to your Belay account with your password, from a device or a browser that hadn't done so lately.

        If this wasn't you, somebody knows your password: change it at once.
    .sms = Belay: there was a new sign-in to your account with your password. Not you? Change it at once.

password-changed =
    .subject = Your Belay password was changed
    .mail =
        The password of your Belay account was changed. The old one no longer works.

        If this wasn't you: recover the account with your recovery code at once, on any of your devices.
    .sms = Belay: your password was changed. Not you? Recover the account with your recovery code at once.

new-root =
    .subject = Your Belay password and keys were renewed
    .mail =
        The password of your Belay account was changed, and its keys were made anew. The old password no longer works, and neither does the recovery code: make another one.

        If this wasn't you, somebody knew your password and has your account now: tell whoever runs this cloud.
    .sms = Belay: your password and keys were renewed, your recovery code is void. Not you? Tell whoever runs this cloud.

recovery-code-replaced =
    .subject = Your Belay recovery code was replaced
    .mail =
        Another recovery code was made for your Belay account. The one before no longer works.

        If this wasn't you, somebody knows your password: change it at once, and make another code.
    .sms = Belay: a new recovery code was made, the old one is void. Not you? Change your password at once, then make another.

recovery-proved =
    .subject = Somebody wants to choose a new Belay password
    .mail =
        On “{ $device }” somebody has proved that an address of your Belay account is theirs, to choose a new password. Now they need your recovery code; without it they have to wait, and you are told how to stop it.

        If this wasn't you, somebody reads what is sent to you, and can now try out passwords on a computer of theirs: choose another password, tell nobody your recovery code, and make another one if somebody else may have it.
    .sms = Belay: somebody proved your address to choose a new password. Not you? Choose another one yourself, and tell nobody your recovery code.

recovered =
    .subject = A new password was chosen for your Belay account
    .mail =
        On “{ $device }” a new password was chosen for your Belay account, with your recovery code. The old one no longer works.

        If this wasn't you, somebody has your recovery code: recover the account with it once more at once, and then make another code.
    .sms = Belay: a new password was chosen with your recovery code. Not you? Recover the account once more at once.

address-added =
    .subject = An address was added to your Belay account
    .mail =
        The address or number { $address } was added to your Belay account. It signs in, and is a way to recover the account.

        If this wasn't you, somebody knows your password: change it at once, and remove the address.
    .sms = Belay: an address was added to your account. Not you? Change your password at once and remove it.

address-removed =
    .subject = An address was removed from your Belay account
    .mail =
        The address or number { $address } no longer belongs to your Belay account.

        If this wasn't you, somebody knows your password: change it at once.
    .sms = Belay: an address was removed from your account. Not you? Change your password at once.

login-changed =
    .subject = Your Belay account has another main address
    .mail =
        From now on the main address of your Belay account is { $address }.

        If this wasn't you, somebody knows your password: change it at once.
    .sms = Belay: your account has another main address now. Not you? Change your password at once.

language-changed =
    .subject = The language of your Belay messages was changed
    .mail =
        The language in which you are told what happens to your Belay account was changed. For { $days ->
            [one] one day
           *[other] { $days } days
        } you are told in the one before too.

        If this wasn't you, somebody has one of your devices, unlocked: lock it from another one, and change the language back in the settings of one of yours.
    .sms = Belay: the language of your messages was changed. Not you? Somebody has an unlocked device of yours: lock it.

recovery-begun =
    .subject = Somebody is recovering your Belay account
    .mail =
        On “{ $device }” somebody has begun to recover your Belay account without password and recovery code. After { $hours } hours a new password takes the place of yours.

        If this was you, there is nothing to do but wait.

        If this wasn't you, stop it now: sign in with your password anywhere, enter it on that device, or send it any command from another one, such as ring or lock. One of these is enough.
    .sms = Belay: recovery without a code has begun. Not you? Sign in with your password anywhere within { $hours } hours.

recovery-followed =
    .subject = A former device of yours follows your Belay account
    .mail =
        On “{ $device }”, which has not been a device of your Belay account since it was removed or the account was recovered, somebody has entered the account's password. After { $hours } hours the device takes this password, unless the wait was ended on the device: the password then unlocks it, and signs it out.

        If this was you, there is nothing to do but wait.

        If this wasn't you, somebody knows your password: change it at once, which ends the wait.
    .sms = Belay: a former device of yours takes your account's password soon, unless the wait was ended on it. Not you? Change it at once.

recovery-returned =
    .subject = A device of yours goes on with your Belay account
    .mail =
        On “{ $device }”, which no longer matches your Belay account, as after a recovery that never came about, somebody has entered the account's password. After { $hours } hours the device takes this password, unless the wait was ended on the device: the password then unlocks it, and signs it out.

        If this was you, there is nothing to do but wait.

        If this wasn't you, somebody knows your password: change it at once, which ends the wait.
    .sms = Belay: a device of yours takes your account's password soon, unless the wait was ended on it. Not you? Change it at once.

recovery-holds =
    .subject = The wait is over: a new Belay password is in force
    .mail =
        The wait for the recovery of your Belay account is over, and its new password is in force. The old one no longer works, and neither does the recovery code: make another one. Your other devices have to be signed out and bound again.

        If this wasn't you, somebody has your account now: tell whoever runs this cloud.
    .sms = Belay: the recovery is over and its password is in force, your recovery code is void. Not you? Tell whoever runs this cloud.

device-added =
    .subject = A device was added to your Belay account
    .mail =
        “{ $device }” was added to your Belay account. It can read what you sync.

        If this wasn't you, somebody knows your password: change it at once, and remove the device from your account.
    .sms = Belay: a device was added to your account. Not you? Change your password at once and remove it.

device-removed =
    .subject = A device was removed from your Belay account
    .mail =
        “{ $device }” was removed from your Belay account. It no longer gets anything that you sync.

        If this wasn't you, somebody knows your password: change it at once.
    .sms = Belay: a device was removed from your account. Not you? Change your password at once.

device-released =
    .subject = A device of your Belay account was let go
    .mail =
        “{ $device }” was let go by whoever runs this cloud: it no longer belongs to your account, and whoever has it can bind it to theirs.

        If you didn't ask for this, tell whoever runs this cloud.
    .sms = Belay: a device was let go by whoever runs this cloud. Didn't you ask for it? Tell them.

account-deleted =
    .subject = Your Belay account was deleted
    .mail =
        Your Belay account was deleted, and with it everything that was stored for it here. What is on your devices stays there.

        If this wasn't you, tell whoever runs this cloud.
    .sms = Belay: your account and what was stored for it were deleted. Not you? Tell whoever runs this cloud.

unlock-requested =
    .subject = Somebody wants to unlock the bootloader of your device
    .mail =
        Somebody who knows your password has asked to unlock the bootloader of “{ $device }”. { $days ->
            [one] It will be decided after one day
           *[other] It will be decided after { $days } days
        } at the earliest. A device with an open bootloader can't protect its data against whoever holds it.

        If this wasn't you: change your password at once, and tell whoever runs this cloud.
    .sms = Belay: somebody asked to unlock your device's bootloader. Not you? Change your password at once.

unlock-approved =
    .subject = The bootloader of your device may be unlocked
    .mail =
        The request to unlock the bootloader of “{ $device }” was granted.

        If this wasn't you: change your password at once, and tell whoever runs this cloud.
    .sms = Belay: your device's bootloader may be unlocked now. Not you? Change your password at once.

unlock-denied =
    .subject = The bootloader of your device stays locked
    .mail =
        The request to unlock the bootloader of “{ $device }” was refused. Nothing changes on the device.
    .sms = Belay: the request to unlock your device's bootloader was refused. Nothing changes.
