internal import JSON
package import Keys
internal import Linux

/// What config.json says of backups and of the escrow of keys:
///
///     "backup": {"to": ["/mnt/a/clinic", "/mnt/b/clinic"], "everyMinutes": 60, "bytesPerSecond": 50000000}
///     "escrow": {"to": "/mnt/safe/clinic", "recipients": ["age1…"]}      or "passphraseFile": "…" in their place
package struct BackupSettings: Sendable {
    /// Directories; the first is written, the others are copies of it.
    package var destinations: [String] = []
    package var everyMilliseconds: UInt64?
    /// What a backup may read and write a second; a sixth of it while the log is written to.
    package var bytesPerSecond = 64 << 20
    package var escrow: Escrow?

    package struct Escrow: Sendable {
        package var directory: String
        package var recipients: [String] = []
        package var passphraseFile: String?
    }

    package init() {}

    init(_ view: JSONView, resolved: (String) -> String) throws(ServerError) {
        if let backup = view["backup"] {
            let places = backup["to"]?.elements.map(\.string) ?? []
            guard backup.kind == .object, !places.isEmpty, places.count <= 4,
                places.allSatisfy({ $0?.isEmpty == false })
            else {
                throw ServerError("backup in the configuration needs to, a list of 1 to 4 directories.", exitCode: 2)
            }
            destinations = places.compactMap { $0.map(resolved) }
            if let every = backup["everyMinutes"] {
                guard let minutes = every.integer, (1...525_600).contains(minutes) else {
                    throw ServerError("everyMinutes of backup is a number from 1 to 525600.", exitCode: 2)
                }
                everyMilliseconds = UInt64(minutes) * 60_000
            }
            if let rate = backup["bytesPerSecond"] {
                guard let bytes = rate.integer, (1 << 16...1 << 40).contains(bytes) else {
                    throw ServerError("bytesPerSecond of backup is a number from 65536.", exitCode: 2)
                }
                bytesPerSecond = Int(bytes)
            }
        }
        if let escrow = view["escrow"] { self.escrow = try Escrow(escrow, resolved: resolved) }
        let place = (escrow?.directory ?? "") + "/"
        if destinations.contains(where: { place.hasPrefix($0 + "/") }) {
            throw ServerError(
                "escrow in the configuration is among backups: whoever has them would have their keys too.", exitCode: 2
            )
        }
    }
}

extension BackupSettings.Escrow {
    fileprivate init(_ view: JSONView, resolved: (String) -> String) throws(ServerError) {
        guard view.kind == .object, let place = view["to"]?.string, !place.isEmpty else {
            throw ServerError("escrow in the configuration needs to, a directory.", exitCode: 2)
        }
        directory = resolved(place)
        recipients = view["recipients"]?.elements.compactMap(\.string) ?? []
        passphraseFile = view["passphraseFile"]?.string.map(resolved)
        guard recipients.isEmpty != (passphraseFile == nil) else {
            throw ServerError(
                "escrow in the configuration needs recipients, age public keys, or a passphraseFile.", exitCode: 2)
        }
        do throws(KeyError) {
            for recipient in recipients { _ = try AgeRecipient.parse(recipient) }
        } catch {
            throw ServerError("A recipient of escrow in the configuration is no age public key (age1…).", exitCode: 2)
        }
    }

    /// Whom the keys are sealed to.
    ///
    /// - Throws: when the passphrase cannot be read, or others than its owner may read it.
    func parsed() throws(ServerError) -> [AgeRecipient] {
        do {
            guard let passphraseFile else { return try recipients.map { try AgeRecipient.parse($0) } }
            return [.passphrase(try PassphraseFile.read(passphraseFile))]
        } catch {
            throw ServerError("The passphrase of the escrow cannot be read: see its file, mode 0600.")
        }
    }
}

/// A passphrase in a file of mode 0600: its first line.
package enum PassphraseFile {
    package static func read(_ path: String) throws(ServerError) -> Passphrase {
        do {
            var bytes = try SmallFile.readSecret(path, atMost: 4096)
            if let end = bytes.firstIndex(where: { $0 == 0x0a || $0 == 0x0d }) { bytes.removeSubrange(end...) }
            return try Passphrase(bytes)
        } catch {
            throw ServerError(
                "The passphrase file cannot be read, is empty or too long, or others may read it (chmod 600).")
        }
    }
}
