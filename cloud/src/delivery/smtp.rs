//! Mails through a mail server, TLS by rustls.

use std::time::Duration;

use belay_proto::identifier::Identifier;
use lettre::address::AddressError;
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};

use super::{Carrier, DeliveryError, Message, Sending};
use crate::config::{Smtp, SmtpSecurity};

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(20);

/// How long a whole mail may take. The transport waits for each answer for as long as the server likes: one that falls silent would
/// hold up all other messages for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    patience: Duration,
}

impl Mailer {
    /// Connects with the first mail, not here.
    ///
    /// # Errors
    /// When the sender's address isn't one, or TLS can't be set up.
    pub fn new(settings: &Smtp) -> Result<Self, DeliveryError> {
        let mut builder = match settings.security {
            SmtpSecurity::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&settings.server)?,
            SmtpSecurity::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&settings.server)?,
            SmtpSecurity::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.server),
        };
        if let Some(port) = settings.port {
            builder = builder.port(port);
        }
        if let Some((user, password)) = &settings.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().clone()));
        }
        let from: Mailbox = settings.from.parse()?;
        Ok(Self {
            transport: builder.timeout(Some(CONNECTING)).build(),
            from: Mailbox::new(from.name, address(from.email.as_ref())?),
            patience: PATIENCE,
        })
    }

    /// The same that waits for a whole mail no longer than this.
    #[cfg(test)]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What came of the conversation, unless it takes too long.
    async fn in_time<T>(
        &self,
        conversation: impl Future<Output = Result<T, lettre::transport::smtp::Error>> + Send,
    ) -> Result<T, DeliveryError> {
        match tokio::time::timeout(self.patience, conversation).await {
            Ok(came) => Ok(came?),
            Err(_) => Err(DeliveryError::Silent),
        }
    }

    fn compose(&self, message: &Message, mark: &str) -> Result<Mail, DeliveryError> {
        let to = Mailbox::new(None, address(&message.to)?);
        // This machine's name is nobody's business.
        let id = format!("<{mark}@{}>", self.from.email.domain());
        Ok(Mail::builder()
            .from(self.from.clone())
            .to(to)
            .message_id(Some(id))
            .subject(message.subject.as_deref().unwrap_or_default())
            // No out-of-office answers to a robot (RFC 3834 §5).
            .header(AutoSubmitted)
            // Which says MIME-Version too: without it the character set counts for nothing (RFC 2045 §4).
            .singlepart(SinglePart::plain(message.text.clone()))?)
    }
}

/// An address as servers of every age take it.
fn address(text: &str) -> Result<Address, AddressError> {
    let written = Identifier::stored(text).map(|address| address.in_mail());
    written.as_deref().unwrap_or(text).parse()
}

impl Carrier for Mailer {
    fn takes(&self, channel: &str) -> bool {
        channel == "email"
    }

    fn send<'a>(&'a self, message: &'a Message, mark: &'a str) -> Sending<'a> {
        Box::pin(async move {
            let mail = self.compose(message, mark)?;
            self.in_time(self.transport.send(mail)).await?;
            Ok(())
        })
    }

    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            self.compose(message, "")?;
            self.in_time(self.transport.test_connection()).await?;
            Ok(())
        })
    }
}

#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
