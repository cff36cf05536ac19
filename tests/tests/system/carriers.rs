//! Mails through a real mail server, text messages through a provider's gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use belay_tests::app::{ACCOUNT, Answer, Options, options, refused};
use belay_tests::carriers::{Gateway, Letter, MailServer, PASSWORD as MAIL_PASSWORD, USER};
use belay_tests::openapi::Exchange;
use belay_tests::proxy::AUTHORITY;
use belay_tests::stage::Plan;
use belay_tests::until::until;
use hyper::StatusCode;
use mailparse::{MailHeaderMap, ParsedMail, parse_mail};
use tempfile::TempDir;

use crate::account_life::{NEW, add_with, identifiers, recover};
use crate::owner::{ADA, PASSWORD, app, other_code, state};
use crate::scene::{PACE, Scene, plan};

const NUMBER: &str = "+4915123456789";
const TOKEN: &str = "only for the gateway";

/// A device whose cloud sends through these.
struct Sending {
    scene: Scene,
    mails: MailServer,
    texts: Gateway,
    _folder: TempDir,
}

impl Sending {
    async fn new() -> Self {
        Self::by(true).await
    }

    /// The same whose cloud may have no way for text messages.
    async fn by(has_texts: bool) -> Self {
        let (mails, texts) = (
            MailServer::start().await.unwrap(),
            Gateway::start().await.unwrap(),
        );
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let (password, token) = (
            file("smtp-password", MAIL_PASSWORD),
            file("sms-token", &format!("{TOKEN}\n")),
        );
        let mut config = format!(
            "[smtp]\nserver = \"localhost\"\nport = {}\nfrom = \"Belay <belay@example.org>\"\n\
             user = \"{USER}\"\npassword-file = {password:?}\n",
            mails.port(),
        );
        if has_texts {
            let url = texts.url();
            config += &format!("\n[sms]\ngateway-url = \"{url}\"\ntoken-file = {token:?}\n");
        }
        let plan = Plan {
            cloud_args: vec!["--config".into(), file("cloud.toml", &config)],
            cloud_env: vec![("SSL_CERT_FILE", file("authority.pem", AUTHORITY))],
            outbox: false,
            ..plan()
        };
        Self {
            scene: Scene::of(plan).await,
            mails,
            texts,
            _folder: folder,
        }
    }

    async fn register(&self, who: &str, language: &str) -> String {
        let details = options([("language", language.into())]);
        let id = app(&self.scene).register(who, PASSWORD, &details).await;
        id.unwrap().unwrap()
    }

    /// Registers with the code that comes, and has time go on; the recovery code.
    async fn registered(&self, who: &str, language: &str) -> String {
        let id = self.register(who, language).await;
        let code = match who.starts_with('+') {
            true => code_in(&self.text(who).await),
            false => self.mailed_code().await,
        };
        let app = app(&self.scene);
        let recovery = app.confirm(&id, &code).await.unwrap().unwrap();
        app.acknowledge(&id).await.unwrap().unwrap();
        self.scene.clock().run(PACE).unwrap();
        recovery
    }

    /// The next mail, which is to be to `who` and about this.
    async fn letter(&self, who: &str, about: &str) -> Letter {
        let letter = self.mails.next().await.unwrap();
        assert_eq!((letter.to.as_str(), subject(&letter).as_str()), (who, about));
        letter
    }

    /// The code of the next mail.
    async fn mailed_code(&self) -> String {
        code_of(&self.mails.next().await.unwrap())
    }

    /// The next text message, which is to be to `who`.
    async fn text(&self, who: &str) -> String {
        let post = self.texts.next().await.unwrap();
        assert_eq!(post.body["to"], who);
        post.body["text"].as_str().unwrap().to_owned()
    }

    /// Waits for a line of `/metrics`: what became of a message is counted, and the message gone, only after whoever took it has
    /// answered.
    async fn counts(&self, sample: &str) {
        let line = format!("belay_cloud_{sample}");
        let counted = async || {
            let reply = crate::http::send(&self.scene, "GET", "/metrics", &[], b"").await;
            assert_eq!(reply.status, 200);
            let text = String::from_utf8(reply.body).unwrap();
            text.lines().any(|other| other == line).then_some(())
        };
        until(&line, counted).await.unwrap();
    }

    /// The cloud's log has none of these.
    fn logs_without(&self, secrets: &[&str]) {
        let logs = self.scene.logs().unwrap();
        let (_, log) = logs
            .iter()
            .find(|(name, _)| name.contains("belay-cloud"))
            .unwrap();
        let log = String::from_utf8_lossy(log);
        assert!(log.contains("serving"), "{log}");
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

fn read(letter: &Letter) -> ParsedMail<'_> {
    parse_mail(letter.data.as_bytes()).unwrap()
}

fn subject(letter: &Letter) -> String {
    read(letter).headers.get_first_value("Subject").unwrap()
}

/// The code in a mail, before its link.
fn code_of(letter: &Letter) -> String {
    let text = read(letter).get_body().unwrap();
    code_in(text.split("/verify/").next().unwrap())
}

/// The six digits in a text.
fn code_in(text: &str) -> String {
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.rfind(|word| word.len() == 6).unwrap().to_owned()
}

#[tokio::test]
async fn a_registration_goes_through_a_mail_server() {
    let sending = Sending::new().await;
    // Greylisting (RFC 6647): the second attempt is taken.
    sending.mails.refuse("451 4.7.1 come back in a second");
    let id = sending.register(ADA, "ru-RU").await;
    sending.scene.clock().run(30).unwrap();
    let letter = sending.mails.next().await.unwrap();
    assert_eq!(
        (letter.from.as_str(), letter.to.as_str()),
        ("belay@example.org", ADA)
    );
    let mail = read(&letter);
    let header = |name| mail.headers.get_first_value(name).unwrap();
    assert_eq!(header("Subject"), "Подтвердите учётную запись Belay");
    assert!(letter.data.contains("Subject: =?utf-8?"), "{}", letter.data);
    assert_eq!(header("From"), "Belay <belay@example.org>");
    assert_eq!(
        (header("To").as_str(), header("MIME-Version").as_str()),
        (ADA, "1.0")
    );
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    let id_header = header("Message-ID");
    assert!(
        id_header.starts_with('<') && id_header.ends_with("@example.org>"),
        "{id_header}"
    );
    assert!(mailparse::dateparse(&header("Date")).unwrap() > 1_700_000_000);
    let text = mail.get_body().unwrap();
    assert!(text.contains("Ваш код: "), "{text}");
    let code = code_in(text.split("/verify/").next().unwrap());
    app(&sending.scene).confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&sending.scene).await, "bound");
    sending
        .counts("messages_total{channel=\"email\",result=\"retried\"} 1")
        .await;
    sending
        .counts("messages_total{channel=\"email\",result=\"sent\"} 1")
        .await;
    sending.counts("messages_waiting 0").await;
    sending.logs_without(&["ada@", &code, MAIL_PASSWORD]);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up() {
    let sending = Sending::new().await;
    sending.mails.refuse("550 5.1.1 ada@example.org is nobody here");
    sending.register(ADA, "it").await;
    sending
        .counts("messages_total{channel=\"email\",result=\"given_up\"} 1")
        .await;
    sending.counts("messages_waiting 0").await;
    sending.logs_without(&["ada@", "nobody here"]);
}

#[tokio::test]
async fn a_number_registers_through_a_gateway_that_fails_at_first() {
    let sending = Sending::new().await;
    sending.texts.answers(&[StatusCode::SERVICE_UNAVAILABLE]);
    let id = sending.register(NUMBER, "mr").await;
    let first = sending.texts.next().await.unwrap();
    assert_eq!(first.call, "POST /send");
    assert_eq!(first.authorization, format!("Bearer {TOKEN}"));
    assert_eq!(first.body["to"], NUMBER);
    sending.scene.clock().run(30).unwrap();
    let again = sending.texts.next().await.unwrap();
    assert_eq!(again, first, "the same message under the same key");
    let text = again.body["text"].as_str().unwrap();
    assert!(text.starts_with("Belay: तुमचा कोड "), "{text}");
    let code = code_in(text);
    app(&sending.scene).confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&sending.scene).await, "bound");
    for (result, times) in [("retried", 1), ("sent", 1), ("given_up", 0)] {
        let sample = format!("messages_total{{channel=\"sms\",result=\"{result}\"}} {times}");
        sending.counts(&sample).await;
    }
    sending.logs_without(&[NUMBER, &NUMBER[3..], &code, TOKEN]);
}

#[tokio::test]
async fn a_gateway_that_refuses_is_not_asked_again() {
    let sending = Sending::new().await;
    sending.texts.answers(&[StatusCode::UNPROCESSABLE_ENTITY]);
    sending.register(NUMBER, "en").await;
    let refused = sending.texts.next().await.unwrap();
    sending
        .counts("messages_total{channel=\"sms\",result=\"given_up\"} 1")
        .await;
    // Nothing to send again.
    sending.counts("messages_waiting 0").await;
    sending.logs_without(&[NUMBER, &code_in(refused.body["text"].as_str().unwrap())]);
}

#[tokio::test]
async fn what_is_done_to_an_account_is_told_through_the_mail_server_in_the_owners_language() {
    let sending = Sending::new().await;
    let id = sending.register(ADA, "it").await;
    let code = sending.mailed_code().await;
    let app = app(&sending.scene);
    app.confirm(&id, &code).await.unwrap().unwrap();
    sending.scene.clock().run(PACE).unwrap();
    let secrets = [("old", PASSWORD), ("new", "marble-ferry-17-canyon")];
    let ticket = app.present("change-password", "", &secrets).await.unwrap();
    let changed: Answer<()> = app
        .call(ACCOUNT, "ChangePassword", &(ticket.unwrap(), Options::new()))
        .await
        .unwrap();
    changed.unwrap();
    let letter = sending.mails.next().await.unwrap();
    assert_eq!(letter.to, ADA);
    let mail = read(&letter);
    assert_eq!(
        mail.headers.get_first_value("Subject").unwrap(),
        "La tua password Belay è stata cambiata"
    );
    let text = mail.get_body().unwrap();
    assert!(text.contains("Quella vecchia non vale più."), "{text}");
    for secret in [PASSWORD, "marble-ferry-17-canyon", "/verify/", &code] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_forgotten_password_is_recovered_with_a_code_that_came_through_the_mail_server() {
    let sending = Sending::new().await;
    let recovery = sending.registered(ADA, "it").await;
    let (scene, app) = (&sending.scene, app(&sending.scene));
    let id = app.begin_recovery(ADA).await.unwrap().unwrap();
    let code = code_of(&sending.letter(ADA, "Recupera il tuo account Belay").await);
    let wrong = recover(scene, &id, &other_code(&code), &recovery).await;
    refused(wrong, "WrongCode").unwrap();
    recover(scene, &id, &code, &recovery).await.unwrap();
    assert_eq!(state(scene).await, "reauthentication-required");
    // Mails that are due together are sent side by side.
    let mut told = Vec::new();
    for _ in 0..2 {
        let letter = sending.mails.next().await.unwrap();
        assert_eq!(letter.to, ADA);
        told.push(subject(&letter));
    }
    told.sort();
    let expected = [
        "Il tuo account Belay ha una nuova password",
        "Qualcuno vuole scegliere una nuova password Belay",
    ];
    assert_eq!(told, expected);
    let before = app.reauthenticate(ADA, PASSWORD).await.unwrap();
    refused(before, "WrongPassword").unwrap();
    app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(scene).await, "bound");
    sending.logs_without(&["ada@", &recovery]);
}

#[tokio::test]
async fn a_number_that_was_added_through_the_gateway_recovers_the_account_through_it() {
    let sending = Sending::new().await;
    let recovery = sending.registered(ADA, "en").await;
    let (scene, app) = (&sending.scene, app(&sending.scene));
    let code = async {
        let text = sending.text(NUMBER).await;
        assert!(text.contains("adds this number to an account"), "{text}");
        code_in(&text)
    };
    add_with(scene, NUMBER, code).await;
    // Whoever reads either hears of it.
    sending
        .letter(ADA, "An address was added to your Belay account")
        .await;
    let told = sending.text(NUMBER).await;
    assert!(
        told.starts_with("Belay: an address was added to your account."),
        "{told}"
    );
    let has = identifiers(scene).await;
    let has: Vec<_> = has
        .iter()
        .map(|(_, kind, _, verified)| (kind.as_str(), *verified))
        .collect();
    assert_eq!(has, [("email", true), ("phone", true)]);

    let id = app.begin_recovery(NUMBER).await.unwrap().unwrap();
    let text = sending.text(NUMBER).await;
    assert!(text.contains("recovers your account"), "{text}");
    let code = code_in(&text);
    let recovered = app.complete_recovery((&id, &code), NUMBER, NEW, &recovery).await;
    recovered.unwrap().unwrap();
    assert_eq!(state(scene).await, "reauthentication-required");
    app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(scene).await, "bound");
    sending.logs_without(&["ada@", NUMBER, &NUMBER[3..], &recovery, TOKEN]);
}

#[tokio::test]
async fn an_address_that_was_added_through_the_mail_server_signs_in() {
    let sending = Sending::new().await;
    sending.registered(NUMBER, "it").await;
    let (scene, app) = (&sending.scene, app(&sending.scene));
    let code = async {
        let about = "Conferma questo indirizzo per il tuo account Belay";
        code_of(&sending.letter(ADA, about).await)
    };
    add_with(scene, ADA, code).await;
    sending
        .letter(ADA, "Un indirizzo è stato aggiunto al tuo account Belay")
        .await;
    let told = sending.text(NUMBER).await;
    assert!(
        told.starts_with("Belay: un indirizzo è stato aggiunto al tuo account."),
        "{told}"
    );
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    let released = |e: &Exchange| e.path == "/v1/releases" && e.status == 204;
    scene.network().seen("the release", released).await.unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(scene).await, "bound");
    sending.logs_without(&["ada@", NUMBER, &NUMBER[3..], MAIL_PASSWORD]);
}

#[tokio::test]
async fn a_cloud_that_sends_no_text_messages_says_so_of_each_number() {
    let sending = Sending::by(false).await;
    let app = app(&sending.scene);
    let begun = app.register(NUMBER, PASSWORD, &Options::new()).await.unwrap();
    refused(begun, "NotSupported").unwrap();
    let id = sending.register(ADA, "en").await;
    let code = sending.mailed_code().await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    let added = app.add_identifier(NUMBER, PASSWORD).await.unwrap();
    refused(added, "NotSupported").unwrap();
    refused(app.begin_recovery(NUMBER).await.unwrap(), "NotSupported").unwrap();
    assert_eq!(state(&sending.scene).await, "bound");
}
