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
    .sms = Belay: Der Code { $code } fügt diese Nummer einem Konto hinzu, er gilt { $minutes } Minuten. Sag ihn niemandem.

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

        Du brauchst auch deinen Wiederherstellungscode. Ohne ihn stelle das Konto auf einem Gerät wieder her, dessen Einstellungen die Wiederherstellung ohne Code erlauben: Dort gilt das neue Passwort nach 72 Stunden. Ein Gerät, das niemandem gehört, kann es auch, nach einer Woche, solange du ein anderes hast; was hier gespeichert ist, bleibt dann unlesbar, und deine anderen Geräte bleiben beim alten Passwort.

        Warst du das nicht, tu nichts: Ohne den Code geschieht nichts.
    .sms = Belay: Der Code { $code } stellt dein Konto wieder her, er gilt { $minutes } Minuten. Nicht du? Sag ihn niemandem.

signed-in =
    .subject = Neue Anmeldung bei deinem Belay-Konto
    .mail =
        Jemand hat sich mit deinem Passwort bei deinem Belay-Konto angemeldet, von einem Gerät oder Browser, wo das in letzter Zeit niemand getan hat.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort.
    .sms = Belay: Neue Anmeldung bei deinem Konto mit deinem Passwort. Nicht du? Ändere es sofort.

password-changed =
    .subject = Dein Belay-Passwort wurde geändert
    .mail =
        Das Passwort deines Belay-Kontos wurde geändert. Das alte gilt nicht mehr.

        Warst du das nicht: Stelle das Konto sofort mit deinem Wiederherstellungscode wieder her, auf einem beliebigen deiner Geräte.
    .sms = Belay: Dein Passwort wurde geändert. Nicht du? Stelle das Konto sofort mit deinem Wiederherstellungscode wieder her.

new-root =
    .subject = Dein Belay-Passwort und die Schlüssel sind neu
    .mail =
        Das Passwort deines Belay-Kontos wurde geändert, und seine Schlüssel wurden neu erzeugt. Das alte Passwort gilt nicht mehr, der Wiederherstellungscode auch nicht: Erstelle einen neuen.

        Warst du das nicht, kannte jemand dein Passwort und hat jetzt dein Konto: Sag es dem Betreiber dieser Cloud.
    .sms = Belay: Passwort und Schlüssel sind neu, dein Wiederherstellungscode gilt nicht mehr. Nicht du? Sag es dem Betreiber dieser Cloud.

recovery-code-replaced =
    .subject = Dein Belay-Wiederherstellungscode wurde ersetzt
    .mail =
        Für dein Belay-Konto wurde ein neuer Wiederherstellungscode erstellt. Der bisherige gilt nicht mehr.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, und erstelle noch einen Code.
    .sms = Belay: Es gibt einen neuen Wiederherstellungscode, der alte gilt nicht mehr. Nicht du? Ändere sofort dein Passwort, dann erstelle noch einen Code.

recovery-proved =
    .subject = Jemand will ein neues Belay-Passwort wählen
    .mail =
        Auf „{ $device }“ hat jemand nachgewiesen, dass ihm eine Adresse deines Belay-Kontos gehört, um ein neues Passwort zu wählen. Jetzt fehlt nur noch dein Wiederherstellungscode; ohne ihn heißt es warten, und du erfährst, wie du es aufhältst.

        Warst du das nicht, liest jemand mit, was dir geschickt wird, und kann jetzt auf einem eigenen Rechner Passwörter durchprobieren: Wähle ein anderes Passwort, sag niemandem deinen Wiederherstellungscode, und erstelle einen neuen, falls ihn noch jemand haben könnte.
    .sms = Belay: Jemand will mit deiner Adresse ein neues Passwort wählen. Nicht du? Wähle selbst ein anderes, sag niemandem deinen Wiederherstellungscode.

recovered =
    .subject = Dein Belay-Konto hat ein neues Passwort
    .mail =
        Auf „{ $device }“ wurde mit deinem Wiederherstellungscode ein neues Passwort für dein Belay-Konto gewählt. Das alte gilt nicht mehr.

        Warst du das nicht, hat jemand deinen Wiederherstellungscode: Stelle das Konto sofort noch einmal damit wieder her, und erstelle dann einen neuen Code.
    .sms = Belay: Mit deinem Code wurde ein neues Passwort gewählt. Nicht du? Stelle das Konto sofort noch einmal wieder her.

address-added =
    .subject = Deinem Belay-Konto wurde eine Adresse hinzugefügt
    .mail =
        Die Adresse oder Nummer { $address } gehört jetzt zu deinem Belay-Konto. Man kann sich mit ihr anmelden und das Konto wiederherstellen.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, und entferne die Adresse.
    .sms = Belay: Deinem Konto wurde eine Adresse hinzugefügt. Nicht du? Ändere sofort dein Passwort und entferne sie.

address-removed =
    .subject = Eine Adresse wurde aus deinem Belay-Konto entfernt
    .mail =
        Die Adresse oder Nummer { $address } gehört nicht mehr zu deinem Belay-Konto.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort.
    .sms = Belay: Eine Adresse wurde aus deinem Konto entfernt. Nicht du? Ändere sofort dein Passwort.

login-changed =
    .subject = Dein Belay-Konto hat eine andere Hauptadresse
    .mail =
        Die Hauptadresse deines Belay-Kontos ist von jetzt an { $address }.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort.
    .sms = Belay: Dein Konto hat jetzt eine andere Hauptadresse. Nicht du? Ändere sofort dein Passwort.

language-changed =
    .subject = Die Sprache deiner Belay-Nachrichten wurde geändert
    .mail =
        Die Sprache, in der du erfährst, was mit deinem Belay-Konto geschieht, wurde geändert. { $days ->
            [one] Einen Tag
           *[other] { $days } Tage
        } lang erfährst du es auch noch in der bisherigen.

        Warst du das nicht, hat jemand eines deiner Geräte entsperrt in der Hand: Sperr es von einem anderen aus, und stell die Sprache in den Einstellungen eines deiner Geräte zurück.
    .sms = Belay: Die Sprache deiner Nachrichten wurde geändert. Nicht du? Jemand hat ein entsperrtes Gerät von dir: Sperr es.

recovery-begun =
    .subject = Jemand stellt dein Belay-Konto wieder her
    .mail =
        Auf „{ $device }“ hat jemand begonnen, dein Belay-Konto ohne Passwort und Wiederherstellungscode wiederherzustellen. Nach { $hours } Stunden tritt ein neues Passwort an die Stelle von deinem.

        Warst du das, brauchst du nur zu warten.

        Warst du das nicht, halte es jetzt auf: Melde dich irgendwo mit deinem Passwort an, gib es auf diesem Gerät ein, oder schicke ihm von einem anderen irgendeinen Befehl, etwa Klingeln oder Sperren. Eines davon genügt.
    .sms = Belay: Wiederherstellung ohne Code begonnen. Nicht du? Melde dich binnen { $hours } Stunden irgendwo mit deinem Passwort an.

recovery-followed =
    .subject = Ein früheres Gerät folgt deinem Belay-Konto
    .mail =
        Auf „{ $device }“, das seit seiner Entfernung oder der Wiederherstellung des Kontos nicht mehr zu deinem Belay-Konto gehört, hat jemand das Passwort des Kontos eingegeben. Nach { $hours } Stunden nimmt das Gerät dieses Passwort an, falls das Warten nicht am Gerät beendet wurde: Damit lässt es sich dann entsperren und abmelden.

        Warst du das, brauchst du nur zu warten.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, dann hat das Warten ein Ende.
    .sms = Belay: Ein früheres Gerät nimmt bald das Passwort deines Kontos an, falls das Warten nicht dort beendet wurde. Nicht du? Ändere es sofort.

recovery-returned =
    .subject = Eines deiner Geräte geht mit deinem Belay-Konto weiter
    .mail =
        Auf „{ $device }“, das nicht mehr zu deinem Belay-Konto passt, etwa nach einer Wiederherstellung, aus der nichts wurde, hat jemand das Passwort des Kontos eingegeben. Nach { $hours } Stunden nimmt das Gerät dieses Passwort an, falls das Warten nicht am Gerät beendet wurde: Damit lässt es sich dann entsperren und abmelden.

        Warst du das, brauchst du nur zu warten.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, dann hat das Warten ein Ende.
    .sms = Belay: Eines deiner Geräte nimmt bald das Passwort deines Kontos an, falls das Warten nicht dort beendet wurde. Nicht du? Ändere es sofort.

recovery-holds =
    .subject = Die Wartezeit ist um: ein neues Belay-Passwort gilt
    .mail =
        Die Wartezeit der Wiederherstellung deines Belay-Kontos ist um, und ihr neues Passwort gilt. Das alte gilt nicht mehr, der Wiederherstellungscode auch nicht: Erstelle einen neuen. Deine anderen Geräte müssen abgemeldet und neu verbunden werden.

        Warst du das nicht, hat jetzt jemand dein Konto: Sag es dem Betreiber dieser Cloud.
    .sms = Belay: Die Wiederherstellung ist um, ihr Passwort gilt, dein Code nicht mehr. Nicht du? Sag es dem Betreiber dieser Cloud.

device-added =
    .subject = Deinem Belay-Konto wurde ein Gerät hinzugefügt
    .mail =
        „{ $device }“ gehört jetzt zu deinem Belay-Konto. Es kann lesen, was du synchronisierst.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort, und entferne das Gerät aus deinem Konto.
    .sms = Belay: Deinem Konto wurde ein Gerät hinzugefügt. Nicht du? Ändere sofort dein Passwort und entferne es.

device-removed =
    .subject = Ein Gerät wurde aus deinem Belay-Konto entfernt
    .mail =
        „{ $device }“ wurde aus deinem Belay-Konto entfernt. Es bekommt nichts mehr von dem, was du synchronisierst.

        Warst du das nicht, kennt jemand dein Passwort: Ändere es sofort.
    .sms = Belay: Ein Gerät wurde aus deinem Konto entfernt. Nicht du? Ändere sofort dein Passwort.

device-released =
    .subject = Ein Gerät deines Belay-Kontos wurde freigegeben
    .mail =
        „{ $device }“ wurde vom Betreiber dieser Cloud freigegeben: Es gehört nicht mehr zu deinem Konto, und wer es hat, kann es mit seinem verbinden.

        Hast du nicht darum gebeten, sag es dem Betreiber dieser Cloud.
    .sms = Belay: Der Betreiber der Cloud hat ein Gerät freigegeben. Hast du nicht darum gebeten? Sag es ihm.

account-deleted =
    .subject = Dein Belay-Konto wurde gelöscht
    .mail =
        Dein Belay-Konto wurde gelöscht, und damit alles, was hier dafür gespeichert war. Was auf deinen Geräten ist, bleibt dort.

        Warst du das nicht, sag es dem Betreiber dieser Cloud.
    .sms = Belay: Dein Konto und was dafür gespeichert war wurden gelöscht. Nicht du? Sag es dem Betreiber dieser Cloud.

unlock-requested =
    .subject = Jemand will den Bootloader deines Geräts entsperren
    .mail =
        Jemand, der dein Passwort kennt, will den Bootloader von „{ $device }“ entsperren. { $days ->
            [one] Entschieden wird frühestens nach einem Tag
           *[other] Entschieden wird frühestens nach { $days } Tagen
        }. Ein Gerät mit offenem Bootloader kann seine Daten nicht vor dem schützen, der es in der Hand hat.

        Warst du das nicht: Ändere sofort dein Passwort, und sag es dem Betreiber dieser Cloud.
    .sms = Belay: Jemand will den Bootloader deines Geräts entsperren. Nicht du? Ändere sofort dein Passwort.

unlock-approved =
    .subject = Der Bootloader deines Geräts darf entsperrt werden
    .mail =
        Der Anfrage, den Bootloader von „{ $device }“ zu entsperren, wurde stattgegeben.

        Warst du das nicht: Ändere sofort dein Passwort, und sag es dem Betreiber dieser Cloud.
    .sms = Belay: Der Bootloader deines Geräts darf jetzt entsperrt werden. Nicht du? Ändere sofort dein Passwort.

unlock-denied =
    .subject = Der Bootloader deines Geräts bleibt gesperrt
    .mail =
        Die Anfrage, den Bootloader von „{ $device }“ zu entsperren, wurde abgelehnt. Am Gerät ändert sich nichts.
    .sms = Belay: Die Anfrage, den Bootloader deines Geräts zu entsperren, wurde abgelehnt. Nichts ändert sich.
