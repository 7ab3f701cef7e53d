internal import Bytes
internal import Keys

/// What is left of manifests that were expired: one run of numbers without a gap, and how it is linked to the manifests
/// beside it. So the chain stays whole when parts of it are gone, and a manifest that is neither there nor in a run is
/// one that was lost.
struct ExpiredRun: Equatable, Sendable {
    var numbers: ClosedRange<UInt64>
    /// What the first of them named as the manifest before it.
    var previous: Digest
    /// Of the last of them: what the next manifest names.
    var hash: Digest

    /// "CHARTEXP".
    static let magic: UInt64 = 0x5058_4554_5241_4843

    init(numbers: ClosedRange<UInt64>, previous: Digest, hash: Digest) {
        self.numbers = numbers
        self.previous = previous
        self.hash = hash
    }

    init(_ one: SignedManifest) {
        self.init(
            numbers: one.manifest.number...one.manifest.number, previous: one.manifest.previous, hash: one.hash)
    }

    var name: String { BackupLayout.expired(numbers) }

    func bytes(cluster: [UInt8], signer: some BackupSigner) throws(BackupError) -> [UInt8] {
        var writer = ByteWriter(reserving: 80)
        writer.u64(numbers.lowerBound)
        writer.u64(numbers.upperBound)
        writer.digest(previous)
        writer.digest(hash)
        return try SignedForm.seal(magic: Self.magic, cluster: cluster, body: writer.bytes, signer: signer)
    }

    init(
        _ bytes: [UInt8], numbers: ClosedRange<UInt64>, cluster: [UInt8], trust: BackupTrust
    ) throws(ManifestFlaw) {
        let form = try SignedForm(bytes, magic: Self.magic, trust: trust)
        let stated: (first: UInt64, last: UInt64)
        do throws(ByteError) {
            var reader = ByteReader(bytes, in: form.body)
            stated = (try reader.u64(), try reader.u64())
            previous = try reader.digest()
            hash = try reader.digest()
            guard reader.isAtEnd else { throw .malformed }
        } catch {
            throw .form
        }
        guard form.cluster == cluster else { throw .otherCluster }
        guard stated == (numbers.lowerBound, numbers.upperBound) else { throw .misplaced }
        self.numbers = numbers
    }

    /// Runs that touch or overlap, made one; by number.
    static func merged(_ runs: [ExpiredRun]) -> [ExpiredRun] {
        var merged: [ExpiredRun] = []
        for run in runs.sorted(by: { $0.numbers.lowerBound < $1.numbers.lowerBound }) {
            guard let last = merged.last, run.numbers.lowerBound <= last.numbers.upperBound + 1 else {
                merged.append(run)
                continue
            }
            guard run.numbers.upperBound > last.numbers.upperBound else { continue }
            merged[merged.count - 1] = ExpiredRun(
                numbers: last.numbers.lowerBound...run.numbers.upperBound, previous: last.previous, hash: run.hash)
        }
        return merged
    }
}
