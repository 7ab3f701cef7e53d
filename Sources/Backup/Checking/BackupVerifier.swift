internal import Files
internal import Bytes
package import Keys
internal import Replica
internal import SegmentedLog

/// What a verification found.
package struct BackupReport: Equatable, Sendable {
    package var isOK: Bool { findings.isEmpty }
    /// What is wrong: the marker's and manifests' first, then each object's first flaw.
    package var findings: [BackupFinding] = []
    /// Manifests whose signature and place in the chain were looked at.
    package var manifests = 0
    /// Backups of which every object was read.
    package var verified: [UInt64] = []
    package var objects = 0
    package var bytes = 0
    /// With keys: the backups whose log was opened frame by frame, and folds to what their manifests say.
    package var folded: [UInt64] = []

    package init() {}
}

/// Which backups a verification reads.
package enum BackupScope: Equatable, Sendable {
    /// The newest that can be believed.
    case newest
    case number(UInt64)
    case all
}

/// Proving that backups can be restored, without restoring.
///
/// Without keys: every manifest's signature, and that each names the one before; every object of the chosen backups by
/// length and SHA-256, and where it differs the first place of it. With keys also: every frame opened and chained,
/// footers made anew, and the log folded to the digests that the manifest states.
package enum BackupVerifier {
    /// Verifies without keys.
    ///
    /// - Parameter progress: Told the bytes read and those there are, after each object; it may take its time.
    /// - Throws: `.empty`, `.unmarked`, `.marker`; `.missing` when no backup has the number; `.file`.
    package static func verify(
        _ destination: some BackupDestination, scope: BackupScope = .newest, trust: BackupTrust,
        progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws(BackupError) -> BackupReport {
        try read(destination, scope, trust, progress).report
    }

    private static func read(
        _ destination: some BackupDestination, _ scope: BackupScope, _ trust: BackupTrust,
        _ progress: (_ done: Int, _ of: Int) -> Void
    ) throws(BackupError) -> (report: BackupReport, chosen: [Manifest]) {
        let catalogue = try Catalogue(destination, trust: trust)
        var report = BackupReport()
        report.findings = catalogue.findings
        report.manifests = catalogue.manifests.count + catalogue.flawed.count
        let chosen = try catalogue.chosen(scope)
        let checks = Self.checks(of: chosen)
        let bytes = checks.reduce(0) { $0 + $1.object.bytes }
        for check in checks {
            if let finding = try check.finding(in: destination) { report.findings.append(finding) }
            report.objects += 1
            report.bytes += check.object.bytes
            progress(report.bytes, bytes)
        }
        report.verified = chosen.map(\.number)
        return (report, chosen)
    }

    /// Verifies with keys, if everything that can be told without them is right. Each of the chosen backups is opened
    /// and folded from its first entry on.
    ///
    /// - Parameters:
    ///   - keys: Those of the cluster, every epoch that the manifests name among them.
    ///   - progress: As above; then of the frames' bytes, then of the entries folded.
    /// - Throws: as above; `.key` when an epoch is not held.
    package static func verify(
        _ destination: some BackupDestination, scope: BackupScope = .newest, trust: BackupTrust, keys: KeyRing,
        crypto: Crypto, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws(BackupError) -> BackupReport {
        var (report, chosen) = try read(destination, scope, trust, progress)
        guard report.isOK else { return report }
        for manifest in chosen {
            let sealed = SealedCheck(
                manifest: manifest, files: BackupFiles(manifest, in: destination), directory: "log", keys: keys,
                crypto: crypto, leaves: EntryLeaves())
            var findings = try sealed.findings(progress: progress)
            if findings.isEmpty { findings = try sealed.digestFindings(progress: progress) }
            report.findings += findings
            if findings.isEmpty { report.folded.append(manifest.number) }
        }
        return report
    }

    /// Each object once, the newest backup's word on it first.
    private static func checks(of manifests: [Manifest]) -> [ObjectCheck] {
        // For looking up only: what was said of a name.
        var said: [String: Digest] = [:]
        var checks: [ObjectCheck] = []
        for manifest in manifests.reversed() {
            for object in manifest.objects where said[object.name] != object.hash {
                said[object.name] = object.hash
                checks.append(ObjectCheck(manifest: manifest, object: object))
            }
        }
        return checks
    }
}

extension Catalogue {
    /// - Throws: `.missing` or `.flawed` for a number that cannot be had; `.empty`.
    fileprivate func chosen(_ scope: BackupScope) throws(BackupError) -> [Manifest] {
        let manifests = manifests.map(\.manifest)
        switch scope {
        case .newest:
            guard let newest = manifests.last else {
                guard let first = flawed.last else { throw .empty }
                throw .flawed(object: BackupLayout.manifest(first.number), first.flaw)
            }
            return [newest]
        case .number(let number):
            if let found = manifests.first(where: { $0.number == number }) { return [found] }
            let name = BackupLayout.manifest(number)
            if let flaw = flawed.first(where: { $0.number == number })?.flaw { throw .flawed(object: name, flaw) }
            throw .missing(object: name)
        case .all:
            guard !manifests.isEmpty || !flawed.isEmpty else { throw .empty }
            return manifests
        }
    }
}
