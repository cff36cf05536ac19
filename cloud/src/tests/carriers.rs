//! Mails and text messages over real connections, to a server that a test plays.

use std::time::Duration;

use belay_proto::Secret;
use mailparse::MailHeaderMap;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{SmsGateway, Smtp, SmtpSecurity};
use crate::delivery::{Carrier, DeliveryError, Message, sms::Gateway, smtp::Mailer};
use crate::language::Language;
use crate::messages::{self, Notice, Way};

const MARK: &str = "0123456789abcdef";

fn message(channel: &str, to: &str) -> Message {
    Message {
        to: to.into(),
        channel: channel.into(),
        subject: Some("Bestätige dein Konto".into()),
        text: "Dein Code: 123456\n.\nnoch eine Zeile\n".into(),
        code: Some("123456".into()),
        link: None,
    }
}

/// Takes one mail, with this answer to its receiver, and gives back what came.
async fn mail_server(listener: TcpListener, receiver: &'static str) -> (Vec<String>, String) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.org\r\n").await.unwrap();
    let (mut commands, mut data) = (Vec::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return (commands, data);
        }
        let command = line.trim_end().to_owned();
        let answer: &[u8] = match command.split([' ', ':']).next().unwrap() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                data = read_mail(&mut stream).await;
                b"250 taken\r\n"
            }
            "RCPT" => receiver.as_bytes(),
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
        commands.push(command);
    }
}

/// A mail up to the dot that ends it, without the dots that were put in on the way (RFC 5321 §4.5.2).
async fn read_mail(stream: &mut BufReader<TcpStream>) -> String {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.as_str() {
            ".\r\n" => return data,
            line => data.push_str(line.strip_prefix('.').unwrap_or(line)),
        }
    }
}

fn mailer(port: u16) -> Mailer {
    let settings = Smtp {
        server: "127.0.0.1".into(),
        port: Some(port),
        security: SmtpSecurity::None,
        from: "Belay <belay@example.org>".into(),
        login: None,
    };
    Mailer::new(&settings).unwrap()
}

/// What the server has heard of a mail.
async fn mailed(message: &Message) -> (Vec<String>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mailer = mailer(listener.local_addr().unwrap().port());
    let server = tokio::spawn(mail_server(listener, "250 ok\r\n"));
    mailer.send(message, MARK).await.unwrap();
    drop(mailer);
    server.await.unwrap()
}

#[tokio::test]
async fn a_mail_goes_to_the_mail_server() {
    let (commands, data) = mailed(&message("email", "jo@example.org")).await;
    assert!(
        commands.iter().any(|c| c == "RCPT TO:<jo@example.org>"),
        "{commands:?}"
    );
    let mail = mailparse::parse_mail(data.as_bytes()).unwrap();
    let header = |name| mail.headers.get_first_value(name);
    for (name, value) in [
        ("To", "jo@example.org"),
        ("From", "Belay <belay@example.org>"),
        ("Subject", "Bestätige dein Konto"),
        ("Auto-Submitted", "auto-generated"),
        ("Message-ID", "<0123456789abcdef@example.org>"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(header(name).as_deref(), Some(value), "{name} in {data}");
    }
    let date = mailparse::dateparse(&header("Date").unwrap()).unwrap();
    assert!(date > 1_700_000_000, "{date}");
    let body = mail.get_body().unwrap().replace("\r\n", "\n");
    assert_eq!(body.trim_end(), "Dein Code: 123456\n.\nnoch eine Zeile");
}

#[tokio::test]
async fn what_only_has_to_cost_what_a_mail_does_asks_the_mail_server_and_names_nobody_to_it() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mailer = mailer(listener.local_addr().unwrap().port());
    let server = tokio::spawn(mail_server(listener, "250 ok\r\n"));
    mailer
        .pretend(&message("nowhere", "no@example.org"))
        .await
        .unwrap();
    drop(mailer);
    let (commands, data) = server.await.unwrap();
    assert!(commands.iter().any(|command| command == "NOOP"), "{commands:?}");
    assert!(
        !commands.iter().any(|command| command.contains("example.org>")),
        "{commands:?}"
    );
    assert_eq!(data, "");
}

#[tokio::test]
async fn a_domain_of_any_script_takes_its_mail_by_a_server_that_knows_none() {
    let (commands, data) = mailed(&message("email", "ada@bücher.example")).await;
    let receiver = "RCPT TO:<ada@xn--bcher-kva.example>";
    assert!(commands.iter().any(|c| c == receiver), "{commands:?}");
    assert!(data.is_ascii(), "{data}");
    let mail = mailparse::parse_mail(data.as_bytes()).unwrap();
    assert_eq!(
        mail.headers.get_first_value("To").as_deref(),
        Some("ada@xn--bcher-kva.example")
    );
}

#[tokio::test]
async fn mails_of_every_script_travel_as_ascii_and_arrive_as_they_were() {
    for language in Language::ALL {
        let begun = Notice::RecoveryBegun {
            device: "टीना का फ़ोन 📱",
            hours: 72,
        };
        let notice = messages::notice(Way::Mail, "jo@example.org", language, &begun);
        let (_, data) = mailed(&notice).await;
        assert!(data.is_ascii(), "{data}");
        assert!(data.lines().all(|line| line.len() <= 998), "RFC 5322 §2.1.1");
        let mail = mailparse::parse_mail(data.as_bytes()).unwrap();
        let subject = mail.headers.get_first_value("Subject");
        assert_eq!(subject, notice.subject);
        let body = mail.get_body().unwrap().replace("\r\n", "\n");
        assert_eq!(body.trim_end(), notice.text.trim_end());
    }
}

#[tokio::test]
async fn a_mail_server_says_whether_it_makes_sense_to_try_again() {
    for (answer, is_final) in [
        ("550 5.1.1 nobody of that name\r\n", true),
        ("451 4.7.1 come back later\r\n", false),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mailer = mailer(listener.local_addr().unwrap().port());
        let server = tokio::spawn(mail_server(listener, answer));
        let sent = mailer.send(&message("email", "jo@example.org"), MARK).await;
        let error = sent.unwrap_err();
        assert_eq!(error.is_final(), is_final, "{answer}");
        server.abort();
    }
    let nobody = mailer(1).send(&message("email", "jo@example.org"), MARK).await;
    assert!(!nobody.unwrap_err().is_final(), "a server that isn't there");
}

#[tokio::test]
async fn a_mail_server_that_takes_the_connection_and_says_nothing_is_left() {
    // Nobody accepts: the kernel does, and no greeting comes.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mailer = mailer(listener.local_addr().unwrap().port()).with_patience(Duration::from_millis(50));
    let mail = message("email", "jo@example.org");
    let asked = async { (mailer.send(&mail, MARK).await, mailer.pretend(&mail).await) };
    let (sent, pretended) = tokio::time::timeout(Duration::from_secs(60), asked)
        .await
        .unwrap();
    let error = sent.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Silent) && !error.is_final(),
        "{error}"
    );
    assert!(matches!(pretended, Err(DeliveryError::Silent)), "{pretended:?}");
}

#[tokio::test]
async fn an_address_that_would_carry_a_second_command_is_refused() {
    let mailer = mailer(1);
    assert!(mailer.takes("email") && !mailer.takes("sms"));
    let error = mailer
        .send(
            &message("email", "jo@example.org>\r\nRCPT TO:<x@example.org"),
            MARK,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Address(_)), "{error}");
    let error = mailer
        .send(&message("email", "jo@example.org"), MARK)
        .await
        .unwrap_err();
    assert!(
        matches!(error, DeliveryError::Smtp(_)) && !error.to_string().contains("jo@"),
        "{error}"
    );
}

/// Answers one request with `status` and gives back what came.
async fn gateway(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !complete(&request) {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.unwrap();
        request.extend_from_slice(&part[..length]);
    }
    answer(&mut stream, status).await;
    String::from_utf8(request).unwrap()
}

async fn answer(stream: &mut TcpStream, status: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    length.is_some_and(|length| body.len() >= length.trim().parse().unwrap())
}

#[tokio::test]
async fn a_text_message_goes_to_the_gateway_and_nowhere_else() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = SmsGateway {
        url: format!("http://{}/send", listener.local_addr().unwrap()),
        token: Some(Secret::new("geheim".to_owned())),
    };
    let carrier = Gateway::new(&settings).unwrap();
    assert!(carrier.takes("sms") && !carrier.takes("email"));
    let sms = message("sms", "+49151234567");
    let (sent, request) = tokio::join!(carrier.send(&sms, MARK), gateway(&listener, "202 Accepted"));
    sent.unwrap();
    assert!(
        request.starts_with("POST /send ") && request.contains("authorization: Bearer geheim"),
        "{request}"
    );
    assert!(
        request.contains("\"to\":\"+49151234567\"") && request.contains("123456"),
        "{request}"
    );
    assert!(request.contains("idempotency-key: 0123456789abcdef"), "{request}");
    for (status, is_final, wait) in [
        ("500 Internal Server Error", false, None),
        ("401 Unauthorized", true, None),
        ("307 Temporary Redirect", false, None),
        ("429 Too Many Requests\r\nretry-after: 7", false, Some(7000)),
        ("503 Service Unavailable\r\nretry-after: soon", false, None),
    ] {
        let (sent, _) = tokio::join!(carrier.send(&sms, MARK), gateway(&listener, status));
        let error = sent.expect_err(status);
        assert!(!error.to_string().contains("+49"), "{error}");
        assert_eq!(error.is_final(), is_final, "{status}");
        assert!(
            matches!(error, DeliveryError::Refused { wait: told, .. } if told == wait),
            "{error:?}"
        );
    }
}
