internal import Bytes
internal import SegmentedLog

/// All that a destination says of its backups: every manifest, expiry and hold read, every signature and link looked at.
/// The objects themselves are listed, not read.
struct Catalogue {
    let cluster: ClusterIdentity
    let listing: Listing
    /// Those that can be believed, by number.
    private(set) var manifests: [SignedManifest] = []
    /// Those that cannot.
    private(set) var flawed: [(number: UInt64, flaw: ManifestFlaw)] = []
    private(set) var expired: [ExpiredRun] = []
    private(set) var holds: [BackupHold] = []
    private(set) var notes: [RegisterNote] = []
    /// What is wrong with any of it, by kind of object and number.
    private(set) var findings: [BackupFinding] = []

    /// - Throws: `.empty` when nothing is there; `.unmarked`, `.marker`; `.file`.
    init(_ destination: some BackupDestination, trust: BackupTrust) throws(BackupError) {
        guard let marker = try BackupMarker.find(in: destination) else { throw .empty }
        cluster = marker.cluster
        listing = try Listing(BackupLayout.directories, of: destination)
        try readManifests(destination, trust)
        try readExpired(destination, trust)
        followChain()
        compareNeighbours()
        try readNotes(destination, trust)
        try readHolds(destination)
    }

    /// The objects of a directory, by name.
    func names(in directory: String) -> [String] {
        listing.all.map(\.name).filter { $0.hasPrefix(directory + "/") }
    }

    private mutating func note(_ object: String, _ flaw: ManifestFlaw) {
        findings.append(BackupFinding(object: object, kind: .signed(flaw)))
    }

    // MARK: Reading

    private mutating func readManifests(
        _ destination: some BackupDestination, _ trust: BackupTrust
    ) throws(BackupError) {
        for number in names(in: BackupLayout.manifests).compactMap(BackupLayout.manifestNumber).sorted() {
            let name = BackupLayout.manifest(number)
            let bytes = try destination.read(name, atMost: BackupLayout.signedMax)
            do throws(ManifestFlaw) {
                manifests.append(try SignedManifest(bytes, number: number, cluster: cluster, trust: trust))
            } catch {
                flawed.append((number, error))
                note(name, error)
            }
        }
    }

    private mutating func readExpired(
        _ destination: some BackupDestination, _ trust: BackupTrust
    ) throws(BackupError) {
        for name in names(in: BackupLayout.expired) {
            guard let numbers = BackupLayout.expiredNumbers(name) else { continue }
            let bytes = try destination.read(name, atMost: BackupLayout.signedMax)
            do throws(ManifestFlaw) {
                expired.append(try ExpiredRun(bytes, numbers: numbers, cluster: cluster.bytes, trust: trust))
            } catch {
                note(name, error)
            }
        }
    }

    private mutating func readNotes(
        _ destination: some BackupDestination, _ trust: BackupTrust
    ) throws(BackupError) {
        for number in names(in: BackupLayout.registers).compactMap(BackupLayout.registersNumber).sorted() {
            let name = BackupLayout.registers(number)
            let bytes = try destination.read(name, atMost: BackupLayout.signedMax)
            do throws(ManifestFlaw) {
                let found = try RegisterNote(bytes, number: number, cluster: cluster, trust: trust)
                if let before = notes.last, !found.registers.behind(before.registers).isEmpty { throw .chain }
                notes.append(found)
            } catch {
                note(name, error)
            }
        }
    }

    private mutating func readHolds(_ destination: some BackupDestination) throws(BackupError) {
        for name in names(in: BackupLayout.holds) {
            let bytes = try destination.read(name, atMost: BackupHold.count)
            do throws(BackupError) {
                let hold = try BackupHold(name, bytes, cluster: cluster)
                holds.append(hold)
                let isThere = listing.bytes(of: BackupLayout.manifest(hold.number)) != nil
                guard isThere else { throw .hold(name: hold.name) }
            } catch {
                findings.append(BackupFinding(object: name, kind: .hold))
            }
        }
    }

    // MARK: The chain

    /// So many manifests that are missing in a row are named one by one: a name that somebody made up does not take time
    /// and memory without end.
    private static var missingMax: UInt64 { 1_000 }

    /// Every number from 1 to the newest is there or was expired, and each names the one before.
    private mutating func followChain() {
        guard let newest = max(manifests.last?.manifest.number ?? 0, flawed.last?.number ?? 0) as UInt64?, newest > 0
        else { return }
        let runs = ExpiredRun.merged(expired)
        var next: UInt64 = 1
        let present = (manifests.map(\.manifest.number) + flawed.map(\.number)).sorted()
        for number in present + [newest + 1] {
            let end = min(number, next + Self.missingMax)
            while next < end {
                if let run = runs.first(where: { $0.numbers.contains(next) }) {
                    next = run.numbers.upperBound + 1
                } else {
                    note(BackupLayout.manifest(next), .missing)
                    next += 1
                }
            }
            next = max(next, number + 1)
        }
        followLinks()
    }

    private mutating func followLinks() {
        // For looking up only: what each number's manifest is known to hash to.
        var known: [UInt64: Digest] = [:]
        for run in expired { known[run.numbers.upperBound] = run.hash }
        for one in manifests {
            if let other = known[one.manifest.number], other != one.hash {
                note(BackupLayout.manifest(one.manifest.number), .chain)
            }
            known[one.manifest.number] = one.hash
        }
        for run in expired {
            if let before = known[run.numbers.lowerBound - 1], before != run.previous { note(run.name, .chain) }
        }
        for one in manifests {
            if let before = known[one.manifest.number - 1], before != one.manifest.previous {
                note(BackupLayout.manifest(one.manifest.number), .chain)
            }
        }
    }

    /// Nothing goes back, and an epoch has one key.
    private mutating func compareNeighbours() {
        for (one, next) in zip(manifests, manifests.dropFirst()) {
            let name = BackupLayout.manifest(next.manifest.number)
            if next.manifest.head.index < one.manifest.head.index || next.manifest.madeAt < one.manifest.madeAt
                || !next.manifest.registers.behind(one.manifest.registers).isEmpty
            {
                note(name, .chain)
            }
            if next.epoch == one.epoch, next.publicKey != one.publicKey { note(name, .key) }
        }
    }
}
