//! Mails and text messages over real connections, to a server that a test plays.

use belay_proto::Secret;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{SmsGateway, Smtp, SmtpSecurity};
use crate::delivery::{Carrier, DeliveryError, Message, sms::Gateway, smtp::Mailer};

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

/// Says yes to one mail and gives back what came.
async fn mail_server(listener: TcpListener) -> (Vec<String>, String) {
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
                while !data.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut data).await.unwrap();
                }
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
        commands.push(command);
    }
}

#[tokio::test]
async fn a_mail_goes_to_the_mail_server() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = Smtp {
        server: "127.0.0.1".into(),
        port: Some(listener.local_addr().unwrap().port()),
        security: SmtpSecurity::None,
        from: "Belay <belay@example.org>".into(),
        login: None,
    };
    let mailer = Mailer::new(&settings).unwrap();
    assert!(mailer.takes("email") && !mailer.takes("sms"));
    let server = tokio::spawn(mail_server(listener));
    mailer.send(&message("email", "jo@example.org")).await.unwrap();
    drop(mailer);
    let (commands, data) = server.await.unwrap();
    assert!(
        commands.iter().any(|c| c == "RCPT TO:<jo@example.org>"),
        "{commands:?}"
    );
    assert!(
        data.contains("123456") && data.contains("Auto-Submitted: auto-generated"),
        "{data}"
    );
    assert!(
        data.contains("To: jo@example.org") && data.contains("From: Belay <belay@example.org>"),
        "{data}"
    );
}

#[tokio::test]
async fn an_address_that_would_carry_a_second_command_is_refused() {
    let settings = Smtp {
        server: "127.0.0.1".into(),
        port: Some(1),
        security: SmtpSecurity::None,
        from: "belay@example.org".into(),
        login: None,
    };
    let mailer = Mailer::new(&settings).unwrap();
    let error = mailer
        .send(&message("email", "jo@example.org>\r\nRCPT TO:<x@example.org"))
        .await
        .unwrap_err();
    assert!(matches!(error, DeliveryError::Address(_)), "{error}");
    let error = mailer
        .send(&message("email", "jo@example.org"))
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
    let (sent, request) = tokio::join!(carrier.send(&sms), gateway(&listener, "202 Accepted"));
    sent.unwrap();
    assert!(
        request.starts_with("POST /send ") && request.contains("authorization: Bearer geheim"),
        "{request}"
    );
    assert!(
        request.contains("\"to\":\"+49151234567\"") && request.contains("123456"),
        "{request}"
    );
    for status in [
        "500 Internal Server Error",
        "401 Unauthorized",
        "307 Temporary Redirect",
    ] {
        let (sent, _) = tokio::join!(carrier.send(&sms), gateway(&listener, status));
        let error = sent.expect_err(status);
        assert!(!error.to_string().contains("+49"), "{error}");
    }
}
