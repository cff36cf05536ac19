page-ask =
    .title = Bestätige deine Adresse
    .lead = Ein Belay-Konto wird eingerichtet auf
    .lead-identifier = Diese Adresse wird einem Belay-Konto hinzugefügt auf
    .lead-recovery = Ein neues Passwort für dein Belay-Konto wird gesetzt auf
    .caution = Bestätige nur, wenn das dein Gerät ist und du damit gerade angefangen hast.
    .button = Bestätigen

page-confirmed =
    .title = Deine Adresse ist bestätigt
    .lead = Weiter geht es auf
    .close = Du kannst diese Seite schließen.

page-gone =
    .title = Dieser Link gilt nicht mehr
    .advice = Er ist verbraucht oder älter als einen Tag. Fordere auf deinem Gerät einen neuen Code an.

page-failed =
    .title = Etwas ist schiefgegangen
    .advice = Bitte versuche es gleich noch einmal.
