//! Options that are not one value: lists, which are built up one by one, and optional text.

use super::super::SocketKind;
use super::values::*;
use super::{Builder, SocketOptions, value_of};
use crate::auth::{Authenticator, Hired};
use crate::error::OptionError;
use crate::transport::ipc::HAS_CREDENTIALS;

/// As the table's entries, for an option that is a list of what applies to all types.
macro_rules! lists {
    ($(
        $(#[$doc:meta])*
        $name:ident($value:ident: $type:ty) -> $read_as:ty {
            add ($($field:ident).+) <- $item:expr;
            read $read:expr;
            replace $set:ident($values:ident: $list:ty) = $all:expr;
        }
    )*) => {$(
        impl<T: SocketKind> Builder<T> {
            $(#[$doc])*
            pub fn $name(self, $value: $type) -> Self {
                let item = value_of(|| Ok($item));
                self.set(stringify!($name), |_| true, item, |options, item| {
                    options.$($field).+.push(item);
                })
            }
        }

        impl<T: SocketKind> SocketOptions<'_, T> {
            #[doc = concat!("All that [`", stringify!($name), "`](Builder::", stringify!($name), ") was called with, or what was put in its place.")]
            pub fn $name(&self) -> $read_as {
                self.core.options().$($field).+.iter().map($read).collect()
            }

            #[doc = concat!("Puts these in the place of all [`", stringify!($name), "`](Builder::", stringify!($name), ")s, at once. Who is connected stays.")]
            ///
            /// # Errors
            ///
            /// [`OptionError`]: one of them cannot be.
            pub fn $set(&self, $values: $list) -> Result<(), OptionError> {
                let all = value_of(|| Ok($all));
                self.change(stringify!($name), |_| true, all, |options, all| {
                    options.$($field).+ = all;
                })
            }
        }
    )*};
}

// Those that are a list: built up one by one, read and replaced as a whole.
lists! {
    /// Lets peers of this network connect over tcp where the socket is bound, and no others except
    /// those of the networks that further calls add: `10.0.0.0/8`, `fd00::/8`, or one address.
    /// Default: peers may come from anywhere. tcp only.
    ///
    /// Others are disconnected before a byte is read or written, which is an
    /// [`AcceptFailed`](crate::MonitorEvent::AcceptFailed) event. A peer with an IPv4 address is one,
    /// even if it came to an IPv6 socket. A filter is no authentication: who can use an address
    /// passes for its owner. libzmq's `ZMQ_TCP_ACCEPT_FILTER`.
    ///
    /// ```
    /// use zocket::Pull;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = Pull::builder()
    ///     .tcp_accept_filter("127.0.0.0/8")
    ///     .tcp_accept_filter("::1")
    ///     .build()?;
    /// // Bits behind the prefix are a mistake, and so are other forms of an address.
    /// assert!(Pull::builder().tcp_accept_filter("10.1.2.3/8").build().is_err());
    /// assert!(Pull::builder().tcp_accept_filter("10.").build().is_err());
    /// # drop(pull);
    /// # Ok(())
    /// # }
    /// ```
    tcp_accept_filter(network: impl AsRef<str>) -> Vec<String> {
        add (admission.networks) <- network_of(network)?;
        read ToString::to_string;
        replace set_tcp_accept_filter(networks: impl IntoIterator<Item: AsRef<str>>) = each(networks, network_of)?;
    }

    /// Lets processes of this effective user connect over ipc where the socket is bound, and no others
    /// except those whom further calls let in, or [`ipc_allow_gid`](Self::ipc_allow_gid) and
    /// [`ipc_allow_pid`](Self::ipc_allow_pid): one that matches is enough. Default: whoever may open
    /// the path. ipc only.
    ///
    /// Others are disconnected before a byte is read or written, which is an
    /// [`AcceptFailed`](crate::MonitorEvent::AcceptFailed) event. Who it is, the kernel says
    /// (`SO_PEERCRED`), as it was at the time of the connection; a process that is not to be seen from
    /// this one's PID namespace is nobody, and not let in. Linux and Android; elsewhere
    /// [`build`](Self::build) refuses it. libzmq's `ZMQ_IPC_FILTER_UID`.
    ipc_allow_uid(user: u32) -> Vec<u32> {
        add (admission.users) <- needs(HAS_CREDENTIALS, user, true)?;
        read Clone::clone;
        replace set_ipc_allow_uid(users: impl IntoIterator<Item = u32>) = each(users, |user| needs(HAS_CREDENTIALS, user, true))?;
    }

    /// The same for processes of this effective group; other groups that their user is a member of do
    /// not count. libzmq's `ZMQ_IPC_FILTER_GID`, for which they do.
    ipc_allow_gid(group: u32) -> Vec<u32> {
        add (admission.groups) <- needs(HAS_CREDENTIALS, group, true)?;
        read Clone::clone;
        replace set_ipc_allow_gid(groups: impl IntoIterator<Item = u32>) = each(groups, |group| needs(HAS_CREDENTIALS, group, true))?;
    }

    /// The same for one process. Numbers of processes are used again: one that has ended must not
    /// stay in the list for long. libzmq's `ZMQ_IPC_FILTER_PID`.
    ipc_allow_pid(process: u32) -> Vec<u32> {
        add (admission.processes) <- needs(HAS_CREDENTIALS, process, true)?;
        read Clone::clone;
        replace set_ipc_allow_pid(processes: impl IntoIterator<Item = u32>) = each(processes, |process| needs(HAS_CREDENTIALS, process, true))?;
    }
}

// One that is many, each said by itself.

impl<T: SocketKind> Builder<T> {
    /// A property that every peer is told of in the handshake, besides what the protocol says itself:
    /// peers have it from [`PeerInfo::property`](crate::PeerInfo::property), those that use libzmq
    /// from `zmq_msg_gets`. To be called once for each; what is said again under a name replaces what
    /// was. Default none.
    ///
    /// A name begins with `X-`, has at most 255 bytes, and none but ASCII letters, digits and `-_.+`
    /// (RFC 37). All of them together, with their names, may have 16 KiB. Nothing here is a secret, or
    /// a proof: it goes over the wire as it is. libzmq's `ZMQ_METADATA`.
    ///
    /// ```
    /// use zocket::{Pull, Push};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = Pull::new();
    /// let push = Push::builder().metadata("X-Version", "1.7").build()?;
    /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
    /// push.send("hello")?;
    /// let (peer, _) = pull.recv_from_peer()?;
    /// assert_eq!(peer.property("X-Version"), Some(&b"1.7"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn metadata(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let named = property(name.as_ref(), value.as_ref());
        self.set(
            "metadata",
            |_| true,
            named,
            |options, (name, value)| {
                options.metadata.set(name, value);
            },
        )
    }
}

impl<T: SocketKind> SocketOptions<'_, T> {
    /// All of the [`metadata`](Builder::metadata) as it is now, names and values, in the order in
    /// which they were said last.
    pub fn metadata(&self) -> Vec<(String, Vec<u8>)> {
        let options = self.core.options();
        let said = options.metadata.iter();
        said.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect()
    }

    /// Adds to the [`metadata`](Builder::metadata), or changes one of this name.
    /// It counts for endpoints bound and connections made from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_metadata(
        &self,
        name: impl AsRef<str>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), OptionError> {
        let named = property(name.as_ref(), value.as_ref());
        self.change(
            "metadata",
            |_| true,
            named,
            |options, (name, value)| {
                options.metadata.set(name, value);
            },
        )
    }
}

// What is foreign code.

impl<T: SocketKind> Builder<T> {
    /// Who decides which peers are let in, once they have proven who they are by the mechanism of
    /// [`security`](Self::security): see [`Authenticator`]. Default none; a ZAP handler decides then, if
    /// there is one. tcp and ipc only.
    ///
    /// With [`Security::null`](crate::Security::null) it is asked about every peer, of which it knows
    /// the address; with a server's, about every client. A client's security does not ask: the server
    /// proves itself by its key, or not at all.
    ///
    /// A ZAP handler is a REP or a ROUTER of the same context that is bound to `inproc://zeromq.zap.01`
    /// and speaks ZAP 1.0 (RFC 27), as with libzmq; it is not asked where there is an authenticator.
    /// Without either PLAIN lets nobody in; CURVE, and NULL, let everybody in, unless a
    /// [`zap_domain`](Self::zap_domain) is set, or, with CURVE, a ZAP handler has ever been bound in the
    /// context. Who is let in nevertheless when its handler has ended is everybody, with libzmq.
    pub fn authenticator(self, authenticator: impl Authenticator) -> Self {
        let hired = Ok(Some(Hired::new(authenticator)));
        self.set(
            "authenticator",
            |_| true,
            hired,
            |options, hired| {
                options.authenticator = hired;
            },
        )
    }
}

impl<T: SocketKind> SocketOptions<'_, T> {
    /// Puts another in the place of the [`authenticator`](Builder::authenticator). It counts for
    /// handshakes that come so far from then on; who is in stays in.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: never, as yet.
    pub fn set_authenticator(&self, authenticator: impl Authenticator) -> Result<(), OptionError> {
        let hired = Ok(Some(Hired::new(authenticator)));
        self.change(
            "authenticator",
            |_| true,
            hired,
            |options, hired| {
                options.authenticator = hired;
            },
        )
    }

    /// Whether there is an [`authenticator`](Builder::authenticator).
    pub fn has_authenticator(&self) -> bool {
        self.core.options().authenticator.is_some()
    }
}

// What is optional text, which an entry of the table cannot borrow.

impl<T: SocketKind> Builder<T> {
    /// Connects over tcp through the SOCKS 5 proxy at this host and port, `proxy.example:1080`; to
    /// the proxy from the source address of the endpoint, if that has one. Default `None`: without
    /// any. tcp only, and where the socket connects.
    ///
    /// The host of an endpoint is the proxy's to resolve, and never looked up here. What the proxy
    /// says, and its silence, counts as what an address says that is connected to: it is an event,
    /// is in `endpoints()`, and another attempt follows, through the proxy again. (The address reads
    /// `example.org:5555 via 192.0.2.1:1080` there, and in what is known of a peer.) The time that it
    /// has is what [`connect_timeout`](Self::connect_timeout) leaves of itself, or, if that is not
    /// set, [`handshake_timeout`](Self::handshake_timeout). libzmq's `ZMQ_SOCKS_PROXY`.
    ///
    /// ```
    /// use zocket::Push;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let push = Push::builder()
    ///     .socks_proxy("127.0.0.1:1080")
    ///     .socks_credentials(("me", "secret"))
    ///     .build()?;
    /// assert_eq!(push.options().socks_proxy().as_deref(), Some("127.0.0.1:1080"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn socks_proxy<'a>(self, proxy: impl Into<Option<&'a str>>) -> Self {
        let proxy = proxy.into().map(host_and_port).transpose();
        self.set(
            "socks_proxy",
            |_| true,
            proxy,
            |options, proxy| {
                options.socks_proxy = proxy;
            },
        )
    }

    /// The user and the password that a SOCKS proxy is told if it asks for them (RFC 1929, which
    /// sends them unencrypted): a user of 1 to 255 bytes, a password of up to 255. Default `None`.
    /// The password is in no log record, no event and no `Debug` output, and only the user can be
    /// read.
    ///
    /// libzmq's `ZMQ_SOCKS_USERNAME` and `ZMQ_SOCKS_PASSWORD`.
    pub fn socks_credentials<'a>(
        self,
        user_and_password: impl Into<Option<(&'a str, &'a str)>>,
    ) -> Self {
        let who = user_and_password.into().map(socks_credentials).transpose();
        self.set(
            "socks_credentials",
            |_| true,
            who,
            |options, who| {
                options.socks_credentials = who;
            },
        )
    }
}

impl<T: SocketKind> SocketOptions<'_, T> {
    /// The [`socks_proxy`](Builder::socks_proxy) as it is now.
    pub fn socks_proxy(&self) -> Option<String> {
        let options = self.core.options();
        let proxy = options.socks_proxy.as_ref()?;
        Some(format!("{}:{}", proxy.host, proxy.port))
    }

    /// Changes the [`socks_proxy`](Builder::socks_proxy). It counts for connections made from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_socks_proxy<'p>(
        &self,
        proxy: impl Into<Option<&'p str>>,
    ) -> Result<(), OptionError> {
        let proxy = proxy.into().map(host_and_port).transpose();
        self.change(
            "socks_proxy",
            |_| true,
            proxy,
            |options, proxy| {
                options.socks_proxy = proxy;
            },
        )
    }

    /// The user of the [`socks_credentials`](Builder::socks_credentials) as they are now.
    pub fn socks_credentials(&self) -> Option<String> {
        let options = self.core.options();
        let who = options.socks_credentials.as_ref()?;
        Some(who.user().to_owned())
    }

    /// Changes the [`socks_credentials`](Builder::socks_credentials). It counts for connections made
    /// from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_socks_credentials<'p>(
        &self,
        user_and_password: impl Into<Option<(&'p str, &'p str)>>,
    ) -> Result<(), OptionError> {
        let who = user_and_password.into().map(socks_credentials).transpose();
        self.change(
            "socks_credentials",
            |_| true,
            who,
            |options, who| {
                options.socks_credentials = who;
            },
        )
    }
}
