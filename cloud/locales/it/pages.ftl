page-ask =
    .title = Conferma il tuo indirizzo
    .lead = Si sta creando un account Belay su
    .lead-identifier = Si sta aggiungendo questo indirizzo a un account Belay su
    .lead-recovery = Si sta impostando una nuova password del tuo account Belay su
    .caution = Conferma solo se questo è il tuo dispositivo e hai appena iniziato tu.
    .button = Conferma

page-confirmed =
    .title = Il tuo indirizzo è confermato
    .lead = Continua su
    .close = Puoi chiudere questa pagina.

page-gone =
    .title = Questo link non è più valido
    .advice = È già stato usato, oppure ha più di un giorno. Chiedi un altro codice sul tuo dispositivo.

page-failed =
    .title = Qualcosa è andato storto
    .advice = Riprova tra un momento.
