registration =
    .subject = Conferma il tuo account Belay
    .mail =
        Su «{ $device }» si sta creando un account Belay con questo indirizzo.

        Il tuo codice: { $code }

        Vale { $minutes } minuti. Oppure conferma qui entro { $hours } ore:
        { $link }

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: il tuo codice è { $code }, vale { $minutes } minuti. Non dirlo a nessuno.

registration-taken =
    .subject = Hai già un account Belay
    .mail =
        Qualcuno vuole creare su «{ $device }» un account Belay con questo indirizzo, ma ne esiste già uno.

        Se sei stato tu: scegli «Accedi» sul dispositivo. Il codice { $code } prova solo che l'indirizzo è tuo; non crea un secondo account.
        { $link }

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: questo numero ha già un account, accedi. Codice { $code }.

identifier =
    .subject = Conferma questo indirizzo per il tuo account Belay
    .mail =
        Su «{ $device }» si sta aggiungendo questo indirizzo a un account Belay.

        Il tuo codice: { $code }

        Vale { $minutes } minuti. Oppure conferma qui entro { $hours } ore:
        { $link }

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: { $code } aggiunge questo numero a un account, vale { $minutes } minuti. Non dirlo a nessuno.

identifier-taken =
    .subject = Questo indirizzo appartiene già a un account Belay
    .mail =
        Qualcuno vuole aggiungere questo indirizzo a un account Belay su «{ $device }», ma appartiene già a un account.

        Se sei stato tu: toglilo prima dall'altro account. Il codice { $code } prova solo che l'indirizzo è tuo.

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: questo numero appartiene già a un account. Codice { $code }. Non dirlo a nessuno.

recovery =
    .subject = Recupera il tuo account Belay
    .mail =
        Qualcuno che non conosce la password vuole recuperare il tuo account Belay su «{ $device }».

        Il tuo codice: { $code }

        Vale { $minutes } minuti. Oppure conferma qui entro { $hours } ore:
        { $link }

        Non dirlo a nessuno, chiunque lo chieda: a nessuno di Belay serve mai.

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: { $code } recupera il tuo account, vale { $minutes } minuti. Non sei tu? Non dirlo a nessuno.

recovery-unknown =
    .subject = Nessun account Belay ha questo indirizzo
    .mail =
        Qualcuno vuole recuperare su «{ $device }» un account Belay con questo indirizzo, ma non ce n'è nessuno.

        Se sei stato tu: prova con un altro tuo indirizzo o numero.

        Se non sei stato tu, non c'è nulla da fare.
    .sms = Belay: qualcuno vuole recuperare un account con questo numero, ma non ce n'è nessuno.

password-changed =
    .subject = La tua password Belay è stata cambiata
    .mail =
        La password del tuo account Belay è stata cambiata. Quella vecchia non vale più.

        Se non sei stato tu: recupera subito l'account con il codice di recupero, su uno qualsiasi dei tuoi dispositivi.
    .sms = Belay: la tua password è stata cambiata. Non sei tu? Recupera subito l'account con il codice di recupero.

recovery-begun =
    .subject = Qualcuno sta recuperando il tuo account Belay
    .mail =
        Su «{ $device }» qualcuno ha iniziato a recuperare il tuo account Belay senza password e senza codice di recupero. Dopo { $hours } ore una nuova password prende il posto della tua.

        Se sei stato tu, non ti resta che aspettare.

        Se non sei stato tu, fermalo ora: inserisci la tua password su quel dispositivo, oppure inviagli da un altro un comando qualsiasi, per esempio «squilla» o «blocca». Ne basta uno.
    .sms = Belay: è iniziato un recupero senza codice. Non sei tu? Entro { $hours } ore inserisci la password su quel dispositivo, o bloccalo.

device-added =
    .subject = Un dispositivo è stato aggiunto al tuo account Belay
    .mail =
        «{ $device }» è stato aggiunto al tuo account Belay. Può leggere ciò che sincronizzi.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito e rimuovi il dispositivo dal tuo account.
    .sms = Belay: un dispositivo è stato aggiunto al tuo account. Non sei tu? Cambia subito la password e rimuovilo.

device-removed =
    .subject = Un dispositivo è stato rimosso dal tuo account Belay
    .mail =
        «{ $device }» è stato rimosso dal tuo account Belay. Non riceve più nulla di ciò che sincronizzi.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito.
    .sms = Belay: un dispositivo è stato rimosso dal tuo account. Non sei tu? Cambia subito la password.

account-deleted =
    .subject = Il tuo account Belay è stato eliminato
    .mail =
        Il tuo account Belay è stato eliminato, e con esso tutto ciò che era conservato qui. Ciò che è sui tuoi dispositivi rimane.

        Se non sei stato tu, avvisa chi gestisce questo cloud.
    .sms = Belay: il tuo account e ciò che conteneva sono stati eliminati. Non sei tu? Avvisa chi gestisce questo cloud.

unlock-requested =
    .subject = Qualcuno vuole sbloccare il bootloader del tuo dispositivo
    .mail =
        Qualcuno che conosce la tua password ha chiesto di sbloccare il bootloader di «{ $device }». { $days ->
            [one] Si deciderà al più presto dopo un giorno
           *[other] Si deciderà al più presto dopo { $days } giorni
        }. Un dispositivo con il bootloader aperto non può proteggere i suoi dati da chi lo ha in mano.

        Se non sei stato tu: cambia subito la password e avvisa chi gestisce questo cloud.
    .sms = Belay: qualcuno ha chiesto di sbloccare il bootloader del tuo dispositivo. Non sei tu? Cambia subito la password.

unlock-approved =
    .subject = Il bootloader del tuo dispositivo può essere sbloccato
    .mail =
        La richiesta di sbloccare il bootloader di «{ $device }» è stata accolta.

        Se non sei stato tu: cambia subito la password e avvisa chi gestisce questo cloud.
    .sms = Belay: il bootloader del tuo dispositivo ora può essere sbloccato. Non sei tu? Cambia subito la password.

unlock-denied =
    .subject = Il bootloader del tuo dispositivo resta bloccato
    .mail =
        La richiesta di sbloccare il bootloader di «{ $device }» è stata respinta. Sul dispositivo non cambia nulla.
    .sms = Belay: la richiesta di sbloccare il bootloader del tuo dispositivo è stata respinta. Non cambia nulla.
