registration =
    .subject = Bestätige dein Belay-Konto
    .mail =
        Auf „{ $device }“ wird mit dieser Adresse ein Belay-Konto eingerichtet.

        Dein Code: { $code }

        Er gilt { $minutes } Minuten. Oder bestätige innerhalb von { $hours } Stunden hier:
        { $link }

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: Dein Code ist { $code }, er gilt { $minutes } Minuten. Sag ihn niemandem.

registration-taken =
    .subject = Du hast schon ein Belay-Konto
    .mail =
        Jemand will auf „{ $device }“ mit dieser Adresse ein Belay-Konto einrichten, aber zu ihr gibt es schon eines.

        Warst du das: Wähle auf dem Gerät „Anmelden“. Der Code { $code } beweist nur, dass die Adresse dir gehört; ein zweites Konto entsteht damit nicht.
        { $link }

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: Zu dieser Nummer gibt es schon ein Konto, melde dich an. Code { $code }.

identifier =
    .subject = Bestätige diese Adresse für dein Belay-Konto
    .mail =
        Auf „{ $device }“ wird diese Adresse einem Belay-Konto hinzugefügt.

        Dein Code: { $code }

        Er gilt { $minutes } Minuten. Oder bestätige innerhalb von { $hours } Stunden hier:
        { $link }

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: { $code } fügt diese Nummer einem Konto hinzu, gilt { $minutes } Minuten. Sag ihn niemandem.

identifier-taken =
    .subject = Diese Adresse gehört schon zu einem Belay-Konto
    .mail =
        Jemand will auf „{ $device }“ diese Adresse einem Belay-Konto hinzufügen, aber sie gehört schon zu einem.

        Warst du das: Entferne sie zuerst aus dem anderen Konto. Der Code { $code } beweist nur, dass die Adresse dir gehört.

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: Diese Nummer gehört schon zu einem Konto. Code { $code }. Sag ihn niemandem.

recovery =
    .subject = Stelle dein Belay-Konto wieder her
    .mail =
        Jemand, der das Passwort nicht kennt, will auf „{ $device }“ dein Belay-Konto wiederherstellen.

        Dein Code: { $code }

        Er gilt { $minutes } Minuten. Oder bestätige innerhalb von { $hours } Stunden hier:
        { $link }

        Sag ihn niemandem, wer auch fragt: Niemand bei Belay braucht ihn je.

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: { $code } stellt dein Konto wieder her, gilt { $minutes } Minuten. Nicht du? Sag ihn niemandem.

recovery-unknown =
    .subject = Zu dieser Adresse gibt es kein Belay-Konto
    .mail =
        Jemand will auf „{ $device }“ ein Belay-Konto mit dieser Adresse wiederherstellen, aber es gibt keines.

        Warst du das: Versuche es mit einer anderen Adresse oder Nummer von dir.

        Warst du das nicht, ist nichts zu tun.
    .sms = Belay: Jemand will ein Konto mit dieser Nummer wiederherstellen, aber es gibt keines.

password-changed =
    .subject = Dein Belay-Passwort wurde geändert
    .mail =
        Das Passwort deines Belay-Kontos wurde geändert. Das alte gilt nicht mehr.

        Warst du das nicht: Stelle das Konto sofort mit deinem Wiederherstellungscode wieder her, auf einem beliebigen deiner Geräte.
    .sms = Belay: Dein Passwort wurde geändert. Nicht du? Stelle das Konto sofort mit deinem Wiederherstellungscode wieder her.

recovery-begun =
    .subject = Jemand stellt dein Belay-Konto wieder her
    .mail =
        Auf „{ $device }“ hat jemand begonnen, dein Belay-Konto ohne Passwort und Wiederherstellungscode wiederherzustellen. Nach { $hours } Stunden tritt ein neues Passwort an die Stelle von deinem.

        Warst du das, brauchst du nur zu warten.

        Warst du das nicht, halte es jetzt auf: Gib auf diesem Gerät dein Passwort ein, oder schicke ihm von einem anderen irgendeinen Befehl, etwa Klingeln oder Sperren. Eines davon genügt.
    .sms = Belay: Wiederherstellung ohne Code begonnen. Nicht du? Gib binnen { $hours } Stunden dein Passwort auf dem Gerät ein oder sperre es.

device-added =
    .subject = Ein Gerät ist zu deinem Belay-Konto gekommen
    .mail =
        „{ $device }“ gehört jetzt zu deinem Belay-Konto. Es kann lesen, was du synchronisierst.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, und entferne das Gerät aus deinem Konto.
    .sms = Belay: Ein Gerät ist zu deinem Konto gekommen. Nicht du? Ändere sofort dein Passwort und entferne es.

device-removed =
    .subject = Ein Gerät wurde aus deinem Belay-Konto entfernt
    .mail =
        „{ $device }“ wurde aus deinem Belay-Konto entfernt. Es bekommt nichts mehr von dem, was du synchronisierst.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort.
    .sms = Belay: Ein Gerät wurde aus deinem Konto entfernt. Nicht du? Ändere sofort dein Passwort.

account-deleted =
    .subject = Dein Belay-Konto wurde gelöscht
    .mail =
        Dein Belay-Konto wurde gelöscht, und damit alles, was hier dafür gespeichert war. Was auf deinen Geräten ist, bleibt dort.

        Warst du das nicht, sag es dem, der diese Cloud betreibt.
    .sms = Belay: Dein Konto und was dafür gespeichert war wurden gelöscht. Nicht du? Sag es dem Betreiber dieser Cloud.

unlock-requested =
    .subject = Jemand will den Bootloader deines Geräts entsperren
    .mail =
        Jemand, der dein Passwort kennt, will den Bootloader von „{ $device }“ entsperren. { $days ->
            [one] Entschieden wird frühestens nach einem Tag
           *[other] Entschieden wird frühestens nach { $days } Tagen
        }. Ein Gerät mit offenem Bootloader kann seine Daten nicht vor dem schützen, der es in der Hand hat.

        Warst du das nicht: Ändere sofort dein Passwort, und sag es dem, der diese Cloud betreibt.
    .sms = Belay: Jemand will den Bootloader deines Geräts entsperren. Nicht du? Ändere sofort dein Passwort.

unlock-approved =
    .subject = Der Bootloader deines Geräts darf entsperrt werden
    .mail =
        Der Anfrage, den Bootloader von „{ $device }“ zu entsperren, wurde stattgegeben.

        Warst du das nicht: Ändere sofort dein Passwort, und sag es dem, der diese Cloud betreibt.
    .sms = Belay: Der Bootloader deines Geräts darf jetzt entsperrt werden. Nicht du? Ändere sofort dein Passwort.

unlock-denied =
    .subject = Der Bootloader deines Geräts bleibt gesperrt
    .mail =
        Die Anfrage, den Bootloader von „{ $device }“ zu entsperren, wurde abgelehnt. Am Gerät ändert sich nichts.
    .sms = Belay: Die Anfrage, den Bootloader deines Geräts zu entsperren, wurde abgelehnt. Nichts ändert sich.
