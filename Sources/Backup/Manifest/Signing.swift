internal import Bytes
package import Keys

/// Signs what a cluster says of its backups, with the Ed25519 key of one epoch.
package protocol BackupSigner: Sendable {
    /// Which of the cluster's signing keys this is.
    var epoch: UInt32 { get }
    /// 32 bytes.
    var publicKey: [UInt8] { get }
    /// - Returns: 64 bytes.
    func sign(_ bytes: [UInt8]) throws(KeyError) -> [UInt8]
}

/// Whom a reader of backups believes.
package struct BackupTrust: Sendable {
    /// Whether a signature (64 bytes) of these bytes was made with the private half of the public key (32 bytes).
    package let isSigned: @Sendable (_ signature: [UInt8], _ bytes: [UInt8], _ publicKey: [UInt8]) -> Bool
    /// Whom an epoch's signature is believed.
    package let signer: Signer

    package enum Signer: Sendable {
        /// Whoever signed: then a signature proves only that nothing was changed since, and all of one epoch must bear
        /// the same key. For who has no keys.
        case anybody
        /// The public key of an epoch; nil when it is not held: nobody is believed then.
        case known(@Sendable (_ epoch: UInt32) -> [UInt8]?)
    }

    package init(
        isSigned: @escaping @Sendable (_ signature: [UInt8], _ bytes: [UInt8], _ publicKey: [UInt8]) -> Bool,
        signer: Signer = .anybody
    ) {
        self.isSigned = isSigned
        self.signer = signer
    }

    /// - Throws: `.key`, `.epoch`.
    fileprivate func check(_ publicKey: [UInt8], of epoch: UInt32) throws(ManifestFlaw) {
        guard case .known(let key) = signer else { return }
        guard let known = key(epoch) else { throw .epoch }
        guard known == publicKey else { throw .key }
    }
}

/// What is wrong with a signed object of a destination.
package enum ManifestFlaw: Error, Equatable, Sendable {
    /// It is not there, and nothing says that it was expired.
    case missing
    /// The bytes are not of the form that Backup.md states.
    case form
    /// A later version wrote it.
    case version
    /// Of another cluster than the destination.
    case otherCluster
    /// Its name says another number.
    case misplaced
    /// The signature is not one of these bytes.
    case signature
    /// Signed with another key than that of the epoch.
    case key
    /// Signed under an epoch of which the keys at hand hold nothing: they are older than it, or it was made up.
    case epoch
    /// It does not name the manifest before it by its hash, or goes back behind it.
    case chain
}

/// The common frame of manifests, register heads and expiries: magic, version, length and cluster at the start; epoch,
/// public key and signature at the end.
struct SignedForm {
    /// Of what stands before the body.
    static let headBytes = 32
    /// Of what stands behind it.
    static let tailBytes = 4 + 32 + signatureBytes
    static let signatureBytes = 64
    static let version: UInt16 = 1

    let cluster: ClusterBytes
    let epoch: UInt32
    let publicKey: [UInt8]
    /// Where the body stands.
    let body: Range<Int>

    typealias ClusterBytes = [UInt8]

    static func seal(
        magic: UInt64, cluster: ClusterBytes, body: [UInt8], signer: some BackupSigner
    ) throws(BackupError) -> [UInt8] {
        var writer = ByteWriter(reserving: headBytes + body.count + tailBytes)
        writer.u64(magic)
        writer.u16(version)
        writer.u16(0)
        writer.u32(UInt32(headBytes + body.count + tailBytes))
        writer.append(cluster)
        writer.append(body)
        writer.u32(signer.epoch)
        writer.append(signer.publicKey)
        let signature: [UInt8]
        do throws(KeyError) { signature = try signer.sign(writer.bytes) } catch { throw .key(error) }
        precondition(signer.publicKey.count == 32 && signature.count == signatureBytes)
        writer.append(signature)
        return writer.bytes
    }

    /// - Throws: `.form`, `.version`, `.signature`, `.key`, `.epoch`.
    init(_ bytes: [UInt8], magic: UInt64, trust: BackupTrust) throws(ManifestFlaw) {
        guard bytes.count >= Self.headBytes + Self.tailBytes else { throw .form }
        let signed = 0..<(bytes.count - Self.signatureBytes)
        let version: UInt16
        do throws(ByteError) {
            var reader = ByteReader(bytes)
            guard try reader.u64() == magic else { throw .malformed }
            version = try reader.u16()
            guard try reader.u16() == 0, Int(try reader.u32()) == bytes.count else { throw .malformed }
            cluster = try reader.array(16)
            body = try reader.range(bytes.count - Self.headBytes - Self.tailBytes)
            epoch = try reader.u32()
            publicKey = try reader.array(32)
        } catch {
            throw .form
        }
        guard version == Self.version else { throw .version }
        guard trust.isSigned(Array(bytes[signed.upperBound...]), Array(bytes[signed]), publicKey) else {
            throw .signature
        }
        try trust.check(publicKey, of: epoch)
    }
}
