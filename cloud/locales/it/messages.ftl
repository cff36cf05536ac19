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

        Non dirlo a nessuno, chiunque lo chieda: nessuno di Belay ne ha mai bisogno.

        Ti serve anche il codice di recupero. Senza, recupera su un dispositivo le cui impostazioni permettono il recupero senza codice: lì la nuova password vale dopo 72 ore. Può farlo anche un dispositivo che non è di nessuno, dopo una settimana finché ne hai un altro; ciò che è conservato qui resta allora illeggibile, e gli altri tuoi dispositivi restano con la vecchia password.

        Se non sei stato tu, non fare nulla: senza il codice non succede nulla.
    .sms = Belay: { $code } recupera il tuo account, vale { $minutes } minuti. Non sei stato tu? Non dirlo a nessuno.

signed-in =
    .subject = Nuovo accesso al tuo account Belay
    .mail =
        Qualcuno è entrato nel tuo account Belay con la tua password, da un dispositivo o un browser da cui non succedeva da tempo.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito.
    .sms = Belay: nuovo accesso al tuo account con la tua password. Non sei stato tu? Cambiala subito.

password-changed =
    .subject = La tua password Belay è stata cambiata
    .mail =
        La password del tuo account Belay è stata cambiata. Quella vecchia non vale più.

        Se non sei stato tu: recupera subito l'account con il codice di recupero, su uno qualsiasi dei tuoi dispositivi.
    .sms = Belay: la tua password è stata cambiata. Non sei stato tu? Recupera subito l'account con il codice di recupero.

new-root =
    .subject = La password e le chiavi Belay sono state rinnovate
    .mail =
        La password del tuo account Belay è stata cambiata e le sue chiavi sono state rigenerate. La vecchia password non vale più, e nemmeno il codice di recupero: creane un altro.

        Se non sei stato tu, qualcuno conosceva la tua password e ora ha il tuo account: avvisa chi gestisce questo cloud.
    .sms = Belay: password e chiavi sono nuove, il codice di recupero non vale più. Non sei stato tu? Avvisa chi gestisce questo cloud.

recovery-code-replaced =
    .subject = Il tuo codice di recupero Belay è stato sostituito
    .mail =
        Per il tuo account Belay è stato creato un altro codice di recupero. Quello di prima non vale più.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito e crea un altro codice.
    .sms = Belay: c'è un nuovo codice di recupero, quello vecchio non vale più. Non sei stato tu? Cambia subito la password, poi crea un altro codice.

recovery-proved =
    .subject = Qualcuno vuole scegliere una nuova password Belay
    .mail =
        Su «{ $device }» qualcuno ha dimostrato che un indirizzo del tuo account Belay è suo, per scegliere una nuova password. Ora gli manca solo il tuo codice di recupero; senza deve aspettare, e ti diremo come fermarlo.

        Se non sei stato tu, qualcuno legge ciò che ti viene inviato, e ora può provare password su un proprio computer: scegli un'altra password, non dire a nessuno il codice di recupero, e creane un altro se qualcuno potrebbe averlo.
    .sms = Belay: qualcuno con il tuo indirizzo vuole una nuova password. Non sei stato tu? Scegline un'altra, e non dire a nessuno il codice di recupero.

recovered =
    .subject = Il tuo account Belay ha una nuova password
    .mail =
        Su «{ $device }» è stata scelta una nuova password per il tuo account Belay, con il tuo codice di recupero. Quella vecchia non vale più.

        Se non sei stato tu, qualcuno ha il tuo codice di recupero: recupera subito di nuovo l'account con quel codice, e poi creane un altro.
    .sms = Belay: con il tuo codice è stata scelta una nuova password. Non sei stato tu? Recupera subito di nuovo l'account.

address-added =
    .subject = Un indirizzo è stato aggiunto al tuo account Belay
    .mail =
        L'indirizzo o numero { $address } è stato aggiunto al tuo account Belay. Serve per entrare e per recuperare l'account.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito e rimuovi l'indirizzo.
    .sms = Belay: un indirizzo è stato aggiunto al tuo account. Non sei stato tu? Cambia subito la password e rimuovilo.

address-removed =
    .subject = Un indirizzo è stato rimosso dal tuo account Belay
    .mail =
        L'indirizzo o numero { $address } non appartiene più al tuo account Belay.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito.
    .sms = Belay: un indirizzo è stato rimosso dal tuo account. Non sei stato tu? Cambia subito la password.

login-changed =
    .subject = Il tuo account Belay ha un altro indirizzo principale
    .mail =
        D'ora in poi l'indirizzo principale del tuo account Belay è { $address }.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito.
    .sms = Belay: il tuo account ha un altro indirizzo principale. Non sei stato tu? Cambia subito la password.

language-changed =
    .subject = La lingua dei tuoi messaggi di Belay è cambiata
    .mail =
        La lingua in cui sei avvisato di ciò che accade al tuo account Belay è stata cambiata. Per { $days ->
            [one] un giorno
           *[other] { $days } giorni
        } sei avvisato anche in quella di prima.

        Se non sei stato tu, qualcuno ha in mano un tuo dispositivo sbloccato: bloccalo da un altro e rimetti la lingua di prima nelle impostazioni di uno dei tuoi dispositivi.
    .sms = Belay: la lingua dei tuoi messaggi è cambiata. Non sei stato tu? Qualcuno ha un tuo dispositivo sbloccato: bloccalo.

recovery-begun =
    .subject = Qualcuno sta recuperando il tuo account Belay
    .mail =
        Su «{ $device }» qualcuno ha iniziato a recuperare il tuo account Belay senza password e senza codice di recupero. Dopo { $hours } ore una nuova password prende il posto della tua.

        Se sei stato tu, non ti resta che aspettare.

        Se non sei stato tu, fermalo ora: accedi con la tua password da qualsiasi parte, inseriscila su quel dispositivo, oppure inviagli da un altro un comando qualsiasi, per esempio «squilla» o «blocca». Ne basta uno.
    .sms = Belay: è iniziato un recupero senza codice. Non sei stato tu? Entro { $hours } ore accedi con la tua password da qualsiasi parte.

recovery-followed =
    .subject = Un tuo vecchio dispositivo segue il tuo account Belay
    .mail =
        Su «{ $device }», che da quando è stato rimosso o l'account è stato recuperato non fa più parte del tuo account Belay, qualcuno ha inserito la password dell'account. Dopo { $hours } ore il dispositivo accetta questa password, a meno che l'attesa non sia stata interrotta sul dispositivo: con essa si può allora sbloccarlo e disconnetterlo.

        Se sei stato tu, non ti resta che aspettare.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito, e l'attesa finisce.
    .sms = Belay: un tuo vecchio dispositivo accetterà presto la password del tuo account, se l'attesa non è stata interrotta lì. Non sei stato tu? Cambiala subito.

recovery-returned =
    .subject = Un tuo dispositivo prosegue con il tuo account Belay
    .mail =
        Su «{ $device }», che non corrisponde più al tuo account Belay, per esempio dopo un recupero mai avvenuto, qualcuno ha inserito la password dell'account. Dopo { $hours } ore il dispositivo accetta questa password, a meno che l'attesa non sia stata interrotta sul dispositivo: con essa si può allora sbloccarlo e disconnetterlo.

        Se sei stato tu, non ti resta che aspettare.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito, e l'attesa finisce.
    .sms = Belay: un tuo dispositivo accetterà presto la password del tuo account, se l'attesa non è stata interrotta lì. Non sei stato tu? Cambiala subito.

recovery-holds =
    .subject = L'attesa è finita: vale una nuova password Belay
    .mail =
        L'attesa per il recupero del tuo account Belay è finita, e vale la nuova password. La vecchia non vale più, e nemmeno il codice di recupero: creane un altro. Gli altri tuoi dispositivi vanno disconnessi e collegati di nuovo.

        Se non sei stato tu, ora qualcuno ha il tuo account: avvisa chi gestisce questo cloud.
    .sms = Belay: il recupero è finito e vale la sua password, il tuo codice non vale più. Non sei stato tu? Avvisa chi gestisce questo cloud.

device-added =
    .subject = Un dispositivo è stato aggiunto al tuo account Belay
    .mail =
        «{ $device }» è stato aggiunto al tuo account Belay. Può leggere ciò che sincronizzi.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito e rimuovi il dispositivo dal tuo account.
    .sms = Belay: un dispositivo è stato aggiunto al tuo account. Non sei stato tu? Cambia subito la password e rimuovilo.

device-removed =
    .subject = Un dispositivo è stato rimosso dal tuo account Belay
    .mail =
        «{ $device }» è stato rimosso dal tuo account Belay. Non riceve più nulla di ciò che sincronizzi.

        Se non sei stato tu, qualcuno conosce la tua password: cambiala subito.
    .sms = Belay: un dispositivo è stato rimosso dal tuo account. Non sei stato tu? Cambia subito la password.

device-released =
    .subject = Un dispositivo del tuo account Belay è stato liberato
    .mail =
        «{ $device }» è stato liberato da chi gestisce questo cloud: non è più del tuo account, e chi lo ha può collegarlo al suo.

        Se non l'hai chiesto tu, avvisa chi gestisce questo cloud.
    .sms = Belay: chi gestisce il cloud ha liberato un dispositivo. Non l'hai chiesto tu? Avvisalo.

account-deleted =
    .subject = Il tuo account Belay è stato eliminato
    .mail =
        Il tuo account Belay è stato eliminato, e con esso tutto ciò che era conservato qui. Ciò che è sui tuoi dispositivi rimane.

        Se non sei stato tu, avvisa chi gestisce questo cloud.
    .sms = Belay: il tuo account e ciò che conteneva sono stati eliminati. Non sei stato tu? Avvisa chi gestisce questo cloud.

unlock-requested =
    .subject = Qualcuno vuole sbloccare il bootloader del tuo dispositivo
    .mail =
        Qualcuno che conosce la tua password ha chiesto di sbloccare il bootloader di «{ $device }». { $days ->
            [one] Si deciderà al più presto dopo un giorno
           *[other] Si deciderà al più presto dopo { $days } giorni
        }. Un dispositivo con il bootloader aperto non può proteggere i suoi dati da chi lo ha in mano.

        Se non sei stato tu: cambia subito la password e avvisa chi gestisce questo cloud.
    .sms = Belay: qualcuno ha chiesto di sbloccare il bootloader del tuo dispositivo. Non sei stato tu? Cambia subito la password.

unlock-approved =
    .subject = Il bootloader del tuo dispositivo può essere sbloccato
    .mail =
        La richiesta di sbloccare il bootloader di «{ $device }» è stata accolta.

        Se non sei stato tu: cambia subito la password e avvisa chi gestisce questo cloud.
    .sms = Belay: il bootloader del tuo dispositivo ora può essere sbloccato. Non sei stato tu? Cambia subito la password.

unlock-denied =
    .subject = Il bootloader del tuo dispositivo resta bloccato
    .mail =
        La richiesta di sbloccare il bootloader di «{ $device }» è stata respinta. Sul dispositivo non cambia nulla.
    .sms = Belay: la richiesta di sbloccare il bootloader del tuo dispositivo è stata respinta. Non cambia nulla.
