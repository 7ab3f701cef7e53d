/// Why a secure connection cannot be, or goes on no longer.
package enum TLSError: Error, Equatable, Sendable {
    /// The PEM texts are none, or the key is not the certificate's.
    case badIdentity
    /// No certificate to trust in the PEM text.
    case noAuthority
    /// libssl could not make a session: memory.
    case exhausted
    /// The other side's certificate is not signed by the trusted authority, has ended, or bears another name.
    case untrusted
    /// The connection ended without close_notify: what came last may have been cut by anybody.
    case truncated
    /// The handshake or a record is not as TLS 1.3 has it. The number is libssl's own reason.
    case broken(UInt)
}
