package import Bytes

/// Files of the open format age-encryption.org/v1 (C2SP, age.md): sealed to a passphrase or to keys of X25519, and
/// opened by Chartlog or by any other program that knows the format.
///
/// A file is whole in memory, as its plain bytes are: the format has no bound, but this is for payloads of up to 1 MiB.
package enum AgeFile {
    /// Whether the bytes begin as an age file of any version does, binary or as armored text. It may yet be damaged.
    package static func isAge(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: Array("age-encryption.org/".utf8)) || AgeArmor.isArmored(bytes)
    }

    /// The file, in binary. Wiping `plain` is the caller's.
    ///
    /// - Precondition: `log2Work`, which counts for a passphrase only, is 1 to `Scrypt.log2WorkMax`.
    /// - Throws: `.malformed` for no recipient, for more than 256, for a passphrase beside another recipient and for a
    ///   public key that keeps no secret; `.failed` when libcrypto refuses.
    package static func seal(
        _ plain: [UInt8], to recipients: [AgeRecipient], log2Work: Int = Scrypt.log2WorkDefault,
        dice: inout some Dice
    ) throws(KeyError) -> [UInt8] {
        let hasPassphrase = recipients.contains { recipient in
            if case .passphrase = recipient { true } else { false }
        }
        guard (1...AgeHeader.stanzasMax).contains(recipients.count), recipients.count == 1 || !hasPassphrase else {
            throw .malformed
        }
        let cipher = try ChaChaPoly()
        var fileKey = dice.bytes(AgeStanza.fileKeyBytes)
        defer { Wipe.bytes(&fileKey) }
        var stanzas: [AgeStanza] = []
        for recipient in recipients {
            stanzas.append(
                try AgeStanza(wrapping: fileKey, for: recipient, log2Work: log2Work, cipher: cipher, dice: &dice))
        }
        var file = AgeHeader.bytes(stanzas, fileKey: fileKey)
        try AgePayload.seal(
            plain, fileKey: fileKey, nonce: dice.bytes(AgePayload.nonceBytes), cipher: cipher, onto: &file)
        return file
    }

    /// The plain bytes of a file, binary or armored: all of them, or none. Wiping them is the caller's.
    ///
    /// - Throws: `.malformed` when the bytes are not exactly of the form, or ask for more than `Scrypt.log2WorkMax`;
    ///   `.missing` when no recipient is of a kind that the identities open; `.wrongKey` when none of those opens, or
    ///   what they open was changed.
    package static func open(_ bytes: [UInt8], with identities: [AgeIdentity]) throws(KeyError) -> [UInt8] {
        let file = AgeArmor.isArmored(bytes) ? try AgeArmor.bytes(of: bytes) : bytes
        let header = try AgeHeader(of: file)
        let cipher = try ChaChaPoly()
        var fileKey = try fileKey(of: header.stanzas, with: identities, cipher: cipher)
        defer { Wipe.bytes(&fileKey) }
        guard header.isProven(by: fileKey) else { throw .wrongKey }
        return try AgePayload.open(file, from: header.count, fileKey: fileKey, cipher: cipher)
    }

    /// The file key out of the first stanza that one of the identities opens.
    private static func fileKey(
        of stanzas: [AgeStanza], with identities: [AgeIdentity], cipher: ChaChaPoly
    ) throws(KeyError) -> [UInt8] {
        var outcome = KeyError.missing
        for identity in identities {
            for stanza in stanzas {
                do throws(KeyError) {
                    if let fileKey = try stanza.fileKey(for: identity, cipher: cipher) { return fileKey }
                } catch {
                    guard error == .wrongKey else { throw error }
                    outcome = .wrongKey
                }
            }
        }
        throw outcome
    }
}
