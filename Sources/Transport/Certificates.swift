private import COpenSSL

/// Makes the certificates of a store: one authority, and one leaf for each replica. ECDSA on P-256, SHA-256.
package enum Certificates {
    /// A certificate and its private key, each as PEM text. The key is a secret: mode 0600, nowhere else.
    package struct Identity: Sendable {
        package var certificate: [UInt8]
        package var key: [UInt8]

        package init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// An authority that signs leaves and nothing else, good for 20 years.
    package static func authority(named name: String) throws(TLSError) -> Identity {
        guard let key = unsafe copenssl_p256() else { throw .exhausted }
        defer { unsafe EVP_PKEY_free(key) }
        guard let made = unsafe copenssl_certificate(key, name, nil, 7305, nil, key) else { throw .exhausted }
        defer { unsafe X509_free(made) }
        return unsafe Identity(certificate: try pem(certificate: made), key: try pem(key: key))
    }

    /// Days a leaf is good for: what the strictest clients accept.
    package static let leafDays = 820

    /// A leaf signed by `authority` that bears these names, numeric addresses and URIs, for servers and for clients.
    package static func leaf(
        named name: String, names: [String], addresses: [String], uris: [String] = [], signedBy authority: Identity
    ) throws(TLSError) -> Identity {
        guard let key = unsafe copenssl_p256() else { throw .exhausted }
        defer { unsafe EVP_PKEY_free(key) }
        let (issuer, issuerKey) = try unsafe parse(authority)
        defer {
            unsafe X509_free(issuer)
            unsafe EVP_PKEY_free(issuerKey)
        }
        let bears =
            (names.map { "DNS:\($0)" } + addresses.map { "IP:\($0)" } + uris.map { "URI:\($0)" })
            .joined(separator: ",")
        guard let made = unsafe copenssl_certificate(key, name, bears, Int32(leafDays), issuer, issuerKey) else {
            throw .exhausted
        }
        defer { unsafe X509_free(made) }
        return unsafe Identity(certificate: try pem(certificate: made), key: try pem(key: key))
    }

    /// Days until the first certificate of a PEM text ends, rounded down; negative when it has.
    package static func daysLeft(_ certificate: [UInt8]) throws(TLSError) -> Int {
        guard let text = unsafe memory(certificate) else { throw .exhausted }
        defer { unsafe BIO_free(text) }
        guard let read = unsafe PEM_read_bio_X509(text, nil, nil, nil) else { throw .badIdentity }
        defer { unsafe X509_free(read) }
        return Int((Double(unsafe copenssl_seconds_left(read)) / 86_400).rounded(.down))
    }

    private static func parse(_ identity: Identity) throws(TLSError) -> (OpaquePointer, OpaquePointer) {
        guard let text = unsafe memory(identity.certificate), let secret = unsafe memory(identity.key) else {
            throw .exhausted
        }
        defer {
            unsafe BIO_free(text)
            unsafe BIO_free(secret)
        }
        guard let certificate = unsafe PEM_read_bio_X509(text, nil, nil, nil) else { throw .badIdentity }
        guard let key = unsafe PEM_read_bio_PrivateKey(secret, nil, nil, nil) else {
            unsafe X509_free(certificate)
            throw .badIdentity
        }
        return unsafe (certificate, key)
    }

    /// A buffer of its own that holds a copy of `bytes`.
    private static func memory(_ bytes: [UInt8]) -> OpaquePointer? {
        guard let memory = unsafe BIO_new(BIO_s_secmem()) else { return nil }
        let put = unsafe bytes.withUnsafeBytes { unsafe BIO_write(memory, $0.baseAddress, Int32($0.count)) }
        guard put == Int32(bytes.count) else {
            unsafe BIO_free(memory)
            return nil
        }
        return unsafe memory
    }

    private static func pem(certificate: OpaquePointer) throws(TLSError) -> [UInt8] {
        guard let text = unsafe memory([]) else { throw .exhausted }
        defer { unsafe BIO_free(text) }
        guard unsafe PEM_write_bio_X509(text, certificate) == 1 else { throw .exhausted }
        return unsafe bytes(of: text)
    }

    private static func pem(key: OpaquePointer) throws(TLSError) -> [UInt8] {
        guard let text = unsafe memory([]) else { throw .exhausted }
        defer { unsafe BIO_free(text) }
        guard unsafe PEM_write_bio_PrivateKey(text, key, nil, nil, 0, nil, nil) == 1 else { throw .exhausted }
        return unsafe bytes(of: text)
    }

    private static func bytes(of memory: OpaquePointer) -> [UInt8] {
        var count = 0
        guard let first = unsafe copenssl_bytes(memory, &count), count > 0 else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: first, count: count))
    }
}
