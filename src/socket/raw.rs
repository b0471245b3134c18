//! Messages as libzmq's sockets speak them: with the routing id, the kind of subscription or nothing
//! in front, and the envelope of a request kept inside.

use std::task::{Context, Poll};

use super::core::Core;
use super::halves::{Asker, Inbound, Intake};
use super::publishing::{self, Event};
use crate::error::{RecvError, SendFailure};
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::pipe::PipeId;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::sync::Ordering;
use crate::waiting::{Patience, Ticket};

/// What a socket in raw form has to remember from one call to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Whose subscription an XPUB gave last.
    subscriber: Option<PipeId>,
}

impl Core {
    /// Sends as the type's `send` would, what the message is for being part of it.
    pub(crate) fn send_raw(
        &self,
        mut message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(), (Message, SendFailure)> {
        match self.type_of() {
            SocketType::Router => {
                let Some(id) = message.pop_front() else {
                    return Err((message, SendFailure::Unroutable));
                };
                self.send_to(&id, message, patience)
                    .map_err(|(mut message, failure)| {
                        message.push_front(id);
                        (message, failure)
                    })
            }
            SocketType::Rep => self.reply_raw(message),
            SocketType::XSub => self.send_upstream(message, patience),
            SocketType::Sub | SocketType::Pull => Err((message, SendFailure::WrongState)),
            _ => self.send(message, patience),
        }
    }

    /// The same for a task; the message is taken once it is sent.
    pub(crate) fn poll_send_raw(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendFailure>> {
        match self.type_of() {
            SocketType::Router => {
                let Some(id) = message.as_mut().and_then(Message::pop_front) else {
                    return Poll::Ready(Err(SendFailure::Unroutable));
                };
                let polled = self.poll_send_to(&id, cx, ticket, message);
                if !matches!(polled, Poll::Ready(Ok(())))
                    && let Some(message) = message
                {
                    message.push_front(id);
                }
                polled
            }
            // These never wait.
            SocketType::Rep | SocketType::XSub | SocketType::Sub | SocketType::Pull => {
                let whole = message.take().unwrap_or_default();
                Poll::Ready(
                    self.send_raw(whole, || Patience::None)
                        .map_err(|(back, failure)| {
                            *message = Some(back);
                            failure
                        }),
                )
            }
            _ => self.poll_send(cx, ticket, message),
        }
    }

    fn reply_raw(&self, message: Message) -> Result<(), (Message, SendFailure)> {
        match self.take_asker() {
            Some(asker) => self.reply(asker.pipe, &asker.envelope, message),
            None => match self.check_open() {
                Ok(()) => Err((message, SendFailure::WrongState)),
                Err(ended) => Err((message, ended.into())),
            },
        }
    }

    /// What an XSUB sends: frames that begin with 1 or 0 are subscriptions, what is left goes to
    /// every publisher.
    pub(super) fn send_upstream(
        &self,
        message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(), (Message, SendFailure)> {
        let (subscriptions, rest) =
            publishing::split(&message, self.only_first.load(Ordering::Relaxed));
        for (subscribe, topic) in subscriptions {
            if let Err(ended) = self.subscribe(&topic, subscribe) {
                return Err((message, ended.into()));
            }
        }
        match rest {
            Some(rest) => self.send(rest, patience),
            None => Ok(()),
        }
    }

    /// Receives as the type's `recv` would, with all that it says in one message.
    pub(super) fn recv_raw(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<Message, RecvError> {
        match self.type_of() {
            SocketType::Router => self.recv_from(patience).map(|(id, mut message)| {
                message.push_front(&id);
                message
            }),
            SocketType::Rep => self
                .recv_by(patience, Inbound::recv_request_to_owe)
                .map(|((), message)| message),
            SocketType::XPub => self.recv_event(patience).map(|event| self.raw_event(event)),
            SocketType::Pub | SocketType::Push => Err(RecvError::WrongState),
            _ => self.recv(patience),
        }
    }

    /// The same, and whom it is from, where that is known.
    pub(super) fn recv_raw_from(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(Option<PeerInfo>, Message), RecvError> {
        let (peer, message) = match self.type_of() {
            SocketType::Router => {
                let (peer, mut message) = self.recv_from_peer(patience)?;
                message.push_front(
                    peer.routing_id()
                        .map(RoutingId::as_slice)
                        .unwrap_or_default(),
                );
                (peer, message)
            }
            SocketType::Rep => self.recv_by(patience, |half, message, wakes| {
                let owing = half.recv_request_to_owe(message, wakes)?;
                Some(owing.and_then(|()| half.asker().ok_or(RecvError::WrongState)))
            })?,
            SocketType::Req => {
                let received = self.recv_by(patience, |half, message, wakes| {
                    let asked = half.peer_asked();
                    let received = half.recv_reply(None, message, wakes)?;
                    Some(received.map(|()| asked))
                });
                self.after_reply();
                return received;
            }
            SocketType::XPub | SocketType::Pub | SocketType::Push => {
                return self.recv_raw(patience).map(|message| (None, message));
            }
            _ => self.recv_from_peer(patience)?,
        };
        Ok((Some(peer), message))
    }

    /// The same for a task.
    pub(crate) fn poll_recv_raw(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Message, RecvError>> {
        match self.type_of() {
            SocketType::Router => self.poll_recv_from(cx, ticket).map_ok(|(id, mut message)| {
                message.push_front(&id);
                message
            }),
            SocketType::Rep => self
                .poll_recv_by(cx, ticket, Inbound::recv_request_to_owe)
                .map_ok(|((), message)| message),
            SocketType::XPub => self
                .poll_recv_event(cx, ticket)
                .map_ok(|event| self.raw_event(event)),
            SocketType::Pub | SocketType::Push => Poll::Ready(Err(RecvError::WrongState)),
            _ => self.poll_recv(cx, ticket),
        }
    }

    /// Whether a REP has a request to answer.
    pub(super) fn owes_reply(&self) -> bool {
        self.inbound
            .peek(|inb| matches!(inb.intake, Intake::Requests(Some(_))))
    }

    /// There will be no reply to the request that a REP has given out last; whose that was.
    fn take_asker(&self) -> Option<Asker> {
        self.inbound.update(|inb, _| match &mut inb.intake {
            Intake::Requests(asker) => asker.take(),
            _ => None,
        })
    }

    pub(crate) fn owe_nothing(&self) {
        drop(self.take_asker());
    }

    fn raw_event(&self, event: Event) -> Message {
        match event {
            Event::Message(_, message) => message,
            Event::Subscription(told) => {
                self.raw.lock().subscriber = Some(told.pipe);
                let mut text = Vec::with_capacity(1 + told.topic.len());
                text.push(u8::from(told.subscribe));
                text.extend_from_slice(&told.topic);
                Message::from(text)
            }
        }
    }

    /// What libzmq's `ZMQ_SUBSCRIBE` and `ZMQ_UNSUBSCRIBE` do, on whatever type takes them; `false`
    /// if this one does not.
    pub(super) fn subscribe_raw(
        &self,
        topic: &[u8],
        subscribe: bool,
    ) -> Result<bool, super::halves::Ended> {
        match self.type_of() {
            SocketType::Sub | SocketType::XSub => {
                self.subscribe(topic, subscribe)?;
                Ok(true)
            }
            SocketType::XPub if self.options().is_manual() => {
                self.check_open()?;
                let subscriber = self.raw.lock().subscriber;
                if let Some(pipe) = subscriber {
                    self.accept(pipe, &[topic], subscribe);
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
