internal import Bytes
internal import Keys
internal import SegmentedLog

/// Bringing a second destination up to the first: one object a step, manifests after what they name.
///
/// Whatever the first has and the second lacks is brought, checked on the way: nothing damaged is copied. What the second
/// has is left, and what it has expired is not brought again: each keeps what its own policy says. It refuses a second
/// destination that is another cluster's, holds another manifest of a number than the first, or has a newer one; at the
/// end, when all else is brought, also one where a hold of the same name holds another backup. Begun again, it goes on; an
/// object that is there in its length is not read.
package struct BackupCopier<Source: BackupDestination, Target: BackupDestination> {
    private let source: Source
    private let target: Target
    private let trust: BackupTrust
    private var work: [Item]?
    private var next = 0
    package private(set) var progress = BackupProgress()

    private struct Item {
        var name: String
        var bytes: Int
        /// Of an object that manifests name.
        var check: ObjectCheck?
    }

    package init(from source: Source, to target: Target, trust: BackupTrust) {
        self.source = source
        self.target = target
        self.trust = trust
    }

    /// Does the next thing.
    ///
    /// - Throws: `.damaged` when something at the first destination is not as it should be; `.occupied` when the second
    ///   has other bytes under a name; `.otherCluster`; `.otherChain` when it holds other backups than the first, or newer ones.
    package mutating func step() throws(BackupError) -> BackupStep<BackupProgress> {
        guard let work else {
            self.work = try begin()
            return .going
        }
        guard next < work.count else { return .finished(progress) }
        try copy(work[next])
        next += 1
        return next == work.count ? .finished(progress) : .going
    }

    private mutating func begin() throws(BackupError) -> [Item] {
        let first = try Catalogue(source, trust: trust)
        if let finding = first.findings.first { throw .damaged(finding) }
        try BackupMarker.claim(target, for: first.cluster, lineage: [])
        try target.tidy()
        let there = try Listing(BackupLayout.directories, of: target)
        try checkGoesOn(first, there)
        let gone = there.all.compactMap { BackupLayout.expiredNumbers($0.name) }
        func isWanted(_ number: UInt64) -> Bool {
            there.bytes(of: BackupLayout.manifest(number)) == nil && !gone.contains { $0.contains(number) }
        }
        let brought = first.manifests.filter { isWanted($0.manifest.number) }
        var items: [Item] = []
        // For looking up only.
        var named: Set<String> = []
        for manifest in brought.map(\.manifest) {
            for object in manifest.objects where named.insert(object.name).inserted {
                guard !there.holds(object) else {
                    progress.bytesKept += object.bytes
                    continue
                }
                let check = ObjectCheck(manifest: manifest, object: object)
                items.append(Item(name: object.name, bytes: object.bytes, check: check))
            }
        }
        let held = first.holds.filter { hold in
            isWanted(hold.number) || there.bytes(of: BackupLayout.manifest(hold.number)) != nil
        }
        let names =
            first.names(in: BackupLayout.registers) + first.names(in: BackupLayout.expired)
            + brought.map { BackupLayout.manifest($0.manifest.number) } + held.map { BackupLayout.hold($0.name) }
        for name in names where there.bytes(of: name) == nil {
            items.append(Item(name: name, bytes: first.listing.bytes(of: name) ?? 0))
        }
        for hold in held where there.bytes(of: BackupLayout.hold(hold.name)) != nil {
            let name = BackupLayout.hold(hold.name)
            let same = try? BackupHold(name, target.read(name, atMost: BackupHold.count), cluster: first.cluster)
            // It is refused there: what another hold holds is not let go of by a copy.
            if same?.number != hold.number { items.append(Item(name: name, bytes: BackupHold.count)) }
        }
        progress.objectsOf = items.count
        progress.bytesOf = items.reduce(0) { $0 + $1.bytes }
        return items
    }

    /// The second holds what the first held once.
    private func checkGoesOn(_ first: Catalogue, _ there: Listing) throws(BackupError) {
        let numbers = there.all.compactMap { BackupLayout.manifestNumber($0.name) }
        guard let newest = numbers.max() else { return }
        let found = try SignedManifest.read(newest, in: target, cluster: first.cluster, trust: trust)
        guard newest <= first.manifests.last?.manifest.number ?? 0 else { throw .otherChain(number: newest) }
        if let same = first.manifests.first(where: { $0.manifest.number == newest }) {
            guard same.hash == found.hash else { throw .otherChain(number: newest) }
        } else if let next = first.manifests.first(where: { $0.manifest.number == newest + 1 }) {
            guard next.manifest.previous == found.hash else { throw .otherChain(number: newest) }
        }
    }

    private mutating func copy(_ item: Item) throws(BackupError) {
        let bytes: [UInt8]
        do throws(BackupError) {
            bytes = try source.read(item.name, atMost: item.bytes)
        } catch {
            if case .missing = error, let check = item.check { throw .damaged(check.missing) }
            throw error
        }
        if let finding = item.check?.finding(in: bytes) { throw .damaged(finding) }
        try target.put(item.name, bytes)
        progress.bytesDone += item.bytes
        progress.objectsDone += 1
    }
}
