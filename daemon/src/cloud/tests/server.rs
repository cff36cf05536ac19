//! A server that answers each request with the next reply of a script.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// What to do with a request.
pub enum Reply {
    /// Answer.
    Send {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Answer once this has been called.
    After(Box<dyn FnOnce() + Send>, Box<Reply>),
    /// Say so for the time being (RFC 9110, section 15.2), and then answer.
    Interim(u16, Box<Reply>),
    /// Answer without end.
    Endless,
    /// A stream of events: these pieces as they come, until their sender is gone.
    Stream(mpsc::UnboundedReceiver<String>),
    /// Promise more than comes.
    Short,
    /// Promise so many bytes of this media type, and bring three.
    Promise(&'static str, u64),
    /// Close without an answer.
    Close,
    /// Say nothing, ever.
    Hang,
}

impl Reply {
    /// What says nothing more than that it is done.
    pub fn done() -> Self {
        Self::json(204, "")
    }

    pub fn json(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Send {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    pub fn bytes(status: u16, kind: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self::Send {
            status,
            headers,
            body,
        }
    }

    pub fn problem(status: u16, name: &str) -> Self {
        let body = format!(r#"{{"type":"urn:belay:problem:{name}","title":"no","status":{status}}}"#);
        let headers = vec![("content-type", "application/problem+json".to_owned())];
        Self::Send {
            status,
            headers,
            body: body.into_bytes(),
        }
    }

    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Send {
                status,
                mut headers,
                body,
            } => {
                headers.push((name, value.to_owned()));
                Self::Send {
                    status,
                    headers,
                    body,
                }
            }
            other => other,
        }
    }

    pub fn after(self, act: impl FnOnce() + Send + 'static) -> Self {
        Self::After(Box::new(act), Box::new(self))
    }
}

/// What came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    /// As text, where it is text.
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

type Answers = dyn FnMut(&Request) -> Reply + Send;

struct Script {
    answers: Box<Answers>,
    seen: Vec<Request>,
}

pub struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    count: watch::Receiver<usize>,
    accepting: AbortHandle,
}

impl Server {
    /// Answers each request with the next of `replies`. A request too many fails in a way that no test expects.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::with(move |_| replies.pop_front().unwrap_or_else(|| Reply::json(418, "{}"))).await
    }

    /// Answers each request as `answers` says.
    pub async fn with(answers: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, answers).await
    }

    /// The same at another address of this machine, for one that leaves: there nobody else takes its port.
    pub async fn at(host: Ipv4Addr, answers: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script {
            answers: Box::new(answers),
            seen: Vec::new(),
        }));
        let (counter, count) = watch::channel(0);
        let shared = Arc::clone(&script);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), counter.clone()));
            }
        });
        let accepting = accepting.abort_handle();
        Self {
            address,
            script,
            count,
            accepting,
        }
    }

    /// Aborted, it has nobody listen for new connections any more.
    pub fn accepting(&self) -> AbortHandle {
        self.accepting.clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.script.lock().unwrap().seen.clone()
    }

    /// Waits until so many requests have come.
    pub async fn requests(&self, count: usize) {
        self.count.clone().wait_for(|seen| *seen >= count).await.unwrap();
    }
}

async fn serve(stream: TcpStream, script: Arc<Mutex<Script>>, counter: watch::Sender<usize>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = receive(&mut stream).await {
        let reply = {
            let mut script = script.lock().unwrap();
            let reply = (script.answers)(&request);
            script.seen.push(request);
            reply
        };
        counter.send_modify(|count| *count += 1);
        if !answer(stream.get_mut(), reply).await {
            return;
        }
    }
}

async fn answer(stream: &mut TcpStream, reply: Reply) -> bool {
    let reply = match reply {
        Reply::After(act, reply) => {
            act();
            *reply
        }
        Reply::Interim(status, reply) => {
            let head = format!("HTTP/1.1 {status} x\r\n\r\n");
            if stream.write_all(head.as_bytes()).await.is_err() {
                return false;
            }
            *reply
        }
        reply => reply,
    };
    match reply {
        Reply::Send {
            status,
            headers,
            body,
        } => {
            let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            stream
                .write_all(&[head.into_bytes(), body].concat())
                .await
                .is_ok()
        }
        Reply::Endless => {
            let head =
                "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            let mut going = stream.write_all(head.as_bytes()).await.is_ok();
            while going {
                going = stream.write_all(chunk.as_bytes()).await.is_ok();
            }
            false
        }
        Reply::Stream(mut pieces) => {
            let head =
                "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut going = stream.write_all(head.as_bytes()).await.is_ok();
            while going && let Some(piece) = pieces.recv().await {
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                going = stream.write_all(chunk.as_bytes()).await.is_ok();
            }
            false
        }
        Reply::Short => {
            let head =
                "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":";
            let _ = stream.write_all(head.as_bytes()).await;
            false
        }
        Reply::Promise(kind, length) => {
            let head =
                format!("HTTP/1.1 200 x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\nfew");
            let _ = stream.write_all(head.as_bytes()).await;
            false
        }
        Reply::Hang => std::future::pending().await,
        Reply::Close | Reply::After(..) | Reply::Interim(..) => false,
    }
}

async fn receive(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    })
}
