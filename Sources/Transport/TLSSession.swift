private import COpenSSL

/// One secure connection, bytes in and bytes out: it never touches a socket.
///
/// What comes from the socket goes in through `received`, plain bytes come out of `read`; plain bytes go in through
/// `write`, what must go to the socket comes out of `takeOutput`. Whoever uses it takes the output after every call
/// and sends it: a handshake, an alert or a farewell may be in it.
@safe
package final class TLSSession {
    package enum ReadOutcome: Equatable, Sendable {
        /// So many plain bytes were added.
        case bytes(Int)
        /// Nothing more until more is received.
        case wantsMore
        /// The other side said farewell (close_notify): all it sent has been read.
        case closed
    }

    private let session: OpaquePointer
    /// True once both sides know each other; before that nothing can be written.
    package private(set) var isEstablished = false
    private var failure: TLSError?
    private var isClosed = false

    /// The server's side of a connection.
    package init(serving context: TLSContext) throws(TLSError) {
        precondition(context.isServer)
        guard let session = unsafe copenssl_session(context.context, 1) else { throw .exhausted }
        unsafe self.session = unsafe session
    }

    /// The client's side, to a server whose certificate must bear `host`, a name or a numeric address. Its greeting
    /// is ready to be taken.
    package init(connecting context: TLSContext, to host: String) throws(TLSError) {
        precondition(!context.isServer)
        guard let session = unsafe copenssl_session(context.context, 0) else { throw .exhausted }
        unsafe self.session = unsafe session
        guard unsafe copenssl_expect_host(session, host) == 1 else { throw .exhausted }
        try advance()
    }

    /// The client's side, to whoever holds a certificate of the trusted authority, whatever name or address it bears.
    /// Who that is must be asked (`peerBears`) before anything is said to it.
    package init(connecting context: TLSContext) throws(TLSError) {
        precondition(!context.isServer)
        guard let session = unsafe copenssl_session(context.context, 0) else { throw .exhausted }
        unsafe self.session = unsafe session
        try advance()
    }

    deinit { unsafe SSL_free(session) }

    /// Takes in the first `count` bytes of `buffer` as they came from the socket.
    package func received(_ buffer: [UInt8], count: Int) throws(TLSError) {
        precondition(count >= 0 && count <= buffer.count)
        if let failure { throw failure }
        if count > 0 {
            let taken = unsafe buffer.withUnsafeBytes { bytes in
                unsafe copenssl_give(session, bytes.baseAddress, Int32(count))
            }
            guard taken == Int32(count) else { throw fail(.exhausted) }
        }
        if !isEstablished { try advance() }
    }

    /// Adds plain bytes to `plain`, at most `limit`.
    package func read(onto plain: inout [UInt8], atMost limit: Int) throws(TLSError) -> ReadOutcome {
        if let failure { throw failure }
        if isClosed { return .closed }
        guard isEstablished else { return .wantsMore }
        var total = 0
        while total < limit {
            ERR_clear_error()
            var got: Int32 = 0
            let wanted = min(limit - total, 16_384)
            plain.append(addingCapacity: wanted) { span in
                unsafe span.withUnsafeMutableBufferPointer { bytes, filled in
                    got = unsafe SSL_read(session, bytes.baseAddress?.advanced(by: filled), Int32(wanted))
                    filled += max(0, Int(got))
                }
            }
            if got > 0 {
                total += Int(got)
                // Asking once more only to hear that nothing is there costs as much as a short record.
                if unsafe copenssl_has_input(session) == 0 { return .bytes(total) }
                continue
            }
            switch unsafe SSL_get_error(session, got) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
                return total > 0 ? .bytes(total) : .wantsMore
            case SSL_ERROR_ZERO_RETURN:
                isClosed = true
                return total > 0 ? .bytes(total) : .closed
            default:
                let found = reason()
                if total > 0 {
                    // What was whole before the fault is good; the fault is told at the next call.
                    failure = found
                    return .bytes(total)
                }
                throw fail(found)
            }
        }
        return .bytes(total)
    }

    /// Seals `range` of `plain` for the other side.
    /// - Precondition: `isEstablished`.
    package func write(_ plain: [UInt8], in range: Range<Int>) throws(TLSError) {
        precondition(isEstablished && range.lowerBound >= 0 && range.upperBound <= plain.count)
        if let failure { throw failure }
        var done = range.lowerBound
        while done < range.upperBound {
            ERR_clear_error()
            let put = unsafe plain.withUnsafeBytes { bytes in
                unsafe SSL_write(
                    session, bytes.baseAddress?.advanced(by: done), Int32(min(range.upperBound - done, 1 << 20)))
            }
            guard put > 0 else { throw fail(reason()) }
            done += Int(put)
        }
    }

    package func write(_ plain: [UInt8]) throws(TLSError) { try write(plain, in: 0..<plain.count) }

    /// Bytes that wait to be taken.
    package var outputCount: Int { Int(unsafe copenssl_pending(session)) }

    /// Adds everything that must go to the socket to `out`; answers how much.
    @discardableResult
    package func takeOutput(onto out: inout [UInt8]) -> Int {
        let waiting = outputCount
        guard waiting > 0 else { return 0 }
        out.append(addingCapacity: waiting) { span in
            unsafe span.withUnsafeMutableBufferPointer { bytes, filled in
                let got = unsafe copenssl_take(session, bytes.baseAddress?.advanced(by: filled), Int32(waiting))
                filled += max(0, Int(got))
            }
        }
        return waiting
    }

    /// Says farewell: after this nothing is written, and the other side knows that nothing is missing.
    package func close() {
        guard isEstablished, failure == nil else { return }
        ERR_clear_error()
        unsafe SSL_shutdown(session)
    }

    /// The socket has ended. Fine after a farewell, else what came may have been cut.
    package func ended() throws(TLSError) {
        guard isClosed else { throw fail(failure ?? .truncated) }
    }

    /// Whether the other side has proved to own a trusted certificate that bears this URI.
    package func peerBears(uri: String) -> Bool {
        unsafe isEstablished && copenssl_peer_bears(session, uri) == 1
    }

    /// The first URI of the trusted certificate that the other side has proved to own; nil when it bears none.
    package var peerURI: String? {
        var text = [CChar](repeating: 0, count: 256)
        guard isEstablished else { return nil }
        let length = unsafe copenssl_peer_uri(session, &text, Int32(text.count))
        guard length >= 0 else { return nil }
        return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether both sides have named the same application protocol; a client need not name any.
    package var hasAgreedProtocol: Bool { unsafe isEstablished && copenssl_has_protocol(session) == 1 }

    /// The certificate of the other side in PEM text was verified; its SHA-256 names it. nil without one.
    package func peerFingerprint() -> [UInt8]? {
        guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return nil }
        defer { unsafe X509_free(certificate) }
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        guard unsafe X509_digest(certificate, EVP_sha256(), &digest, &count) == 1, count == 32 else { return nil }
        return digest
    }

    private func advance() throws(TLSError) {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(session)
        if result == 1 {
            isEstablished = true
            return
        }
        switch unsafe SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
        default: throw fail(reason())
        }
    }

    private func fail(_ error: TLSError) -> TLSError {
        failure = error
        return error
    }

    private func reason() -> TLSError {
        if unsafe SSL_get_verify_result(session) != Int(X509_V_OK) { return .untrusted }
        let code = ERR_peek_error()
        ERR_clear_error()
        return .broken(UInt(code & 0x7f_ffff))
    }
}
