page-ask =
    .title = Bestätige deine Adresse
    .lead = Ein Belay-Konto wird eingerichtet auf
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
