package import Backup
package import Keys

/// Signs backups with the key that the log's present epoch key gives.
package struct KeyRingSigner: BackupSigner {
    package let epoch: UInt32
    private let key: SigningKey

    package init(_ keys: KeyRing) throws(KeyError) {
        epoch = keys.logEpoch
        key = try keys.backupSigningKey(clusterID: keys.clusterID, epoch: keys.logEpoch)
    }

    package var publicKey: [UInt8] { key.publicKey }
    package func sign(_ bytes: [UInt8]) throws(KeyError) -> [UInt8] { try key.sign(bytes) }
}

extension BackupTrust {
    /// Believes what was signed with a key that these keys give.
    package static func of(_ keys: KeyRing) -> BackupTrust {
        BackupTrust(
            isSigned: { SigningKey.verify($0, of: $1, publicKey: $2) },
            signer: .known { try? keys.backupSigningKey(clusterID: keys.clusterID, epoch: $0).publicKey })
    }

    /// Believes what is signed by whoever signed: who has no key can tell no more.
    package static var anybody: BackupTrust { BackupTrust(isSigned: { SigningKey.verify($0, of: $1, publicKey: $2) }) }
}
