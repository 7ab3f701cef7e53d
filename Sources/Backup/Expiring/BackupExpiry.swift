package import Bytes
internal import SegmentedLog

/// What an expiry would do: show it before doing it.
package struct ExpiryPlan: Equatable, Sendable {
    /// Numbers of the manifests that go; of those that are damaged or gone and are given up; of those that stay.
    package var expired: [UInt64]
    package var givenUp: [UInt64]
    package var kept: [UInt64]
    /// Of those that stay, the ones that only a hold keeps.
    package var held: [UInt64]
    /// The objects that go: no manifest that stays names them.
    package var objects: [BackupObject]
    /// Of those objects.
    package var bytes: Int { objects.reduce(0) { $0 + $1.bytes } }
}

/// Removing what a policy keeps no longer: one object a step.
///
/// First it is written down which manifests go, so that the chain of those that stay can still be followed; then the
/// manifests, the oldest first; then the objects that nobody names any more; then what older expiries wrote that is in
/// a newer one. Each is durable before the next. So whatever a crash leaves, a manifest that is there has all its
/// objects, and the next expiry goes on.
///
/// Refuses when anything at the destination cannot be believed: what a damaged manifest needs is not known; when a backup
/// that is to stay is not there whole: an older one may be the last that can be restored; and when a backup was made or
/// held since it was planned. A manifest that is lost for good can be given up by its number: it then counts as expired, on
/// the word of its neighbours.
package struct BackupExpiry<Destination: BackupDestination> {
    private let destination: Destination
    private let cluster: [UInt8]
    private let signer: any BackupSigner
    private var work: [Item] = []
    private var done = 0
    /// The names in the directories of manifests and holds, as it was planned.
    private let expected: [String]
    private var removesObjects = false
    package let plan: ExpiryPlan

    private enum Item {
        case write(ExpiredRun)
        case remove(String)
    }

    /// Plans, and changes nothing.
    ///
    /// - Parameters:
    ///   - now: By the clock of whoever expires.
    ///   - lost: Numbers of manifests that are damaged or gone, and that nobody will bring back. Not the newest: move
    ///     its object away, and the next backup has its number.
    /// - Throws: `.damaged` with the first thing that is wrong there and not given up; `.empty`, `.unmarked`, `.marker`,
    ///   `.file`.
    package init(
        _ destination: Destination, policy: BackupPolicy, now: Instant, givingUp lost: [UInt64] = [],
        signer: any BackupSigner, trust: BackupTrust
    ) throws(BackupError) {
        let catalogue = try Catalogue(destination, trust: trust)
        let given = try catalogue.runs(givingUp: lost)
        let names = given.flatMap { $0.numbers.map(BackupLayout.manifest) }
        if let finding = catalogue.findings.first(where: { !names.contains($0.object) }) { throw .damaged(finding) }
        guard !catalogue.manifests.isEmpty else { throw .empty }
        self.destination = destination
        self.signer = signer
        cluster = catalogue.cluster.bytes
        let all = catalogue.manifests
        let byPolicy = policy.kept(of: all.map(\.manifest.madeAt), now: now)
        let held = all.indices.filter { place in
            !byPolicy.contains(place) && catalogue.holds.contains { $0.number == all[place].manifest.number }
        }
        let stays = (byPolicy + held).sorted()
        let goes = all.indices.filter { !stays.contains($0) }
        for manifest in stays.map({ all[$0].manifest }) {
            if let lost = manifest.segments.first(where: { !catalogue.listing.holds($0) }) {
                throw .damaged(ObjectCheck(manifest: manifest, object: lost).missing)
            }
        }
        expected = Self.watched.flatMap(catalogue.names)
        let unnamed = catalogue.unnamed(but: stays.map { all[$0].manifest })
        plan = ExpiryPlan(
            expired: goes.map { all[$0].manifest.number }, givenUp: given.flatMap { Array($0.numbers) },
            kept: stays.map { all[$0].manifest.number },
            held: held.map { all[$0].manifest.number }, objects: unnamed)
        let merged = ExpiredRun.merged(catalogue.expired + given + goes.map { ExpiredRun(all[$0]) })
        work = merged.filter { !catalogue.expired.contains($0) }.map(Item.write)
        work += (plan.givenUp + plan.expired).map { .remove(BackupLayout.manifest($0)) }
        work += unnamed.map { .remove($0.name) }
        work += catalogue.expired.filter { !merged.contains($0) }.map { .remove($0.name) }
    }

    /// How many steps are done, and how many there are.
    package var progress: (done: Int, of: Int) { (done, work.count) }

    /// Does the next thing. After an error the same step may be tried again.
    package mutating func step() throws(BackupError) -> BackupStep<ExpiryPlan> {
        guard done < work.count else { return .finished(plan) }
        switch work[done] {
        case .write(let run):
            try destination.put(run.name, try run.bytes(cluster: cluster, signer: signer))
        case .remove(let name):
            let isManifest = BackupLayout.manifestNumber(name) != nil
            if isManifest || !removesObjects { try checkUnchanged() }
            removesObjects = !isManifest
            try destination.remove(name)
        }
        done += 1
        return done == work.count ? .finished(plan) : .going
    }

    private static var watched: [String] { [BackupLayout.manifests, BackupLayout.holds] }

    /// - Throws: `.busy` when a backup was made or held meanwhile.
    private func checkUnchanged() throws(BackupError) {
        for directory in Self.watched {
            for object in try destination.list(directory) where !expected.contains(object.name) { throw .busy }
        }
    }
}

extension Catalogue {
    /// Lost manifests as if they had been expired: what their neighbours say of them.
    ///
    /// - Throws: `.damaged` when one of them is neither damaged nor gone, or its neighbours do not tell.
    fileprivate func runs(givingUp lost: [UInt64]) throws(BackupError) -> [ExpiredRun] {
        var runs: [ExpiredRun] = []
        for number in lost.sorted() {
            let name = BackupLayout.manifest(number)
            let before =
                number <= 1
                ? .zero
                : runs.last { $0.numbers.upperBound + 1 == number }?.hash ?? hash(of: number - 1)
            guard number < .max, findings.contains(where: { $0.object == name }), let before,
                let hash = previous(of: number + 1) ?? (lost.contains(number + 1) ? Digest.zero : nil)
            else { throw .damaged(BackupFinding(object: name, kind: .signed(.chain))) }
            runs.append(ExpiredRun(numbers: number...number, previous: before, hash: hash))
        }
        return ExpiredRun.merged(runs)
    }

    private func hash(of number: UInt64) -> Digest? {
        manifests.first { $0.manifest.number == number }?.hash
            ?? expired.first { $0.numbers.upperBound == number }?.hash
    }

    private func previous(of number: UInt64) -> Digest? {
        manifests.first { $0.manifest.number == number }?.manifest.previous
            ?? expired.first { $0.numbers.lowerBound == number }?.previous
    }
}
