package import Bytes
package import Keys

/// What a credential may do.
package struct Scopes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let append = Scopes(rawValue: 1)
    package static let read = Scopes(rawValue: 2)
    package static let audit = Scopes(rawValue: 4)
    /// Operates the cluster; sees no PHI.
    package static let administer = Scopes(rawValue: 8)
}

/// An API key as committed state knows it: enough to know it again, not to use it.
package struct CredentialRow: Sendable {
    /// The public half, what stands before the dot of a bearer token.
    package let id: String
    package let name: String
    package let tenant: UInt32
    package let scopes: Scopes
    /// HMAC-SHA-256 of the secret half's text under the cluster's credential key.
    package let secretMAC: Digest
    private let key: MACKey

    package init(id: String, name: String, tenant: UInt32, scopes: Scopes, secretMAC: Digest, key: MACKey) {
        self.id = id
        self.name = name
        self.tenant = tenant
        self.scopes = scopes
        self.secretMAC = secretMAC
        self.key = key
    }

    /// Whether `secret`, the ASCII text after the dot of a bearer token, is this credential's, in constant time.
    package func verifies(_ secret: [UInt8], crypto: Crypto) -> Bool {
        crypto.hmac(secret, key: key) == secretMAC
    }
}

/// A credential that genesis makes.
package struct PlannedCredential: Sendable {
    package var id: String
    package var name: String
    package var scopes: Scopes
    /// The ASCII text of the secret half: base64url of 32 random bytes.
    package var secret: [UInt8]

    package init(id: String, name: String, scopes: Scopes, secret: [UInt8]) {
        self.id = id
        self.name = name
        self.scopes = scopes
        self.secret = secret
    }
}
