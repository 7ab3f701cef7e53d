internal import Bytes
package import SegmentedLog

/// What backups there are at a destination. No object is read but manifests and what belongs to them.
package struct BackupList: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var number: UInt64
        /// nil when it cannot be believed.
        package var manifest: Manifest?
        package var flaw: ManifestFlaw?
        /// Of the objects that no older backup in the list has.
        package var newBytes = 0
        /// Objects that are not there, or have another length.
        package var missing: [String] = []
        /// Names of the holds on it.
        package var holds: [String] = []

        /// As far as can be told without reading it.
        package var isUsable: Bool { manifest != nil && missing.isEmpty }
    }

    package var cluster: ClusterIdentity
    /// The oldest first.
    package var entries: [Entry] = []
    /// Numbers of the manifests that were expired.
    package var expired: [ClosedRange<UInt64>]
    /// Of everything at the destination.
    package var bytes: Int
    /// Objects that no manifest names: an interrupted run's, which the next expiry removes.
    package var unnamed: [BackupObject]
    /// What is wrong with manifests, expiries, register heads and holds.
    package var findings: [BackupFinding]

    /// - Parameter trust: Whose manifests are believed.
    /// - Throws: `.empty`, `.unmarked`, `.marker`, `.file`.
    package init(_ destination: some BackupDestination, trust: BackupTrust) throws(BackupError) {
        let catalogue = try Catalogue(destination, trust: trust)
        cluster = catalogue.cluster
        expired = ExpiredRun.merged(catalogue.expired).map(\.numbers)
        bytes = catalogue.listing.all.reduce(BackupMarker.count) { $0 + $1.bytes }
        unnamed = catalogue.unnamed(but: catalogue.manifests.map(\.manifest))
        findings = catalogue.findings
        // For looking up only.
        var seen: Set<String> = []
        for signed in catalogue.manifests {
            let manifest = signed.manifest
            var entry = Entry(number: manifest.number, manifest: manifest)
            entry.newBytes = signed.bytes.count
            for object in manifest.objects {
                if seen.insert(object.name).inserted { entry.newBytes += object.bytes }
                if !catalogue.listing.holds(object) { entry.missing.append(object.name) }
            }
            entries.append(entry)
        }
        for (number, flaw) in catalogue.flawed { entries.append(Entry(number: number, flaw: flaw)) }
        entries.sort { $0.number < $1.number }
        for place in entries.indices {
            let number = entries[place].number
            entries[place].holds = catalogue.holds.filter { $0.number == number }.map(\.name)
        }
    }
}

extension Catalogue {
    /// Segments, tails and views' files that none of the manifests names. Files that are none of ours do not count.
    func unnamed(but manifests: [Manifest]) -> [BackupObject] {
        // For looking up only.
        var named: Set<String> = []
        for manifest in manifests { for object in manifest.objects { named.insert(object.name) } }
        return listing.all.filter { BackupLayout.isObject($0.name) && !named.contains($0.name) }
    }
}
