private import COpenSSL

/// What is spoken inside a secure connection, as both sides agree by ALPN.
package enum ApplicationProtocol: Int32, Sendable {
    /// `http/1.1`, what clients speak.
    case http = 0
    /// `chartlog-peer/1`, between replicas.
    case peer = 1
    /// `chartlog-forward/1`, requests of clients that one replica hands on to another.
    case forward = 2
}

/// What all sessions of one side share: its identity, whom it trusts, and the rules (TLS 1.3 alone, one application
/// protocol, no renegotiation, no tickets). Used by the thread that made it.
@safe
package final class TLSContext {
    let context: OpaquePointer
    let isServer: Bool

    /// A server that shows the first certificate of `chain`, signed by the following ones. `clientAuthority`, when
    /// given, must have signed the certificate of every client (mutual TLS).
    package init(
        serverChain chain: [UInt8], key: [UInt8], clientAuthority: [UInt8]? = nil,
        speaking spoken: ApplicationProtocol = .http
    ) throws(TLSError) {
        unsafe context = try Self.bare(server: true, spoken)
        isServer = true
        try identify(chain: chain, key: key)
        guard let clientAuthority else { return }
        try trust(clientAuthority)
    }

    /// A client that trusts what `authority` has signed and nothing else. With a `chain` and a `key` it can show who
    /// it is.
    package init(
        trusting authority: [UInt8], chain: [UInt8]? = nil, key: [UInt8]? = nil,
        speaking spoken: ApplicationProtocol = .http
    ) throws(TLSError) {
        unsafe context = try Self.bare(server: false, spoken)
        isServer = false
        try trust(authority)
        guard let chain, let key else { return }
        try identify(chain: chain, key: key)
    }

    deinit { unsafe SSL_CTX_free(context) }

    private static func bare(server: Bool, _ spoken: ApplicationProtocol) throws(TLSError) -> OpaquePointer {
        guard let context = unsafe copenssl_tls13(server ? 1 : 0),
            unsafe copenssl_speak(context, spoken.rawValue, server ? 1 : 0) == 1
        else { throw .exhausted }
        return unsafe context
    }

    private func identify(chain: [UInt8], key: [UInt8]) throws(TLSError) {
        let done = unsafe chain.withUnsafeBytes { chain in
            unsafe key.withUnsafeBytes { key in
                unsafe copenssl_identify(
                    context, chain.baseAddress, Int32(chain.count), key.baseAddress, Int32(key.count))
            }
        }
        guard done == 1 else { throw .badIdentity }
    }

    private func trust(_ authority: [UInt8]) throws(TLSError) {
        let count = unsafe authority.withUnsafeBytes { bytes in
            unsafe copenssl_trust(context, bytes.baseAddress, Int32(bytes.count))
        }
        guard count > 0 else { throw .noAuthority }
        unsafe copenssl_demand_peer(context)
    }
}
