//! A mail server (RFC 5321) that wants STARTTLS (RFC 3207) and a login (RFC 4954, PLAIN) before it takes mail, as
//! providers' do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::proxy::acceptor;
use crate::until::within;
use crate::{Outcome, Surprise};

/// Who may send.
pub const USER: &str = "belay";
/// Their password.
pub const PASSWORD: &str = "only for the mail server";

/// The longest line that it takes, bytes with its end (RFC 5321 §4.5.3.1.6).
const LONGEST_LINE: usize = 1000;

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Of the envelope.
    pub from: String,
    /// Of the envelope.
    pub to: String,
    /// Header and body, as they came.
    pub data: String,
}

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    taken: VecDeque<Letter>,
    refusals: VecDeque<String>,
}

impl MailServer {
    /// Listens on a port of its own, with the certificate of the network's secure side.
    ///
    /// # Errors
    /// What the network says.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (count, _) = watch::channel(0);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            count,
        });
        let tls = acceptor()?;
        Ok(Self {
            address: listener.local_addr()?,
            task: tokio::spawn(accept(listener, tls, Arc::clone(&shared))),
            shared,
        })
    }

    /// Its port at `localhost`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next mail is refused with this reply, such as `451 4.3.0 later`.
    pub fn refuse(&self, reply: &str) {
        self.shared.state().refusals.push_back(reply.to_owned());
    }

    /// The next mail that wasn't taken out yet; waits for it.
    ///
    /// # Errors
    /// Where none comes.
    pub async fn next(&self) -> Outcome<Letter> {
        let mut count = self.shared.count.subscribe();
        within("a mail to arrive at the mail server", async {
            loop {
                count.mark_unchanged();
                if let Some(letter) = self.shared.state().taken.pop_front() {
                    return Ok(letter);
                }
                count.changed().await?;
            }
        })
        .await?
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // A client that breaks off is for its own test to see.
            let _ended = serve(stream, tls, shared).await;
        });
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) -> Outcome {
    let mut plain = Session::new(stream, None);
    plain.say("220 mail.example.org ESMTP").await?;
    loop {
        let line = plain.line().await?;
        match line.to_ascii_uppercase().as_str() {
            "STARTTLS" => break,
            command if command.starts_with("EHLO ") => {
                plain.say("250-mail.example.org").await?;
                plain.say("250 STARTTLS").await?;
            }
            "QUIT" => return plain.say("221 2.0.0 bye").await,
            _ => plain.say("530 5.7.0 STARTTLS first").await?,
        }
    }
    plain.say("220 2.0.0 go ahead").await?;
    let stream = tls.accept(plain.stream.into_inner()).await?;
    Session::new(stream, Some(shared)).transactions().await
}

struct Session<S> {
    stream: BufReader<S>,
    shared: Option<Arc<Shared>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S, shared: Option<Arc<Shared>>) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, shared }
    }

    /// Mails, from the login to the goodbye.
    async fn transactions(mut self) -> Outcome {
        let (mut known, mut from, mut to) = (false, None, None);
        loop {
            let line = self.line().await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.say("250-mail.example.org").await?;
                    self.say("250 AUTH PLAIN").await?;
                }
                "AUTH" => {
                    known = is_login(rest);
                    let reply = if known {
                        "235 2.7.0 welcome"
                    } else {
                        "535 5.7.8 no"
                    };
                    self.say(reply).await?;
                }
                "MAIL" if known => {
                    from = Some(path(rest)?);
                    self.say("250 2.1.0 ok").await?;
                }
                "RCPT" if from.is_some() => {
                    to = Some(path(rest)?);
                    self.say("250 2.1.5 ok").await?;
                }
                "DATA" => match (from.take(), to.take()) {
                    (Some(from), Some(to)) => self.take(from, to).await?,
                    _ => self.say("503 5.5.1 whose?").await?,
                },
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("530 5.7.0 not like this").await?,
            }
        }
    }

    async fn take(&mut self, from: String, to: String) -> Outcome {
        self.say("354 go on").await?;
        let mut data = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            // A dot at a line's begin was doubled (RFC 5321 §4.5.2).
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        let reply = {
            let shared = self
                .shared
                .as_ref()
                .ok_or_else(|| Surprise::new("mail in the clear"))?;
            let mut state = shared.state();
            let refusal = state.refusals.pop_front();
            refusal.unwrap_or_else(|| {
                state.taken.push_back(Letter { from, to, data });
                shared.count.send_modify(|n| *n = n.wrapping_add(1));
                "250 2.0.0 taken".to_owned()
            })
        };
        self.say(&reply).await
    }

    /// A line without its end. Only ASCII was agreed on.
    async fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let bare = line.strip_suffix("\r\n");
        match bare {
            Some(bare) if bare.is_ascii() && line.len() <= LONGEST_LINE => Ok(bare.to_owned()),
            _ => Err(Surprise::new(format!("not a line of SMTP: {line:?}"))),
        }
    }

    async fn say(&mut self, reply: &str) -> Outcome {
        Ok(self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?)
    }
}

fn is_login(rest: &str) -> bool {
    rest == format!(
        "PLAIN {}",
        BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes())
    )
}

/// `FROM:<a@b>` → `a@b`.
fn path(rest: &str) -> Outcome<String> {
    let path = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    path.map(|(path, _)| path.to_owned())
        .ok_or_else(|| Surprise::new(format!("no path in {rest:?}")))
}
