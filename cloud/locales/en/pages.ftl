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
    .title = This link is not valid any more
    .advice = It is used up, or older than a day. Ask for another code on your device.

page-failed =
    .title = Something went wrong
    .advice = Please try again in a moment.
